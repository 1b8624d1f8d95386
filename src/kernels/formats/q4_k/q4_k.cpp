// Q4_K: 256 four-bit codes; per 32 a 6-bit scale and minimum, per 256 a binary16 scale of each: w = d*sc*q -
// dmin*m. Source: ggml block_q4_K. Must not know who computes with it.
#include <algorithm>
#include <cstring>

#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/half.h"
#include "kernels/scale_search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 256;
constexpr int kGroups = 8;

struct Block {
  uint16_t d;
  uint16_t dmin;
  uint8_t scales[12];
  uint8_t q[kBlock / 2];
};
static_assert(sizeof(Block) == 144);

Block load(const std::byte* src, int64_t index) {
  Block block;
  std::memcpy(&block, src + index * static_cast<int64_t>(sizeof(Block)), sizeof(Block));
  return block;
}

/// Code k: 64-column chunk c holds its first 32 codes in the low nibbles of bytes 32c.., the next 32 in the
/// high ones.
int code_at(const Block& block, int k) {
  const uint8_t byte = block.q[(k / 64) * 32 + k % 32];
  return (k % 64) < 32 ? byte & 15 : byte >> 4;
}

void decode(const std::byte* src, float* dst, int64_t n) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const Block block = load(src, b);
    const float d = half_to_float(block.d);
    const float dmin = half_to_float(block.dmin);
    for (int g = 0; g < kGroups; ++g) {
      const GroupScale gs = group_scale(block.scales, g);
      const float scale = d * static_cast<float>(gs.scale);
      const float min = dmin * static_cast<float>(gs.min);
      float* out = dst + b * kBlock + g * 32;
      for (int k = 0; k < 32; ++k) out[k] = scale * static_cast<float>(code_at(block, g * 32 + k)) - min;
    }
  }
}

void encode_block(const float* x, Block& block) {
  ScaleMin fits[kGroups];
  float largest_scale = 0;
  float largest_min = 0;
  for (int g = 0; g < kGroups; ++g) {
    fits[g] = search_scale_min(x + 32 * g, 32, 15);
    largest_scale = std::max(largest_scale, fits[g].scale);
    largest_min = std::max(largest_min, fits[g].min);
  }
  block = Block{};
  block.d = float_to_half(std::min(largest_scale / 63.0f, 65504.0f));
  block.dmin = float_to_half(std::min(largest_min / 63.0f, 65504.0f));
  const float d = half_to_float(block.d);
  const float dmin = half_to_float(block.dmin);
  for (int g = 0; g < kGroups; ++g) {
    const int scale = d > 0 ? round_to(fits[g].scale / d, 0, 63) : 0;
    const int min = dmin > 0 ? round_to(fits[g].min / dmin, 0, 63) : 0;
    put_group_scale(block.scales, g, static_cast<unsigned>(scale), static_cast<unsigned>(min));
    const float step = d * static_cast<float>(scale);
    const float offset = dmin * static_cast<float>(min);
    for (int k = 0; k < 32; ++k) {
      const int q = step > 0 ? round_to((x[32 * g + k] + offset) / step, 0, 15) : 0;
      uint8_t& byte = block.q[(g / 2) * 32 + k];
      byte = static_cast<uint8_t>(byte | (q << (4 * (g % 2))));
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
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const Block block = load(src, b);
    all &= half_is_finite(block.d) && half_is_finite(block.dmin);
  }
  return all;
}

void split(const std::byte* src, int64_t, Codes& codes) {
  const Block block = load(src, 0);
  codes.d[0] = block.d;
  codes.m[0] = block.dmin;
  for (int g = 0; g < kGroups; ++g) {
    const GroupScale gs = group_scale(block.scales, g);
    codes.sc[g] = static_cast<int8_t>(gs.scale);
    codes.mn[g] = gs.min;
  }
  for (int chunk = 0; chunk < kGroups / 2;
       ++chunk) {  // code_at() for whole vectors: packing a model should not take seconds
    const uint8_t* in = block.q + 32 * chunk;
    int8_t* out = codes.q + 64 * chunk;
    for (int k = 0; k < 32; ++k) {
      out[k] = static_cast<int8_t>(in[k] & 15);
      out[k + 32] = static_cast<int8_t>(in[k] >> 4);
    }
  }
}

}  // namespace

const Format& format_q4_k() {
  static constexpr Format kFormat = {12, "Q4_K", kBlock, sizeof(Block), decode, encode, finite, split, "h4"};
  return kFormat;
}

}  // namespace hearth::kernels
