// Tile h4, portable: packing, exact rows and the definition of its arithmetic. Must not know formats by name.
#include "kernels/tiles/h4/h4.h"

namespace hearth::kernels {

void H4::pack(const Codes* rows, int groups, std::byte* tile) {
  H4Tile t{};
  for (int r = 0; r < kPanelRows; ++r) {
    t.d[r] = rows[r].d[0];
    t.m[r] = rows[r].m[0];
    for (int g = 0; g < groups; ++g) {
      t.sc[g][r] = static_cast<uint8_t>(rows[r].sc[g]);
      t.mn[g][r] = rows[r].mn[g];
    }
  }
  for (int g = 0; g < groups; ++g) pack_nibbles(rows, g, t.q[g]);
  std::memcpy(tile, &t, sizeof(t));
}

void H4::decode(const std::byte* tile, int groups, int r, float* out) {
  const auto& t = *reinterpret_cast<const H4Tile*>(tile);
  const float d = half_to_float(t.d[r]);
  const float m = half_to_float(t.m[r]);
  for (int g = 0; g < groups; ++g) {
    const float scale = d * static_cast<float>(t.sc[g][r]);
    const float min = m * static_cast<float>(t.mn[g][r]);
    for (int k = 0; k < kGroup; ++k)
      out[g * kGroup + k] = scale * static_cast<float>(nibble_at(t.q[g], r, k)) - min;
  }
}

float H4::accumulate(const std::byte* tile, int groups, int r, const ActivationBlock& a, float sum) {
  const auto& t = *reinterpret_cast<const H4Tile*>(tile);
  float codes = 0;
  float minima = 0;
  for (int g = 0; g < groups; ++g) {
    int dot = 0;
    for (int k = 0; k < kGroup; ++k) dot += nibble_at(t.q[g], r, k) * a.q[g * kGroup + k];
    codes = std::fma(static_cast<float>(dot * t.sc[g][r]), a.d[g], codes);
    minima = std::fma(static_cast<float>(t.mn[g][r]), a.scaled_sum[g], minima);
  }
  sum = std::fma(half_to_float(t.d[r]), codes, sum);
  return std::fma(-half_to_float(t.m[r]), minima, sum);
}

const Tile& tile_h4() {
#if defined(__x86_64__)
  static constexpr Tile kTile =
      IntPanel<H4>::tile("h4", h4_multiply_avx2, h4_multiply_vnni256, h4_multiply_vnni);
#elif defined(__aarch64__)
  static constexpr Tile kTile = IntPanel<H4>::tile("h4", h4_multiply_dotprod, h4_multiply_i8mm);
#else
  static constexpr Tile kTile = IntPanel<H4>::tile("h4", nullptr, nullptr);
#endif
  return kTile;
}

}  // namespace hearth::kernels
