// Tile h6, portable: packing, exact rows and the definition of its arithmetic. Must not know formats by name.
#include "kernels/tiles/h6/h6.h"

namespace hearth::kernels {
namespace {

int code_at(const H6Tile& t, int g, int r, int k) {
  const uint8_t high = t.q[g].high[k / 16][4 * r + k % 4];
  return nibble_at(t.q[g].low, r, k) | (((high >> (2 * (k % 16 / 4))) & 3) << 4);
}

}  // namespace

void H6::pack(const Codes* rows, int groups, std::byte* tile) {
  H6Tile t{};
  for (int r = 0; r < kPanelRows; ++r) {
    t.d[r] = rows[r].d[0];
    for (int g = 0; g < groups; ++g) {
      t.sc[g][0][r] = rows[r].sc[2 * g];
      t.sc[g][1][r] = rows[r].sc[2 * g + 1];
    }
  }
  for (int g = 0; g < groups; ++g) {
    pack_nibbles(rows, g, t.q[g].low);
    for (int j = 0; j < kVectorsPerGroup; ++j) {
      for (int r = 0; r < kPanelRows; ++r) {
        uint8_t* out = t.q[g].high[j / 4] + 4 * r;
        uint32_t bits;
        std::memcpy(&bits, out, sizeof(bits));
        bits |= ((four_codes(rows[r], g * kGroup + 4 * j) >> 4) & 0x03030303u) << (2 * (j % 4));
        std::memcpy(out, &bits, sizeof(bits));
      }
    }
  }
  std::memcpy(tile, &t, sizeof(t));
}

void H6::decode(const std::byte* tile, int groups, int r, float* out) {
  const auto& t = *reinterpret_cast<const H6Tile*>(tile);
  const float d = half_to_float(t.d[r]);
  for (int g = 0; g < groups; ++g) {
    for (int k = 0; k < kGroup; ++k) {
      const float scale = d * static_cast<float>(t.sc[g][k / 16][r]);
      out[g * kGroup + k] = scale * static_cast<float>(code_at(t, g, r, k) - kZero);
    }
  }
}

float H6::accumulate(const std::byte* tile, int groups, int r, const ActivationBlock& a, float sum) {
  const auto& t = *reinterpret_cast<const H6Tile*>(tile);
  float codes = 0;
  for (int g = 0; g < groups; ++g) {
    int dot = 0;
    for (int k = 0; k < kGroup; ++k) {
      dot += t.sc[g][k / 16][r] * (code_at(t, g, r, k) - kZero) * a.q[g * kGroup + k];
    }
    codes = std::fma(static_cast<float>(dot), a.d[g], codes);  // |dot| <= 128 * 32 * 127 * 32 < 2^24: exact
  }
  return std::fma(half_to_float(t.d[r]), codes, sum);
}

const Tile& tile_h6() {
#if defined(__x86_64__)
  static constexpr Tile kTile =
      IntPanel<H6>::tile("h6", h6_multiply_avx2, h6_multiply_vnni256, h6_multiply_vnni);
#elif defined(__aarch64__)
  static constexpr Tile kTile = IntPanel<H6>::tile("h6", h6_multiply_dotprod, h6_multiply_i8mm);
#else
  static constexpr Tile kTile = IntPanel<H6>::tile("h6", nullptr, nullptr);
#endif
  return kTile;
}

}  // namespace hearth::kernels
