// int8 pages: rounding within half a step of what was written, the same bits on every ISA, no overflow at the
// worst codes, and rows that are not finite or nearly zero.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "kernels/attention/int8_page.h"

namespace hearth::kernels {
namespace {

constexpr PageDims kDims[] = {{8, 8},   {20, 12},   {3, 5},     {40, 24},   {64, 64},    {80, 80},
                              {96, 96}, {128, 128}, {192, 128}, {256, 256}, {1024, 1024}};

const KvFormat& int8() { return *find_kv_format("int8"); }
const PageKernels& on(Isa isa) { return int8().kernels(isa); }

std::vector<float> normals(int64_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> x(static_cast<size_t>(n));
  for (float& e : x) e = static_cast<float>(rng.normal());
  return x;
}

/// Codes are read by whole vectors.
struct Page {
  explicit Page(PageDims dims)
      : bytes(static_cast<size_t>(int8().page_bytes(dims)) + 64, std::byte{0xff}),
        at(bytes.data() + (64 - reinterpret_cast<uintptr_t>(bytes.data()) % 64) % 64) {}
  std::vector<std::byte> bytes;
  std::byte* at;
};

double largest(const float* x, int64_t n) {
  double top = 0;
  for (int64_t i = 0; i < n; ++i) top = std::max(top, std::abs(static_cast<double>(x[i])));
  return top;
}

/// Largest number of the rotated blocks of a row, in double.
double largest_rotated(const float* x, int64_t dim) {
  const int64_t block = int8_page::rotation_block(static_cast<int32_t>(dim));
  double top = 0;
  for (int64_t i = 0; i < dim; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < block; ++j) {
      const bool odd = std::popcount(static_cast<uint64_t>(i % block & j)) % 2 != 0;
      sum += static_cast<double>(x[i / block * block + j]) * (odd ? -1 : 1);
    }
    top = std::max(top, std::abs(sum));
  }
  return top;
}

TEST(Int8Pages, ReadBackWithinHalfAStep) {
  constexpr int32_t kFirst = 6;
  constexpr int32_t kTokens = 27;  // from the middle of a group over whole ones into the middle of another
  for (const Isa isa : available_isas()) {
    for (const PageDims dims : kDims) {
      Page page(dims);
      const auto k = normals(int64_t{kTokens} * dims.dim_k, 1);
      const auto v = normals(int64_t{kTokens} * dims.dim_v, 2);
      on(isa).write(page.at, dims, kFirst, kTokens, k.data(), dims.dim_k, v.data(), dims.dim_v);
      for (int32_t i = 0; i < kTokens; ++i) {
        std::vector<float> k_back(static_cast<size_t>(dims.dim_k));
        std::vector<float> v_back(static_cast<size_t>(dims.dim_v));
        on(isa).read(page.at, dims, kFirst + i, k_back.data(), v_back.data());
        // A rotation of n numbers and back divides errors by n and adds up n of them: half a step remains.
        const double k_step = largest_rotated(&k[static_cast<size_t>(i * dims.dim_k)], dims.dim_k) / 127;
        const double v_step = largest(&v[static_cast<size_t>(i * dims.dim_v)], dims.dim_v) / 127;
        for (int32_t d = 0; d < dims.dim_k; ++d) {
          ASSERT_NEAR(k_back[static_cast<size_t>(d)], k[static_cast<size_t>(i * dims.dim_k + d)],
                      k_step * 0.5001)
              << to_string(isa) << " dim_k " << dims.dim_k << " token " << i;
        }
        for (int32_t d = 0; d < dims.dim_v; ++d) {
          ASSERT_NEAR(v_back[static_cast<size_t>(d)], v[static_cast<size_t>(i * dims.dim_v + d)],
                      v_step * 0.5001);
        }
      }
    }
  }
}

/// Everything the kernels write, for one page, `rows` queries and the slots below `end`.
struct Results {
  Results(Isa isa, PageDims dims, int32_t rows, int32_t first, int32_t end) : page(dims) {
    const PageKernels& kernels = on(isa);
    auto k = normals(int64_t{kPageTokens} * dims.dim_k, 3);
    auto v = normals(int64_t{kPageTokens} * dims.dim_v, 4);
    for (int32_t d = 0; d < dims.dim_k; ++d) k[static_cast<size_t>(5 * dims.dim_k + d)] = 0;
    k[static_cast<size_t>(6 * dims.dim_k)] = std::numeric_limits<float>::infinity();
    for (int32_t d = 0; d < dims.dim_v; ++d) v[static_cast<size_t>(7 * dims.dim_v + d)] = 1e-35f;
    v[static_cast<size_t>(9 * dims.dim_v)] = 3e38f;
    kernels.write(page.at, dims, 0, end, k.data(), dims.dim_k, v.data(), dims.dim_v);
    const int64_t query_bytes = int8().query_bytes(dims);
    queries.assign(static_cast<size_t>(rows * query_bytes), std::byte{0});
    scores.assign(static_cast<size_t>(rows) * kPageTokens, 0.0f);
    acc = normals(int64_t{rows} * padded_dim(dims.dim_v), 5);
    const auto q = normals(int64_t{rows} * dims.dim_k, 6);
    for (int32_t r = 0; r < rows; ++r) {
      kernels.load_query(dims, q.data() + r * dims.dim_k, 0.3f, queries.data() + r * query_bytes);
    }
    kernels.scores(page.at, dims, queries.data(), rows, end, scores.data());
    for (size_t i = 0; i < scores.size(); ++i) {
      if (static_cast<int32_t>(i) % kPageTokens >= end) scores[i] = 0;
    }
    auto weights = normals(int64_t{rows} * kPageTokens, 7);
    for (size_t i = 0; i < weights.size(); ++i) {
      const auto slot = static_cast<int32_t>(i) % kPageTokens;
      weights[i] = slot < first || slot >= end || slot == 6 ? 0.0f : std::abs(weights[i]);
    }
    kernels.accumulate(page.at, dims, weights.data(), rows, first, end, acc.data(), nullptr);
  }
  Page page;
  std::vector<std::byte> queries;
  std::vector<float> scores;
  std::vector<float> acc;
};

TEST(Int8Pages, EveryIsaGivesTheSameBits) {
  for (const PageDims dims : kDims) {
    const auto page_bytes = static_cast<size_t>(int8().page_bytes(dims));
    for (const int32_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 48}) {
      if (dims.dim_k > 256 && rows > 3) continue;
      for (const auto& [first, end] : {std::pair{0, 64}, {0, 10}, {13, 51}}) {
        const Results want(Isa::kScalar, dims, rows, first, end);
        for (const Isa isa : available_isas()) {
          const Results got(isa, dims, rows, first, end);
          ASSERT_EQ(std::memcmp(want.page.at, got.page.at, page_bytes), 0) << to_string(isa) << dims.dim_k;
          ASSERT_EQ(want.queries, got.queries) << to_string(isa) << " dim_k " << dims.dim_k;
          ASSERT_EQ(std::memcmp(want.scores.data(), got.scores.data(), want.scores.size() * 4), 0)
              << to_string(isa) << " dim_k " << dims.dim_k << " rows " << rows;
          ASSERT_EQ(std::memcmp(want.acc.data(), got.acc.data(), want.acc.size() * 4), 0)
              << to_string(isa) << " dim_v " << dims.dim_v << " rows " << rows;
        }
      }
    }
  }
}

/// A single number rotates to codes that all are the largest: every product of a score is 127 times the
/// largest code of a query; and equal weights and values are 64 times 127 * 32767.
TEST(Int8Pages, TheLargestCodesDoNotOverflow) {
  for (const Isa isa : available_isas()) {
    for (const PageDims dims : kDims) {
      if (int8_page::rotation_block(dims.dim_k) != dims.dim_k) continue;
      for (const int32_t rows : {1, 2, 3, 6, 8}) {
        for (const float sign : {1.0f, -1.0f}) {
          Page page(dims);
          std::vector<float> k(static_cast<size_t>(dims.dim_k), 0.0f);
          std::vector<float> q = k;
          k[0] = sign * 2;
          q[0] = 3;
          const std::vector<float> v(static_cast<size_t>(dims.dim_v), sign);
          std::vector<std::byte> queries;
          for (int32_t r = 0; r < rows; ++r) {
            std::vector<std::byte> one(static_cast<size_t>(int8().query_bytes(dims)));
            on(isa).load_query(dims, q.data(), 1.0f, one.data());
            queries.insert(queries.end(), one.begin(), one.end());
          }
          on(isa).write(page.at, dims, 0, kPageTokens, k.data(), 0, v.data(), 0);
          std::vector<float> scores(static_cast<size_t>(rows) * kPageTokens);
          on(isa).scores(page.at, dims, queries.data(), rows, kPageTokens, scores.data());
          for (const float s : scores) ASSERT_NEAR(s, sign * 6, 2e-6) << to_string(isa) << dims.dim_k;
          std::vector<float> weights(scores.size(), 1.0f);
          std::vector<float> acc(static_cast<size_t>(rows * padded_dim(dims.dim_v)), 0.0f);
          on(isa).accumulate(page.at, dims, weights.data(), rows, 0, kPageTokens, acc.data(), nullptr);
          for (size_t i = 0; i < acc.size(); ++i) {
            const bool pad = static_cast<int32_t>(i) % padded_dim(dims.dim_v) >= dims.dim_v;
            ASSERT_NEAR(acc[i], pad ? 0 : sign * 64, 3e-5) << to_string(isa) << dims.dim_v;
          }
        }
      }
    }
  }
}

TEST(Int8Pages, NonFiniteValuesPoisonOnlyWhereTheyWeigh) {
  constexpr PageDims kSize = {16, 16};
  for (const Isa isa : available_isas()) {
    Page page(kSize);
    const auto k = normals(64 * 16, 1);
    auto v = normals(64 * 16, 2);
    v[5 * 16 + 2] = std::numeric_limits<float>::quiet_NaN();
    v[9 * 16 + 3] = -std::numeric_limits<float>::infinity();
    on(isa).write(page.at, kSize, 0, 64, k.data(), 16, v.data(), 16);
    for (const int32_t bad : {5, 9, -1}) {
      std::vector<float> weights(64, 0.5f);
      weights[5] = weights[9] = 0;
      if (bad >= 0) weights[static_cast<size_t>(bad)] = 1e-20f;
      std::vector<float> acc(16, 0.0f);
      on(isa).accumulate(page.at, kSize, weights.data(), 1, 0, 64, acc.data(), nullptr);
      for (const float x : acc) EXPECT_EQ(std::isnan(x), bad >= 0) << to_string(isa) << " " << bad;
    }
  }
}

}  // namespace
}  // namespace hearth::kernels
