// Tile h6 for AVX2. Few columns: two products of six-bit codes add up in 16 bits, then one multiply-add by
// the sub-scales widens and scales them; the zero point is taken off as (2 sc) * (16 * sum of x), which fits
// 16 bits. Many columns: codes less their zero point against activations plus 128, so that a whole half of a
// group adds up in 16 bits. Both give the same exact integers. Must not know formats by name.
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
    int8_t q[kCodesGroups][kVectorsPerGroup][kVectorBytes];  // codes less 32
    int16_t bias[kCodesGroups][2][2 * kPanelRows];           // -128 times the sum of q, for each 16-bit lane
    int16_t sc[kCodesGroups][2][2 * kPanelRows];
    float d[kPanelRows];
  };

  template <int N>
  using Columns = BiasedColumns<N>;

  template <int kField>
  HEARTH_INLINE_AVX2 static void expand_field(const H6Tile& t, int g, __m256i high0, __m256i high1,
                                              __m256i (&sums)[2], Expanded& out) {
    const CodePair pair = codes<kField>(t, g, high0, high1);
    const __m256i halves[2] = {_mm256_sub_epi8(pair.first, _mm256_set1_epi8(H6::kZero)),
                               _mm256_sub_epi8(pair.second, _mm256_set1_epi8(H6::kZero))};
    HEARTH_UNROLL for (int h = 0; h < 2; ++h) {
      _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][4 * h + kField]), halves[h]);
      sums[h] = _mm256_add_epi16(sums[h], _mm256_maddubs_epi16(_mm256_set1_epi8(1), halves[h]));
    }
  }

  HEARTH_TARGET_AVX2 static void expand(const std::byte* tile, int groups, int, Expanded& out) {
    const auto& t = *reinterpret_cast<const H6Tile*>(tile);
    for (int g = 0; g < groups; ++g) {
      const __m256i high0 = load(t.q[g].high[0]), high1 = load(t.q[g].high[1]);
      __m256i sums[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
      expand_field<0>(t, g, high0, high1, sums, out);
      expand_field<1>(t, g, high0, high1, sums, out);
      expand_field<2>(t, g, high0, high1, sums, out);
      expand_field<3>(t, g, high0, high1, sums, out);
      const Scales scales = scales_of(t.sc[g][0]);
      _mm256_store_si256(reinterpret_cast<__m256i*>(out.sc[g][0]), scales.first);
      _mm256_store_si256(reinterpret_cast<__m256i*>(out.sc[g][1]), scales.second);
      HEARTH_UNROLL for (int h = 0; h < 2; ++h) {
        const __m256i bias = _mm256_sub_epi16(_mm256_setzero_si256(), _mm256_slli_epi16(sums[h], 7));
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.bias[g][h]), bias);
      }
    }
    _mm256_store_ps(out.d, load_halves(t.d));
  }

  /// Half `half` of group g: the sums of eight products wrap around in 16 bits while the activations are 128
  /// too large, and are exact once the bias is added: 8 * 32 * 127 = 32512. No pair saturates: 2 * 32 * 255 =
  /// 16320.
  template <int P, int N>
  HEARTH_INLINE_AVX2 static void dot_half(const Expanded* w, const Columns<N>& x, int g, int half,
                                          __m256i (&s)[P][N]) {
    dot_vectors<4, P, N>(
        [&](int p, int j) HEARTH_ALWAYS_AVX2 { return load(w[p].q[g][4 * half + j]); },
        [&](int n, int j) HEARTH_ALWAYS_AVX2 { return broadcast32(x.q[n] + g * kGroup + 16 * half + 4 * j); },
        [&](__m256i codes, __m256i four) HEARTH_ALWAYS_AVX2 { return maddubs(four, codes); }, add16, s);
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      __m256i bias = load(w[p].bias[g][half]);
      __m256i scale = load(w[p].sc[g][half]);
      keep_in_register(bias);
      keep_in_register(scale);
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        add16(s[p][n], bias);
        s[p][n] = madd(s[p][n], scale);
      }
    }
  }

  template <int P, int N>
  HEARTH_HOT_AVX2 static void many(const Expanded* w, const Columns<N>& x, int groups, float* sums) {
    __m256 scaled[P][N];  // touched once per group: may live on the stack
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) scaled[p][n] = _mm256_setzero_ps();
    }
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      __m256i first[P][N], second[P][N];
      {
        __m256i s[P][N];
        dot_half<P, N>(w, x, g, 0, s);
        HEARTH_UNROLL for (int p = 0; p < P; ++p) {
          HEARTH_UNROLL for (int n = 0; n < N; ++n) first[p][n] = s[p][n];
        }
      }
      if constexpr (P * N > 4) asm volatile("" : "+m"(first));
      dot_half<P, N>(w, x, g, 1, second);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          const __m256 dot = _mm256_cvtepi32_ps(_mm256_add_epi32(first[p][n], second[p][n]));
          scaled[p][n] = _mm256_fmadd_ps(dot, _mm256_broadcast_ss(&x.a[n].d[g]), scaled[p][n]);
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
