// TQ1_0: 256 ternary weights, five to a byte, and one binary16 scale: w = d * (q - 1). A byte is the five
// ternary digits, read as a fraction of 3^5, in units of 1/256 and rounded up. Source: ggml block_tq1_0. Must
// not know who computes with it.
#include "kernels/format.h"
#include "kernels/formats/bits.h"
#include "kernels/half.h"
#include "kernels/search/search.h"

namespace hearth::kernels {
namespace {

constexpr int kBlock = 256;
constexpr int kDigits = 5;

struct Block {
  uint8_t q[52];  // 32 bytes of five digits, 16 of five, 4 of four
  uint16_t d;
};
static_assert(sizeof(Block) == 54);

constexpr SymmetricSpec kSpec = {.levels = {-1, 1}, .group = kBlock};

/// The weights that byte `at` holds: the first, how far apart, and how many.
struct Run {
  int first, apart, count;
};

Run run_of(int at) {
  if (at < 32) return {at, 32, kDigits};
  if (at < 48) return {160 + at - 32, 16, kDigits};
  return {240 + at - 48, 4, kDigits - 1};
}

/// Codes 0..2.
void unpack(const Block& block, int8_t* q) {
  for (int at = 0; at < static_cast<int>(sizeof(block.q)); ++at) {
    const Run run = run_of(at);
    uint8_t fraction = block.q[at];
    for (int i = 0; i < run.count; ++i) {
      q[run.first + i * run.apart] = static_cast<int8_t>((fraction * 3) >> 8);
      fraction = static_cast<uint8_t>(fraction * 3);
    }
  }
}

void pack(const int8_t* q, Block& block) {
  for (int at = 0; at < static_cast<int>(sizeof(block.q)); ++at) {
    const Run run = run_of(at);
    int number = 0;
    for (int i = 0; i < kDigits; ++i)
      number = 3 * number + (i < run.count ? q[run.first + i * run.apart] : 0);
    block.q[at] = static_cast<uint8_t>((number * 256 + 242) / 243);
  }
}

void decode(const std::byte* src, float* dst, int64_t n) {
  int8_t q[kBlock];
  for (int64_t b = 0; b < n / kBlock; ++b) {
    const auto block = load_block<Block>(src, b);
    const float d = half_to_float(block.d);
    unpack(block, q);
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
    pack(code.q, block);
    store_block(block, dst, b);
  }
}

bool finite(const std::byte* src, int64_t n) { return finite_d<Block>(src, n / kBlock); }

}  // namespace

const Format& format_tq1_0() {
  static constexpr Format kFormat = {34, "TQ1_0", kBlock, sizeof(Block), decode, encode, finite, nullptr, ""};
  return kFormat;
}

}  // namespace hearth::kernels
