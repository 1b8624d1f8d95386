// Q3_K: 256 three-bit codes; per 16 a six-bit scale less 32, per 256 a binary16 scale: w = d * sc * (q - 4).
// Source: ggml block_q3_K. Must not know who computes with it.
#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/half.h"
#include "kernels/search/search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 256;
constexpr int kGroups = 16;
constexpr int kZero = 4;
constexpr int kScaleZero = 32;

struct Block {
  uint8_t high[kBlock / 8];  // bit k / 32 of byte k % 32: third bit of code k
  uint8_t low[kBlock / 4];
  uint8_t scales[12];
  uint16_t d;
};
static_assert(sizeof(Block) == 110);

constexpr SymmetricSpec kSpec = {.levels = {-kZero, kZero - 1},
                                 .group = kBlock / kGroups,
                                 .groups = kGroups,
                                 .scale_low = -kScaleZero,
                                 .scale_high = kScaleZero - 1};

/// Codes 0..7.
void unpack(const Block& block, int8_t* q) {
  unpack_twos(block.low, q);
  for (int k = 0; k < kBlock; ++k) {
    q[k] = static_cast<int8_t>(q[k] | (((block.high[k % 32] >> (k / 32)) & 1) << 2));
  }
}

void pack(const int8_t* q, Block& block) {
  pack_twos(q, block.low);
  std::memset(block.high, 0, sizeof(block.high));
  for (int k = 0; k < kBlock; ++k) {
    block.high[k % 32] = static_cast<uint8_t>(block.high[k % 32] | ((q[k] >> 2) << (k / 32)));
  }
}

/// Scale g, -32..31: its low four bits are a nibble of byte g % 8, its top two lie in byte 8 + g % 4.
int scale_of(const Block& block, int g) {
  const int low = g < 8 ? block.scales[g] & 15 : block.scales[g - 8] >> 4;
  const int top = (block.scales[8 + g % 4] >> (2 * (g / 4))) & 3;
  return (low | (top << 4)) - kScaleZero;
}

/// Into zeroed scales.
void put_scale(Block& block, int g, int scale) {
  const int bits = scale + kScaleZero;
  uint8_t& low = block.scales[g % 8];
  uint8_t& top = block.scales[8 + g % 4];
  low = static_cast<uint8_t>(low | ((bits & 15) << (g < 8 ? 0 : 4)));
  top = static_cast<uint8_t>(top | ((bits >> 4) << (2 * (g / 4))));
}

void decode(const std::byte* src, float* dst, int64_t n) {
  int8_t q[kBlock];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = half_to_float(block.d);
    unpack(block, q);
    for (int g = 0; g < kGroups; ++g) {
      const float scale = d * static_cast<float>(scale_of(block, g));
      float* out = dst + b * kBlock + g * 16;
      for (int k = 0; k < 16; ++k) out[k] = scale * static_cast<float>(q[g * 16 + k] - kZero);
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
    for (int g = 0; g < kGroups; ++g) put_scale(block, g, code.scale[g]);
    for (int8_t& q : code.q) q = static_cast<int8_t>(q + kZero);
    pack(code.q, block);
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) { return finite_d<Block>(src, n / kBlock); }

void split(const std::byte* src, int64_t, Codes& codes) {
  const auto block = load_block<Block>(src, 0);
  codes.d[0] = block.d;
  for (int g = 0; g < kGroups; ++g) codes.sc[g] = static_cast<int8_t>(scale_of(block, g));
  unpack(block, codes.q);
}

void recode(std::byte* dst, int64_t n, const int8_t* codes) {
  recode_blocks<Block>(dst, n, codes, kBlock, pack);
}

}  // namespace

const Format& format_q3_k() {
  static constexpr Format kFormat = {11,     "Q3_K", kBlock, sizeof(Block), decode, encode,
                                     finite, split,  "h3",   recode,        8};
  return kFormat;
}

}  // namespace hearth::kernels
