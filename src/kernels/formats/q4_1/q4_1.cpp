// Q4_1: 32 four-bit codes, a binary16 scale and offset: w = d * q + m. Byte j holds weight j (low nibble) and
// j + 16 (high). Source: ggml block_q4_1. Must not know who computes with it.
#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/half.h"
#include "kernels/search/search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 32;
constexpr int kLevels = 15;

struct Block {
  uint16_t d;
  uint16_t m;
  uint8_t q[kBlock / 2];
};
static_assert(sizeof(Block) == 20);

void decode(const std::byte* src, float* dst, int64_t n) {
  int8_t q[kBlock];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = half_to_float(block.d);
    const float m = half_to_float(block.m);
    unpack_nibbles(block.q, kBlock / 2, q);
    for (int k = 0; k < kBlock; ++k) dst[b * kBlock + k] = d * static_cast<float>(q[k]) + m;
  }
}

void encode(const float* src, std::byte* dst, int64_t n, const float* importance) {
  OffsetCode code;
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const float* weights = importance != nullptr ? importance + b * kBlock : nullptr;
    search().offset(kLevels, src + b * kBlock, weights, code);
    Block block;
    block.d = code.d;
    block.m = code.m;
    pack_nibbles(code.q, kBlock / 2, block.q);
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) { return finite_d_and<Block, &Block::m>(src, n / kBlock); }

void split(const std::byte* src, int64_t n, Codes& codes) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    codes.d[b] = block.d;
    codes.m[b] = block.m;
    unpack_nibbles(block.q, kBlock / 2, codes.q + b * kBlock);
  }
}

void recode(std::byte* dst, int64_t n, const int8_t* codes) {
  recode_blocks<Block>(dst, n, codes, kBlock,
                       [](const int8_t* q, Block& block) { pack_nibbles(q, kBlock / 2, block.q); });
}

}  // namespace

const Format& format_q4_1() {
  static constexpr Format kFormat = {3,      "Q4_1", kBlock, sizeof(Block), decode, encode,
                                     finite, split,  "h4m",  recode,        16};
  return kFormat;
}

}  // namespace hearth::kernels
