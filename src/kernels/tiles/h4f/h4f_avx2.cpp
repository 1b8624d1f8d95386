// Tile h4f for AVX2: eight products add up in 16 bits, one multiply-add by ones widens them, and the zero
// point of the codes is taken off the integer sum, exactly. Must not know formats by name.
#include "kernels/tiles/h4f/h4f.h"

#if defined(__x86_64__)
#include "kernels/gemm/int_panel_avx2.h"

namespace hearth::kernels {
namespace {

using namespace avx2;

/// sum + d * (da * (dot - 8 * sum of x)) with the 16-bit sums s.
HEARTH_INLINE_AVX2 __m256 fold(__m256i s, const ActivationBlock& a, int g, __m256 d, __m256 sum) {
  const __m256i dot = _mm256_madd_epi16(s, _mm256_set1_epi16(1));
  const __m256i centred = _mm256_add_epi32(dot, broadcast32(&a.zero8[g]));
  return _mm256_fmadd_ps(d, _mm256_mul_ps(_mm256_cvtepi32_ps(centred), _mm256_broadcast_ss(&a.d[g])), sum);
}

struct Kernels {
  using Layout = H4F;
  static constexpr int64_t kPanelsPerUnit = 1;
  static constexpr int64_t kUnits = 8;

  struct alignas(32) Expanded {
    uint8_t q[kCodesGroups][kVectorsPerGroup][kVectorBytes];
    float d[kCodesGroups][kPanelRows];
  };

  template <int N>
  using Columns = PlainColumns<N>;

  HEARTH_TARGET_AVX2 static void expand(const std::byte* tile, int groups, int, Expanded& out) {
    for (int g = 0; g < groups; ++g) {
      const H4F::ConstVectors q = H4F::vectors(tile, groups, g);
      for (int j = 0; j < 4; ++j) {
        const Nibbles n = nibbles(q[j]);
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][j]), n.low);
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][j + 4]), n.high);
      }
      _mm256_store_ps(out.d[g], load_halves(H4F::scales(tile, g)));
    }
  }

  template <int P, int N>
  HEARTH_HOT_AVX2 static void many(const Expanded* w, const Columns<N>& x, int groups, float* sums) {
    const ActivationBlock* a = x.a;
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      __m256i s[P][N];
      dot_group<P, N>([&](int p, int j) HEARTH_ALWAYS_AVX2 { return load(w[p].q[g][j]); }, a, g, s);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          float* sum = sums + (p * N + n) * kPanelRows;
          _mm256_store_ps(sum, fold(s[p][n], a[n], g, _mm256_load_ps(w[p].d[g]), _mm256_load_ps(sum)));
        }
      }
    }
  }

  template <int N>
  HEARTH_INLINE_AVX2 static void few(const std::byte* tile, int groups, const ActivationBlock* a,
                                     __m256* sums) {
#pragma GCC unroll 1
    for (int g = 0; g < groups; ++g) {
      const H4F::ConstVectors q = H4F::vectors(tile, groups, g);
      prefetch_ahead(q);
      __m256i s[N];
      dot_nibbles<N>(q, a, g, s);
      const __m256 d = load_halves(H4F::scales(tile, g));
      HEARTH_UNROLL for (int n = 0; n < N; ++n) sums[n] = fold(s[n], a[n], g, d, sums[n]);
    }
    prefetch_ahead(tile);
  }
};

}  // namespace

void h4f_multiply_avx2(const TileJob& job) { multiply<Kernels>(job); }

}  // namespace hearth::kernels
#endif
