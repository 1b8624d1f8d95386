// AVX2 kernels of the tiles in half_codes.h: the products of a half of a group add up in 16 bits, and one
// multiply-add by the half's sub-scales widens and scales them. Must not know any tile or format by name.
#pragma once

#if defined(__x86_64__)

#include "kernels/tiles/group_codes_avx2.h"
#include "kernels/tiles/half_codes.h"

namespace hearth::kernels::avx2 {

/// The sub-scales of one group as 16-bit numbers, times kFactor: each row's twice, for its two sums.
struct HalfScales16 {
  __m256i first, second;
  __m256i both;  // (first, second) of each row, for the sums of x: the minima, or the scales without kFactor
};

/// Sixteen bytes in the upper bytes of 16-bit numbers: bytes `from` + r twice, or bytes r and 8 + r.
HEARTH_INLINE_AVX2 __m256i twice_upper(__m256i sixteen, int from) {
  const __m256i index = _mm256_setr_epi8(-1, 0, -1, 0, -1, 1, -1, 1, -1, 2, -1, 2, -1, 3, -1, 3,  //
                                         -1, 4, -1, 4, -1, 5, -1, 5, -1, 6, -1, 6, -1, 7, -1, 7);
  return _mm256_shuffle_epi8(sixteen,
                             _mm256_add_epi16(index, _mm256_set1_epi16(static_cast<int16_t>(from << 8))));
}
HEARTH_INLINE_AVX2 __m256i both_upper(__m256i sixteen) {
  const __m256i index = _mm256_setr_epi8(-1, 0, -1, 8, -1, 1, -1, 9, -1, 2, -1, 10, -1, 3, -1, 11,  //
                                         -1, 4, -1, 12, -1, 5, -1, 13, -1, 6, -1, 14, -1, 7, -1, 15);
  return _mm256_shuffle_epi8(sixteen, index);
}
HEARTH_INLINE_AVX2 __m256i load_sixteen(const void* p) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}

HEARTH_INLINE_AVX2 HalfScales16 half_scales(const NibbleScalesAndMinima::Fields& f, int g) {
  const __m256i bytes = load_sixteen(f.sc[g]);
  const __m256i scales = _mm256_and_si256(bytes, _mm256_set1_epi8(15));
  return {_mm256_srli_epi16(twice_upper(scales, 0), 8), _mm256_srli_epi16(twice_upper(scales, 8), 8),
          _mm256_srli_epi16(both_upper(bytes), 12)};
}
HEARTH_INLINE_AVX2 HalfScales16 half_scales(const SignedHalfScales::Fields& f, int g) {
  static_assert(SignedHalfScales::kFactor == 4);
  const __m256i bytes = load_sixteen(f.sc[g]);
  return {_mm256_srai_epi16(twice_upper(bytes, 0), 6), _mm256_srai_epi16(twice_upper(bytes, 8), 6),
          _mm256_srai_epi16(both_upper(bytes), 8)};
}

/// The rows' scales without kFactor, and of the minima for sums of 16 x.
HEARTH_INLINE_AVX2 __m256 row_scales(const NibbleScalesAndMinima::Fields& f) { return load_halves(f.d); }
HEARTH_INLINE_AVX2 __m256 row_scales(const SignedHalfScales::Fields& f) {
  return _mm256_mul_ps(_mm256_loadu_ps(f.d), _mm256_set1_ps(1.0f / SignedHalfScales::kFactor));
}
HEARTH_INLINE_AVX2 __m256 row_minima(const NibbleScalesAndMinima::Fields& f) {
  return _mm256_mul_ps(load_halves(f.m), _mm256_set1_ps(-0.0625f));
}

/// Two-bit field `field` of every byte.
HEARTH_INLINE_AVX2 __m256i two_bits(__m256i v, int field) {
  return _mm256_and_si256(_mm256_srli_epi16(v, 2 * field), _mm256_set1_epi8(3));
}

template <>
struct CodeReader<TwoBitCodes> {
  __m256i first, second;
  HEARTH_INLINE_AVX2 explicit CodeReader(const uint8_t (*q)[kVectorBytes])
      : first(load(q[0])), second(load(q[1])) {}
  HEARTH_INLINE_AVX2 Nibbles pair(int j) const { return {two_bits(first, j), two_bits(second, j)}; }
};

template <>
struct CodeReader<ThreeBitCodes> {
  __m256i first, second, third;
  HEARTH_INLINE_AVX2 explicit CodeReader(const uint8_t (*q)[kVectorBytes])
      : first(load(q[0])), second(load(q[1])), third(load(q[2])) {}
  HEARTH_INLINE_AVX2 Nibbles pair(int j) const {
    return {_mm256_or_si256(two_bits(first, j), plane_bit(third, j, 2)),
            _mm256_or_si256(two_bits(second, j), plane_bit(third, j + 4, 2))};
  }
};

template <typename Tile>
struct HalfKernels {
  using Layout = Tile;
  using Scales = typename Tile::Scales;
  using HalfCodes = typename Tile::HalfCodes;
  static constexpr bool kMinima = Scales::kMinima;
  static constexpr int kZero = HalfCodes::kZero;
  // The sums of x come times 16: without kFactor, the scales times that are the zero point's share.
  static_assert(kZero == 0 || (kZero * Scales::kFactor == 16 && !kMinima));
  static constexpr int64_t kPanelsPerUnit = 1;
  static constexpr int64_t kUnits = 8;

  struct alignas(32) Expanded {
    uint8_t q[kCodesGroups][kVectorsPerGroup][kVectorBytes];
    int16_t sc[kCodesGroups][2][2 * kPanelRows];
    int16_t both[kCodesGroups][2 * kPanelRows];
    float d[kPanelRows];
    float m[kPanelRows];
  };

  template <int N>
  using Columns = PlainColumns<N>;

  HEARTH_TARGET_AVX2 static void expand(const std::byte* tile, int groups, int, Expanded& out) {
    const auto& fields = Scales::fields(tile);
    for (int g = 0; g < groups; ++g) {
      const CodeReader<HalfCodes> codes(Tile::vectors(tile, g));
      HEARTH_UNROLL for (int j = 0; j < 4; ++j) {
        const Nibbles pair = codes.pair(j);
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][j]), pair.low);
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][j + 4]), pair.high);
      }
      const HalfScales16 scales = half_scales(fields, g);
      _mm256_store_si256(reinterpret_cast<__m256i*>(out.sc[g][0]), scales.first);
      _mm256_store_si256(reinterpret_cast<__m256i*>(out.sc[g][1]), scales.second);
      _mm256_store_si256(reinterpret_cast<__m256i*>(out.both[g]), scales.both);
    }
    _mm256_store_ps(out.d, row_scales(fields));
    if constexpr (kMinima) _mm256_store_ps(out.m, row_minima(fields));
  }

  /// The 16-bit sums of half `half` of group g.
  template <int P, int N>
  HEARTH_INLINE_AVX2 static void dot_half(const Expanded* w, const ActivationBlock* a, int g, int half,
                                          __m256i (&s)[P][N]) {
    dot_vectors<4, P, N>(
        [&](int p, int j) HEARTH_ALWAYS_AVX2 { return load(w[p].q[g][4 * half + j]); },
        [&](int n, int j) HEARTH_ALWAYS_AVX2 { return broadcast32(a[n].q + g * kGroup + 16 * half + 4 * j); },
        maddubs, add16, s);
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
      __m256i s[P][N], first[P][N];
      dot_half<P, N>(w, a, g, 0, s);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        HEARTH_UNROLL for (int n = 0; n < N; ++n) first[p][n] =
            _mm256_madd_epi16(s[p][n], load(w[p].sc[g][0]));
      }
      if constexpr (P * N > 4) asm volatile("" : "+m"(first));
      dot_half<P, N>(w, a, g, 1, s);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          __m256i dot = _mm256_add_epi32(_mm256_madd_epi16(s[p][n], load(w[p].sc[g][1])), first[p][n]);
          if constexpr (kZero != 0) {
            const __m256i sums16 = broadcast32(&a[n].half_sum16[2 * g]);
            dot = _mm256_sub_epi32(dot, _mm256_madd_epi16(load(w[p].both[g]), sums16));
          }
          codes[p][n] =
              _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), _mm256_broadcast_ss(&a[n].d[g]), codes[p][n]);
        }
      }
      if constexpr (P * N > 4) asm volatile("" : "+m"(codes));
    }
    float* out = sums;
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n, out += kPanelRows) {
        _mm256_store_ps(out, _mm256_fmadd_ps(_mm256_load_ps(w[p].d), codes[p][n], _mm256_load_ps(out)));
      }
    }
    if constexpr (kMinima) take_minima<P, N>(w, a, groups, sums);
  }

  template <int P, int N>
  HEARTH_INLINE_AVX2 static void take_minima(const Expanded* w, const ActivationBlock* a, int groups,
                                             float* sums) {
    __m256 minima[P][N];
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) minima[p][n] = _mm256_setzero_ps();
    }
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        const __m256i sums16 = broadcast32(&a[n].half_sum16[2 * g]);
        const __m256 d = _mm256_broadcast_ss(&a[n].d[g]);
        HEARTH_UNROLL for (int p = 0; p < P; ++p) {
          const __m256i minimum = _mm256_madd_epi16(load(w[p].both[g]), sums16);
          minima[p][n] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(minimum), d, minima[p][n]);
        }
      }
    }
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n, sums += kPanelRows) {
        _mm256_store_ps(sums, _mm256_fmadd_ps(_mm256_load_ps(w[p].m), minima[p][n], _mm256_load_ps(sums)));
      }
    }
  }

  template <int N>
  HEARTH_INLINE_AVX2 static void few(const std::byte* tile, int groups, const ActivationBlock* a,
                                     __m256* sums) {
    const auto& fields = Scales::fields(tile);
    __m256 codes[N], minima[N];
    HEARTH_UNROLL for (int n = 0; n < N; ++n) codes[n] = minima[n] = _mm256_setzero_ps();
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      const auto vectors = Tile::vectors(tile, g);
      prefetch_ahead(vectors);
      const CodeReader<HalfCodes> reader(vectors);
      __m256i s[N][2];
      HEARTH_UNROLL for (int j = 0; j < 4; ++j) {
        Nibbles w = reader.pair(j);
        keep_in_register(w.low);
        keep_in_register(w.high);
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          const int8_t* x = a[n].q + g * kGroup + 4 * j;
          const __m256i low = maddubs(w.low, broadcast32(x));
          const __m256i high = maddubs(w.high, broadcast32(x + 16));
          if (j == 0) {
            s[n][0] = low;
            s[n][1] = high;
          } else {
            add16(s[n][0], low);
            add16(s[n][1], high);
          }
        }
      }
      const HalfScales16 scales = half_scales(fields, g);
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        const __m256 d = _mm256_broadcast_ss(&a[n].d[g]);
        const __m256i both = _mm256_madd_epi16(scales.both, broadcast32(&a[n].half_sum16[2 * g]));
        __m256i dot = _mm256_add_epi32(_mm256_madd_epi16(s[n][0], scales.first),
                                       _mm256_madd_epi16(s[n][1], scales.second));
        if constexpr (kZero != 0) dot = _mm256_sub_epi32(dot, both);
        codes[n] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), d, codes[n]);
        if constexpr (kMinima) minima[n] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(both), d, minima[n]);
      }
    }
    prefetch_ahead(tile);
    const __m256 d = row_scales(fields);
    HEARTH_UNROLL for (int n = 0; n < N; ++n) sums[n] = _mm256_fmadd_ps(d, codes[n], sums[n]);
    if constexpr (kMinima) {
      const __m256 m = row_minima(fields);
      HEARTH_UNROLL for (int n = 0; n < N; ++n) sums[n] = _mm256_fmadd_ps(m, minima[n], sums[n]);
    }
  }
};

template <typename Tile>
void multiply_halves(const TileJob& job) {
  multiply<HalfKernels<Tile>>(job);
}

}  // namespace hearth::kernels::avx2

#endif  // defined(__x86_64__)
