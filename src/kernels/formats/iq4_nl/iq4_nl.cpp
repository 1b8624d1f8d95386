// IQ4_NL: 32 four-bit codes for sixteen non-linear values T, and one binary16 scale: w = d * T[q]. Byte j
// holds weight j (low nibble) and j + 16 (high). Source: ggml block_iq4_nl. Must not know who computes with
// it.

#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/formats/value_tables.h"
#include "kernels/half.h"
#include "kernels/search/search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 32;

struct Block {
  uint16_t d;
  uint8_t q[kBlock / 2];
};
static_assert(sizeof(Block) == 18);

constexpr SymmetricSpec kSpec = {.levels = {.count = 16, .values = kNonLinearValues}, .group = kBlock};

void decode(const std::byte* src, float* dst, int64_t n) {
  int8_t q[kBlock];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = half_to_float(block.d);
    unpack_nibbles(block.q, kBlock / 2, q);
    for (int k = 0; k < kBlock; ++k) {
      dst[b * kBlock + k] = d * static_cast<float>(kNonLinearValues[q[k]]);
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
    pack_nibbles(code.q, kBlock / 2, block.q);
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) { return finite_d<Block>(src, n / kBlock); }

void split(const std::byte* src, int64_t n, Codes& codes) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    codes.d[b] = block.d;
    unpack_nibbles(block.q, kBlock / 2, codes.q + b * kBlock);
  }
}

void recode(std::byte* dst, int64_t n, const int8_t* codes) {
  recode_blocks<Block>(dst, n, codes, kBlock,
                       [](const int8_t* q, Block& block) { pack_nibbles(q, kBlock / 2, block.q); });
}

}  // namespace

const Format& format_iq4_nl() {
  static constexpr Format kFormat = {20,     "IQ4_NL", kBlock, sizeof(Block), decode, encode,
                                     finite, split,    "h4x",  recode,        16};
  return kFormat;
}

}  // namespace hearth::kernels
