// The right-hand side of a matrix product: float32 rows as given, and their int8 form that the integer tiles
// read. One scale per 32 values: outliers then cost only their own group, which small models need. Knows no
// tile.
#pragma once

#include <cstdint>

#include "kernels/codes.h"

namespace hearth::kernels {

/// 256 columns of one token: x[k] is about d[k / 32] * q[k], |q| <= 127. Unused groups at the end of a row
/// are zero.
struct alignas(64) ActivationBlock {
  int8_t q[kCodesColumns];
  float d[kCodesGroups];
  float scaled_sum[kCodesGroups];  // d * sum of q over 32: meets the minima of a tile
  // What the zero points of unsigned codes add to a sum, to be taken off; the widths suit the instructions
  // that read them.
  int32_t zero8[kCodesGroups];  // -8 * sum of q over 32: four-bit codes (and eight-bit ones, times 16)
  int32_t half_zero32[2 * kCodesGroups];  // -32 * sum of q over 16: six-bit codes
  int16_t half_sum16[2 * kCodesGroups];   // 16 * sum of q over 16: half of that, as a factor
};
static_assert(sizeof(ActivationBlock) == 448);

/// n tokens of `cols` values.
struct Activations {
  const float* x = nullptr;  // (n, cols)
  const ActivationBlock* blocks =
      nullptr;  // (blocks_of(cols), n), token contiguous; null unless a tile asked for it
  int64_t n = 0;
  int64_t cols = 0;

  const ActivationBlock* at(int64_t block, int64_t token) const { return blocks + block * n + token; }
};

inline int64_t blocks_of(int64_t cols) { return (cols + kCodesColumns - 1) / kCodesColumns; }

/// Quantises tokens [begin, end) of x (n, cols), cols a multiple of 32, into blocks (blocks_of(cols), n).
/// A group holding an infinity or NaN gets d = NaN, so that it shows in every output it touches.
void quantise_activations(const float* x, int64_t n, int64_t cols, int64_t begin, int64_t end,
                          ActivationBlock* blocks);

}  // namespace hearth::kernels
