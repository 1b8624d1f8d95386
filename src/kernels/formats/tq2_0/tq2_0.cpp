// TQ2_0: 256 ternary weights, two bits each, and one binary16 scale: w = d * (q - 1). Source: ggml
// block_tq2_0. Must not know who computes with it.
#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/half.h"
#include "kernels/search/search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 256;

struct Block {
  uint8_t q[kBlock / 4];
  uint16_t d;
};
static_assert(sizeof(Block) == 66);

constexpr SymmetricSpec kSpec = {.levels = {-1, 1}, .group = kBlock};

void decode(const std::byte* src, float* dst, int64_t n) {
  int8_t q[kBlock];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = half_to_float(block.d);
    unpack_twos(block.q, q);
    for (int k = 0; k < kBlock; ++k) dst[b * kBlock + k] = d * static_cast<float>(q[k] - 1);
  }
}

void encode(const float* src, std::byte* dst, int64_t n, const float* importance) {
  SymmetricCode code;
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const float* weights = importance != nullptr ? importance + b * kBlock : nullptr;
    search().symmetric(kSpec, src + b * kBlock, weights, code);
    Block block;
    block.d = code.d;
    for (int8_t& q : code.q) q = static_cast<int8_t>(q + 1);
    pack_twos(code.q, block.q);
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) { return finite_d<Block>(src, n / kBlock); }

}  // namespace

const Format& format_tq2_0() {
  static constexpr Format kFormat = {35, "TQ2_0", kBlock, sizeof(Block), decode, encode, finite, nullptr, ""};
  return kFormat;
}

}  // namespace hearth::kernels
