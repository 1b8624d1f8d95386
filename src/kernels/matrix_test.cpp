// What Matrix promises beside products (gemm/matmul_test.cpp): float32 from a packed tile is the reference to
// the bit.
#include "kernels/matrix.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"

namespace hearth::kernels {
namespace {

std::vector<std::byte> random_weights(const Format& format, int64_t values, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> x(static_cast<size_t>(values));
  for (float& value : x) value = static_cast<float>(0.05 * rng.normal());
  std::vector<std::byte> disk(static_cast<size_t>(values / format.block_elems * format.block_bytes));
  format.encode(x.data(), disk.data(), values, nullptr);
  return disk;
}

std::vector<float> product(const Matrix& matrix, const std::vector<float>& x, ThreadPool& pool) {
  MatmulScratch scratch;
  const int64_t n = static_cast<int64_t>(x.size()) / matrix.cols();
  std::vector<float> y(static_cast<size_t>(n * matrix.rows()));
  const Product one = {&matrix, y.data(), matrix.rows()};
  multiply({&one, 1}, x.data(), n, scratch, pool);
  return y;
}

class PackedMatrix : public testing::TestWithParam<const Format*> {};

TEST_P(PackedMatrix, Float32FromTheTileIsTheReference) {
  const Format& format = *GetParam();
  const int64_t rows = 21, cols = 512, n = 3;
  ThreadPool pool(2);
  const std::vector<std::byte> disk = random_weights(format, rows * cols, 3);
  Rng rng(4);
  std::vector<float> x(static_cast<size_t>(n * cols));
  for (float& value : x) value = static_cast<float>(rng.normal());
  const Matrix reference = Matrix::create(format, rows, cols, disk, Precision::kReference, pool).value();
  const Matrix packed = Matrix::create(format, rows, cols, disk, Precision::kFloat32, pool).value();
  EXPECT_EQ(packed.owned_bytes() == 0, format.tile.empty());
  EXPECT_EQ(product(packed, x, pool), product(reference, x, pool));
}

INSTANTIATE_TEST_SUITE_P(Matrix, PackedMatrix,
                         testing::ValuesIn(format_registry().begin(), format_registry().end()),
                         [](const auto& param) { return std::string(param.param->name); });

}  // namespace
}  // namespace hearth::kernels
