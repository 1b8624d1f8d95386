// AVX-512 VNNI kernels of the tiles in half_codes.h. Each half of a group has its own sum, started at what
// its zero point adds; the sub-scales are applied to the converted sums, exactly, since all stay below 2^24.
// Must not know any tile or format by name.
#pragma once

#if defined(__x86_64__)

#include "kernels/gemm/int_panel_vnni.h"
#include "kernels/tiles/half_codes_vnni256.h"

namespace hearth::kernels::vnni {

template <typename Tile>
struct HalfKernels {
  using Layout = Tile;
  using Scales = typename Tile::Scales;
  using HalfCodes = typename Tile::HalfCodes;
  static constexpr bool kMinima = Scales::kMinima;
  static constexpr int kZero = HalfCodes::kZero;
  static_assert(kZero == 0 || kZero == 4);
  static constexpr int64_t kPanelsPerUnit = 2;
  static constexpr int64_t kUnits = 4;

  struct alignas(64) Expanded {
    WideCodes codes;
    float sc[kCodesGroups][2][kLanes];  // times kFactor
    float mn[kMinima ? kCodesGroups : 1][2][kLanes];
    float d[kLanes];
    float m[kLanes];
  };

  template <int N>
  using Columns = PlainColumns<N>;

  /// Every other 16-bit number: of those that lie twice, all; of pairs, the first or second ones.
  HEARTH_INLINE_VNNI static __m256 to_floats16(__m256i v, bool upper) {
    const __m256i low = _mm256_slli_epi32(v, 16);
    return _mm256_cvtepi32_ps(_mm256_srai_epi32(upper ? v : low, 16));
  }

  HEARTH_TARGET_VNNI static void expand(const std::byte* tile, int groups, int half, Expanded& out) {
    const auto& fields = Scales::fields(tile);
    const int row = half * kPanelRows;
    for (int g = 0; g < groups; ++g) {
      const avx2::CodeReader<HalfCodes> codes(Tile::vectors(tile, g));
      HEARTH_UNROLL for (int j = 0; j < 4; ++j) {
        const avx2::Nibbles pair = codes.pair(j);
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.codes.q[g][j][half]), pair.low);
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.codes.q[g][j + 4][half]), pair.high);
      }
      const avx2::HalfScales16 scales = avx2::half_scales(fields, g);
      _mm256_store_ps(out.sc[g][0] + row, to_floats16(scales.first, true));
      _mm256_store_ps(out.sc[g][1] + row, to_floats16(scales.second, true));
      if constexpr (kMinima) {
        _mm256_store_ps(out.mn[g][0] + row, to_floats16(scales.both, false));
        _mm256_store_ps(out.mn[g][1] + row, to_floats16(scales.both, true));
      }
    }
    _mm256_store_ps(out.d + row, avx2::row_scales(fields));
    if constexpr (kMinima) _mm256_store_ps(out.m + row, avx2::row_minima(fields));
  }

  /// Integer sums of half `half` of group g.
  template <int P, int N>
  HEARTH_INLINE_VNNI static void dot_half(const Expanded* w, const ActivationBlock* a, int g, int half,
                                          __m512i (&dot)[P][N]) {
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      __m512i start = _mm512_setzero_si512();
      if constexpr (kZero != 0) {  // -32 * sum of x, to -4 times
        start = _mm512_maskz_srai_epi32(0xffff, broadcast(&a[n].half_zero32[2 * g + half]), 3);
      }
      HEARTH_UNROLL for (int p = 0; p < P; ++p) dot[p][n] = start;
    }
    dot_vectors<P, N>(w, a, g, 4 * half, 4 * half + 4, dot);
  }

  /// Minima of group g meet the sums of N columns.
  template <int P, int N>
  HEARTH_INLINE_VNNI static void add_minima(const Expanded* w, const ActivationBlock* a, int g,
                                            __m512 (&minima)[P][N]) {
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      const __m512 first = _mm512_set1_ps(a[n].half_sum16[2 * g]);
      const __m512 second = _mm512_set1_ps(a[n].half_sum16[2 * g + 1]);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        const __m512 scaled = _mm512_mul_ps(_mm512_load_ps(w[p].mn[g][0]), first);
        const __m512 both = _mm512_fmadd_ps(_mm512_load_ps(w[p].mn[g][1]), second, scaled);
        minima[p][n] = _mm512_fmadd_ps(both, _mm512_set1_ps(a[n].d[g]), minima[p][n]);
      }
    }
  }

  template <int P, int N>
  HEARTH_TARGET_VNNI __attribute__((noinline)) static void many(const Expanded* w, const Columns<N>& x,
                                                                int groups, float* sums) {
    const ActivationBlock* a = x.a;
    __m512 scaled[P][N], minima[P][N];
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) scaled[p][n] = minima[p][n] = _mm512_setzero_ps();
    }
    for (int g = 0; g < groups; ++g) {
      __m512i dot[P][N];
      __m512 both[P][N];
      dot_half<P, N>(w, a, g, 0, dot);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        const __m512 scale = _mm512_load_ps(w[p].sc[g][0]);
        HEARTH_UNROLL for (int n = 0; n < N; ++n) both[p][n] = _mm512_mul_ps(to_floats(dot[p][n]), scale);
      }
      dot_half<P, N>(w, a, g, 1, dot);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        const __m512 scale = _mm512_load_ps(w[p].sc[g][1]);
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          both[p][n] = _mm512_fmadd_ps(to_floats(dot[p][n]), scale, both[p][n]);
          scaled[p][n] = _mm512_fmadd_ps(both[p][n], _mm512_set1_ps(a[n].d[g]), scaled[p][n]);
        }
      }
      if constexpr (kMinima) add_minima<P, N>(w, a, g, minima);
    }
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n, sums += kLanes) {
        __m512 sum = _mm512_fmadd_ps(_mm512_load_ps(w[p].d), scaled[p][n], _mm512_load_ps(sums));
        if constexpr (kMinima) sum = _mm512_fmadd_ps(_mm512_load_ps(w[p].m), minima[p][n], sum);
        _mm512_store_ps(sums, sum);
      }
    }
  }
};

template <typename Tile>
void multiply_halves(const TileJob& job) {
  multiply<HalfKernels<Tile>>(job, vnni256::multiply_few<vnni256::HalfView<Tile>>);
}

}  // namespace hearth::kernels::vnni

#endif  // defined(__x86_64__)
