// What the block layouts share: reading and writing blocks at any alignment, nibbles, fifth bits, and the
// packed six-bit scales of the 256-wide affine formats. Must not know any format's fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/codes.h"

namespace hearth::kernels {

/// Mapped tensors are aligned to 32 bytes, blocks are not.
template <typename Block>
Block load_block(const std::byte* src, int64_t index) {
  Block block;
  std::memcpy(&block, src + index * static_cast<int64_t>(sizeof(Block)), sizeof(Block));
  return block;
}

template <typename Block>
void store_block(const Block& block, std::byte* dst, int64_t index) {
  std::memcpy(dst + index * static_cast<int64_t>(sizeof(Block)), &block, sizeof(Block));
}

/// Format::finite of a block whose only float is the binary16 `d`.
template <typename Block>
bool finite_d(const std::byte* src, int64_t blocks) {
  bool all = true;
  for (int64_t b = 0; b < blocks; ++b) all &= half_is_finite(load_block<Block>(src, b).d);
  return all;
}

/// The same with a second one.
template <typename Block, uint16_t Block::*kSecond>
bool finite_d_and(const std::byte* src, int64_t blocks) {
  bool all = true;
  for (int64_t b = 0; b < blocks; ++b) {
    const Block block = load_block<Block>(src, b);
    all &= half_is_finite(block.d) && half_is_finite(block.*kSecond);
  }
  return all;
}

/// Format::recode: `pack(codes, block)` writes the codes of one block of `elems` values.
template <typename Block, typename Pack>
void recode_blocks(std::byte* dst, int64_t n, const int8_t* codes, int elems, Pack&& pack) {
  for (int64_t b = 0; b < n / elems; ++b) {
    auto block = load_block<Block>(dst, b);
    pack(codes + b * elems, block);
    store_block(block, dst, b);
  }
}

/// Byte k holds code k in the low nibble and code k + half in the high one.
inline void unpack_nibbles(const uint8_t* in, int half, int8_t* q) {
  for (int k = 0; k < half; ++k) {
    q[k] = static_cast<int8_t>(in[k] & 15);
    q[k + half] = static_cast<int8_t>(in[k] >> 4);
  }
}

inline void pack_nibbles(const int8_t* q, int half, uint8_t* out) {
  for (int k = 0; k < half; ++k) {
    out[k] = static_cast<uint8_t>((q[k] & 15) | ((q[k + half] & 15) << 4));
  }
}

/// 32 five-bit codes: nibbles as above, and bit k of the little-endian word `high` is the fifth bit of code
/// k.
inline void unpack_fives(const uint8_t* low, const uint8_t* high, int8_t* q) {
  unpack_nibbles(low, 16, q);
  for (int k = 0; k < 32; ++k) q[k] = static_cast<int8_t>(q[k] | (((high[k / 8] >> (k % 8)) & 1) << 4));
}

inline void pack_fives(const int8_t* q, uint8_t* low, uint8_t* high) {
  pack_nibbles(q, 16, low);
  std::memset(high, 0, 4);
  for (int k = 0; k < 32; ++k) high[k / 8] = static_cast<uint8_t>(high[k / 8] | ((q[k] >> 4) << (k % 8)));
}

/// 256 two-bit codes: byte 32h + l of half h holds codes 128h + l, + 32, + 64 and + 96, lowest bits first.
inline void unpack_twos(const uint8_t* in, int8_t* q) {
  for (int k = 0; k < kCodesColumns; ++k) {
    q[k] = static_cast<int8_t>((in[k / 128 * 32 + k % 32] >> (k % 128 / 32 * 2)) & 3);
  }
}

/// The low two bits of each code.
inline void pack_twos(const int8_t* q, uint8_t* out) {
  for (int k = 0; k < kCodesColumns / 4; ++k) {
    const int8_t* from = q + k / 32 * 128 + k % 32;
    out[k] = static_cast<uint8_t>((from[0] & 3) | ((from[32] & 3) << 2) | ((from[64] & 3) << 4) |
                                  ((from[96] & 3) << 6));
  }
}

struct GroupScale {
  uint8_t scale;
  uint8_t min;
};

/// The six-bit scale and minimum of group g of eight: groups 0..3 lie in the low six bits of bytes g and
/// g + 4, groups 4..7 have their low four bits in the nibbles of byte g + 4 and their top two in the spare
/// bits of bytes g - 4 and g.
inline GroupScale group_scale(const uint8_t* s, int g) {
  if (g < 4) return {static_cast<uint8_t>(s[g] & 63), static_cast<uint8_t>(s[g + 4] & 63)};
  return {static_cast<uint8_t>((s[g + 4] & 15) | ((s[g - 4] >> 6) << 4)),
          static_cast<uint8_t>((s[g + 4] >> 4) | ((s[g] >> 6) << 4))};
}

/// Into twelve zeroed bytes, in rising order of g.
inline void put_group_scale(uint8_t* s, int g, unsigned scale, unsigned min) {
  if (g < 4) {
    s[g] = static_cast<uint8_t>(s[g] | scale);
    s[g + 4] = static_cast<uint8_t>(s[g + 4] | min);
  } else {
    s[g + 4] = static_cast<uint8_t>((scale & 15) | ((min & 15) << 4));
    s[g - 4] = static_cast<uint8_t>(s[g - 4] | ((scale >> 4) << 6));
    s[g] = static_cast<uint8_t>(s[g] | ((min >> 4) << 6));
  }
}

}  // namespace hearth::kernels
