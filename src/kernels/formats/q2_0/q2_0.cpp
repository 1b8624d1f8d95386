// Q2_0: 64 two-bit codes, four consecutive ones to a byte, lowest bits first, and one binary16 scale: w = d *
// (q - 1). Source: ggml block_q2_0. Must not know who computes with it.
#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/half.h"
#include "kernels/search/search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 64;

struct Block {
  uint16_t d;
  uint8_t q[kBlock / 4];
};
static_assert(sizeof(Block) == 18);

constexpr SymmetricSpec kSpec = {.levels = {-1, 2}, .group = kBlock};

void decode(const std::byte* src, float* dst, int64_t n) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = half_to_float(block.d);
    for (int k = 0; k < kBlock; ++k) {
      const int q = (block.q[k / 4] >> (2 * (k % 4))) & 3;
      dst[b * kBlock + k] = d * static_cast<float>(q - 1);
    }
  }
}

void encode(const float* src, std::byte* dst, int64_t n, const float* importance) {
  SymmetricCode code;
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const float* weights = importance != nullptr ? importance + b * kBlock : nullptr;
    search().symmetric(kSpec, src + b * kBlock, weights, code);
    Block block{};
    block.d = code.d;
    for (int k = 0; k < kBlock; ++k) {
      block.q[k / 4] = static_cast<uint8_t>(block.q[k / 4] | ((code.q[k] + 1) << (2 * (k % 4))));
    }
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) { return finite_d<Block>(src, n / kBlock); }

}  // namespace

const Format& format_q2_0() {
  static constexpr Format kFormat = {42, "Q2_0", kBlock, sizeof(Block), decode, encode, finite, nullptr, ""};
  return kFormat;
}

}  // namespace hearth::kernels
