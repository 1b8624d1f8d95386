// Q2_K: 256 two-bit codes; per 16 a 4-bit scale and minimum, per 256 a binary16 scale of each: w = d*sc*q -
// dmin*m. Source: ggml block_q2_K. Must not know who computes with it.
#include <algorithm>

#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/half.h"
#include "kernels/scale_search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 256;
constexpr int kGroups = 16;
constexpr int kLevels = 3;

struct Block {
  uint8_t scales[kGroups];  // scale in the low nibble, minimum in the high one
  uint8_t q[kBlock / 4];
  uint16_t d;
  uint16_t dmin;
};
static_assert(sizeof(Block) == 84);

void decode(const std::byte* src, float* dst, int64_t n) {
  int8_t q[kBlock];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = half_to_float(block.d);
    const float dmin = half_to_float(block.dmin);
    unpack_twos(block.q, q);
    for (int g = 0; g < kGroups; ++g) {
      const float scale = d * static_cast<float>(block.scales[g] & 15);
      const float min = dmin * static_cast<float>(block.scales[g] >> 4);
      float* out = dst + b * kBlock + g * 16;
      for (int k = 0; k < 16; ++k) out[k] = scale * static_cast<float>(q[g * 16 + k]) - min;
    }
  }
}

void encode_block(const float* x, Block& block) {
  ScaleMin fits[kGroups];
  float largest_scale = 0;
  float largest_min = 0;
  for (int g = 0; g < kGroups; ++g) {
    fits[g] = search_scale_min(x + 16 * g, 16, kLevels);
    largest_scale = std::max(largest_scale, fits[g].scale);
    largest_min = std::max(largest_min, fits[g].min);
  }
  block.d = float_to_half(std::min(largest_scale / 15.0f, 65504.0f));
  block.dmin = float_to_half(std::min(largest_min / 15.0f, 65504.0f));
  const float d = half_to_float(block.d);
  const float dmin = half_to_float(block.dmin);
  int8_t q[kBlock];
  for (int g = 0; g < kGroups; ++g) {
    const int scale = d > 0 ? round_to(fits[g].scale / d, 0, 15) : 0;
    const int min = dmin > 0 ? round_to(fits[g].min / dmin, 0, 15) : 0;
    block.scales[g] = static_cast<uint8_t>(scale | (min << 4));
    const float step = d * static_cast<float>(scale);
    const float offset = dmin * static_cast<float>(min);
    for (int k = 16 * g; k < 16 * g + 16; ++k) {
      q[k] = static_cast<int8_t>(step > 0 ? round_to((x[k] + offset) / step, 0, kLevels) : 0);
    }
  }
  pack_twos(q, block.q);
}

void encode(const float* src, std::byte* dst, int64_t n, const float* /*importance*/) {
  for (int64_t b = 0; b < n / kBlock; ++b) {
    Block block;
    encode_block(src + b * kBlock, block);
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) { return finite_d_and<Block, &Block::dmin>(src, n / kBlock); }

void split(const std::byte* src, int64_t, Codes& codes) {
  const auto block = load_block<Block>(src, 0);
  codes.d[0] = block.d;
  codes.m[0] = block.dmin;
  for (int g = 0; g < kGroups; ++g) {
    codes.sc[g] = static_cast<int8_t>(block.scales[g] & 15);
    codes.mn[g] = block.scales[g] >> 4;
  }
  unpack_twos(block.q, codes.q);
}

}  // namespace

const Format& format_q2_k() {
  static constexpr Format kFormat = {10, "Q2_K", kBlock, sizeof(Block), decode, encode, finite, split, "h2"};
  return kFormat;
}

}  // namespace hearth::kernels
