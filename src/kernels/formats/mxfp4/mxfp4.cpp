// MXFP4: 32 four-bit floats (E2M1) and a power of two (E8M0) that scales them: w = 2^(e - 128) * F[q], F
// being the doubled values. Byte j holds weight j (low nibble) and j + 16 (high). Source: ggml block_mxfp4
// and the OCP microscaling specification. Must not know who computes with it.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/formats/value_tables.h"
#include "kernels/search/search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 32;
constexpr int kBias = 128;
constexpr int kNan = 255;           // the exponent that stands for no number
constexpr int kAlwaysFinite = 252;  // up to it, 2^(e - 128) * 12 is below 2^128

struct Block {
  uint8_t e;
  uint8_t q[kBlock / 2];
};
static_assert(sizeof(Block) == 17);

/// 2^(e - 128): the lowest two are subnormal floats.
float scale_of(int e) {
  if (e == kNan) return std::numeric_limits<float>::quiet_NaN();
  return std::bit_cast<float>(e < 2 ? 0x00200000u << e : static_cast<uint32_t>(e - 1) << 23);
}

void decode(const std::byte* src, float* dst, int64_t n) {
  int8_t q[kBlock];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = scale_of(block.e);
    unpack_nibbles(block.q, kBlock / 2, q);
    for (int k = 0; k < kBlock; ++k) dst[b * kBlock + k] = d * static_cast<float>(kE2m1Values[q[k]]);
  }
}

/// The values in rising order, and the code of each.
constexpr int8_t kRising[15] = {-12, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12};
constexpr int8_t kRisingCode[15] = {15, 14, 13, 12, 11, 10, 9, 0, 1, 2, 3, 4, 5, 6, 7};

void encode(const float* src, std::byte* dst, int64_t n, const float* importance) {
  constexpr Levels kLevels = {.count = 15, .values = kRising};
  int8_t q[kBlock];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const float* weights = importance != nullptr ? importance + b * kBlock : nullptr;
    Block block;
    block.e = static_cast<uint8_t>(
        search().exponent(kLevels, -kBias, kAlwaysFinite - kBias, src + b * kBlock, weights, q) + kBias);
    for (int8_t& code : q) code = kRisingCode[code];
    pack_nibbles(q, kBlock / 2, block.q);
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) {
  float values[kBlock];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    if (load_block<Block>(src, b).e <= kAlwaysFinite) continue;
    decode(src + b * static_cast<int64_t>(sizeof(Block)), values, kBlock);
    if (!std::all_of(values, values + kBlock, [](float v) { return std::isfinite(v); })) return false;
  }
  return true;
}

void split(const std::byte* src, int64_t n, Codes& codes) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    codes.e[b] = block.e;
    unpack_nibbles(block.q, kBlock / 2, codes.q + b * kBlock);
  }
}

void recode(std::byte* dst, int64_t n, const int8_t* codes) {
  recode_blocks<Block>(dst, n, codes, kBlock,
                       [](const int8_t* q, Block& block) { pack_nibbles(q, kBlock / 2, block.q); });
}

}  // namespace

const Format& format_mxfp4() {
  static constexpr Format kFormat = {39,     "MXFP4", kBlock, sizeof(Block), decode, encode,
                                     finite, split,   "h4e",  recode,        16};
  return kFormat;
}

}  // namespace hearth::kernels
