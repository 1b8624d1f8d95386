// AVX2 kernels of the tiles in group_codes.h. A group of small codes adds up in 16 bits, and one multiply-add
// by ones widens it: unsigned codes as they are; centred ones, in many columns, against activations plus 128,
// what that adds being taken off in 16 bits that may wrap around on the way. Signed bytes do not add up: few
// columns then take the sign trick, |w| times sign(w) x, one vector at a time (2 * 127 * 127 = 32258 fits),
// many columns 16-bit numbers expanded once. Every way gives the same exact integers. Must not know any tile
// or format by name.
#pragma once

#if defined(__x86_64__)

#include <type_traits>

#include "kernels/gemm/int_panel_avx2.h"
#include "kernels/tiles/group_codes.h"

namespace hearth::kernels::avx2 {

/// Eight bytes of eight rows as float32.
HEARTH_INLINE_AVX2 __m256 signed_bytes_as_floats(const int8_t* bytes) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes))));
}
HEARTH_INLINE_AVX2 __m256 unsigned_bytes_as_floats(const uint8_t* bytes) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes))));
}

/// scale(g) and minimum(g) of the eight rows, equal to those of the portable form.
template <typename Scales>
struct ScaleReader;

template <>
struct ScaleReader<HalfScales> {
  const std::byte* tile;
  HEARTH_INLINE_AVX2 explicit ScaleReader(const std::byte* t) : tile(t) {}
  HEARTH_INLINE_AVX2 __m256 scale(int g) const { return load_halves(HalfScales::halves(tile, g)); }
};

template <>
struct ScaleReader<HalfScalesAndOffsets> {
  const std::byte* tile;
  HEARTH_INLINE_AVX2 explicit ScaleReader(const std::byte* t) : tile(t) {}
  HEARTH_INLINE_AVX2 __m256 scale(int g) const { return load_halves(HalfScalesAndOffsets::halves(tile, g)); }
  HEARTH_INLINE_AVX2 __m256 minimum(int g) const {
    const __m256 offset = load_halves(HalfScalesAndOffsets::halves(tile, g) + kPanelRows);
    return _mm256_xor_ps(offset, _mm256_set1_ps(-0.0f));
  }
};

template <>
struct ScaleReader<SignedSubScales> {
  const SignedSubScales::Fields& fields;
  HEARTH_INLINE_AVX2 explicit ScaleReader(const std::byte* t) : fields(SignedSubScales::fields(t)) {}
  HEARTH_INLINE_AVX2 __m256 scale(int g) const {
    return _mm256_mul_ps(_mm256_loadu_ps(fields.d), signed_bytes_as_floats(fields.sc[g]));
  }
};

template <>
struct ScaleReader<SubScalesAndMinima> {
  const SubScalesAndMinima::Fields& fields;
  __m256 d, m;
  HEARTH_INLINE_AVX2 explicit ScaleReader(const std::byte* t)
      : fields(SubScalesAndMinima::fields(t)), d(load_halves(fields.d)), m(load_halves(fields.m)) {}
  HEARTH_INLINE_AVX2 __m256 scale(int g) const {
    return _mm256_mul_ps(d, unsigned_bytes_as_floats(fields.sc[g]));
  }
  HEARTH_INLINE_AVX2 __m256 minimum(int g) const {
    return _mm256_mul_ps(m, unsigned_bytes_as_floats(fields.mn[g]));
  }
};

template <>
struct ScaleReader<ExponentScales> {
  const std::byte* tile;
  HEARTH_INLINE_AVX2 explicit ScaleReader(const std::byte* t) : tile(t) {}
  HEARTH_INLINE_AVX2 __m256 scale(int g) const {
    const auto* exponents = reinterpret_cast<const __m128i*>(ExponentScales::exponents(tile, g));
    const __m256i e = _mm256_cvtepu8_epi32(_mm_loadl_epi64(exponents));
    const __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
    const __m256i subnormal = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), e);
    const __m256i small = _mm256_cmpgt_epi32(_mm256_set1_epi32(2), e);
    return _mm256_castsi256_ps(_mm256_blendv_epi8(normal, subnormal, small));
  }
};

/// Bit j of every byte of a bit vector, moved to bit `to`.
HEARTH_INLINE_AVX2 __m256i plane_bit(__m256i plane, int j, int to) {
  const __m256i moved = j < to ? _mm256_slli_epi16(plane, to - j) : _mm256_srli_epi16(plane, j - to);
  return _mm256_and_si256(moved, _mm256_set1_epi8(static_cast<char>(1 << to)));
}

/// pair(j): code vectors j and j + 4 of a group, j < 4: values plus kZero, unsigned (wide ones as they are).
template <typename GroupCodes>
struct CodeReader;

template <int kZero>
struct CodeReader<FourBitCodes<kZero>> {
  const uint8_t (*q)[kVectorBytes];
  HEARTH_INLINE_AVX2 explicit CodeReader(const uint8_t (*vectors)[kVectorBytes]) : q(vectors) {}
  HEARTH_INLINE_AVX2 Nibbles pair(int j) const { return nibbles(q[j]); }
};

template <>
struct CodeReader<FiveBitCodes> {
  const uint8_t (*q)[kVectorBytes];
  __m256i fifth;
  HEARTH_INLINE_AVX2 explicit CodeReader(const uint8_t (*vectors)[kVectorBytes])
      : q(vectors), fifth(load(vectors[4])) {}
  HEARTH_INLINE_AVX2 Nibbles pair(int j) const {
    const Nibbles n = nibbles(q[j]);
    return {_mm256_or_si256(n.low, plane_bit(fifth, j, 4)),
            _mm256_or_si256(n.high, plane_bit(fifth, j + 4, 4))};
  }
};

template <const int8_t (&kTable)[16], Sums kSums>
struct CodeReader<TableCodes<kTable, kSums>> {
  const uint8_t (*q)[kVectorBytes];
  __m256i table;
  HEARTH_INLINE_AVX2 explicit CodeReader(const uint8_t (*vectors)[kVectorBytes]) : q(vectors) {
    const __m256i values =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kTable)));
    constexpr int kAdded = kSums == Sums::kWide ? 0 : TableCodes<kTable, kSums>::kZero;
    table = _mm256_add_epi8(values, _mm256_set1_epi8(kAdded));
  }
  HEARTH_INLINE_AVX2 Nibbles pair(int j) const {
    const Nibbles n = nibbles(q[j]);
    return {_mm256_shuffle_epi8(table, n.low), _mm256_shuffle_epi8(table, n.high)};
  }
};

/// sum + d * (da * dot)
HEARTH_INLINE_AVX2 __m256 fold(__m256i dot, float da, __m256 d, __m256 sum) {
  return _mm256_fmadd_ps(d, _mm256_mul_ps(_mm256_cvtepi32_ps(dot), _mm256_set1_ps(da)), sum);
}

/// What the zero point of unsigned codes adds to the sum of group g, to be added in turn: -kZero * sum of x.
template <int kZero>
HEARTH_INLINE_AVX2 __m256i zero_term(const ActivationBlock& a, int g) {
  static_assert(kZero == 8 || kZero == 16);
  const __m256i eight = broadcast32(&a.zero8[g]);
  return kZero == 8 ? eight : _mm256_slli_epi32(eight, 1);
}

/// The minima of group g for the values, whose zero point the codes do not have.
template <typename Tile>
HEARTH_INLINE_AVX2 __m256 minimum_of_values(const ScaleReader<typename Tile::Scales>& scales, __m256 scale,
                                            int g) {
  if constexpr (Tile::kShift == 0) return scales.minimum(g);
  return _mm256_fnmadd_ps(_mm256_set1_ps(Tile::kShift), scale, scales.minimum(g));
}

/// They meet the sums of N columns.
template <typename Tile, int N>
struct MinimaSums {
  static constexpr bool kUsed = Tile::Scales::kMinima;
  __m256 sums[N];
  HEARTH_INLINE_AVX2 MinimaSums() {
    if constexpr (kUsed) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) sums[n] = _mm256_setzero_ps();
    }
  }
  HEARTH_INLINE_AVX2 void add(const ScaleReader<typename Tile::Scales>& scales, __m256 scale,
                              const ActivationBlock* a, int g) {
    if constexpr (kUsed) {
      const __m256 minimum = minimum_of_values<Tile>(scales, scale, g);
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        sums[n] = _mm256_fmadd_ps(minimum, _mm256_broadcast_ss(&a[n].scaled_sum[g]), sums[n]);
      }
    }
  }
  HEARTH_INLINE_AVX2 void take_from(__m256* total) const {
    if constexpr (kUsed) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) total[n] = _mm256_sub_ps(total[n], sums[n]);
    }
  }
};

/// Codes that add up in 16 bits.
template <typename Tile>
struct GroupKernels {
  using Layout = Tile;
  using Scales = typename Tile::Scales;
  using GroupCodes = typename Tile::GroupCodes;
  static constexpr int kZero = GroupCodes::kZero;
  static constexpr bool kCentred = GroupCodes::kSums == Sums::kCentred;
  static constexpr bool kMinima = Scales::kMinima;
  static constexpr int64_t kPanelsPerUnit = 1;
  static constexpr int64_t kUnits = 8;

  struct alignas(32) Expanded {
    uint8_t q[kCodesGroups][kVectorsPerGroup][kVectorBytes];  // centred: signed values
    int16_t bias[kCentred ? kCodesGroups : 1]
                [2 * kPanelRows];  // -128 times the sum of q, for each 16-bit lane
    float d[kCodesGroups][kPanelRows];
    float minima[kMinima ? kCodesGroups : 1][kPanelRows];
  };

  template <int N>
  using Columns = std::conditional_t<kCentred, BiasedColumns<N>, PlainColumns<N>>;

  HEARTH_INLINE_AVX2 static void expand_codes(const CodeReader<GroupCodes>& codes, int g, Expanded& out) {
    __m256i sums = _mm256_setzero_si256();
    HEARTH_UNROLL for (int j = 0; j < 4; ++j) {
      Nibbles pair = codes.pair(j);
      if constexpr (kCentred) {
        const __m256i one = _mm256_set1_epi8(1), zero = _mm256_set1_epi8(kZero);
        pair = {_mm256_sub_epi8(pair.low, zero), _mm256_sub_epi8(pair.high, zero)};
        sums = _mm256_add_epi16(sums, _mm256_maddubs_epi16(one, _mm256_add_epi8(pair.low, pair.high)));
      }
      _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][j]), pair.low);
      _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][j + 4]), pair.high);
    }
    if constexpr (kCentred) {
      const __m256i bias = _mm256_sub_epi16(_mm256_setzero_si256(), _mm256_slli_epi16(sums, 7));
      _mm256_store_si256(reinterpret_cast<__m256i*>(out.bias[g]), bias);
    }
  }

  HEARTH_TARGET_AVX2 static void expand(const std::byte* tile, int groups, int, Expanded& out) {
    const ScaleReader<Scales> scales(tile);
    for (int g = 0; g < groups; ++g) {
      expand_codes(CodeReader<GroupCodes>(Tile::vectors(tile, groups, g)), g, out);
      const __m256 scale = scales.scale(g);
      _mm256_store_ps(out.d[g], scale);
      if constexpr (kMinima) _mm256_store_ps(out.minima[g], minimum_of_values<Tile>(scales, scale, g));
    }
  }

  /// The 16-bit sums of group g: of values and activations, or of codes and activations.
  template <int P, int N>
  HEARTH_INLINE_AVX2 static void dot(const Expanded* w, const Columns<N>& x, int g, __m256i (&s)[P][N]) {
    auto weights = [&](int p, int j) HEARTH_ALWAYS_AVX2 { return load(w[p].q[g][j]); };
    if constexpr (kCentred) {
      dot_vectors<kVectorsPerGroup, P, N>(
          weights, [&](int n, int j) HEARTH_ALWAYS_AVX2 { return broadcast32(x.q[n] + g * kGroup + 4 * j); },
          [&](__m256i values, __m256i four) HEARTH_ALWAYS_AVX2 { return maddubs(four, values); }, add16, s);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        __m256i bias = load(w[p].bias[g]);
        keep_in_register(bias);
        HEARTH_UNROLL for (int n = 0; n < N; ++n) add16(s[p][n], bias);
      }
    } else {
      dot_group<P, N>(weights, x.a, g, s);
    }
  }

  template <int P, int N>
  HEARTH_HOT_AVX2 static void many(const Expanded* w, const Columns<N>& x, int groups, float* sums) {
    const ActivationBlock* a = x.a;
    const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      __m256i s[P][N];
      dot<P, N>(w, x, g, s);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          __m256i sum32 = _mm256_madd_epi16(s[p][n], ones);
          if constexpr (kZero != 0 && !kCentred) sum32 = _mm256_add_epi32(sum32, zero_term<kZero>(a[n], g));
          float* sum = sums + (p * N + n) * kPanelRows;
          _mm256_store_ps(sum, fold(sum32, a[n].d[g], _mm256_load_ps(w[p].d[g]), _mm256_load_ps(sum)));
        }
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
        const __m256 sum = _mm256_broadcast_ss(&a[n].scaled_sum[g]);
        HEARTH_UNROLL for (int p = 0; p < P; ++p) {
          minima[p][n] = _mm256_fmadd_ps(_mm256_load_ps(w[p].minima[g]), sum, minima[p][n]);
        }
      }
    }
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n, sums += kPanelRows) {
        _mm256_store_ps(sums, _mm256_sub_ps(_mm256_load_ps(sums), minima[p][n]));
      }
    }
  }

  template <int N>
  HEARTH_INLINE_AVX2 static void few(const std::byte* tile, int groups, const ActivationBlock* a,
                                     __m256* sums) {
    const __m256i ones = _mm256_set1_epi16(1);
    const ScaleReader<Scales> scales(tile);
    MinimaSums<Tile, N> minima;
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      const auto vectors = Tile::vectors(tile, groups, g);
      prefetch_ahead(vectors);
      if constexpr (GroupCodes::kBytes > 128) prefetch_ahead(vectors[2]);
      const CodeReader<GroupCodes> codes(vectors);
      __m256i s[N][2];
      HEARTH_UNROLL for (int j = 0; j < 4; ++j) {
        Nibbles w = codes.pair(j);
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
      const __m256 d = scales.scale(g);
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        __m256i sum32;
        if constexpr (kCentred) {  // codes up to 31 add up in halves only: 8 * 31 * 127 = 31496
          sum32 = _mm256_add_epi32(_mm256_madd_epi16(s[n][0], ones), _mm256_madd_epi16(s[n][1], ones));
        } else {
          sum32 = _mm256_madd_epi16(_mm256_add_epi16(s[n][0], s[n][1]), ones);
        }
        if constexpr (kZero != 0) sum32 = _mm256_add_epi32(sum32, zero_term<kZero>(a[n], g));
        sums[n] = fold(sum32, a[n].d[g], d, sums[n]);
      }
      minima.add(scales, d, a, g);
    }
    minima.take_from(sums);
    prefetch_ahead(tile);
  }
};

/// Bytes 0, 2 (even) and 1, 3 (odd) of each dword as 16-bit numbers.
HEARTH_INLINE_AVX2 __m256i even_bytes(__m256i v) { return _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8); }
HEARTH_INLINE_AVX2 __m256i odd_bytes(__m256i v) { return _mm256_srai_epi16(v, 8); }

/// Values that are signed bytes of magnitude up to 127, without minima.
template <typename Tile>
struct SignedGroupKernels {
  using Layout = Tile;
  using Scales = typename Tile::Scales;
  using GroupCodes = typename Tile::GroupCodes;
  static_assert(GroupCodes::kSums == Sums::kWide && !Scales::kMinima);
  static constexpr int64_t kPanelsPerUnit = 1;
  static constexpr int64_t kUnits = 4;

  struct alignas(32) Expanded {
    int16_t q[kCodesGroups][kVectorsPerGroup][2][2 * kPanelRows];  // even, odd columns
    float d[kCodesGroups][kPanelRows];
  };

  template <int N>
  struct Columns {
    alignas(32) int16_t q[N][kCodesGroups][2][2 * kVectorsPerGroup];
    const ActivationBlock* a;
    HEARTH_TARGET_AVX2 void set(const ActivationBlock* first, int groups) {
      a = first;
      for (int n = 0; n < N; ++n) {
        for (int g = 0; g < groups; ++g) {
          const __m256i v = load(a[n].q + g * kGroup);
          _mm256_store_si256(reinterpret_cast<__m256i*>(q[n][g][0]), even_bytes(v));
          _mm256_store_si256(reinterpret_cast<__m256i*>(q[n][g][1]), odd_bytes(v));
        }
      }
    }
  };

  HEARTH_INLINE_AVX2 static void store_vector(__m256i v, int16_t (*out)[2 * kPanelRows]) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(out[0]), even_bytes(v));
    _mm256_store_si256(reinterpret_cast<__m256i*>(out[1]), odd_bytes(v));
  }

  HEARTH_TARGET_AVX2 static void expand(const std::byte* tile, int groups, int, Expanded& out) {
    const ScaleReader<Scales> scales(tile);
    for (int g = 0; g < groups; ++g) {
      const CodeReader<GroupCodes> codes(Tile::vectors(tile, groups, g));
      HEARTH_UNROLL for (int j = 0; j < 4; ++j) {
        const Nibbles pair = codes.pair(j);
        store_vector(pair.low, out.q[g][j]);
        store_vector(pair.high, out.q[g][j + 4]);
      }
      _mm256_store_ps(out.d[g], scales.scale(g));
    }
  }

  template <int P, int N>
  HEARTH_HOT_AVX2 static void many(const Expanded* w, const Columns<N>& x, int groups, float* sums) {
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      __m256i dot[P][N];
      dot_vectors<2 * kVectorsPerGroup, P, N>(
          [&](int p, int j) HEARTH_ALWAYS_AVX2 { return load(w[p].q[g][j / 2][j % 2]); },
          [&](int n, int j) HEARTH_ALWAYS_AVX2 { return broadcast32(&x.q[n][g][j % 2][j / 2 * 2]); }, madd,
          add32, dot);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          float* sum = sums + (p * N + n) * kPanelRows;
          _mm256_store_ps(sum, fold(dot[p][n], x.a[n].d[g], _mm256_load_ps(w[p].d[g]), _mm256_load_ps(sum)));
        }
      }
    }
  }

  template <int N>
  HEARTH_INLINE_AVX2 static void few(const std::byte* tile, int groups, const ActivationBlock* a,
                                     __m256* sums) {
    const __m256i ones = _mm256_set1_epi16(1);
    const ScaleReader<Scales> scales(tile);
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      const auto vectors = Tile::vectors(tile, groups, g);
      prefetch_ahead(vectors);
      const CodeReader<GroupCodes> codes(vectors);
      __m256i dot[N];
      HEARTH_UNROLL for (int n = 0; n < N; ++n) dot[n] = _mm256_setzero_si256();
      HEARTH_UNROLL for (int j = 0; j < kVectorsPerGroup; ++j) {
        const Nibbles pair = codes.pair(j % 4);
        __m256i w = j < 4 ? pair.low : pair.high;
        keep_in_register(w);
        __m256i magnitude = _mm256_abs_epi8(w);
        keep_in_register(magnitude);
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          const __m256i x = broadcast32(a[n].q + g * kGroup + 4 * j);
          add32(dot[n], madd(maddubs(magnitude, _mm256_sign_epi8(x, w)), ones));
        }
      }
      const __m256 d = scales.scale(g);
      HEARTH_UNROLL for (int n = 0; n < N; ++n) sums[n] = fold(dot[n], a[n].d[g], d, sums[n]);
    }
    prefetch_ahead(tile);
  }
};

template <typename Tile>
void multiply_groups(const TileJob& job) {
  if constexpr (Tile::GroupCodes::kSums == Sums::kWide) {
    multiply<SignedGroupKernels<Tile>>(job);
  } else {
    multiply<GroupKernels<Tile>>(job);
  }
}

}  // namespace hearth::kernels::avx2

#endif  // defined(__x86_64__)
