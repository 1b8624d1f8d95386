// Q6_K: 256 six-bit codes; per 16 a signed byte scale, per 256 a binary16 scale: w = d * sc * (q - 32).
// Source: ggml block_q6_K. Must not know who computes with it.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/format.h"
#include "kernels/half.h"
#include "kernels/scale_search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 256;
constexpr int kGroups = 16;
constexpr int kZero = 32;

struct Block {
  uint8_t low[kBlock / 2];
  uint8_t high[kBlock / 4];
  int8_t scales[kGroups];
  uint16_t d;
};
static_assert(sizeof(Block) == 210);

Block load(const std::byte* src, int64_t index) {
  Block block;
  std::memcpy(&block, src + index * static_cast<int64_t>(sizeof(Block)), sizeof(Block));
  return block;
}

/// Where the bits of code k lie: half h of 128 columns, row r of 32 inside it, lane l.
struct Place {
  int low_byte;
  int low_shift;
  int high_byte;
  int high_shift;
};

Place place_of(int k) {
  const int half = k / 128;
  const int row = (k % 128) / 32;
  const int lane = k % 32;
  return {64 * half + 32 * (row & 1) + lane, row < 2 ? 0 : 4, 32 * half + lane, 2 * row};
}

int code_at(const Block& block, int k) {
  const Place at = place_of(k);
  return ((block.low[at.low_byte] >> at.low_shift) & 15) |
         (((block.high[at.high_byte] >> at.high_shift) & 3) << 4);
}

void decode(const std::byte* src, float* dst, int64_t n) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const Block block = load(src, b);
    const float d = half_to_float(block.d);
    for (int g = 0; g < kGroups; ++g) {
      const float scale = d * static_cast<float>(block.scales[g]);
      float* out = dst + b * kBlock + g * 16;
      for (int k = 0; k < 16; ++k) out[k] = scale * static_cast<float>(code_at(block, g * 16 + k) - kZero);
    }
  }
}

void encode_block(const float* x, Block& block) {
  float fits[kGroups];
  float extreme = 0;
  for (int g = 0; g < kGroups; ++g) {
    fits[g] = search_scale(x + 16 * g, 16, -kZero, kZero - 1);
    if (std::fabs(fits[g]) > std::fabs(extreme)) extreme = fits[g];
  }
  block = Block{};
  block.d = float_to_half(std::clamp(extreme / -128.0f, -65504.0f, 65504.0f));
  const float d = half_to_float(block.d);
  for (int g = 0; g < kGroups; ++g) {
    block.scales[g] = static_cast<int8_t>(d != 0 ? round_to(fits[g] / d, -128, 127) : 0);
    const float step = d * static_cast<float>(block.scales[g]);
    for (int k = 16 * g; k < 16 * g + 16; ++k) {
      const int q = (step != 0 ? round_to(x[k] / step, -kZero, kZero - 1) : 0) + kZero;
      const Place at = place_of(k);
      uint8_t& low = block.low[at.low_byte];
      uint8_t& high = block.high[at.high_byte];
      low = static_cast<uint8_t>(low | ((q & 15) << at.low_shift));
      high = static_cast<uint8_t>(high | ((q >> 4) << at.high_shift));
    }
  }
}

void encode(const float* src, std::byte* dst, int64_t n, const float* /*importance*/) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    Block block;
    encode_block(src + b * kBlock, block);
    std::memcpy(dst + b * static_cast<int64_t>(sizeof(Block)), &block, sizeof(block));
  }
}

bool finite(const std::byte* src, int64_t n) {
  bool all = true;
  for (int64_t b = 0; b < n / kBlock; ++b) all &= half_is_finite(load(src, b).d);
  return all;
}

void split(const std::byte* src, int64_t, Codes& codes) {
  const Block block = load(src, 0);
  codes.d[0] = block.d;
  std::memcpy(codes.sc, block.scales, kGroups);
  for (int half = 0; half < 2;
       ++half) {  // code_at() for whole vectors: packing a model should not take seconds
    const uint8_t* low = block.low + 64 * half;
    const uint8_t* high = block.high + 32 * half;
    int8_t* out = codes.q + 128 * half;
    for (int k = 0; k < 32; ++k) {
      out[k] = static_cast<int8_t>((low[k] & 15) | ((high[k] & 3) << 4));
      out[k + 32] = static_cast<int8_t>((low[k + 32] & 15) | (((high[k] >> 2) & 3) << 4));
      out[k + 64] = static_cast<int8_t>((low[k] >> 4) | (((high[k] >> 4) & 3) << 4));
      out[k + 96] = static_cast<int8_t>((low[k + 32] >> 4) | ((high[k] >> 6) << 4));
    }
  }
}

}  // namespace

const Format& format_q6_k() {
  static constexpr Format kFormat = {14, "Q6_K", kBlock, sizeof(Block), decode, encode, finite, split, "h6"};
  return kFormat;
}

}  // namespace hearth::kernels
