// Tile h4f: linear four-bit codes with one float scale per group, 4.5 bits per weight:
//   w[r][k] = d[g][r] * (q[r][k] - 8),  g = k / 32, q in 0..15
// A tile of fewer groups (the end of a row) has the same fields, shorter.
#pragma once

#include "kernels/gemm/int_panel.h"

namespace hearth::kernels {

struct H4F {
  using Vectors = uint8_t (*)[kVectorBytes];
  using ConstVectors = const uint8_t (*)[kVectorBytes];
  static constexpr int kZero = 8;

  /// binary16 scales (groups, 8), padded to whole vectors, then nibble vectors (groups, 4).
  static constexpr int64_t scale_bytes(int groups) {
    return (int64_t{groups} * kPanelRows * 2 + 31) / 32 * 32;
  }
  static constexpr int64_t bytes(int groups) {
    return scale_bytes(groups) + int64_t{groups} * 4 * kVectorBytes;
  }
  static const uint16_t* scales(const std::byte* tile, int group) {
    return reinterpret_cast<const uint16_t*>(tile) + group * kPanelRows;
  }
  static ConstVectors vectors(const std::byte* tile, int groups, int group) {
    return reinterpret_cast<ConstVectors>(tile + scale_bytes(groups)) + 4 * group;
  }

  static void pack(const Codes* rows, int groups, std::byte* tile);
  static void decode(const std::byte* tile, int groups, int r, float* out);
  static float accumulate(const std::byte* tile, int groups, int r, const ActivationBlock& a, float sum);
};
static_assert(H4F::bytes(kCodesGroups) == 1152);

void h4f_multiply_avx2(const TileJob& job);
void h4f_multiply_vnni256(const TileJob& job);
void h4f_multiply_few_vnni256(const TileJob& job);
void h4f_multiply_vnni(const TileJob& job);
void h4f_multiply_dotprod(const TileJob& job);
void h4f_multiply_i8mm(const TileJob& job);

}  // namespace hearth::kernels
