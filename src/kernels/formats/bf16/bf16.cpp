// BF16: plain bfloat16. One value per block; kept as two bytes in memory and widened where it is used.
// Must not know who computes with it.
#include <cstring>

#include "kernels/format.h"
#include "kernels/half.h"

namespace hearth::kernels {
namespace {

uint16_t bits_at(const std::byte* src, int64_t i) {
  uint16_t bits;
  std::memcpy(&bits, src + 2 * i, sizeof(bits));
  return bits;
}

void decode(const std::byte* src, float* dst, int64_t n) {
  for (int64_t i = 0; i < n; ++i) dst[i] = bfloat16_to_float(bits_at(src, i));
}

void encode(const float* src, std::byte* dst, int64_t n, const float* /*importance*/) {
  for (int64_t i = 0; i < n; ++i) {
    const uint16_t bits = float_to_bfloat16(src[i]);
    std::memcpy(dst + 2 * i, &bits, sizeof(bits));
  }
}

bool finite(const std::byte* src, int64_t n) {
  bool all = true;
  for (int64_t i = 0; i < n; ++i) all &= ((bits_at(src, i) & 0x7f80u) != 0x7f80u);
  return all;
}

}  // namespace

const Format& format_bf16() {
  static constexpr Format kFormat = {30, "BF16", 1, 2, decode, encode, finite, nullptr, "bf16"};
  return kFormat;
}

}  // namespace hearth::kernels
