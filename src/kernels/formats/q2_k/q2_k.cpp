// Q2_K: 256 two-bit codes; per 16 a 4-bit scale and minimum, per 256 a binary16 scale of each: w = d*sc*q -
// dmin*m. Source: ggml block_q2_K. Must not know who computes with it.
#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/half.h"
#include "kernels/search/search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 256;
constexpr int kGroups = 16;

struct Block {
  uint8_t scales[kGroups];  // scale in the low nibble, minimum in the high one
  uint8_t q[kBlock / 4];
  uint16_t d;
  uint16_t dmin;
};
static_assert(sizeof(Block) == 84);

constexpr AffineSpec kSpec = {.high = 3, .group = kBlock / kGroups, .groups = kGroups, .scale_high = 15};

void decode(const std::byte* src, float* dst, int64_t n) {
  int8_t q[kBlock];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = half_to_float(block.d);
    const float dmin = half_to_float(block.dmin);
    unpack_twos(block.q, q);
    for (int g = 0; g < kGroups; ++g) {
      const float scale = d * static_cast<float>(block.scales[g] & 15);
      const float min = dmin * static_cast<float>(block.scales[g] >> 4);
      float* out = dst + b * kBlock + g * 16;
      for (int k = 0; k < 16; ++k) out[k] = scale * static_cast<float>(q[g * 16 + k]) - min;
    }
  }
}

void encode(const float* src, std::byte* dst, int64_t n, const float* importance) {
  AffineCode code;
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const float* weights = importance != nullptr ? importance + b * kBlock : nullptr;
    search().affine(kSpec, src + b * kBlock, weights, code);
    Block block;
    block.d = code.d;
    block.dmin = code.m;
    for (int g = 0; g < kGroups; ++g)
      block.scales[g] = static_cast<uint8_t>(code.scale[g] | (code.min[g] << 4));
    pack_twos(code.q, block.q);
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) { return finite_d_and<Block, &Block::dmin>(src, n / kBlock); }

void split(const std::byte* src, int64_t, Codes& codes) {
  const auto block = load_block<Block>(src, 0);
  codes.d[0] = block.d;
  codes.m[0] = block.dmin;
  for (int g = 0; g < kGroups; ++g) {
    codes.sc[g] = static_cast<int8_t>(block.scales[g] & 15);
    codes.mn[g] = block.scales[g] >> 4;
  }
  unpack_twos(block.q, codes.q);
}

void recode(std::byte* dst, int64_t n, const int8_t* codes) {
  recode_blocks<Block>(dst, n, codes, kBlock, [](const int8_t* q, Block& block) { pack_twos(q, block.q); });
}

}  // namespace

const Format& format_q2_k() {
  static constexpr Format kFormat = {10,     "Q2_K", kBlock, sizeof(Block), decode, encode,
                                     finite, split,  "h2",   recode,        4};
  return kFormat;
}

}  // namespace hearth::kernels
