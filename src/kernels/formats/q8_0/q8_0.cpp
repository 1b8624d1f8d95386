// Q8_0: 32 signed bytes and one binary16 scale, w = d * q. Source: ggml block_q8_0.
// Must not know who computes with it.
#include <cstring>

#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/half.h"
#include "kernels/search/search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 32;

struct Block {
  uint16_t d;
  int8_t q[kBlock];
};
static_assert(sizeof(Block) == 34);

constexpr SymmetricSpec kSpec = {.levels = {-127, 127}, .group = kBlock};

void decode(const std::byte* src, float* dst, int64_t n) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = half_to_float(block.d);
    for (int k = 0; k < kBlock; ++k) dst[b * kBlock + k] = d * static_cast<float>(block.q[k]);
  }
}

void encode(const float* src, std::byte* dst, int64_t n, const float* importance) {
  SymmetricCode code;
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const float* weights = importance != nullptr ? importance + b * kBlock : nullptr;
    search().symmetric(kSpec, src + b * kBlock, weights, code);
    Block block;
    block.d = code.d;
    std::memcpy(block.q, code.q, kBlock);
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) { return finite_d<Block>(src, n / kBlock); }

void split(const std::byte* src, int64_t n, Codes& codes) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    codes.d[b] = block.d;
    std::memcpy(codes.q + b * kBlock, block.q, kBlock);
  }
}

}  // namespace

const Format& format_q8_0() {
  static constexpr Format kFormat = {8, "Q8_0", kBlock, sizeof(Block), decode, encode, finite, split, "h8"};
  return kFormat;
}

}  // namespace hearth::kernels
