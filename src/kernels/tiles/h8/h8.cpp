// Tile h8, portable: packing, exact rows and the definition of its arithmetic. Must not know formats by name.
#include "kernels/tiles/h8/h8.h"

namespace hearth::kernels {

void H8::pack(const Codes* rows, int groups, std::byte* tile) {
  std::memset(tile, 0, static_cast<size_t>(bytes(groups)));
  auto* scale = reinterpret_cast<uint16_t*>(tile);
  auto* q = reinterpret_cast<Vectors>(tile + scale_bytes(groups));
  for (int g = 0; g < groups; ++g) {
    for (int r = 0; r < kPanelRows; ++r) {
      scale[g * kPanelRows + r] = rows[r].d[g];
      for (int j = 0; j < kVectorsPerGroup; ++j) {
        std::memcpy(q[g * kVectorsPerGroup + j] + 4 * r, rows[r].q + g * kGroup + 4 * j, 4);
      }
    }
  }
}

void H8::decode(const std::byte* tile, int groups, int r, float* out) {
  for (int g = 0; g < groups; ++g) {
    const float d = half_to_float(scales(tile, g)[r]);
    const ConstVectors q = vectors(tile, groups, g);
    for (int k = 0; k < kGroup; ++k) out[g * kGroup + k] = d * static_cast<float>(q[k / 4][4 * r + k % 4]);
  }
}

float H8::accumulate(const std::byte* tile, int groups, int r, const ActivationBlock& a, float sum) {
  for (int g = 0; g < groups; ++g) {
    const ConstVectors q = vectors(tile, groups, g);
    int dot = 0;
    for (int k = 0; k < kGroup; ++k) dot += q[k / 4][4 * r + k % 4] * a.q[g * kGroup + k];
    sum = std::fma(half_to_float(scales(tile, g)[r]), static_cast<float>(dot) * a.d[g], sum);
  }
  return sum;
}

const Tile& tile_h8() {
#if defined(__x86_64__)
  static constexpr Tile kTile =
      IntPanel<H8>::tile("h8", h8_multiply_avx2, h8_multiply_vnni256, h8_multiply_vnni);
#elif defined(__aarch64__)
  static constexpr Tile kTile = IntPanel<H8>::tile("h8", h8_multiply_dotprod, h8_multiply_i8mm);
#else
  static constexpr Tile kTile = IntPanel<H8>::tile("h8", nullptr, nullptr);
#endif
  return kTile;
}

}  // namespace hearth::kernels
