// Q5_0: 32 five-bit codes and one binary16 scale, w = d * (q - 16). Byte j holds weight j (low nibble) and
// j + 16 (high), bit i of qh the fifth bit of weight i. Source: ggml block_q5_0. Must not know who computes
// with it.
#include <span>

#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/half.h"
#include "kernels/search/search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 32;
constexpr int kZero = 16;

struct Block {
  uint16_t d;
  uint8_t qh[4];
  uint8_t q[kBlock / 2];
};
static_assert(sizeof(Block) == 22);

constexpr SymmetricSpec kSpec = {.levels = {-kZero, kZero - 1}, .group = kBlock};

void decode(const std::byte* src, float* dst, int64_t n) {
  int8_t q[kBlock];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = half_to_float(block.d);
    unpack_fives(block.q, block.qh, q);
    for (int k = 0; k < kBlock; ++k) dst[b * kBlock + k] = d * static_cast<float>(q[k] - kZero);
  }
}

void encode(const float* src, std::byte* dst, int64_t n, const float* importance) {
  SymmetricCode code;
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const float* weights = importance != nullptr ? importance + b * kBlock : nullptr;
    search().symmetric(kSpec, src + b * kBlock, weights, code);
    Block block;
    block.d = code.d;
    for (int8_t& q : std::span(code.q, kBlock)) q = static_cast<int8_t>(q + kZero);
    pack_fives(code.q, block.q, block.qh);
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) { return finite_d<Block>(src, n / kBlock); }

void split(const std::byte* src, int64_t n, Codes& codes) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    codes.d[b] = block.d;
    unpack_fives(block.q, block.qh, codes.q + b * kBlock);
  }
}

void recode(std::byte* dst, int64_t n, const int8_t* codes) {
  recode_blocks<Block>(dst, n, codes, kBlock,
                       [](const int8_t* q, Block& block) { pack_fives(q, block.q, block.qh); });
}

}  // namespace

const Format& format_q5_0() {
  static constexpr Format kFormat = {6,      "Q5_0", kBlock, sizeof(Block), decode, encode,
                                     finite, split,  "h5f",  recode,        32};
  return kFormat;
}

}  // namespace hearth::kernels
