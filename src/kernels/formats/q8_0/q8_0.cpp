// Q8_0: 32 signed bytes and one binary16 scale, w = d * q. Source: ggml block_q8_0.
// Must not know who computes with it.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/format.h"
#include "kernels/half.h"
#include "kernels/scale_search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 32;

struct Block {
  uint16_t d;
  int8_t q[kBlock];
};
static_assert(sizeof(Block) == 34);

Block load(const std::byte* src, int64_t index) {
  Block block;
  std::memcpy(&block, src + index * static_cast<int64_t>(sizeof(Block)), sizeof(Block));
  return block;
}

void decode(const std::byte* src, float* dst, int64_t n) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const Block block = load(src, b);
    const float d = half_to_float(block.d);
    for (int k = 0; k < kBlock; ++k) dst[b * kBlock + k] = d * static_cast<float>(block.q[k]);
  }
}

void encode(const float* src, std::byte* dst, int64_t n, const float* /*importance*/) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const float* x = src + b * kBlock;
    float largest = 0;
    for (int k = 0; k < kBlock; ++k) largest = std::max(largest, std::fabs(x[k]));
    Block block;
    block.d = float_to_half(std::min(largest / 127.0f, 65504.0f));
    const float d = half_to_float(block.d);
    for (int k = 0; k < kBlock; ++k) {
      block.q[k] = static_cast<int8_t>(d > 0 ? round_to(x[k] / d, -127, 127) : 0);
    }
    std::memcpy(dst + b * static_cast<int64_t>(sizeof(Block)), &block, sizeof(block));
  }
}

bool finite(const std::byte* src, int64_t n) {
  bool all = true;
  for (int64_t b = 0; b < n / kBlock; ++b) all &= half_is_finite(load(src, b).d);
  return all;
}

void split(const std::byte* src, int64_t n, Codes& codes) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const Block block = load(src, b);
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
