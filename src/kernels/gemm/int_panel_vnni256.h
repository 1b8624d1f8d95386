// 256-bit byte dot products (vpdpbusd) for the integer tiles, few and many columns, through the AVX2 drivers.
// AVX-VNNI has the instruction in the VEX encoding and AVX-512 VNNI in the EVEX encoding; all else here is
// AVX2, so both are one kernel that differs in one line of assembly, and a machine with either one tests it.
// Sums are exact in 32 bits; floats keep the portable order. Knows no tile by name.
#pragma once

#if defined(__x86_64__)

#include "kernels/gemm/int_panel_avx2.h"

namespace hearth::kernels::vnni256 {

/// sum += four products of unsigned codes and activations, in each of eight rows. As assembly, because then
/// the compiler needs no knowledge of the instruction, and for the reasons given beside avx2::maddubs.
struct Vex {
  HEARTH_INLINE_AVX2 static void dot(__m256i& sum, __m256i codes, __m256i x) {
    asm volatile("%{vex%} vpdpbusd %2,%1,%0" : "+x"(sum) : "x"(codes), "x"(x));
  }
};
struct Evex {
  HEARTH_INLINE_AVX2 static void dot(__m256i& sum, __m256i codes, __m256i x) {
    asm volatile("%{evex%} vpdpbusd %2,%1,%0" : "+x"(sum) : "x"(codes), "x"(x));
  }
};

// A tile is given by a view T of one packed tile, T(tile, groups), with
//
// - Layout, kZero (what is to be taken off its unsigned codes), kGroupBytes of codes;
// - vectors(g), where the codes of a group begin, and codes(g), a reader of them: pair(j) is code vectors j
//   and j + 4, unsigned;
// - GroupScales and scales(g); RowScales and row_scales(), made of vectors, so that they may be kept
//   expanded;
// - Fold<N>: the float operations of N columns of one panel. Each of the kParts of a group has integer sums
//   of its own, and part<i>(scales, dots, a, g, sums) takes them in turn; Minima<N>, with add(scales, a, g),
//   for each group; end(row_scales, minima, sums) ends a tile.

/// What the zero point adds to the sums of a part of group g, to be added in turn: -kZero * sum of x.
template <int kZero, int kParts>
HEARTH_INLINE_AVX2 __m256i start(const ActivationBlock& a, int g, int part) {
  if constexpr (kZero == 0) {
    return _mm256_setzero_si256();
  } else if constexpr (kParts == 1) {
    static_assert(kZero == 8 || kZero == 16 || kZero == 128);
    return _mm256_slli_epi32(avx2::broadcast32(&a.zero8[g]), kZero == 8 ? 0 : kZero == 16 ? 1 : 4);
  } else {
    static_assert(kZero == 4 || kZero == 32);
    return _mm256_srai_epi32(avx2::broadcast32(&a.half_zero32[2 * g + part]), kZero == 32 ? 0 : 3);
  }
}

template <typename T, typename Encoding>
struct Kernels {
  using Layout = typename T::Layout;
  static constexpr int64_t kPanelsPerUnit = 1;
  static constexpr int64_t kUnits = 8;
  static constexpr int kParts = T::template Fold<1>::kParts;

  struct alignas(32) Expanded {
    uint8_t q[kCodesGroups][kVectorsPerGroup][kVectorBytes];
    typename T::GroupScales groups[kCodesGroups];
    typename T::RowScales rows;
  };

  template <int N>
  using Columns = avx2::PlainColumns<N>;

  HEARTH_TARGET_AVX2 static void expand(const std::byte* tile, int groups, int, Expanded& out) {
    const T t(tile, groups);
    for (int g = 0; g < groups; ++g) {
      const auto codes = t.codes(g);
      HEARTH_UNROLL for (int j = 0; j < 4; ++j) {
        const avx2::Nibbles pair = codes.pair(j);
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][j]), pair.low);
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][j + 4]), pair.high);
      }
      out.groups[g] = t.scales(g);
    }
    out.rows = t.row_scales();
  }

  /// The integer sums of part i and all parts after it, each folded when it is complete.
  template <int i, int P, int N, typename Codes, typename Scales>
  HEARTH_INLINE_AVX2 static void parts(const Codes& codes, const Scales& scales, const ActivationBlock* a,
                                       int g, typename T::template Fold<N> (&fold)[P], __m256* sums) {
    if constexpr (i < kParts) {
      constexpr int kVectors = kVectorsPerGroup / kParts;
      __m256i dots[P][N];
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        dots[0][n] = start<T::kZero, kParts>(a[n], g, i);
        HEARTH_UNROLL for (int p = 1; p < P; ++p) dots[p][n] = dots[0][n];
      }
      HEARTH_UNROLL for (int j = i * kVectors; j < (i + 1) * kVectors; ++j) {
        __m256i w[P];
        HEARTH_UNROLL for (int p = 0; p < P; ++p) {
          w[p] = codes(p, j);
          avx2::keep_in_register(w[p]);
        }
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          __m256i x = avx2::broadcast32(a[n].q + g * kGroup + 4 * j);
          avx2::keep_in_register(x);
          HEARTH_UNROLL for (int p = 0; p < P; ++p) Encoding::dot(dots[p][n], w[p], x);
        }
      }
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        fold[p].template part<i>(scales(p), dots[p], a, g, sums + p * N);
      }
      if constexpr (P * N > 4) asm volatile("" : "+m"(fold));  // touched once: may live on the stack
      parts<i + 1, P, N>(codes, scales, a, g, fold, sums);
    }
  }

  template <int P, int N>
  HEARTH_HOT_AVX2 static void many(const Expanded* w, const Columns<N>& x, int groups, float* sums) {
    auto* eights = reinterpret_cast<__m256*>(sums);
    typename T::template Fold<N> fold[P];
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      parts<0, P, N>([&](int p, int j) HEARTH_ALWAYS_AVX2 { return avx2::load(w[p].q[g][j]); },
                     [&](int p) HEARTH_ALWAYS_AVX2 -> const auto& { return w[p].groups[g]; }, x.a, g, fold,
                     eights);
    }
    typename T::template Minima<N> minima[P];  // in a loop of their own: registers are few
    for (int g = 0; g < groups; ++g) {
      HEARTH_UNROLL for (int p = 0; p < P; ++p) minima[p].add(w[p].groups[g], x.a, g);
    }
    HEARTH_UNROLL for (int p = 0; p < P; ++p) fold[p].end(w[p].rows, minima[p], eights + p * N);
  }

  template <int N>
  HEARTH_INLINE_AVX2 static void few(const std::byte* tile, int groups, const ActivationBlock* a,
                                     __m256* sums) {
    const T t(tile, groups);
    typename T::template Fold<N> fold[1];
    typename T::template Minima<N> minima;
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      const auto* ahead = reinterpret_cast<const char*>(t.vectors(g)) + avx2::kPrefetchBytes;
      for (int line = 0; line < T::kGroupBytes; line += 64) _mm_prefetch(ahead + line, _MM_HINT_T0);
      const auto codes = t.codes(g);
      const auto scales = t.scales(g);
      parts<0, 1, N>([&](int, int j)
                         HEARTH_ALWAYS_AVX2 { return j < 4 ? codes.pair(j).low : codes.pair(j - 4).high; },
                     [&](int) HEARTH_ALWAYS_AVX2 -> const auto& { return scales; }, a, g, fold, sums);
      minima.add(scales, a, g);
    }
    avx2::prefetch_ahead(tile);
    fold[0].end(t.row_scales(), minima, sums);
  }
};

/// Few and many columns for Isa::kAvxVnni.
template <typename T>
void multiply(const TileJob& job) {
  if (has_avx_vnni()) {
    avx2::multiply<Kernels<T, Vex>>(job);
  } else {
    avx2::multiply<Kernels<T, Evex>>(job);
  }
}

/// Few columns for Isa::kAvx512Vnni.
template <typename T>
void multiply_few(const TileJob& job) {
  avx2::FewColumns<Kernels<T, Evex>>::multiply(job);
}

struct NoScales {};
struct NoMinima {
  template <typename Scales>
  HEARTH_INLINE_AVX2 void add(const Scales&, const ActivationBlock*, int) {}
};

/// Float minima per group times the sums of x.
template <int N>
struct FloatMinima {
  __m256 sums[N];
  HEARTH_INLINE_AVX2 FloatMinima() { HEARTH_UNROLL for (__m256& sum : sums) sum = _mm256_setzero_ps(); }
  template <typename Scales>
  HEARTH_INLINE_AVX2 void add(const Scales& scales, const ActivationBlock* a, int g) {
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      sums[n] = _mm256_fmadd_ps(scales.minimum, _mm256_broadcast_ss(&a[n].scaled_sum[g]), sums[n]);
    }
  }
};

/// Scales of the rows in one group, and minima where a tile has them.
template <bool kMinima>
struct GroupScales {
  __m256 d;
};
template <>
struct GroupScales<true> {
  __m256 d, minimum;
};

/// Float scales per group: sum + d * (da * dot), and in the end less the minima times the sums of x.
template <int N>
struct GroupFold {
  static constexpr int kParts = 1;
  template <int, typename Scales>
  HEARTH_INLINE_AVX2 void part(const Scales& scales, const __m256i* dots, const ActivationBlock* a, int g,
                               __m256* sums) {
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      const __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(dots[n]), _mm256_broadcast_ss(&a[n].d[g]));
      sums[n] = _mm256_fmadd_ps(scales.d, scaled, sums[n]);
    }
  }
  HEARTH_INLINE_AVX2 void end(const NoScales&, const NoMinima&, __m256*) {}
  HEARTH_INLINE_AVX2 void end(const NoScales&, const FloatMinima<N>& minima, __m256* sums) {
    HEARTH_UNROLL for (int n = 0; n < N; ++n) sums[n] = _mm256_sub_ps(sums[n], minima.sums[n]);
  }
};

/// Eight bytes of eight rows as float32.
HEARTH_INLINE_AVX2 __m256 floats(const uint8_t* bytes) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes))));
}
HEARTH_INLINE_AVX2 __m256 floats(const int8_t* bytes) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes))));
}

}  // namespace hearth::kernels::vnni256

#endif  // defined(__x86_64__)
