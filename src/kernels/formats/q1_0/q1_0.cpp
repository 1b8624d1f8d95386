// Q1_0: 128 signs, lowest bits first, and one binary16 scale: w = d for a one, -d for a zero. Source: ggml
// block_q1_0. Must not know who computes with it.
#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/half.h"
#include "kernels/search/search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 128;
constexpr int8_t kSigns[2] = {-1, 1};

struct Block {
  uint16_t d;
  uint8_t q[kBlock / 8];
};
static_assert(sizeof(Block) == 18);

constexpr SymmetricSpec kSpec = {.levels = {.count = 2, .values = kSigns}, .group = kBlock};

void decode(const std::byte* src, float* dst, int64_t n) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = half_to_float(block.d);
    for (int k = 0; k < kBlock; ++k) {
      dst[b * kBlock + k] = d * static_cast<float>(kSigns[(block.q[k / 8] >> (k % 8)) & 1]);
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
      block.q[k / 8] = static_cast<uint8_t>(block.q[k / 8] | (code.q[k] << (k % 8)));
    }
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) { return finite_d<Block>(src, n / kBlock); }

}  // namespace

const Format& format_q1_0() {
  static constexpr Format kFormat = {41, "Q1_0", kBlock, sizeof(Block), decode, encode, finite, nullptr, ""};
  return kFormat;
}

}  // namespace hearth::kernels
