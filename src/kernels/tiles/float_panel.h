// Panels of float weights, eight rows interleaved as [column][row]: what the float tiles share. An element
// stays as it is on disk and is widened in registers. Every output is one chain of fused multiply-adds over
// the columns in order, whatever the ISA, number of columns or split: |error| <= cols * eps / 2 * sum |w x|
// to first order. Knows no format by name.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/tiles/tile.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hearth::kernels {

/// Element: { using Bits; static float widen(Bits); static __m256 load(const std::byte*) for eight of them }.
template <typename Element>
struct FloatPanel {
  using Bits = typename Element::Bits;
  static constexpr int64_t kBytes = sizeof(Bits);

  static int64_t panel_bytes(int64_t cols) { return (cols * kPanelRows * kBytes + 63) / 64 * 64; }

  static void pack(const Format&, const std::byte* src, int64_t row_bytes, int rows, int64_t cols,
                   std::byte* panel) {
    std::memset(panel, 0, static_cast<size_t>(panel_bytes(cols)));
    for (int r = 0; r < rows; ++r) {
      for (int64_t k = 0; k < cols; ++k) {
        std::memcpy(panel + (k * kPanelRows + r) * kBytes, src + r * row_bytes + k * kBytes, kBytes);
      }
    }
  }

  static float value(const std::byte* panel, int64_t k, int r) {
    Bits bits;
    std::memcpy(&bits, panel + (k * kPanelRows + r) * kBytes, kBytes);
    return Element::widen(bits);
  }

  static void decode_row(const std::byte* panel, int r, int64_t cols, float* out) {
    for (int64_t k = 0; k < cols; ++k) out[k] = value(panel, k, r);
  }

  static void multiply_scalar(const TileJob& job) {
    const int64_t cols = job.input->cols;
    for (int64_t p = job.panel_begin; p < job.panel_end; ++p) {
      const std::byte* panel = job.packed + p * job.panel_bytes;
      const int rows = static_cast<int>(std::min<int64_t>(kPanelRows, job.rows - p * kPanelRows));
      for (int64_t t = 0; t < job.input->n; ++t) {
        const float* x = job.input->x + t * cols;
        for (int r = 0; r < rows; ++r) {
          float sum = 0;
          for (int64_t k = 0; k < cols; ++k) sum = std::fma(value(panel, k, r), x[k], sum);
          job.y[t * job.y_stride + p * kPanelRows + r] = sum;
        }
      }
    }
  }

#if defined(__x86_64__)
  /// P panels from `panel` on times N columns from `t` on, accumulators in registers over all columns of the
  /// weights.
  template <int P, int N>
  HEARTH_TARGET_AVX2 static void micro(const TileJob& job, int64_t panel, int64_t t) {
    const int64_t cols = job.input->cols;
    const std::byte* w = job.packed + panel * job.panel_bytes;
    const float* x = job.input->x + t * cols;
    __m256 sums[P][N];
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int i = 0; i < N; ++i) sums[p][i] = _mm256_setzero_ps();
    }
    for (int64_t k = 0; k < cols; ++k, w += kPanelRows * kBytes, ++x) {
      if constexpr (N == 1) {  // one panel's weights after another: all at once would not fit the registers
        const __m256 value = _mm256_broadcast_ss(x);
        HEARTH_UNROLL for (int p = 0; p < P; ++p) {
          sums[p][0] = _mm256_fmadd_ps(Element::load(w + p * job.panel_bytes), value, sums[p][0]);
        }
        continue;
      }
      __m256 weights[P];
      HEARTH_UNROLL for (int p = 0; p < P; ++p) weights[p] = Element::load(w + p * job.panel_bytes);
      HEARTH_UNROLL for (int i = 0; i < N; ++i) {
        const __m256 value = _mm256_broadcast_ss(x + i * cols);
        HEARTH_UNROLL for (int p = 0; p < P; ++p) sums[p][i] = _mm256_fmadd_ps(weights[p], value, sums[p][i]);
      }
    }
    HEARTH_UNROLL for (int i = 0; i < N; ++i) {
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        const int64_t row = (panel + p) * kPanelRows;
        float* y = job.y + (t + i) * job.y_stride + row;
        if (row + kPanelRows <= job.rows) {
          _mm256_storeu_ps(y, sums[p][i]);
        } else {
          float lanes[kPanelRows];
          _mm256_storeu_ps(lanes, sums[p][i]);
          std::memcpy(y, lanes, static_cast<size_t>(job.rows - row) * sizeof(float));
        }
      }
    }
  }

  /// All columns for P panels: six at a time, then what is left.
  template <int P>
  HEARTH_TARGET_AVX2 static void columns(const TileJob& job, int64_t panel) {
    int64_t t = 0;
    for (; t + 6 <= job.input->n; t += 6) micro<P, 6>(job, panel, t);
    for (; t + 2 <= job.input->n; t += 2) micro<P, 2>(job, panel, t);
    if (t < job.input->n) micro<P, 1>(job, panel, t);
  }

  HEARTH_TARGET_AVX2 static void multiply_avx2(const TileJob& job) {
    int64_t p = job.panel_begin;
    if (job.input->n == 1) {  // many independent chains hide the latency of the additions
      for (; p + 8 <= job.panel_end; p += 8) micro<8, 1>(job, p, 0);
    }
    for (; p + 2 <= job.panel_end; p += 2) columns<2>(job, p);
    if (p < job.panel_end) columns<1>(job, p);
  }
  static constexpr TileMultiply kAvx2 = multiply_avx2;
#else
  static constexpr TileMultiply kAvx2 = nullptr;
#endif

  static constexpr Tile tile(std::string_view name) {
    return {name, false, panel_bytes, pack, decode_row, {multiply_scalar, kAvx2}};
  }
};

}  // namespace hearth::kernels
