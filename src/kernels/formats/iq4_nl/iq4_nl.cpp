// IQ4_NL: 32 four-bit codes for sixteen non-linear values T, and one binary16 scale: w = d * T[q]. Byte j
// holds weight j (low nibble) and j + 16 (high). Source: ggml block_iq4_nl. Must not know who computes with
// it.
#include <algorithm>

#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/formats/value_tables.h"
#include "kernels/half.h"
#include "kernels/scale_search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 32;

struct Block {
  uint16_t d;
  uint8_t q[kBlock / 2];
};
static_assert(sizeof(Block) == 18);

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

void encode(const float* src, std::byte* dst, int64_t n, const float* /*importance*/) {
  int8_t q[kBlock];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const float* x = src + b * kBlock;
    Block block;
    block.d = float_to_half(std::clamp(search_table_scale(x, kBlock, kNonLinearValues), -65504.0f, 65504.0f));
    const float d = half_to_float(block.d);
    for (int k = 0; k < kBlock; ++k) {
      q[k] = static_cast<int8_t>(nearest_value(kNonLinearValues, d != 0 ? x[k] / d : 0));
    }
    pack_nibbles(q, kBlock / 2, block.q);
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

}  // namespace

const Format& format_iq4_nl() {
  static constexpr Format kFormat = {20,     "IQ4_NL", kBlock, sizeof(Block), decode,
                                     encode, finite,   split,  "h4x"};
  return kFormat;
}

}  // namespace hearth::kernels
