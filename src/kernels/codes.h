// What formats and tiles have in common: a run of one row's weights as integer codes with their scales,
// nothing lost. It lets a format be packed into a tile without either knowing the other. Must not know any
// format or tile.
#pragma once

#include <cstdint>

namespace hearth::kernels {

/// Columns of one row that are split and packed together.
inline constexpr int kCodesColumns = 256;
/// Columns that share an activation scale; every coded format's rows are whole multiples of it.
inline constexpr int kGroup = 32;
inline constexpr int kCodesGroups = kCodesColumns / kGroup;

/// Up to 256 columns of one row. Which fields are used, and how a weight follows from them, is an agreement
/// between a format and the tile it names:
///   group scales (linear tiles)     w[k] = d[k/32] * (q[k] - zero)
///   group scales and offsets        w[k] = d[k/32] * q[k] + m[k/32]
///   group scales, table             w[k] = d[k/32] * table[q[k]]
///   group exponents, table          w[k] = 2^(e[k/32] - 128) * table[q[k]]
///   super-block, table              w[k] = d[0] * sc[k/32] * table[q[k]]
///   super-block with minima         w[k] = d[0] * sc[k/32] * q[k] - m[0] * mn[k/32]
///   super-block, halves             w[k] = d[0] * sc[k/16] * (q[k] - zero)
///   super-block, halves and minima  w[k] = d[0] * sc[k/16] * q[k] - m[0] * mn[k/16]
struct Codes {
  uint16_t d[kCodesGroups];  // binary16 bits
  uint16_t m[kCodesGroups];  // binary16 bits
  uint8_t e[kCodesGroups];
  int8_t sc[2 * kCodesGroups];
  uint8_t mn[2 * kCodesGroups];
  int8_t q[kCodesColumns];  // codes as stored, before any zero point is subtracted
};

/// For binary16 scales: neither infinite nor NaN.
inline bool half_is_finite(uint16_t half) { return (half & 0x7c00u) != 0x7c00u; }

}  // namespace hearth::kernels
