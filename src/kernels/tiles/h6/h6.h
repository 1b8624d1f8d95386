// Tile h6: linear six-bit codes with a signed byte scale per 16 columns, 6.625 bits per weight:
//   w[r][k] = d[r] * sc[k / 16][r] * (q[r][k] - 32),  q in 0..63
// Lossless for formats of that shape. Two products of a code and an activation add up in 16 bits (4 * 63 *
// 127 = 32004).
#pragma once

#include "kernels/gemm/int_panel.h"

namespace hearth::kernels {

struct alignas(32) H6Tile {
  /// The codes of one group lie together: interleaved streams halve what a core reads from memory.
  struct Group {
    uint8_t low[4][kVectorBytes];  // nibble vectors: the low four bits
    uint8_t high[2]
                [kVectorBytes];  // top two bits: vector v, field f (bits 2f) belong to columns 4 (4 v + f)..
  };
  uint16_t d[kPanelRows];  // binary16
  int8_t sc[kCodesGroups][2][kPanelRows];
  uint8_t padding[16];
  Group q[kCodesGroups];
};
static_assert(sizeof(H6Tile) == 1696);

struct H6 {
  static constexpr int kZero = 32;
  static constexpr int64_t bytes(int) { return sizeof(H6Tile); }
  static void pack(const Codes* rows, int groups, std::byte* tile);
  static void decode(const std::byte* tile, int groups, int r, float* out);
  static float accumulate(const std::byte* tile, int groups, int r, const ActivationBlock& a, float sum);
};

void h6_multiply_avx2(const TileJob& job);
void h6_multiply_vnni256(const TileJob& job);
void h6_multiply_few_vnni256(const TileJob& job);
void h6_multiply_vnni(const TileJob& job);
void h6_multiply_dotprod(const TileJob& job);
void h6_multiply_i8mm(const TileJob& job);

}  // namespace hearth::kernels
