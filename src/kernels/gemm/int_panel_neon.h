// 64-bit Arm form of the integer tiles: a vector of codes is two registers of four rows by four columns, which
// the byte dot product multiplies with one dword of four columns' activations, and the byte matrix product,
// after one zip, with eight columns of two tokens. Sums over a group are exact integers, so the results are
// those of the other forms, to the bit. Experimental: tested under emulation, never timed. Knows no tile by
// name.
#pragma once

#if defined(__aarch64__)

#include <arm_neon.h>

#include "kernels/gemm/int_panel.h"

namespace hearth::kernels::neon {

inline constexpr int kHalves = 2;  // registers per vector: rows 0..3 and 4..7

/// The codes of one group, zero point taken off: [vector][rows 0..3, rows 4..7].
struct GroupCodes {
  int8x16_t v[kVectorsPerGroup][kHalves];
};

/// Eight floats, a row each.
struct Rows {
  float32x4_t v[kHalves];
};

inline Rows load_halves(const uint16_t* p) {
  return {{vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))), vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4)))}};
}
inline int32x4_t widen_low(int16x8_t v) { return vmovl_s16(vget_low_s16(v)); }
inline int32x4_t widen_high(int16x8_t v) { return vmovl_s16(vget_high_s16(v)); }
/// Eight unsigned or signed bytes as two vectors of integers.
struct RowInts {
  int32x4_t v[kHalves];
};
inline RowInts row_ints(const uint8_t* p) {
  const int16x8_t wide = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(p)));
  return {{widen_low(wide), widen_high(wide)}};
}
inline RowInts row_ints(const int8_t* p) {
  const int16x8_t wide = vmovl_s8(vld1_s8(p));
  return {{widen_low(wide), widen_high(wide)}};
}

/// Nibble vectors to codes, `zero` taken off.
inline void nibble_codes(const uint8_t (*vectors)[kVectorBytes], int zero, GroupCodes& out) {
  const int8x16_t offset = vdupq_n_s8(static_cast<int8_t>(zero));
  HEARTH_UNROLL for (int j = 0; j < 4; ++j) {
    HEARTH_UNROLL for (int h = 0; h < kHalves; ++h) {
      const uint8x16_t v = vld1q_u8(vectors[j] + 16 * h);
      out.v[j][h] = vsubq_s8(vreinterpretq_s8_u8(vandq_u8(v, vdupq_n_u8(15))), offset);
      out.v[j + 4][h] = vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8(v, 4)), offset);
    }
  }
}

/// Sums of products of each half of a group (16 columns) with N tokens.
template <int N>
struct GroupDots {
  int32x4_t half[2][N][kHalves];
  int32x4_t whole(int n, int h) const { return vaddq_s32(half[0][n][h], half[1][n][h]); }
};

// A tile has:
//   Layout; codes(tile, groups, g, GroupCodes&);
//   Fold<N>: begin(), group(tile, groups, g, a, dots, sums), end(tile, sums): the float operations, in the order
//   that Layout::accumulate defines.

/// N tokens' products with a panel by the dot product.
template <typename T>
struct DotprodColumns {
  static constexpr int kMost = 4;

  template <int N>
  HEARTH_TARGET_DOTPROD static void dots(const GroupCodes& w, const ActivationBlock* a, int g, GroupDots<N>& out) {
    HEARTH_UNROLL for (int part = 0; part < 2; ++part) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        const int8x16_t x = vld1q_s8(a[n].q + g * kGroup + 16 * part);
        HEARTH_UNROLL for (int h = 0; h < kHalves; ++h) {
          int32x4_t sum = vdupq_n_s32(0);
          sum = vdotq_laneq_s32(sum, w.v[4 * part][h], x, 0);
          sum = vdotq_laneq_s32(sum, w.v[4 * part + 1][h], x, 1);
          sum = vdotq_laneq_s32(sum, w.v[4 * part + 2][h], x, 2);
          out.half[part][n][h] = vdotq_laneq_s32(sum, w.v[4 * part + 3][h], x, 3);
        }
      }
    }
  }
};

/// The same by the matrix product: two rows by eight columns times eight columns by two tokens.
template <typename T>
struct I8mmColumns {
  static constexpr int kMost = 4;

  template <int N>
  HEARTH_TARGET_I8MM static void dots(const GroupCodes& w, const ActivationBlock* a, int g, GroupDots<N>& out) {
    if constexpr (N % 2 != 0) {
      DotprodColumns<T>::template dots<N>(w, a, g, out);
    } else {
      HEARTH_UNROLL for (int part = 0; part < 2; ++part) {
        HEARTH_UNROLL for (int n = 0; n < N; n += 2) {
          int32x4_t pair[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
          HEARTH_UNROLL for (int j = 4 * part; j < 4 * part + 4; j += 2) {
            const int8x16_t x = vcombine_s8(vld1_s8(a[n].q + g * kGroup + 4 * j), vld1_s8(a[n + 1].q + g * kGroup + 4 * j));
            HEARTH_UNROLL for (int h = 0; h < kHalves; ++h) {
              const int32x4_t left = vreinterpretq_s32_s8(w.v[j][h]);
              const int32x4_t right = vreinterpretq_s32_s8(w.v[j + 1][h]);
              pair[2 * h] = vmmlaq_s32(pair[2 * h], vreinterpretq_s8_s32(vzip1q_s32(left, right)), x);
              pair[2 * h + 1] = vmmlaq_s32(pair[2 * h + 1], vreinterpretq_s8_s32(vzip2q_s32(left, right)), x);
            }
          }
          HEARTH_UNROLL for (int h = 0; h < kHalves; ++h) {  // (rows 2i, 2i + 1) x (n, n + 1) to rows of each token
            out.half[part][n][h] = vuzp1q_s32(pair[2 * h], pair[2 * h + 1]);
            out.half[part][n + 1][h] = vuzp2q_s32(pair[2 * h], pair[2 * h + 1]);
          }
        }
      }
    }
  }
};

template <typename T, template <typename> typename Method>
struct Columns {
  using Layout = typename T::Layout;
  static constexpr int64_t kTileBytes = Layout::bytes(kCodesGroups);

  template <int N>
  static void panel_columns(const TileJob& job, int64_t panel, int64_t t) {
    const Activations& input = *job.input;
    const std::byte* tile = job.packed + panel * job.panel_bytes;
    Rows sums[N];
    for (Rows& sum : sums) sum = {{vdupq_n_f32(0), vdupq_n_f32(0)}};
    for (int64_t i = 0; i < blocks_of(input.cols); ++i, tile += kTileBytes) {
      const int groups = IntPanel<Layout>::groups_at(input.cols, i);
      const ActivationBlock* a = input.at(i, t);
      typename T::template Fold<N> fold;
      for (int g = 0; g < groups; ++g) {
        GroupCodes codes;
        T::codes(tile, groups, g, codes);
        GroupDots<N> dots;
        Method<T>::template dots<N>(codes, a, g, dots);
        fold.group(tile, groups, g, a, dots, sums);
      }
      fold.end(tile, sums);
    }
    for (int n = 0; n < N; ++n) store(job, panel, t + n, sums[n]);
  }

  static void store(const TileJob& job, int64_t panel, int64_t t, const Rows& sum) {
    float* y = job.y + t * job.y_stride + panel * kPanelRows;
    const int64_t rows = std::min<int64_t>(kPanelRows, job.rows - panel * kPanelRows);
    float lanes[kPanelRows];
    vst1q_f32(lanes, sum.v[0]);
    vst1q_f32(lanes + 4, sum.v[1]);
    std::memcpy(y, lanes, static_cast<size_t>(rows) * sizeof(float));
  }

  static void multiply(const TileJob& job) {
    for (int64_t panel = job.panel_begin; panel < job.panel_end; ++panel) {
      int64_t t = 0;
      for (; t + 4 <= job.input->n; t += 4) panel_columns<4>(job, panel, t);
      if (t + 2 <= job.input->n) {
        panel_columns<2>(job, panel, t);
        t += 2;
      }
      if (t < job.input->n) panel_columns<1>(job, panel, t);
    }
  }
};

/// Folds of tiles with one float scale per group: Layout::scales(tile, g).
template <typename Layout, int N>
struct GroupScaleFold {
  void group(const std::byte* tile, int, int g, const ActivationBlock* a, const GroupDots<N>& dots, Rows (&sums)[N]) {
    const Rows d = load_halves(Layout::scales(tile, g));
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      HEARTH_UNROLL for (int h = 0; h < kHalves; ++h) {
        const float32x4_t scaled = vmulq_n_f32(vcvtq_f32_s32(dots.whole(n, h)), a[n].d[g]);
        sums[n].v[h] = vfmaq_f32(sums[n].v[h], d.v[h], scaled);
      }
    }
  }
  void end(const std::byte*, Rows (&)[N]) {}
};

}  // namespace hearth::kernels::neon

#endif  // defined(__aarch64__)
