// Every format x shape x ISA x precision against double precision, with bounds derived from how each path
// rounds; and the promises of matrix.h: exact rows, the same bits for any thread count, batch and ISA, clear
// errors.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/rng.h"
#include "kernels/isa.h"
#include "kernels/matrix.h"
#include "kernels/tiles/tile.h"

namespace hearth::kernels {
namespace {

constexpr double kEps = 0x1p-24;  // half an ulp of 1: the error of one float32 rounding

struct Weights {
  const Format* format;
  int64_t rows, cols;
  std::vector<std::byte> disk;
  std::vector<float> decoded;
};

Weights make_weights(const Format& format, int64_t rows, int64_t cols, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> x(static_cast<size_t>(rows * cols));
  for (float& value : x) value = static_cast<float>(0.05 * rng.normal());
  Weights w{&format, rows, cols, {}, {}};
  w.disk.resize(x.size() / static_cast<size_t>(format.block_elems) * static_cast<size_t>(format.block_bytes));
  format.encode(x.data(), w.disk.data(), rows * cols, nullptr);
  w.decoded.resize(x.size());
  format.decode(w.disk.data(), w.decoded.data(), rows * cols);
  return w;
}

std::vector<float> make_input(int64_t n, int64_t cols, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> x(static_cast<size_t>(n * cols));
  for (float& value : x) value = static_cast<float>(rng.normal() * (rng.below(50) == 0 ? 20 : 1));
  return x;
}

/// Exact product and sum |w x| of every output, in double; `x` may be what the tile's quantisation leaves of
/// the input.
struct Expected {
  std::vector<double> y, magnitude;
};
Expected expected(const Weights& w, const std::vector<double>& x, int64_t n) {
  Expected e;
  for (int64_t t = 0; t < n; ++t) {
    for (int64_t r = 0; r < w.rows; ++r) {
      double sum = 0, magnitude = 0;
      for (int64_t k = 0; k < w.cols; ++k) {
        const double product =
            double{w.decoded[static_cast<size_t>(r * w.cols + k)]} * x[static_cast<size_t>(t * w.cols + k)];
        sum += product;
        magnitude += std::fabs(product);
      }
      e.y.push_back(sum);
      e.magnitude.push_back(magnitude);
    }
  }
  return e;
}

std::vector<double> as_seen_by(bool quantised, const std::vector<float>& x, int64_t n, int64_t cols) {
  std::vector<double> seen(x.begin(), x.end());
  if (!quantised) return seen;
  std::vector<ActivationBlock> blocks(static_cast<size_t>(blocks_of(cols) * n));
  quantise_activations(x.data(), n, cols, 0, n, blocks.data());
  for (int64_t t = 0; t < n; ++t) {
    for (int64_t k = 0; k < cols; ++k) {
      const ActivationBlock& block = blocks[static_cast<size_t>(k / 256 * n + t)];
      seen[static_cast<size_t>(t * cols + k)] = double{block.d[k % 256 / 32]} * block.q[k % 256];
    }
  }
  return seen;
}

const Tile* tile_of(const Format& format, Precision precision) {
  return precision == Precision::kFast ? find_tile(format.tile) : nullptr;
}

/// Roundings on the way of one product to the output, for inputs as the path sees them. Integer sums are
/// exact. A tile with minima subtracts two sums that may each be larger than the result: `spread` bounds
/// their size over sum |w x|.
double rounding_bound(const Format& format, const Tile* tile, int64_t cols) {
  const double groups = static_cast<double>(cols) / 32 + 8;
  if (!tile) return (static_cast<double>(cols) / 32 + 5) * kEps;
  if (!tile->quantised_input) return static_cast<double>(cols) * kEps;
  const bool minima =
      format.name.ends_with("_1") || format.name == "Q2_K" || format.name == "Q4_K" || format.name == "Q5_K";
  const double spread = minima ? 40 : 2;
  return spread * groups * kEps;
}

std::vector<float> product(const Matrix& matrix, const std::vector<float>& x, int64_t n, ThreadPool& pool) {
  MatmulScratch scratch;
  const int64_t stride = matrix.rows() + 3;
  std::vector<float> y(static_cast<size_t>(n * stride), -777.0f);
  const Product one = {&matrix, y.data(), stride};
  multiply({&one, 1}, x.data(), n, scratch, pool);
  std::vector<float> packed;
  for (int64_t t = 0; t < n; ++t) {
    for (int64_t r = 0; r < stride; ++r) {
      const float value = y[static_cast<size_t>(t * stride + r)];
      if (r < matrix.rows()) {
        packed.push_back(value);
      } else {
        EXPECT_EQ(value, -777.0f) << "wrote past row " << matrix.rows();
      }
    }
  }
  return packed;
}

struct IsaGuard {
  explicit IsaGuard(Isa isa) : previous(set_active_isa(isa)) {}
  ~IsaGuard() { set_active_isa(previous); }
  Isa previous;
};

class EveryFormat : public testing::TestWithParam<std::tuple<const Format*, Precision>> {
 protected:
  const Format& format() const { return *std::get<0>(GetParam()); }
  Precision precision() const { return std::get<1>(GetParam()); }
  ThreadPool pool_{2};

  void check(int64_t rows, int64_t cols, int64_t n) {
    if (cols % format().block_elems != 0) return;
    SCOPED_TRACE(testing::Message() << format().name << " " << rows << "x" << cols << " n=" << n);
    const auto seed = static_cast<uint64_t>(rows * 1000003 + cols * 101 + n);
    const Weights w = make_weights(format(), rows, cols, seed);
    const std::vector<float> x = make_input(n, cols, seed + 1);
    auto matrix = Matrix::create(format(), rows, cols, w.disk, precision(), pool_);
    ASSERT_TRUE(matrix.ok()) << matrix.error().message;
    const Tile* tile = tile_of(format(), precision());
    const Expected want = expected(w, as_seen_by(tile && tile->quantised_input, x, n, cols), n);
    std::vector<float> scalar;
    for (Isa isa : available_isas()) {
      IsaGuard guard(isa);
      const std::vector<float> got = product(*matrix, x, n, pool_);
      ASSERT_EQ(got.size(), want.y.size());
      const double bound = rounding_bound(format(), tile, cols);
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i], want.y[i], bound * want.magnitude[i] + 1e-30)
            << to_string(isa) << " output " << i;
      }
      if (isa == Isa::kScalar) {
        scalar = got;
      } else {
        ASSERT_EQ(std::memcmp(scalar.data(), got.data(), got.size() * sizeof(float)), 0)
            << to_string(isa) << " bits differ";
      }
    }
  }
};

TEST_P(EveryFormat, ColumnsOfWeights) {
  for (int64_t cols : {32, 64, 96, 256, 288, 512, 576, 1024}) check(16, cols, 3);
}
TEST_P(EveryFormat, Rows) {
  for (int64_t rows : {1, 2, 7, 8, 9, 15, 17, 63, 72, 100}) check(rows, 256, 2);
}
TEST_P(EveryFormat, ColumnsOfInput) {
  for (int64_t n : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 16, 17, 31, 33, 34, 35, 36, 64, 130, 259}) check(24, 512, n);
}
TEST_P(EveryFormat, TailsTogether) {
  check(1, 32, 1);
  check(1, 576, 5);
  check(9, 576, 17);
  check(9, 576, 35);
  check(77, 1056, 67);
}
TEST_P(EveryFormat, WidthOfOneValue) {
  for (int64_t cols : {1, 2, 31, 33, 255}) check(11, cols, 3);  // formats with blocks refuse these widths
}

TEST_P(EveryFormat, DecodedRowsAreExact) {
  for (int64_t cols : {32, 256, 576, 1024}) {
    if (cols % format().block_elems != 0) continue;
    const Weights w = make_weights(format(), 13, cols, 5);
    auto matrix = Matrix::create(format(), 13, cols, w.disk, precision(), pool_);
    ASSERT_TRUE(matrix.ok());
    std::vector<float> row(static_cast<size_t>(cols));
    for (int64_t r = 0; r < 13; ++r) {
      matrix->decode_row(r, row.data());
      ASSERT_EQ(std::memcmp(row.data(), w.decoded.data() + r * cols, row.size() * sizeof(float)), 0)
          << format().name << r;
    }
  }
}

TEST_P(EveryFormat, BitsDoNotDependOnThreadsOrBatch) {
  const int64_t rows = 1000, cols = 512, n = 67;
  const Weights w = make_weights(format(), rows, cols, 7);
  const std::vector<float> x = make_input(n, cols, 8);
  auto matrix = Matrix::create(format(), rows, cols, w.disk, precision(), pool_);
  ASSERT_TRUE(matrix.ok());
  const std::vector<float> all = product(*matrix, x, n, pool_);
  ThreadPool one(1), three(3);
  for (ThreadPool* pool : {&one, &three}) {
    const std::vector<float> other = product(*matrix, x, n, *pool);
    ASSERT_EQ(std::memcmp(all.data(), other.data(), all.size() * sizeof(float)), 0)
        << pool->threads() << " threads";
  }
  for (int64_t count : {1, 2, 3, 4, 8, 11, 33, 35}) {
    for (int64_t first : {int64_t{0}, int64_t{5}, n - count}) {
      const std::vector<float> part(x.begin() + first * cols, x.begin() + (first + count) * cols);
      const std::vector<float> got = product(*matrix, part, count, pool_);
      ASSERT_EQ(std::memcmp(got.data(), all.data() + first * rows, got.size() * sizeof(float)), 0)
          << count << " tokens from " << first;
    }
  }
}

TEST_P(EveryFormat, NonFiniteWeightsAreNamed) {
  Weights w = make_weights(format(), 21, 256, 9);
  const size_t row_bytes = w.disk.size() / 21;
  // Row 17: make every byte 0x7f/0xff so that any scale or value in it is a NaN.
  for (size_t i = 0; i < row_bytes; ++i) w.disk[17 * row_bytes + i] = std::byte{0xff};
  auto matrix = Matrix::create(format(), 21, 256, w.disk, precision(), pool_);
  ASSERT_FALSE(matrix.ok());
  EXPECT_EQ(matrix.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(matrix.error().message.find("row 17 "), std::string::npos) << matrix.error().message;
}

TEST_P(EveryFormat, NonFiniteInputShowsInItsTokenOnly) {
  const Weights w = make_weights(format(), 16, 256, 10);
  auto matrix = Matrix::create(format(), 16, 256, w.disk, precision(), pool_);
  ASSERT_TRUE(matrix.ok());
  for (float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> x = make_input(3, 256, 11);
    x[256 + 40] = bad;
    for (Isa isa : available_isas()) {
      IsaGuard guard(isa);
      const std::vector<float> y = product(*matrix, x, 3, pool_);
      for (size_t i = 0; i < y.size(); ++i) {
        EXPECT_EQ(std::isfinite(y[i]), i / 16 != 1)
            << format().name << " " << to_string(isa) << " output " << i;
      }
    }
  }
}

std::string case_name(const testing::TestParamInfo<EveryFormat::ParamType>& info) {
  return std::string(std::get<0>(info.param)->name) +
         (std::get<1>(info.param) == Precision::kFast      ? "_fast"
          : std::get<1>(info.param) == Precision::kFloat32 ? "_float32"
                                                           : "_reference");
}
INSTANTIATE_TEST_SUITE_P(Matmul, EveryFormat,
                         testing::Combine(testing::ValuesIn(format_registry().begin(),
                                                            format_registry().end()),
                                          testing::Values(Precision::kReference, Precision::kFloat32,
                                                          Precision::kFast)),
                         case_name);

TEST(Multiply, GroupEqualsSingleProductsAcrossFormats) {
  ThreadPool pool(2);
  const int64_t cols = 512, n = 5;
  std::vector<Matrix> matrices;
  std::vector<Weights> weights;
  uint64_t seed = 20;
  for (const Format* format : format_registry()) {
    for (Precision precision : {Precision::kFast, Precision::kReference}) {
      weights.push_back(make_weights(*format, 40 + static_cast<int64_t>(seed), cols, seed));
      ++seed;
      auto matrix = Matrix::create(*format, weights.back().rows, cols, weights.back().disk, precision, pool);
      ASSERT_TRUE(matrix.ok());
      matrices.push_back(std::move(matrix).value());
    }
  }
  const std::vector<float> x = make_input(n, cols, 21);
  std::vector<std::vector<float>> outputs;
  std::vector<Product> group;
  for (const Matrix& matrix : matrices) outputs.emplace_back(static_cast<size_t>(n * matrix.rows()));
  for (size_t i = 0; i < matrices.size(); ++i)
    group.push_back({&matrices[i], outputs[i].data(), matrices[i].rows()});
  MatmulScratch scratch;
  multiply(group, x.data(), n, scratch, pool);
  for (size_t i = 0; i < matrices.size(); ++i) EXPECT_EQ(outputs[i], product(matrices[i], x, n, pool)) << i;
}

TEST(Multiply, EmptyBatchAndGroupDoNothing) {
  ThreadPool pool(1);
  MatmulScratch scratch;
  multiply({}, nullptr, 3, scratch, pool);
}

TEST(MatrixErrors, WrongSizesAreRefused) {
  ThreadPool pool(1);
  const Format& format = *find_format("Q8_0");
  std::vector<std::byte> bytes(34 * 4);
  EXPECT_EQ(Matrix::create(format, 4, 33, bytes, Precision::kFast, pool).error().code,
            ErrorCode::kUnsupported);
  EXPECT_EQ(Matrix::create(format, 5, 32, bytes, Precision::kFast, pool).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(Matrix::create(format, 0, 32, {}, Precision::kFast, pool).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(Matrix::create(format, int64_t{1} << 60, 32, bytes, Precision::kFast, pool).error().code,
            ErrorCode::kCorrupt);
  EXPECT_TRUE(Matrix::create(format, 4, 32, bytes, Precision::kFast, pool).ok());
}

}  // namespace
}  // namespace hearth::kernels
