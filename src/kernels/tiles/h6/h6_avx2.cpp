// Tile h6 for AVX2: two products of six-bit codes add up in 16 bits, then one multiply-add by the sub-scales
// widens and scales them. The zero point is taken off as (2 sc) * (16 * sum of x), which fits 16 bits and is
// exact. Must not know formats by name.
#include "kernels/tiles/h6/h6.h"

#if defined(__x86_64__)
#include "kernels/gemm/int_panel_avx2.h"

namespace hearth::kernels {
namespace {

using namespace avx2;

/// (s0[r], s1[r]) as 16-bit pairs from the sub-scales of the two halves of a group.
HEARTH_INLINE_AVX2 __m256i scale_pairs(const int8_t* sixteen) {
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(sixteen));
  return _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(v, _mm_unpackhi_epi64(v, v)));
}

struct Scales {
  __m256i first, second;  // each row's sub-scale twice, for the first and second 16 columns
  __m256i twice_both;     // (2 * s0[r], 2 * s1[r])
};
HEARTH_INLINE_AVX2 Scales scales_of(const int8_t* sixteen) {
  const __m256i pairs = scale_pairs(sixteen);
  const __m256i first = _mm256_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13,  //
                                         0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13);
  const __m256i second = _mm256_add_epi8(first, _mm256_set1_epi8(2));
  return {_mm256_shuffle_epi8(pairs, first), _mm256_shuffle_epi8(pairs, second),
          _mm256_add_epi16(pairs, pairs)};
}

/// Code vectors 4 v + f and (nibbles high) of a group: low bits from the nibble vectors, top two from field
/// f.
template <int kField>
HEARTH_INLINE_AVX2 __m256i top_bits(__m256i high) {
  const __m256i mask = _mm256_set1_epi8(0x30);
  if constexpr (kField == 0) return _mm256_and_si256(_mm256_slli_epi16(high, 4), mask);
  if constexpr (kField == 1) return _mm256_and_si256(_mm256_slli_epi16(high, 2), mask);
  if constexpr (kField == 2) return _mm256_and_si256(high, mask);
  return _mm256_and_si256(_mm256_srli_epi16(high, 2), mask);
}

struct CodePair {
  __m256i first, second;  // columns 4 f.. and 16 + 4 f..
};
template <int kField>
HEARTH_INLINE_AVX2 CodePair codes(const H6Tile& t, int g, __m256i high0, __m256i high1) {
  const Nibbles low = nibbles(t.q[g].low[kField]);
  return {_mm256_or_si256(low.low, top_bits<kField>(high0)),
          _mm256_or_si256(low.high, top_bits<kField>(high1))};
}

struct Kernels {
  using Layout = H6;
  static constexpr int64_t kPanelsPerUnit = 1;
  static constexpr int64_t kUnits = 8;

  struct alignas(32) Expanded {
    uint8_t q[kCodesGroups][kVectorsPerGroup][kVectorBytes];
    int16_t sc[kCodesGroups][2][2 * kPanelRows];
    int16_t twice_both[kCodesGroups][2 * kPanelRows];
    float d[kPanelRows];
  };

  template <int N>
  using Columns = PlainColumns<N>;

  template <int kField>
  HEARTH_INLINE_AVX2 static void expand_field(const H6Tile& t, int g, __m256i high0, __m256i high1,
                                              Expanded& out) {
    const CodePair pair = codes<kField>(t, g, high0, high1);
    _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][kField]), pair.first);
    _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][kField + 4]), pair.second);
  }

  HEARTH_TARGET_AVX2 static void expand(const std::byte* tile, int groups, int, Expanded& out) {
    const auto& t = *reinterpret_cast<const H6Tile*>(tile);
    for (int g = 0; g < groups; ++g) {
      const __m256i high0 = load(t.q[g].high[0]), high1 = load(t.q[g].high[1]);
      expand_field<0>(t, g, high0, high1, out);
      expand_field<1>(t, g, high0, high1, out);
      expand_field<2>(t, g, high0, high1, out);
      expand_field<3>(t, g, high0, high1, out);
      const Scales scales = scales_of(t.sc[g][0]);
      _mm256_store_si256(reinterpret_cast<__m256i*>(out.sc[g][0]), scales.first);
      _mm256_store_si256(reinterpret_cast<__m256i*>(out.sc[g][1]), scales.second);
      _mm256_store_si256(reinterpret_cast<__m256i*>(out.twice_both[g]), scales.twice_both);
    }
    _mm256_store_ps(out.d, load_halves(t.d));
  }

  /// Columns 8 pair .. 8 pair + 7 of a group: dot += sc * (w0 x0 + w1 x1).
  template <int P, int N>
  HEARTH_INLINE_AVX2 static void dot_pair(const Expanded* w, const ActivationBlock* a, int g, int pair,
                                          __m256i (&dot)[P][N]) {
    __m256i w0[P], w1[P];
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      w0[p] = load(w[p].q[g][2 * pair]);
      w1[p] = load(w[p].q[g][2 * pair + 1]);
      keep_in_register(w0[p]);
      keep_in_register(w1[p]);
    }
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      const int8_t* x = a[n].q + g * kGroup + 8 * pair;
      const __m256i x0 = broadcast32(x), x1 = broadcast32(x + 4);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        __m256i sum = maddubs(w0[p], x0);
        add16(sum, maddubs(w1[p], x1));
        add32(dot[p][n], madd(sum, load(w[p].sc[g][pair / 2])));
      }
    }
  }

  template <int P, int N>
  HEARTH_HOT_AVX2 static void many(const Expanded* w, const Columns<N>& x, int groups, float* sums) {
    const ActivationBlock* a = x.a;
    __m256 scaled[P][N];
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) scaled[p][n] = _mm256_setzero_ps();
    }
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      __m256i dot[P][N];
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        const __m256i zero = broadcast32(&a[n].half_sum16[2 * g]);
        HEARTH_UNROLL for (int p = 0; p < P; ++p) {
          dot[p][n] =
              _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_madd_epi16(load(w[p].twice_both[g]), zero));
        }
      }
      HEARTH_UNROLL for (int pair = 0; pair < 4; ++pair) dot_pair<P, N>(w, a, g, pair, dot);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          const __m256 value = _mm256_cvtepi32_ps(dot[p][n]);
          scaled[p][n] = _mm256_fmadd_ps(value, _mm256_broadcast_ss(&a[n].d[g]), scaled[p][n]);
        }
      }
      if constexpr (P * N > 4) asm volatile("" : "+m"(scaled));
    }
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n, sums += kPanelRows) {
        _mm256_store_ps(sums, _mm256_fmadd_ps(_mm256_load_ps(w[p].d), scaled[p][n], _mm256_load_ps(sums)));
      }
    }
  }

  /// Adds code vectors 2f, 2f + 1 (first half) and the same of the second half.
  template <int N, int kField>
  HEARTH_INLINE_AVX2 static void few_fields(const H6Tile& t, int g, __m256i high0, __m256i high1,
                                            const Scales& scales, const ActivationBlock* a, __m256i* dot) {
    CodePair even = codes<kField>(t, g, high0, high1);
    CodePair odd = codes<kField + 1>(t, g, high0, high1);
    keep_in_register(even.first);
    keep_in_register(even.second);
    keep_in_register(odd.first);
    keep_in_register(odd.second);
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      const int8_t* x = a[n].q + g * kGroup + 4 * kField;
      __m256i first = maddubs(even.first, broadcast32(x));
      __m256i second = maddubs(even.second, broadcast32(x + 16));
      add16(first, maddubs(odd.first, broadcast32(x + 4)));
      add16(second, maddubs(odd.second, broadcast32(x + 20)));
      add32(dot[n], madd(first, scales.first));
      add32(dot[n], madd(second, scales.second));
    }
  }

  template <int N>
  HEARTH_INLINE_AVX2 static void few(const std::byte* tile, int groups, const ActivationBlock* a,
                                     __m256* sums) {
    const auto& t = *reinterpret_cast<const H6Tile*>(tile);
    __m256 scaled[N];
    HEARTH_UNROLL for (int n = 0; n < N; ++n) scaled[n] = _mm256_setzero_ps();
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      prefetch_ahead(t.q[g].low);
      _mm_prefetch(reinterpret_cast<const char*>(t.q[g].high) + kPrefetchBytes, _MM_HINT_T0);
      const __m256i high0 = load(t.q[g].high[0]), high1 = load(t.q[g].high[1]);
      const Scales scales = scales_of(t.sc[g][0]);
      __m256i dot[N];
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        const __m256i zero = _mm256_madd_epi16(scales.twice_both, broadcast32(&a[n].half_sum16[2 * g]));
        dot[n] = _mm256_sub_epi32(_mm256_setzero_si256(), zero);
      }
      few_fields<N, 0>(t, g, high0, high1, scales, a, dot);
      few_fields<N, 2>(t, g, high0, high1, scales, a, dot);
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        scaled[n] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot[n]), _mm256_broadcast_ss(&a[n].d[g]), scaled[n]);
      }
    }
    prefetch_ahead(&t);
    const __m256 d = load_halves(t.d);
    HEARTH_UNROLL for (int n = 0; n < N; ++n) sums[n] = _mm256_fmadd_ps(d, scaled[n], sums[n]);
  }
};

}  // namespace

void h6_multiply_avx2(const TileJob& job) { multiply<Kernels>(job); }

}  // namespace hearth::kernels
#endif
