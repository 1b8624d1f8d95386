// Q6_K: 256 six-bit codes; per 16 a signed byte scale, per 256 a binary16 scale: w = d * sc * (q - 32).
// Source: ggml block_q6_K. Must not know who computes with it.
#include <cstring>

#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/half.h"
#include "kernels/search/search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 256;
constexpr int kGroups = 16;
constexpr int kZero = 32;

struct Block {
  uint8_t low[kBlock / 2];
  uint8_t high[kBlock / 4];
  int8_t scales[kGroups];
  uint16_t d;
};
static_assert(sizeof(Block) == 210);

constexpr SymmetricSpec kSpec = {.levels = {-kZero, kZero - 1},
                                 .group = kBlock / kGroups,
                                 .groups = kGroups,
                                 .scale_low = -128,
                                 .scale_high = 127};

/// Half h of 128 columns: rows of 32 codes whose low four bits lie in the low, then the high nibbles of bytes
/// 64h.., their top two in the four fields of bytes 32h...
void unpack(const Block& block, int8_t* q) {
  for (int h = 0; h < 2; ++h) {
    const uint8_t* low = block.low + 64 * h;
    const uint8_t* high = block.high + 32 * h;
    int8_t* out = q + 128 * h;
    for (int k = 0; k < 32; ++k) {
      out[k] = static_cast<int8_t>((low[k] & 15) | ((high[k] & 3) << 4));
      out[k + 32] = static_cast<int8_t>((low[k + 32] & 15) | (((high[k] >> 2) & 3) << 4));
      out[k + 64] = static_cast<int8_t>((low[k] >> 4) | (((high[k] >> 4) & 3) << 4));
      out[k + 96] = static_cast<int8_t>((low[k + 32] >> 4) | ((high[k] >> 6) << 4));
    }
  }
}

void pack(const int8_t* q, Block& block) {
  for (int h = 0; h < 2; ++h) {
    const int8_t* in = q + 128 * h;
    for (int k = 0; k < 32; ++k) {
      block.low[64 * h + k] = static_cast<uint8_t>((in[k] & 15) | ((in[k + 64] & 15) << 4));
      block.low[64 * h + 32 + k] = static_cast<uint8_t>((in[k + 32] & 15) | ((in[k + 96] & 15) << 4));
      block.high[32 * h + k] = static_cast<uint8_t>((in[k] >> 4) | ((in[k + 32] >> 4) << 2) |
                                                    ((in[k + 64] >> 4) << 4) | ((in[k + 96] >> 4) << 6));
    }
  }
}

void decode(const std::byte* src, float* dst, int64_t n) {
  int8_t q[kBlock];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = half_to_float(block.d);
    unpack(block, q);
    for (int g = 0; g < kGroups; ++g) {
      const float scale = d * static_cast<float>(block.scales[g]);
      float* out = dst + b * kBlock + g * 16;
      for (int k = 0; k < 16; ++k) out[k] = scale * static_cast<float>(q[g * 16 + k] - kZero);
    }
  }
}

void encode(const float* src, std::byte* dst, int64_t n, const float* importance) {
  SymmetricCode code;
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const float* weights = importance != nullptr ? importance + b * kBlock : nullptr;
    search().symmetric(kSpec, src + b * kBlock, weights, code);
    Block block;
    block.d = code.d;
    for (int g = 0; g < kGroups; ++g) block.scales[g] = static_cast<int8_t>(code.scale[g]);
    for (int8_t& q : code.q) q = static_cast<int8_t>(q + kZero);
    pack(code.q, block);
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) { return finite_d<Block>(src, n / kBlock); }

void split(const std::byte* src, int64_t, Codes& codes) {
  const auto block = load_block<Block>(src, 0);
  codes.d[0] = block.d;
  std::memcpy(codes.sc, block.scales, kGroups);
  unpack(block, codes.q);
}

void recode(std::byte* dst, int64_t n, const int8_t* codes) {
  recode_blocks<Block>(dst, n, codes, kBlock, pack);
}

}  // namespace

const Format& format_q6_k() {
  static constexpr Format kFormat = {14,     "Q6_K", kBlock, sizeof(Block), decode, encode,
                                     finite, split,  "h6",   recode,        64};
  return kFormat;
}

}  // namespace hearth::kernels
