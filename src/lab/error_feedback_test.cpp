// Moments against double precision, the factor against what it factors, and error feedback against the
// textbook form of GPTQ and against rounding.
#include "lab/error_feedback.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"

namespace hearth::lab {
namespace {

constexpr int64_t kInputs = 1500;

/// Inputs that go together: a few hidden causes, each moving all columns, and noise. (kInputs, columns)
std::vector<float> correlated(int64_t columns, uint64_t seed) {
  constexpr int kCauses = 12;
  Rng rng(seed);
  std::vector<double> loading(static_cast<size_t>(kCauses * columns));
  for (double& value : loading) value = rng.normal();
  std::vector<float> x;
  for (int64_t t = 0; t < kInputs; ++t) {
    double cause[kCauses];
    for (double& value : cause) value = rng.normal();
    for (int64_t c = 0; c < columns; ++c) {
      double sum = 0.5 * rng.normal();
      for (int i = 0; i < kCauses; ++i) sum += cause[i] * loading[static_cast<size_t>(i * columns + c)];
      x.push_back(static_cast<float>(sum * (c % 7 == 0 ? 3.0 : 0.6)));
    }
  }
  return x;
}

Moments moments_of(const std::vector<float>& x, int64_t columns, ThreadPool& pool) {
  Moments moments(columns, pool);
  for (int64_t t = 0; t < kInputs; t += 100)
    moments.add(x.data() + t * columns, std::min<int64_t>(100, kInputs - t));
  moments.flush();
  return moments;
}

using Square = std::vector<std::vector<double>>;

Square damped(const Moments& moments, double damping) {
  const auto n = static_cast<size_t>(moments.columns());
  Square h(n, std::vector<double>(n));
  double trace = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) h[i][j] = static_cast<double>(moments.row(static_cast<int64_t>(i))[j]);
    trace += h[i][i];
  }
  for (size_t i = 0; i < n; ++i) h[i][i] += damping * trace / static_cast<double>(n);
  return h;
}

TEST(MomentsTest, EqualTheSumOfProducts) {
  constexpr int64_t kColumns = 83;
  const std::vector<float> x = correlated(kColumns, 1);
  ThreadPool pool(2);
  const Moments moments = moments_of(x, kColumns, pool);
  EXPECT_EQ(moments.count(), kInputs);
  for (int64_t i = 0; i < kColumns; ++i) {
    for (int64_t j = 0; j < kColumns; ++j) {
      double sum = 0;
      double size = 0;
      for (int64_t t = 0; t < kInputs; ++t) {
        const double term = static_cast<double>(x[static_cast<size_t>(t * kColumns + i)]) *
                            static_cast<double>(x[static_cast<size_t>(t * kColumns + j)]);
        sum += term;
        size += std::fabs(term);
      }
      // Each term passes through at most 512 additions of its product and one for each product of 512 inputs.
      const double bound = (512 + 4) * 0x1p-24 * size;
      ASSERT_NEAR(moments.row(i)[j], sum, bound) << i << ", " << j;
    }
  }
}

TEST(FeedbackFactorTest, ItsProductIsTheDampedMoments) {
  constexpr int64_t kColumns = 150;  // more than two panels, the last one narrower
  ThreadPool pool(2);
  const Moments moments = moments_of(correlated(kColumns, 2), kColumns, pool);
  const auto factor = FeedbackFactor::make(moments, {.damping = 0.02}, pool);
  ASSERT_TRUE(factor);
  const Square h = damped(moments, 0.02);
  auto r = [&](int64_t k, int64_t j) {
    const double pivot = std::sqrt(static_cast<double>(factor->residual()[static_cast<size_t>(j)]));
    return k == j ? pivot : k < j ? static_cast<double>(factor->feedback(k)[j]) * pivot : 0.0;
  };
  for (int64_t i = 0; i < kColumns; ++i) {
    for (int64_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (int64_t k = i; k < kColumns; ++k) sum += r(i, k) * r(j, k);
      // Stored as float32 twice per factor; |R_i . R_j| is at most the root of both diagonals.
      const double size = std::sqrt(h[static_cast<size_t>(i)][static_cast<size_t>(i)] *
                                    h[static_cast<size_t>(j)][static_cast<size_t>(j)]);
      ASSERT_NEAR(sum, h[static_cast<size_t>(i)][static_cast<size_t>(j)], 8 * 0x1p-24 * size)
          << i << ", " << j;
    }
  }
}

TEST(FeedbackFactorTest, RefusesWhatIsNotFinite) {
  ThreadPool pool(1);
  Moments moments(32, pool);
  std::vector<float> x(32, 1.0f);
  x[3] = std::numeric_limits<float>::infinity();
  moments.add(x.data(), 1);
  moments.flush();
  EXPECT_FALSE(FeedbackFactor::make(moments, {}, pool));
}

/// Inverse by Gauss-Jordan elimination; h is positive definite.
Square inverse(Square h) {
  const size_t n = h.size();
  Square out(n, std::vector<double>(n));
  for (size_t i = 0; i < n; ++i) out[i][i] = 1;
  for (size_t p = 0; p < n; ++p) {
    const double pivot = h[p][p];
    for (size_t j = 0; j < n; ++j) h[p][j] /= pivot, out[p][j] /= pivot;
    for (size_t i = 0; i < n; ++i) {
      if (i == p) continue;
      const double factor = h[i][p];
      for (size_t j = 0; j < n; ++j) h[i][j] -= factor * h[p][j], out[i][j] -= factor * out[p][j];
    }
  }
  return out;
}

/// Algorithm 1 of the paper, in double, on a format's blocks: the rounded row.
std::vector<double> textbook(const kernels::Format& format, std::vector<double> w, const Square& h) {
  const size_t n = w.size();
  Square hinv = inverse(h);
  std::vector<float> cost(
      n);  // of a column's error once those before it are done: 1 / its entry of the inverse then
  {
    Square left = hinv;
    for (size_t j = 0; j < n; ++j) {
      cost[j] = static_cast<float>(1 / left[j][j]);
      for (size_t a = j + 1; a < n; ++a) {
        const double factor = left[a][j] / left[j][j];
        for (size_t b = j + 1; b < n; ++b) left[a][b] -= factor * left[j][b];
      }
    }
  }
  std::vector<double> rounded(n);
  std::vector<std::vector<float>> levels(static_cast<size_t>(format.code_count));
  const auto elems = static_cast<size_t>(format.block_elems);
  for (size_t j = 0; j < n; ++j) {
    if (j % elems == 0) {
      const std::vector<float> block(w.begin() + static_cast<std::ptrdiff_t>(j),
                                     w.begin() + static_cast<std::ptrdiff_t>(j + elems));
      std::vector<std::byte> bytes(static_cast<size_t>(format.block_bytes));
      format.encode(block.data(), bytes.data(), format.block_elems, cost.data() + j);
      for (size_t level = 0; level < levels.size(); ++level) {
        const std::vector<int8_t> codes(elems, static_cast<int8_t>(level));
        format.recode(bytes.data(), format.block_elems, codes.data());
        levels[level].resize(elems);
        format.decode(bytes.data(), levels[level].data(), format.block_elems);
      }
    }
    rounded[j] = static_cast<double>(levels[0][j % elems]);
    for (const std::vector<float>& level : levels) {
      const auto value = static_cast<double>(level[j % elems]);
      if (std::fabs(value - w[j]) < std::fabs(rounded[j] - w[j])) rounded[j] = value;
    }
    const double error = (w[j] - rounded[j]) / hinv[j][j];
    for (size_t k = j; k < n; ++k) w[k] -= error * hinv[j][k];
    // The inverse without row and column j, for the columns that are left.
    for (size_t a = j + 1; a < n; ++a) {
      const double factor = hinv[a][j] / hinv[j][j];
      for (size_t b = j + 1; b < n; ++b) hinv[a][b] -= factor * hinv[j][b];
    }
  }
  return rounded;
}

double output_error(const std::vector<double>& error, const std::vector<float>& x) {
  const size_t n = error.size();
  double sum = 0;
  for (size_t t = 0; t < static_cast<size_t>(kInputs); ++t) {
    double y = 0;
    for (size_t c = 0; c < n; ++c) y += error[c] * static_cast<double>(x[t * n + c]);
    sum += y * y;
  }
  return sum;
}

class FeedbackTest : public ::testing::TestWithParam<const kernels::Format*> {};

TEST_P(FeedbackTest, FollowsTheTextbookAndBeatsRounding) {
  const kernels::Format& format = *GetParam();
  const int64_t columns = format.block_elems == 256 ? 512 : 160;
  constexpr int64_t kRows = 12;
  const auto n = static_cast<size_t>(columns);
  ThreadPool pool(2);
  const std::vector<float> x = correlated(columns, 3);
  const Moments moments = moments_of(x, columns, pool);
  const FeedbackOptions options;
  auto factor = FeedbackFactor::make(moments, options, pool);
  ASSERT_TRUE(factor);
  const FeedbackEncoder encoder(format, std::make_shared<const FeedbackFactor>(std::move(*factor)));
  Rng rng(4);
  std::vector<float> w(static_cast<size_t>(kRows) * n);
  for (float& value : w) value = static_cast<float>(0.05 * rng.normal());
  const auto row_size = static_cast<size_t>(columns / format.block_elems * format.block_bytes);
  std::vector<std::byte> bytes(static_cast<size_t>(kRows) * row_size);
  std::vector<float> scratch = w;
  encoder.encode(scratch.data(), bytes.data(), kRows);

  const Square h = damped(moments, options.damping);
  std::vector<float> importance;
  for (int64_t c = 0; c < columns; ++c) importance.push_back(moments.row(c)[c]);
  double ours = 0;
  double book = 0;
  double rounding = 0;
  for (size_t r = 0; r < kRows; ++r) {
    const float* row = w.data() + r * n;
    std::vector<float> decoded(n);
    std::vector<double> error(n);
    auto error_of = [&](const auto& rounded) {
      for (size_t c = 0; c < n; ++c) error[c] = static_cast<double>(rounded[c]) - static_cast<double>(row[c]);
      return output_error(error, x);
    };
    format.decode(bytes.data() + r * row_size, decoded.data(), columns);
    ours += error_of(decoded);
    book += error_of(textbook(format, {row, row + n}, h));
    std::vector<std::byte> plain(row_size);
    format.encode(row, plain.data(), columns, importance.data());
    format.decode(plain.data(), decoded.data(), columns);
    rounding += error_of(decoded);
  }
  // A weight half-way between two codes may fall either way in float32, and then all after it go another way,
  // to another error of the same kind.
  EXPECT_NEAR(ours, book, 0.25 * book) << format.name;
  EXPECT_LT(ours, 0.6 * rounding) << format.name;
}

std::vector<const kernels::Format*> formats_that_recode() {
  std::vector<const kernels::Format*> out;
  for (const kernels::Format* format : kernels::format_registry()) {
    if (format->recode != nullptr) out.push_back(format);
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(Formats, FeedbackTest, ::testing::ValuesIn(formats_that_recode()),
                         [](const auto& instance) { return std::string(instance.param->name); });

TEST(RecodeTest, WritesTheCodesAndLeavesTheScales) {
  Rng rng(9);
  for (const kernels::Format* format : formats_that_recode()) {
    const int64_t n = 2 * format->block_elems;
    std::vector<float> values(static_cast<size_t>(n));
    for (float& value : values) value = static_cast<float>(rng.normal());
    std::vector<std::byte> bytes(static_cast<size_t>(2 * format->block_bytes));
    format->encode(values.data(), bytes.data(), n, nullptr);
    std::vector<std::vector<float>> by_code;
    std::vector<int8_t> codes(values.size());
    for (int code = 0; code < format->code_count; ++code) {
      std::fill(codes.begin(), codes.end(), static_cast<int8_t>(code));
      format->recode(bytes.data(), n, codes.data());
      format->decode(bytes.data(), by_code.emplace_back(values.size()).data(), n);
    }
    for (int8_t& code : codes) code = static_cast<int8_t>(rng.uniform() * format->code_count);
    format->recode(bytes.data(), n, codes.data());
    std::vector<float> decoded(values.size());
    format->decode(bytes.data(), decoded.data(), n);
    for (size_t k = 0; k < values.size(); ++k) {
      ASSERT_EQ(decoded[k], by_code[static_cast<size_t>(codes[k])][k]) << format->name << ' ' << k;
    }
  }
}

}  // namespace
}  // namespace hearth::lab
