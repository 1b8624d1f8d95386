// 64-bit Arm kernels of the tiles in group_codes.h. Must not know any tile or format by name.
#pragma once

#if defined(__aarch64__)

#include "kernels/gemm/int_panel_neon.h"
#include "kernels/tiles/group_codes.h"

namespace hearth::kernels::neon {

/// One float of each row: f(r).
template <typename OfRow>
Rows rows_of(OfRow&& f) {
  float lanes[kPanelRows];
  for (int r = 0; r < kPanelRows; ++r) lanes[r] = f(r);
  return {{vld1q_f32(lanes), vld1q_f32(lanes + 4)}};
}

/// The values of a group, by the way its codes are stored.
template <typename Codes>
struct ReadCodes;

template <int kZero>
struct ReadCodes<FourBitCodes<kZero>> {
  static void read(const uint8_t (*q)[kVectorBytes], GroupCodes& out) { nibble_codes(q, kZero, out); }
};

template <>
struct ReadCodes<FiveBitCodes> {
  static void read(const uint8_t (*q)[kVectorBytes], GroupCodes& out) {
    nibble_codes(q, FiveBitCodes::kZero, out);
    HEARTH_UNROLL for (int h = 0; h < kHalves; ++h) {
      uint8x16_t bits = vld1q_u8(q[4] + 16 * h);
      HEARTH_UNROLL for (int j = 0; j < kVectorsPerGroup; ++j) {
        const uint8x16_t fifth = vshlq_n_u8(vandq_u8(bits, vdupq_n_u8(1)), 4);
        out.v[j][h] = vaddq_s8(out.v[j][h], vreinterpretq_s8_u8(fifth));
        bits = vshrq_n_u8(bits, 1);
      }
    }
  }
};

template <const int8_t (&kTable)[16], Sums kSums>
struct ReadCodes<TableCodes<kTable, kSums>> {
  static void read(const uint8_t (*q)[kVectorBytes], GroupCodes& out) {
    const int8x16_t table = vld1q_s8(kTable);
    nibble_codes(q, 0, out);
    HEARTH_UNROLL for (int j = 0; j < kVectorsPerGroup; ++j) {
      HEARTH_UNROLL for (int h = 0; h < kHalves; ++h) {
        out.v[j][h] = vqtbl1q_s8(table, vreinterpretq_u8_s8(out.v[j][h]));
      }
    }
  }
};

template <typename Tile>
struct GroupKernels {
  using Layout = Tile;
  using Scales = typename Tile::Scales;

  static void codes(const std::byte* tile, int groups, int g, GroupCodes& out) {
    ReadCodes<typename Tile::GroupCodes>::read(Tile::vectors(tile, groups, g), out);
  }

  template <int N>
  struct Fold {
    Rows minima[N] = {};

    void group(const std::byte* tile, int, int g, const ActivationBlock* a, const GroupDots<N>& dots,
               Rows (&sums)[N]) {
      const Rows scale = rows_of([&](int r) { return Scales::scale(tile, g, r); });
      Rows minimum = {};
      if constexpr (Scales::kMinima) {
        minimum = rows_of([&](int r) {
          return std::fma(static_cast<float>(-Tile::kShift), Scales::scale(tile, g, r), Scales::minimum(tile, g, r));
        });
      }
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        HEARTH_UNROLL for (int h = 0; h < kHalves; ++h) {
          const float32x4_t scaled = vmulq_n_f32(vcvtq_f32_s32(dots.whole(n, h)), a[n].d[g]);
          sums[n].v[h] = vfmaq_f32(sums[n].v[h], scale.v[h], scaled);
          if constexpr (Scales::kMinima) {
            minima[n].v[h] = vfmaq_n_f32(minima[n].v[h], minimum.v[h], a[n].scaled_sum[g]);
          }
        }
      }
    }

    void end(const std::byte*, Rows (&sums)[N]) {
      if constexpr (!Scales::kMinima) return;
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        HEARTH_UNROLL for (int h = 0; h < kHalves; ++h) sums[n].v[h] = vsubq_f32(sums[n].v[h], minima[n].v[h]);
      }
    }
  };
};

template <typename Tile>
void multiply_groups_dotprod(const TileJob& job) {
  Columns<GroupKernels<Tile>, DotprodColumns>::multiply(job);
}
template <typename Tile>
void multiply_groups_i8mm(const TileJob& job) {
  Columns<GroupKernels<Tile>, I8mmColumns>::multiply(job);
}

}  // namespace hearth::kernels::neon

#endif  // defined(__aarch64__)
