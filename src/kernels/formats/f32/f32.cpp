// F32: plain binary32, the format of norms and biases in GGUF files and of small models.
// One value per block. Must not know who computes with it.
#include <cmath>
#include <cstring>

#include "kernels/format.h"

namespace hearth::kernels {
namespace {

void decode(const std::byte* src, float* dst, int64_t n) {
  std::memcpy(dst, src, static_cast<size_t>(n) * sizeof(float));
}

void encode(const float* src, std::byte* dst, int64_t n, const float* /*importance*/) {
  std::memcpy(dst, src, static_cast<size_t>(n) * sizeof(float));
}

bool finite(const std::byte* src, int64_t n) {
  uint32_t worst = 0;
  for (int64_t i = 0; i < n; ++i) {
    uint32_t bits;
    std::memcpy(&bits, src + 4 * i, sizeof(bits));
    const uint32_t magnitude = bits & 0x7fffffffu;
    worst = magnitude > worst ? magnitude : worst;
  }
  return worst < 0x7f800000u;
}

}  // namespace

const Format& format_f32() {
  static constexpr Format kFormat = {0, "F32", 1, 4, decode, encode, finite, nullptr, "f32"};
  return kFormat;
}

}  // namespace hearth::kernels
