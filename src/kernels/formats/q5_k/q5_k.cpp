// Q5_K: 256 five-bit codes; per 32 a 6-bit scale and minimum, per 256 a binary16 scale of each: w = d*sc*q -
// dmin*m. Source: ggml block_q5_K. Must not know who computes with it.
#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/half.h"
#include "kernels/search/search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 256;
constexpr int kGroups = 8;

struct Block {
  uint16_t d;
  uint16_t dmin;
  uint8_t scales[12];
  uint8_t qh[kBlock / 8];
  uint8_t q[kBlock / 2];
};
static_assert(sizeof(Block) == 176);

constexpr AffineSpec kSpec = {.high = 31, .group = kBlock / kGroups, .groups = kGroups, .scale_high = 63};

/// Chunk c of 64 columns: its first 32 codes in the low nibbles of bytes 32c.., the next 32 in the high ones,
/// their fifth bits in bits 2c and 2c + 1 of qh.
void unpack(const Block& block, int8_t* q) {
  for (int c = 0; c < kBlock / 64; ++c) {
    unpack_nibbles(block.q + 32 * c, 32, q + 64 * c);
    for (int k = 0; k < 64; ++k) {
      const int fifth = (block.qh[k % 32] >> (2 * c + k / 32)) & 1;
      q[64 * c + k] = static_cast<int8_t>(q[64 * c + k] | (fifth << 4));
    }
  }
}

void pack(const int8_t* q, Block& block) {
  std::memset(block.qh, 0, sizeof(block.qh));
  for (int c = 0; c < kBlock / 64; ++c) {
    pack_nibbles(q + 64 * c, 32, block.q + 32 * c);
    for (int k = 0; k < 64; ++k) {
      uint8_t& byte = block.qh[k % 32];
      byte = static_cast<uint8_t>(byte | ((q[64 * c + k] >> 4) << (2 * c + k / 32)));
    }
  }
}

void decode(const std::byte* src, float* dst, int64_t n) {
  int8_t q[kBlock];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = half_to_float(block.d);
    const float dmin = half_to_float(block.dmin);
    unpack(block, q);
    for (int g = 0; g < kGroups; ++g) {
      const GroupScale gs = group_scale(block.scales, g);
      const float scale = d * static_cast<float>(gs.scale);
      const float min = dmin * static_cast<float>(gs.min);
      float* out = dst + b * kBlock + g * 32;
      for (int k = 0; k < 32; ++k) out[k] = scale * static_cast<float>(q[g * 32 + k]) - min;
    }
  }
}

void encode(const float* src, std::byte* dst, int64_t n, const float* importance) {
  AffineCode code;
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const float* weights = importance != nullptr ? importance + b * kBlock : nullptr;
    search().affine(kSpec, src + b * kBlock, weights, code);
    Block block{};
    block.d = code.d;
    block.dmin = code.m;
    for (int g = 0; g < kGroups; ++g) put_group_scale(block.scales, g, code.scale[g], code.min[g]);
    pack(code.q, block);
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) { return finite_d_and<Block, &Block::dmin>(src, n / kBlock); }

void split(const std::byte* src, int64_t, Codes& codes) {
  const auto block = load_block<Block>(src, 0);
  codes.d[0] = block.d;
  codes.m[0] = block.dmin;
  for (int g = 0; g < kGroups; ++g) {
    const GroupScale gs = group_scale(block.scales, g);
    codes.sc[g] = static_cast<int8_t>(gs.scale);
    codes.mn[g] = gs.min;
  }
  unpack(block, codes.q);
}

void recode(std::byte* dst, int64_t n, const int8_t* codes) {
  recode_blocks<Block>(dst, n, codes, kBlock, pack);
}

}  // namespace

const Format& format_q5_k() {
  static constexpr Format kFormat = {13,     "Q5_K", kBlock, sizeof(Block), decode, encode,
                                     finite, split,  "h5",   recode,        32};
  return kFormat;
}

}  // namespace hearth::kernels
