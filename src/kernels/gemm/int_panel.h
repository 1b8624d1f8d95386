// What the integer tiles share: a panel of eight rows is a run of tiles of 256 columns (the last may have
// fewer groups of 32), packed from codes, decoded and multiplied one tile at a time. Portable part. Knows no
// tile by name.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/half.h"
#include "kernels/tiles/tile.h"

namespace hearth::kernels {

/// Columns c, c + 1, .. c + 3 of eight rows lie together in 32 bytes: byte 4 r + i. One activation dword,
/// broadcast, then meets all eight rows without a shuffle, and the sums of the eight rows stay in their own
/// lanes.
inline constexpr int kVectorBytes = 32;
inline constexpr int kVectorsPerGroup = 8;

/// T is a tile layout:
///   static int64_t bytes(int groups);                                   of a tile with `groups` groups of 32
///   columns static void pack(const Codes* rows, int groups, std::byte* tile);   rows[8] static void
///   decode(const std::byte* tile, int groups, int r, float* out); static float accumulate(const std::byte*
///   tile, int groups, int r, const ActivationBlock& a, float sum);
/// accumulate() adds one tile's products for row r to sum: the definition of the tile's arithmetic, to the
/// bit. Sums over a group are exact integers, so only the float operations need a fixed order.
template <typename T>
struct IntPanel {
  static int groups_at(int64_t cols, int64_t tile) {
    return static_cast<int>(std::min<int64_t>(kCodesGroups, cols / kGroup - tile * kCodesGroups));
  }

  static int64_t panel_bytes(int64_t cols) {
    const int64_t whole = cols / kCodesColumns;
    const int rest = static_cast<int>(cols % kCodesColumns / kGroup);
    return whole * T::bytes(kCodesGroups) + (rest ? T::bytes(rest) : 0);
  }

  static void pack(const Format& format, const std::byte* src, int64_t row_bytes, int rows, int64_t cols,
                   std::byte* panel) {
    const int64_t tile_bytes_on_disk = int64_t{kCodesColumns} / format.block_elems * format.block_bytes;
    Codes codes[kPanelRows];
    std::memset(codes, 0, sizeof(codes));
    for (int64_t tile = 0; tile < blocks_of(cols); ++tile) {
      const int groups = groups_at(cols, tile);
      for (int r = 0; r < rows; ++r) {
        format.split(src + r * row_bytes + tile * tile_bytes_on_disk, int64_t{groups} * kGroup, codes[r]);
      }
      T::pack(codes, groups, panel + tile * T::bytes(kCodesGroups));
    }
  }

  static void decode_row(const std::byte* panel, int r, int64_t cols, float* out) {
    for (int64_t tile = 0; tile < blocks_of(cols); ++tile) {
      T::decode(panel + tile * T::bytes(kCodesGroups), groups_at(cols, tile), r, out + tile * kCodesColumns);
    }
  }

  static void multiply_scalar(const TileJob& job) {
    const Activations& input = *job.input;
    for (int64_t p = job.panel_begin; p < job.panel_end; ++p) {
      const std::byte* panel = job.packed + p * job.panel_bytes;
      const int rows = static_cast<int>(std::min<int64_t>(kPanelRows, job.rows - p * kPanelRows));
      for (int64_t t = 0; t < input.n; ++t) {
        for (int r = 0; r < rows; ++r) {
          float sum = 0;
          for (int64_t tile = 0; tile < blocks_of(input.cols); ++tile) {
            sum = T::accumulate(panel + tile * T::bytes(kCodesGroups), groups_at(input.cols, tile), r,
                                *input.at(tile, t), sum);
          }
          job.y[t * job.y_stride + p * kPanelRows + r] = sum;
        }
      }
    }
  }

#if defined(__x86_64__)
  static constexpr Tile tile(std::string_view name, TileMultiply avx2, TileMultiply avx_vnni,
                             TileMultiply avx512_vnni) {
    return {name, true, panel_bytes, pack, decode_row, {multiply_scalar, avx2, avx_vnni, avx512_vnni}};
  }
#else
  static constexpr Tile tile(std::string_view name, TileMultiply dotprod, TileMultiply i8mm) {
    return {name, true,       panel_bytes,
            pack, decode_row, {multiply_scalar, nullptr, nullptr, nullptr, dotprod, i8mm}};
  }
#endif
};

/// Four codes of row r as they lie in a row of Codes.
inline uint32_t four_codes(const Codes& row, int column) {
  uint32_t four;
  std::memcpy(&four, row.q + column, sizeof(four));
  return four;
}

/// Nibble vectors: vector j < 4 of a group holds columns 4j.. in the low and 16 + 4j.. in the high nibbles.
inline void pack_nibbles(const Codes* rows, int group, uint8_t (*vectors)[kVectorBytes]) {
  for (int j = 0; j < 4; ++j) {
    for (int r = 0; r < kPanelRows; ++r) {
      const uint32_t low = four_codes(rows[r], group * kGroup + 4 * j) & 0x0f0f0f0fu;
      const uint32_t high = four_codes(rows[r], group * kGroup + 16 + 4 * j) & 0x0f0f0f0fu;
      const uint32_t both = low | (high << 4);
      std::memcpy(vectors[j] + 4 * r, &both, sizeof(both));
    }
  }
}

/// Code of column k (0..31) of row r in nibble vectors.
inline int nibble_at(const uint8_t (*vectors)[kVectorBytes], int r, int k) {
  const uint8_t byte = vectors[(k % 16) / 4][4 * r + k % 4];
  return k < 16 ? byte & 15 : byte >> 4;
}

/// A vector of one bit per code, bit `bit` of it: bit j of byte 4 r + i belongs to column 4 j + i.
inline void pack_bit(const Codes* rows, int group, int bit, uint8_t* vector) {
  std::memset(vector, 0, kVectorBytes);
  for (int r = 0; r < kPanelRows; ++r) {
    for (int k = 0; k < kGroup; ++k) {
      uint8_t& byte = vector[4 * r + k % 4];
      byte = static_cast<uint8_t>(byte | (((rows[r].q[group * kGroup + k] >> bit) & 1) << (k / 4)));
    }
  }
}

inline int bit_at(const uint8_t* vector, int r, int k) { return (vector[4 * r + k % 4] >> (k / 4)) & 1; }

}  // namespace hearth::kernels
