// Attention over pages against contiguous attention in double with a derived bound, for every format, ISA and
// head size; and the promise that a token's bits depend on its own prefix only. Unwritten slots hold NaN, so
// touching one shows.
#include "kernels/attention/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>
#include <vector>

#include "base/rng.h"
#include "kernels/half.h"

namespace hearth::kernels {
namespace {

constexpr double kEps = 0x1p-24;

double wide(float x) { return static_cast<double>(x); }

/// Walsh-Hadamard transform of blocks, unnormalised, as int8 pages rotate keys.
std::vector<double> rotated(std::vector<double> x) {
  const auto dim = static_cast<int64_t>(x.size());
  const int64_t block = dim & -dim;
  if (block < 16) return x;
  for (int64_t h = 1; h < block; h *= 2) {
    for (int64_t i = 0; i < dim; ++i) {
      if (i & h) continue;
      const double low = x[static_cast<size_t>(i)];
      const double high = x[static_cast<size_t>(i + h)];
      x[static_cast<size_t>(i)] = low + high;
      x[static_cast<size_t>(i + h)] = low - high;
    }
  }
  return x;
}
double rotation_size(int64_t dim) {
  const int64_t block = dim & -dim;
  return block < 16 ? 1.0 : static_cast<double>(block);
}
double largest(const std::vector<double>& x) {
  double top = 0;
  for (const double e : x) top = std::max(top, std::abs(e));
  return top;
}
double magnitude_sum(const std::vector<double>& x) {
  double sum = 0;
  for (const double e : x) sum += std::abs(e);
  return sum;
}

struct alignas(64) CacheLine {
  std::byte bytes[64];
};

/// Keys and values of one sequence: as contiguous floats and in pages with shuffled block numbers.
struct Case {
  const KvFormat* format;
  AttentionShape shape;
  int64_t tokens;
  std::vector<float> q, k, v;             // (tokens, heads or kv_heads, dim)
  std::vector<float> stored_k, stored_v;  // what the pages made of k and v
  std::vector<CacheLine> pages;           // aligned as the real ones are
  std::vector<int32_t> blocks;
  int64_t head_bytes, block_bytes;

  Case(const KvFormat* f, AttentionShape s, int64_t n, uint64_t seed) : format(f), shape(s), tokens(n) {
    Rng rng(seed);
    auto fill = [&rng](std::vector<float>& x, int64_t count, bool half) {
      x.resize(static_cast<size_t>(count));
      for (float& value : x) {
        value = static_cast<float>(rng.normal());
        if (half) value = half_to_float(float_to_half(value));  // so that storing it is exact
      }
    };
    const bool half = f->name == "f16";
    fill(q, n * s.kv_heads * s.group * s.dims.dim_k, false);
    fill(k, n * s.kv_heads * s.dims.dim_k, half);
    fill(v, n * s.kv_heads * s.dims.dim_v, half);
    stored_k = k;
    stored_v = v;
    head_bytes = f->page_bytes(s.dims);
    block_bytes = head_bytes * s.kv_heads;
    const int64_t n_pages = (n + kPageTokens - 1) / kPageTokens;
    for (int64_t i = 0; i < n_pages; ++i)
      blocks.push_back(static_cast<int32_t>((i * 7 + 3) % (n_pages * 7 + 1)));
    const int64_t highest = *std::max_element(blocks.begin(), blocks.end());
    CacheLine untouched;
    std::memset(&untouched, 0xff, sizeof(untouched));
    EXPECT_EQ(head_bytes % 64, 0);
    pages.assign(static_cast<size_t>((highest + 1) * block_bytes / 64), untouched);
  }

  void write(int64_t first, int64_t end, Isa isa) {
    for (int64_t t = first; t < end; ++t) {
      for (int32_t h = 0; h < shape.kv_heads; ++h) {
        const int64_t row = t * shape.kv_heads + h;
        std::byte* page =
            pages.data()->bytes + blocks[static_cast<size_t>(t / kPageTokens)] * block_bytes + h * head_bytes;
        format->kernels(isa).write(page, shape.dims, static_cast<int32_t>(t % kPageTokens), 1,
                                   k.data() + row * shape.dims.dim_k, 0, v.data() + row * shape.dims.dim_v,
                                   0);
        format->kernels(isa).read(page, shape.dims, static_cast<int32_t>(t % kPageTokens),
                                  stored_k.data() + row * shape.dims.dim_k,
                                  stored_v.data() + row * shape.dims.dim_v);
      }
    }
  }

  int64_t q_width() const { return int64_t{shape.kv_heads} * shape.group * shape.dims.dim_k; }
  int64_t out_width() const { return int64_t{shape.kv_heads} * shape.group * shape.dims.dim_v; }

  AttentionInput input(int64_t first, int64_t count, std::vector<float>& out) const {
    return {.q = q.data() + first * q_width(),
            .q_stride = q_width(),
            .out = out.data() + first * out_width(),
            .out_stride = out_width(),
            .tokens = count,
            .position = first,
            .pages = pages.data()->bytes,
            .block_bytes = block_bytes,
            .head_bytes = head_bytes,
            .blocks = blocks};
  }

  std::vector<float> outputs() const {
    return std::vector<float>(static_cast<size_t>(tokens * out_width()), 9e9f);
  }

  std::vector<double> row(const std::vector<float>& from, int64_t start, int64_t dim) const {
    return {from.begin() + start, from.begin() + start + dim};
  }

  /// How far the 16-bit codes of a query and the float arithmetic of `read` may move a score.
  double code_error(const std::vector<double>& query, const std::vector<double>& key) const {
    if (format->name != "int8") return 0;
    const auto dim = static_cast<double>(key.size());
    const double size = rotation_size(static_cast<int64_t>(key.size()));
    const double spread = magnitude_sum(rotated(key)) / size;
    const double step = largest(rotated(query)) / std::min(32767.0, std::floor(0x1p31 / (127 * dim)) - 1);
    return (step / 2 + 12 * kEps * largest(rotated(query))) * spread +
           magnitude_sum(query) * 12 * kEps * spread;
  }

  /// Output and error bound of one query head at one position.
  void reference(int64_t t, int32_t head, std::vector<double>& out, std::vector<double>& bound) const {
    const int64_t dk = shape.dims.dim_k;
    const int64_t dv = shape.dims.dim_v;
    const int64_t kv_head = head / shape.group;
    const int64_t first = shape.window > 0 ? std::max<int64_t>(0, t - shape.window + 1) : 0;
    std::vector<double> query = row(q, t * q_width() + head * dk, dk);
    for (double& e : query) e *= wide(shape.scale);
    std::vector<double> score;
    double score_error = 0;
    for (int64_t j = first; j <= t; ++j) {
      const std::vector<double> key = row(stored_k, (j * shape.kv_heads + kv_head) * dk, dk);
      double sum = 0;
      double magnitude = 0;
      for (size_t d = 0; d < key.size(); ++d) {
        sum += query[d] * key[d];
        magnitude += std::abs(query[d] * key[d]);
      }
      double error = static_cast<double>(dk + 2) * kEps * magnitude + code_error(query, key);
      if (shape.softcap > 0) {
        sum = wide(shape.softcap) * std::tanh(sum / wide(shape.softcap));
        error += 16 * kEps * wide(shape.softcap);
      }
      score.push_back(sum);
      score_error = std::max(score_error, error);
    }
    const double top = *std::max_element(score.begin(), score.end());
    const double low = *std::min_element(score.begin(), score.end());
    double total = 0;
    for (double& s : score) total += s = std::exp(s - top);
    if (shape.sinks) total += std::exp(wide(shape.sinks[head]) - top);
    // Every weight: its score, the difference to the maximum, exp, one rescale per page and merge per
    // segment; sums over the keys in float.
    const auto n = static_cast<double>(score.size());
    const double relative = 2 * score_error + (2 * (top - low) + n + 8 * (n / kPageTokens + 2) + 16) * kEps;
    out.assign(static_cast<size_t>(dv), 0.0);
    bound.assign(static_cast<size_t>(dv), 1e-30);
    double page_top = 0;    // largest weight times largest value of the page
    double page_slots = 0;  // its tokens so far
    for (size_t j = 0; j < score.size(); ++j) {
      const int64_t position = first + static_cast<int64_t>(j);
      const std::vector<double> value = row(stored_v, (position * shape.kv_heads + kv_head) * dv, dv);
      const double weight = score[j] / total;
      for (size_t d = 0; d < value.size(); ++d) {
        out[d] += weight * value[d];
        bound[d] += 2 * relative * std::abs(weight * value[d]);
      }
      page_top = std::max(page_top, weight * largest(value));
      ++page_slots;
      if (format->name != "int8" || ((position + 1) % kPageTokens != 0 && position != t)) continue;
      // Weights are rounded to 1/32767 of the page's largest; a code is at most 127 steps.
      for (double& b : bound) b += 1.1 * page_top * page_slots / (2 * 32767);
      page_top = page_slots = 0;
    }
  }

  void check(const std::vector<float>& got) const {
    std::vector<double> want;
    std::vector<double> bound;
    for (int64_t t = 0; t < tokens; t += (t % 5 == 0 ? 3 : 11)) {
      for (int32_t h = 0; h < shape.kv_heads * shape.group; ++h) {
        reference(t, h, want, bound);
        for (int64_t d = 0; d < shape.dims.dim_v; ++d) {
          const float value = got[static_cast<size_t>(t * out_width() + h * shape.dims.dim_v + d)];
          ASSERT_NEAR(wide(value), want[static_cast<size_t>(d)], bound[static_cast<size_t>(d)])
              << "token " << t << " head " << h << " dim " << d;
        }
      }
    }
  }
};

class AttentionTest : public testing::TestWithParam<std::tuple<const KvFormat*, Isa>> {
 protected:
  const KvFormat* format_ = std::get<0>(GetParam());
  Isa isa_ = std::get<1>(GetParam());
  ThreadPool pool_{3};
  AttentionScratch scratch_;

  std::vector<float> prefill(Case& c, int64_t chunk) {
    auto out = c.outputs();
    for (int64_t t = 0; t < c.tokens; t += chunk) {
      const int64_t n = std::min(chunk, c.tokens - t);
      c.write(t, t + n, isa_);
      const AttentionInput input = c.input(t, n, out);
      attend(*format_, c.shape, {&input, 1}, scratch_, pool_, Priority::kPrefill, isa_);
    }
    return out;
  }
};

AttentionShape shape_of(int32_t kv_heads, int32_t group, PageDims dims, float softcap, int64_t window) {
  return {.kv_heads = kv_heads,
          .group = group,
          .dims = dims,
          .scale = 1.0f / std::sqrt(static_cast<float>(dims.dim_k)),
          .softcap = softcap,
          .window = window};
}

TEST_P(AttentionTest, EqualsDoubleForEveryHeadSize) {
  for (PageDims dims :
       {PageDims{8, 8}, {64, 64}, {80, 80}, {96, 96}, {128, 128}, {256, 256}, {20, 12}, {3, 5}, {192, 128}}) {
    for (int32_t group : {1, 2, 3, 4, 5, 7}) {
      Case c(format_, shape_of(2, group, dims, 0, 0), 150, 1);
      c.check(prefill(c, 150));
    }
  }
}

TEST_P(AttentionTest, EqualsDoubleAcrossSegmentsWindowsAndCaps) {
  for (float softcap : {0.0f, 5.0f}) {
    for (int64_t window : {0, 1, 5, 64, 100, 700}) {
      Case c(format_, shape_of(1, 2, {16, 16}, softcap, window), 1200, 2);
      c.check(prefill(c, 1200));
      c.check(prefill(c, 333));
    }
  }
}

TEST_P(AttentionTest, SinksJoinTheSoftmax) {
  const std::vector<float> sinks = {-3, 0.5f, 4, 30};
  for (const int64_t window : {0, 3}) {
    AttentionShape shape = shape_of(2, 2, {16, 16}, 0, window);
    shape.sinks = sinks.data();
    Case c(format_, shape, 600, 7);
    const auto whole = prefill(c, 600);
    c.check(whole);
    EXPECT_EQ(prefill(c, 1), whole);
  }
}

TEST_P(AttentionTest, SinksOfEveryHeadSizeGroupAndCap) {
  const std::vector<float> sinks = {2, -1, 0, 1, 5, -40, 60, 0.25f};
  for (const PageDims dims : {PageDims{64, 64}, {80, 80}, {128, 128}, {20, 12}}) {
    for (const float softcap : {0.0f, 5.0f}) {
      for (const int32_t group : {1, 4}) {
        AttentionShape shape = shape_of(2, group, dims, softcap, 0);
        shape.sinks = sinks.data();
        Case c(format_, shape, 150, 9);
        const auto whole = prefill(c, 150);
        c.check(whole);
        EXPECT_EQ(prefill(c, 1), whole);
      }
    }
  }
}

TEST_P(AttentionTest, ASinkOfNothingIsNoneAndAHugeOneTakesAll) {
  const AttentionShape without = shape_of(1, 2, {16, 16}, 0, 0);
  Case none(format_, without, 100, 11);
  const auto want = prefill(none, 100);
  const std::vector<float> sinks = {-std::numeric_limits<float>::infinity(), 1e30f};
  AttentionShape shape = without;
  shape.sinks = sinks.data();
  Case c(format_, shape, 100, 11);
  const auto got = prefill(c, 100);
  for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], i / 16 % 2 == 0 ? want[i] : 0.0f) << i;
}

TEST_P(AttentionTest, ANonFiniteKeyPoisonsWhoeverSeesItAndNobodyElse) {
  constexpr int64_t kBad = 70;
  Case clean(format_, shape_of(1, 2, {16, 16}, 0, 0), 150, 8);
  Case bad = clean;
  bad.k[kBad * 16 + 3] = std::numeric_limits<float>::quiet_NaN();
  const auto want = prefill(clean, 150);
  for (const int64_t chunk : {1, 150}) {
    const auto got = prefill(bad, chunk);
    for (size_t i = 0; i < got.size(); ++i) {
      const bool sees = static_cast<int64_t>(i) / bad.out_width() >= kBad;
      ASSERT_TRUE(sees ? std::isnan(got[i]) : got[i] == want[i]) << i;
    }
  }
}

TEST_P(AttentionTest, BitsDoNotDependOnChunks) {
  const bool fast = isa_ != Isa::kScalar;
  for (int64_t window : {0, 90, 600}) {
    for (int32_t group : fast ? std::vector<int32_t>{1, 2, 3, 4, 5, 6, 7} : std::vector<int32_t>{2}) {
      Case c(format_, shape_of(2, group, fast ? PageDims{40, 24} : PageDims{6, 4}, 0, window), 1100, 3);
      const auto whole = prefill(c, 1100);
      for (int64_t chunk : {1, 5, 257}) {
        const auto cut = prefill(c, chunk);
        ASSERT_EQ(std::memcmp(whole.data(), cut.data(), whole.size() * sizeof(float)), 0)
            << "window " << window << " group " << group << " chunk " << chunk;
      }
    }
  }
}

TEST_P(AttentionTest, BitsDoNotDependOnBatchOrThreads) {
  const int32_t dim = isa_ == Isa::kScalar ? 8 : 64;
  const AttentionShape shape = shape_of(2, 3, {dim, dim}, 0, 0);
  std::vector<Case> cases;
  std::vector<std::vector<float>> alone;
  for (int64_t n : {1, 63, 700, 65, 1300}) {
    cases.emplace_back(format_, shape, n, static_cast<uint64_t>(n));
    alone.push_back(prefill(cases.back(), n));
  }
  for (int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    AttentionScratch scratch;
    std::vector<std::vector<float>> together;
    std::vector<AttentionInput> inputs;
    for (const Case& c : cases) together.push_back(c.outputs());
    for (size_t i = 0; i < cases.size(); ++i) {
      // The first half as one long input, the last token (decode) for the others.
      const int64_t from = i % 2 == 0 ? 0 : cases[i].tokens - 1;
      inputs.push_back(cases[i].input(from, cases[i].tokens - from, together[i]));
    }
    attend(*format_, shape, inputs, scratch, pool, Priority::kDecode, isa_);
    for (size_t i = 0; i < cases.size(); ++i) {
      const int64_t from = i % 2 == 0 ? 0 : cases[i].tokens - 1;
      const auto skip = static_cast<size_t>(from * cases[i].out_width());
      EXPECT_EQ(std::memcmp(alone[i].data() + skip, together[i].data() + skip,
                            (alone[i].size() - skip) * sizeof(float)),
                0)
          << "input " << i << " threads " << threads;
    }
  }
}

TEST_P(AttentionTest, PagesReadBackAndClamp) {
  if (format_->name == "int8") return;  // rounds everything: see int8_pages_test.cpp
  constexpr size_t kTokens =
      27;  // from the middle of a group of 8 over whole ones into the middle of another
  constexpr int32_t kFirst = 6;
  for (const PageDims dims : {PageDims{20, 12}, {16, 8}, {5, 3}}) {
    std::vector<std::byte> page(static_cast<size_t>(format_->page_bytes(dims)), std::byte{0xff});
    const PageKernels& kernels = format_->kernels(isa_);
    Rng rng(5);
    const auto dim_k = static_cast<size_t>(dims.dim_k);
    const auto dim_v = static_cast<size_t>(dims.dim_v);
    std::vector<float> k(dim_k * kTokens);
    std::vector<float> v(dim_v * kTokens);
    for (float& x : k) x = half_to_float(float_to_half(static_cast<float>(rng.normal())));
    for (float& x : v) x = half_to_float(float_to_half(static_cast<float>(rng.normal())));
    v[2] = 1e9f;
    k[dim_k * 3] = -1e9f;
    kernels.write(page.data(), dims, kFirst, kTokens, k.data(), dims.dim_k, v.data(), dims.dim_v);
    auto stored = [&](float x) { return format_->name == "f16" ? std::clamp(x, -65504.0f, 65504.0f) : x; };
    for (size_t i = 0; i < kTokens; ++i) {
      std::vector<float> k_back(dim_k);
      std::vector<float> v_back(dim_v);
      kernels.read(page.data(), dims, kFirst + static_cast<int32_t>(i), k_back.data(), v_back.data());
      for (size_t d = 0; d < dim_k; ++d) EXPECT_EQ(k_back[d], stored(k[i * dim_k + d])) << i << " " << d;
      for (size_t d = 0; d < dim_v; ++d) EXPECT_EQ(v_back[d], stored(v[i * dim_v + d])) << i << " " << d;
    }
  }
}

std::string case_name(const testing::TestParamInfo<AttentionTest::ParamType>& test) {
  return std::string(std::get<0>(test.param)->name) + "_" + std::string(to_string(std::get<1>(test.param)));
}

INSTANTIATE_TEST_SUITE_P(EveryFormatAndIsa, AttentionTest,
                         testing::Combine(testing::ValuesIn(kv_formats().begin(), kv_formats().end()),
                                          testing::ValuesIn(available_isas().begin(),
                                                            available_isas().end())),
                         case_name);

}  // namespace
}  // namespace hearth::kernels
