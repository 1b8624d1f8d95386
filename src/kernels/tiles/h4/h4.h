// Tile h4: linear four-bit codes with integer sub-scales and minima, 4.625 bits per weight:
//   w[r][k] = d[r] * sc[g][r] * q[r][k] - m[r] * mn[g][r],  g = k / 32, q in 0..15, sc and mn in 0..63
// Lossless for formats of that shape. Source of the idea: notes on the house format (eight rows interleaved,
// no shuffles).
#pragma once

#include "kernels/gemm/int_panel.h"

namespace hearth::kernels {

struct alignas(32) H4Tile {
  uint16_t d[kPanelRows];  // binary16
  uint16_t m[kPanelRows];
  uint8_t sc[kCodesGroups][kPanelRows];
  uint8_t mn[kCodesGroups][kPanelRows];
  uint8_t q[kCodesGroups][4][kVectorBytes];  // nibble vectors
};
static_assert(sizeof(H4Tile) == 1184);

struct H4 {
  static constexpr int64_t bytes(int) { return sizeof(H4Tile); }
  static void pack(const Codes* rows, int groups, std::byte* tile);
  static void decode(const std::byte* tile, int groups, int r, float* out);
  static float accumulate(const std::byte* tile, int groups, int r, const ActivationBlock& a, float sum);
};

void h4_multiply_avx2(const TileJob& job);
void h4_multiply_vnni256(const TileJob& job);
void h4_multiply_few_vnni256(const TileJob& job);
void h4_multiply_vnni(const TileJob& job);
void h4_multiply_dotprod(const TileJob& job);
void h4_multiply_i8mm(const TileJob& job);

}  // namespace hearth::kernels
