// Tile h8: signed bytes with one float scale per group, 8.5 bits per weight: w[r][k] = d[g][r] * q[r][k],  g
// = k / 32. A tile of fewer groups (the end of a row) has the same fields, shorter.
#pragma once

#include "kernels/gemm/int_panel.h"

namespace hearth::kernels {

struct H8 {
  using Vectors = int8_t (*)[kVectorBytes];
  using ConstVectors = const int8_t (*)[kVectorBytes];

  /// binary16 scales (groups, 8), padded to whole vectors, then code vectors (groups, 8): vector j holds
  /// columns 4j..
  static constexpr int64_t scale_bytes(int groups) {
    return (int64_t{groups} * kPanelRows * 2 + 31) / 32 * 32;
  }
  static constexpr int64_t bytes(int groups) {
    return scale_bytes(groups) + int64_t{groups} * kVectorsPerGroup * kVectorBytes;
  }
  static const uint16_t* scales(const std::byte* tile, int group) {
    return reinterpret_cast<const uint16_t*>(tile) + group * kPanelRows;
  }
  static ConstVectors vectors(const std::byte* tile, int groups, int group) {
    return reinterpret_cast<ConstVectors>(tile + scale_bytes(groups)) + kVectorsPerGroup * group;
  }

  static void pack(const Codes* rows, int groups, std::byte* tile);
  static void decode(const std::byte* tile, int groups, int r, float* out);
  static float accumulate(const std::byte* tile, int groups, int r, const ActivationBlock& a, float sum);
};
static_assert(H8::bytes(kCodesGroups) == 2176);

void h8_multiply_avx2(const TileJob& job);
void h8_multiply_vnni256(const TileJob& job);
void h8_multiply_few_vnni256(const TileJob& job);
void h8_multiply_vnni(const TileJob& job);
void h8_multiply_dotprod(const TileJob& job);
void h8_multiply_i8mm(const TileJob& job);

}  // namespace hearth::kernels
