// IQ4_XS: 256 four-bit codes for sixteen non-linear values T; per 32 a six-bit scale less 32, per 256 a
// binary16 scale: w = d * sc * T[q]. Source: ggml block_iq4_xs. Must not know who computes with it.
#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/formats/value_tables.h"
#include "kernels/half.h"
#include "kernels/search/search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 256;
constexpr int kGroups = 8;
constexpr int kScaleZero = 32;

struct Block {
  uint16_t d;
  uint8_t scales_high[2];  // little-endian: bits 2g and 2g + 1 are the top two of scale g
  uint8_t scales_low[4];   // nibble g: the low four
  uint8_t q[kBlock / 2];   // bytes 16g..: group g, code j low and j + 16 high
};
static_assert(sizeof(Block) == 136);

constexpr SymmetricSpec kSpec = {.levels = {.count = 16, .values = kNonLinearValues},
                                 .group = kBlock / kGroups,
                                 .groups = kGroups,
                                 .scale_low = -kScaleZero,
                                 .scale_high = kScaleZero - 1};

/// Scale g, -32..31.
int scale_of(const Block& block, int g) {
  const int low = (block.scales_low[g / 2] >> (4 * (g % 2))) & 15;
  const int top = (block.scales_high[g / 4] >> (2 * (g % 4))) & 3;
  return (low | (top << 4)) - kScaleZero;
}

/// Into zeroed scales.
void put_scale(Block& block, int g, int scale) {
  const int bits = scale + kScaleZero;
  uint8_t& low = block.scales_low[g / 2];
  uint8_t& top = block.scales_high[g / 4];
  low = static_cast<uint8_t>(low | ((bits & 15) << (4 * (g % 2))));
  top = static_cast<uint8_t>(top | ((bits >> 4) << (2 * (g % 4))));
}

void decode(const std::byte* src, float* dst, int64_t n) {
  int8_t q[32];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = half_to_float(block.d);
    for (int g = 0; g < kGroups; ++g) {
      const float scale = d * static_cast<float>(scale_of(block, g));
      unpack_nibbles(block.q + 16 * g, 16, q);
      float* out = dst + b * kBlock + g * 32;
      for (int k = 0; k < 32; ++k) out[k] = scale * static_cast<float>(kNonLinearValues[q[k]]);
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
    for (int g = 0; g < kGroups; ++g) {
      put_scale(block, g, code.scale[g]);
      pack_nibbles(code.q + 32 * g, 16, block.q + 16 * g);
    }
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) { return finite_d<Block>(src, n / kBlock); }

void split(const std::byte* src, int64_t, Codes& codes) {
  const auto block = load_block<Block>(src, 0);
  codes.d[0] = block.d;
  for (int g = 0; g < kGroups; ++g) {
    codes.sc[g] = static_cast<int8_t>(scale_of(block, g));
    unpack_nibbles(block.q + 16 * g, 16, codes.q + 32 * g);
  }
}

void recode(std::byte* dst, int64_t n, const int8_t* codes) {
  recode_blocks<Block>(dst, n, codes, kBlock, [](const int8_t* q, Block& block) {
    for (int g = 0; g < kGroups; ++g) pack_nibbles(q + 32 * g, 16, block.q + 16 * g);
  });
}

}  // namespace

const Format& format_iq4_xs() {
  static constexpr Format kFormat = {23,     "IQ4_XS", kBlock, sizeof(Block), decode, encode,
                                     finite, split,    "h4xs", recode,        16};
  return kFormat;
}

}  // namespace hearth::kernels
