// Q4_0: 32 four-bit codes and one binary16 scale, w = d * (q - 8). Byte j holds weight j (low nibble) and j +
// 16 (high). Source: ggml block_q4_0. Must not know who computes with it.
#include <algorithm>
#include <cstring>

#include "kernels/format.h"
#include "kernels/half.h"
#include "kernels/scale_search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 32;
constexpr int kZero = 8;

struct Block {
  uint16_t d;
  uint8_t q[kBlock / 2];
};
static_assert(sizeof(Block) == 18);

Block load(const std::byte* src, int64_t index) {
  Block block;
  std::memcpy(&block, src + index * static_cast<int64_t>(sizeof(Block)), sizeof(Block));
  return block;
}

void decode(const std::byte* src, float* dst, int64_t n) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const Block block = load(src, b);
    const float d = half_to_float(block.d);
    float* out = dst + b * kBlock;
    for (int k = 0; k < kBlock / 2; ++k) {
      out[k] = d * static_cast<float>((block.q[k] & 15) - kZero);
      out[k + kBlock / 2] = d * static_cast<float>((block.q[k] >> 4) - kZero);
    }
  }
}

void encode(const float* src, std::byte* dst, int64_t n, const float* /*importance*/) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const float* x = src + b * kBlock;
    Block block;
    block.d = float_to_half(std::clamp(search_scale(x, kBlock, -kZero, kZero - 1), -65504.0f, 65504.0f));
    const float d = half_to_float(block.d);
    auto code = [&](int k) {
      const int q = d != 0 ? round_to(x[k] / d, -kZero, kZero - 1) : 0;
      return static_cast<unsigned>(q + kZero);
    };
    for (int k = 0; k < kBlock / 2; ++k) {
      block.q[k] = static_cast<uint8_t>(code(k) | (code(k + kBlock / 2) << 4));
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
    for (int k = 0; k < kBlock / 2; ++k) {
      codes.q[b * kBlock + k] = static_cast<int8_t>(block.q[k] & 15);
      codes.q[b * kBlock + k + kBlock / 2] = static_cast<int8_t>(block.q[k] >> 4);
    }
  }
}

}  // namespace

const Format& format_q4_0() {
  static constexpr Format kFormat = {2, "Q4_0", kBlock, sizeof(Block), decode, encode, finite, split, "h4f"};
  return kFormat;
}

}  // namespace hearth::kernels
