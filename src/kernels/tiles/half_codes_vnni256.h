// The tiles in half_codes.h for 256-bit byte dot products, and the fold of all tiles with sub-scales per 16
// columns: they are applied to the converted sums, exactly, since all stay below 2^24. Must not know any tile
// or format by name.
#pragma once

#if defined(__x86_64__)

#include "kernels/gemm/int_panel_vnni256.h"
#include "kernels/tiles/half_codes_avx2.h"

namespace hearth::kernels::vnni256 {

template <bool kMinima>
struct HalfScales {
  __m256 sc[2];
};
template <>
struct HalfScales<true> {
  __m256 sc[2];
  __m256i minima;  // 16-bit pairs, for the sums of x of both halves
};

template <bool kMinima>
struct HalfRowScales {
  __m256 d;
};
template <>
struct HalfRowScales<true> {
  __m256 d, m;
};

/// Integer minima per half times the sums of x.
template <int N>
struct HalfMinima {
  __m256 sums[N];
  HEARTH_INLINE_AVX2 HalfMinima() { HEARTH_UNROLL for (__m256& sum : sums) sum = _mm256_setzero_ps(); }
  HEARTH_INLINE_AVX2 void add(const HalfScales<true>& scales, const ActivationBlock* a, int g) {
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      const __m256i sums16 = avx2::broadcast32(&a[n].half_sum16[2 * g]);
      const __m256 minimum = _mm256_cvtepi32_ps(_mm256_madd_epi16(scales.minima, sums16));
      sums[n] = _mm256_fmadd_ps(minimum, _mm256_broadcast_ss(&a[n].d[g]), sums[n]);
    }
  }
};

/// codes = sum over groups of da * (sc0 * dot0 + sc1 * dot1); sum + d * codes + m * minima.
template <int N>
struct HalfFold {
  static constexpr int kParts = 2;
  __m256 first[N];  // of the group at hand
  __m256 codes[N];

  HEARTH_INLINE_AVX2 HalfFold() { HEARTH_UNROLL for (__m256& sum : codes) sum = _mm256_setzero_ps(); }
  template <int i, typename Scales>
  HEARTH_INLINE_AVX2 void part(const Scales& scales, const __m256i* dots, const ActivationBlock* a, int g,
                               __m256*) {
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      const __m256 dot = _mm256_cvtepi32_ps(dots[n]);
      if constexpr (i == 0) {
        first[n] = _mm256_mul_ps(dot, scales.sc[0]);
      } else {
        const __m256 both = _mm256_fmadd_ps(dot, scales.sc[1], first[n]);
        codes[n] = _mm256_fmadd_ps(both, _mm256_broadcast_ss(&a[n].d[g]), codes[n]);
      }
    }
  }
  template <typename Rows, typename Minima>
  HEARTH_INLINE_AVX2 void end(const Rows& rows, const Minima& minima, __m256* sums) {
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      sums[n] = _mm256_fmadd_ps(rows.d, codes[n], sums[n]);
      if constexpr (!std::is_same_v<Minima, NoMinima>) {
        sums[n] = _mm256_fmadd_ps(rows.m, minima.sums[n], sums[n]);
      }
    }
  }
};

template <typename Tile>
struct HalfView {
  using Layout = Tile;
  using HalfCodes = typename Tile::HalfCodes;
  using Scales = typename Tile::Scales;
  using GroupScales = HalfScales<Scales::kMinima>;
  using RowScales = HalfRowScales<Scales::kMinima>;
  template <int N>
  using Fold = HalfFold<N>;
  template <int N>
  using Minima = std::conditional_t<Scales::kMinima, HalfMinima<N>, NoMinima>;
  static constexpr int kZero = HalfCodes::kZero;
  static constexpr int kGroupBytes = HalfCodes::kBytes;

  const std::byte* tile;

  HEARTH_INLINE_AVX2 HalfView(const std::byte* packed, int) : tile(packed) {}
  HEARTH_INLINE_AVX2 typename Tile::Vectors vectors(int g) const { return Tile::vectors(tile, g); }
  HEARTH_INLINE_AVX2 avx2::CodeReader<HalfCodes> codes(int g) const {
    return avx2::CodeReader<HalfCodes>(vectors(g));
  }
  /// 16-bit numbers that lie twice, once.
  HEARTH_INLINE_AVX2 static __m256 once(__m256i twice) {
    return _mm256_cvtepi32_ps(_mm256_srai_epi32(twice, 16));
  }
  HEARTH_INLINE_AVX2 GroupScales scales(int g) const {
    const avx2::HalfScales16 scales = avx2::half_scales(Scales::fields(tile), g);
    if constexpr (Scales::kMinima) {
      return {{once(scales.first), once(scales.second)}, scales.both};
    } else {
      return {{once(scales.first), once(scales.second)}};
    }
  }
  HEARTH_INLINE_AVX2 RowScales row_scales() const {
    const auto& fields = Scales::fields(tile);
    if constexpr (Scales::kMinima) {
      return {avx2::row_scales(fields), avx2::row_minima(fields)};
    } else {
      return {avx2::row_scales(fields)};
    }
  }
};

template <typename Tile>
void multiply_halves(const TileJob& job) {
  multiply<HalfView<Tile>>(job);
}

}  // namespace hearth::kernels::vnni256

#endif  // defined(__x86_64__)
