// Tile h8 for AVX2. Products of two bytes do not add up in 16 bits, so: few columns by the sign trick, |w|
// times sign(w) x, one product pair at a time (2 * 128 * 127 = 32512 fits); many columns in 16-bit numbers,
// expanded once, with vpmaddwd alone. Both give the same exact integers. Must not know formats by name.
#include "kernels/tiles/h8/h8.h"

#if defined(__x86_64__)
#include "kernels/gemm/int_panel_avx2.h"

namespace hearth::kernels {
namespace {

using namespace avx2;

/// Bytes 0, 2 (even) and 1, 3 (odd) of each dword as 16-bit numbers.
HEARTH_INLINE_AVX2 __m256i even_bytes(__m256i v) { return _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8); }
HEARTH_INLINE_AVX2 __m256i odd_bytes(__m256i v) { return _mm256_srai_epi16(v, 8); }

HEARTH_INLINE_AVX2 __m256 fold(__m256i dot, const float* da, __m256 d, __m256 sum) {
  return _mm256_fmadd_ps(d, _mm256_mul_ps(_mm256_cvtepi32_ps(dot), _mm256_broadcast_ss(da)), sum);
}

struct Kernels {
  using Layout = H8;
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

  HEARTH_TARGET_AVX2 static void expand(const std::byte* tile, int groups, int, Expanded& out) {
    for (int g = 0; g < groups; ++g) {
      const H8::ConstVectors q = H8::vectors(tile, groups, g);
      for (int j = 0; j < kVectorsPerGroup; ++j) {
        const __m256i v = load(q[j]);
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][j][0]), even_bytes(v));
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][j][1]), odd_bytes(v));
      }
      _mm256_store_ps(out.d[g], load_halves(H8::scales(tile, g)));
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
          _mm256_store_ps(sum, fold(dot[p][n], &x.a[n].d[g], _mm256_load_ps(w[p].d[g]), _mm256_load_ps(sum)));
        }
      }
    }
  }

  template <int N>
  HEARTH_INLINE_AVX2 static void few(const std::byte* tile, int groups, const ActivationBlock* a,
                                     __m256* sums) {
    const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      const H8::ConstVectors q = H8::vectors(tile, groups, g);
      prefetch_ahead(q);
      prefetch_ahead(q + 4);
      __m256i dot[N];
      HEARTH_UNROLL for (int n = 0; n < N; ++n) dot[n] = _mm256_setzero_si256();
      HEARTH_UNROLL for (int j = 0; j < kVectorsPerGroup; ++j) {
        __m256i w = load(q[j]);
        keep_in_register(w);
        __m256i magnitude = _mm256_abs_epi8(w);
        keep_in_register(magnitude);
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          const __m256i x = broadcast32(a[n].q + g * kGroup + 4 * j);
          add32(dot[n], madd(maddubs(magnitude, _mm256_sign_epi8(x, w)), ones));
        }
      }
      const __m256 d = load_halves(H8::scales(tile, g));
      HEARTH_UNROLL for (int n = 0; n < N; ++n) sums[n] = fold(dot[n], &a[n].d[g], d, sums[n]);
    }
    prefetch_ahead(tile);
  }
};

}  // namespace

void h8_multiply_avx2(const TileJob& job) { multiply<Kernels>(job); }

}  // namespace hearth::kernels
#endif
