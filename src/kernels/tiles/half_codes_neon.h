// 64-bit Arm kernels of the tiles in half_codes.h. Must not know any tile or format by name.
#pragma once

#if defined(__aarch64__)

#include "kernels/tiles/group_codes_neon.h"
#include "kernels/tiles/half_codes.h"

namespace hearth::kernels::neon {

/// Fields of two bits: vector v, field f belong to code vector 4 v + f.
inline void two_bit_codes(const uint8_t (*q)[kVectorBytes], GroupCodes& out) {
  HEARTH_UNROLL for (int v = 0; v < 2; ++v) {
    HEARTH_UNROLL for (int h = 0; h < kHalves; ++h) {
      uint8x16_t fields = vld1q_u8(q[v] + 16 * h);
      HEARTH_UNROLL for (int f = 0; f < 4; ++f) {
        out.v[4 * v + f][h] = vreinterpretq_s8_u8(vandq_u8(fields, vdupq_n_u8(3)));
        fields = vshrq_n_u8(fields, 2);
      }
    }
  }
}

template <>
struct ReadCodes<TwoBitCodes> {
  static void read(const uint8_t (*q)[kVectorBytes], GroupCodes& out) { two_bit_codes(q, out); }
};

template <>
struct ReadCodes<ThreeBitCodes> {
  static void read(const uint8_t (*q)[kVectorBytes], GroupCodes& out) {
    two_bit_codes(q, out);
    HEARTH_UNROLL for (int h = 0; h < kHalves; ++h) {
      uint8x16_t bits = vld1q_u8(q[2] + 16 * h);
      HEARTH_UNROLL for (int j = 0; j < kVectorsPerGroup; ++j) {
        const uint8x16_t third = vshlq_n_u8(vandq_u8(bits, vdupq_n_u8(1)), 2);
        const int8x16_t code = vaddq_s8(out.v[j][h], vreinterpretq_s8_u8(third));
        out.v[j][h] = vsubq_s8(code, vdupq_n_s8(ThreeBitCodes::kZero));
        bits = vshrq_n_u8(bits, 1);
      }
    }
  }
};

template <typename Tile>
struct HalfKernels {
  using Layout = Tile;
  using Scales = typename Tile::Scales;

  static void codes(const std::byte* tile, int, int g, GroupCodes& out) {
    ReadCodes<typename Tile::HalfCodes>::read(Tile::vectors(tile, g), out);
  }

  template <int N>
  struct Fold {
    Rows codes[N] = {};
    Rows minima[N] = {};

    static RowInts scales(const std::byte* tile, int g, int half) {
      int32_t lanes[kPanelRows];
      for (int r = 0; r < kPanelRows; ++r) lanes[r] = Scales::kFactor * Scales::scale(tile, g, half, r);
      return {{vld1q_s32(lanes), vld1q_s32(lanes + 4)}};
    }

    void group(const std::byte* tile, int, int g, const ActivationBlock* a, const GroupDots<N>& dots, Rows (&)[N]) {
      const RowInts low = scales(tile, g, 0);
      const RowInts high = scales(tile, g, 1);
      for (int n = 0; n < N; ++n) {
        HEARTH_UNROLL for (int h = 0; h < kHalves; ++h) {
          const int32x4_t dot = vmlaq_s32(vmulq_s32(dots.half[0][n][h], low.v[h]), dots.half[1][n][h], high.v[h]);
          codes[n].v[h] = vfmaq_n_f32(codes[n].v[h], vcvtq_f32_s32(dot), a[n].d[g]);
        }
        if constexpr (Scales::kMinima) {
          const Rows minimum = rows_of([&](int r) {
            return static_cast<float>(Scales::minimum(tile, g, 0, r) * a[n].half_sum16[2 * g] +
                                      Scales::minimum(tile, g, 1, r) * a[n].half_sum16[2 * g + 1]);
          });
          HEARTH_UNROLL for (int h = 0; h < kHalves; ++h) {
            minima[n].v[h] = vfmaq_n_f32(minima[n].v[h], minimum.v[h], a[n].d[g]);
          }
        }
      }
    }

    void end(const std::byte* tile, Rows (&sums)[N]) {
      const Rows d = rows_of([&](int r) { return Scales::d(tile, r) * (1.0f / Scales::kFactor); });
      const Rows m = rows_of([&](int r) { return Scales::m(tile, r) * -0.0625f; });
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        HEARTH_UNROLL for (int h = 0; h < kHalves; ++h) {
          sums[n].v[h] = vfmaq_f32(sums[n].v[h], d.v[h], codes[n].v[h]);
          if constexpr (Scales::kMinima) sums[n].v[h] = vfmaq_f32(sums[n].v[h], m.v[h], minima[n].v[h]);
        }
      }
    }
  };
};

template <typename Tile>
void multiply_halves_dotprod(const TileJob& job) {
  Columns<HalfKernels<Tile>, DotprodColumns>::multiply(job);
}
template <typename Tile>
void multiply_halves_i8mm(const TileJob& job) {
  Columns<HalfKernels<Tile>, I8mmColumns>::multiply(job);
}

}  // namespace hearth::kernels::neon

#endif  // defined(__aarch64__)
