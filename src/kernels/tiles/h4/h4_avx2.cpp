// Tile h4 for AVX2. One multiply-add by the 16-bit sub-scales widens the sums of eight products and applies
// the scale at once. Must not know formats by name.
#include "kernels/tiles/h4/h4.h"

#if defined(__x86_64__)
#include "kernels/gemm/int_panel_avx2.h"

namespace hearth::kernels {
namespace {

using namespace avx2;

/// Eight bytes, each twice as a 16-bit number: the sub-scales of eight rows as vpmaddwd wants them.
HEARTH_INLINE_AVX2 __m256i twice16(const uint8_t* bytes) {
  const __m256i index = _mm256_setr_epi8(0, -1, 0, -1, 1, -1, 1, -1, 2, -1, 2, -1, 3, -1, 3, -1,  //
                                         4, -1, 4, -1, 5, -1, 5, -1, 6, -1, 6, -1, 7, -1, 7, -1);
  long long eight;
  std::memcpy(&eight, bytes, sizeof(eight));
  return _mm256_shuffle_epi8(_mm256_set1_epi64x(eight), index);
}

HEARTH_INLINE_AVX2 __m256 bytes_as_floats(const uint8_t* bytes) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes))));
}

struct Kernels {
  using Layout = H4;
  static constexpr int64_t kPanelsPerUnit = 1;
  static constexpr int64_t kUnits = 8;

  struct alignas(32) Expanded {
    uint8_t q[kCodesGroups][kVectorsPerGroup][kVectorBytes];
    int16_t sc[kCodesGroups][2 * kPanelRows];
    float mn[kCodesGroups][kPanelRows];
    float d[kPanelRows];
    float m[kPanelRows];
  };

  template <int N>
  using Columns = PlainColumns<N>;

  HEARTH_TARGET_AVX2 static void expand(const std::byte* tile, int groups, int, Expanded& out) {
    const auto& t = *reinterpret_cast<const H4Tile*>(tile);
    for (int g = 0; g < groups; ++g) {
      for (int j = 0; j < 4; ++j) {
        const Nibbles n = nibbles(t.q[g][j]);
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][j]), n.low);
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][j + 4]), n.high);
      }
      _mm256_store_si256(reinterpret_cast<__m256i*>(out.sc[g]), twice16(t.sc[g]));
      _mm256_store_ps(out.mn[g], bytes_as_floats(t.mn[g]));
    }
    _mm256_store_ps(out.d, load_halves(t.d));
    _mm256_store_ps(out.m, load_halves(t.m));
  }

  template <int P, int N>
  HEARTH_HOT_AVX2 static void many(const Expanded* w, const Columns<N>& x, int groups, float* sums) {
    const ActivationBlock* a = x.a;
    __m256 codes[P][N];  // touched once per group: may live on the stack, the registers hold the 16-bit sums
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) codes[p][n] = _mm256_setzero_ps();
    }
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      __m256i s[P][N];
      dot_group<P, N>([&](int p, int j) HEARTH_ALWAYS_AVX2 { return load(w[p].q[g][j]); }, a, g, s);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          const __m256 scaled = _mm256_cvtepi32_ps(_mm256_madd_epi16(s[p][n], load(w[p].sc[g])));
          codes[p][n] = _mm256_fmadd_ps(scaled, _mm256_broadcast_ss(&a[n].d[g]), codes[p][n]);
        }
      }
      if constexpr (P * N > 4) asm volatile("" : "+m"(codes));
    }
    __m256 minima[P][N];
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) minima[p][n] = _mm256_setzero_ps();
    }
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        const __m256 sum = _mm256_broadcast_ss(&a[n].scaled_sum[g]);
        HEARTH_UNROLL for (int p = 0; p < P; ++p) {
          minima[p][n] = _mm256_fmadd_ps(_mm256_load_ps(w[p].mn[g]), sum, minima[p][n]);
        }
      }
    }
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n, sums += kPanelRows) {
        const __m256 sum = _mm256_fmadd_ps(_mm256_load_ps(w[p].d), codes[p][n], _mm256_load_ps(sums));
        _mm256_store_ps(sums, _mm256_fnmadd_ps(_mm256_load_ps(w[p].m), minima[p][n], sum));
      }
    }
  }

  template <int N>
  HEARTH_INLINE_AVX2 static void few(const std::byte* tile, int groups, const ActivationBlock* a,
                                     __m256* sums) {
    const auto& t = *reinterpret_cast<const H4Tile*>(tile);
    __m256 codes[N];
    HEARTH_UNROLL for (int n = 0; n < N; ++n) codes[n] = _mm256_setzero_ps();
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      prefetch_ahead(t.q[g]);
      __m256i s[N];
      dot_nibbles<N>(t.q[g], a, g, s);
      const __m256i scales = twice16(t.sc[g]);
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        const __m256i dot = _mm256_madd_epi16(s[n], scales);
        codes[n] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_broadcast_ss(&a[n].d[g]), codes[n]);
      }
    }
    __m256 minima[N];  // in a loop of their own they stay in registers
    HEARTH_UNROLL for (int n = 0; n < N; ++n) minima[n] = _mm256_setzero_ps();
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      const __m256 mins = bytes_as_floats(t.mn[g]);
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        minima[n] = _mm256_fmadd_ps(mins, _mm256_broadcast_ss(&a[n].scaled_sum[g]), minima[n]);
      }
    }
    prefetch_ahead(&t);
    const __m256 d = load_halves(t.d), m = load_halves(t.m);
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      sums[n] = _mm256_fnmadd_ps(m, minima[n], _mm256_fmadd_ps(d, codes[n], sums[n]));
    }
  }
};

}  // namespace

void h4_multiply_avx2(const TileJob& job) { multiply<Kernels>(job); }

}  // namespace hearth::kernels
#endif
