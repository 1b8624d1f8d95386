// Tile h4 for AVX-512 VNNI. The sub-scale is applied to the converted sum: exact, since 32 * 15 * 127 * 63 <
// 2^24, and so equal to the integer product of the other forms. Must not know formats by name.
#include "kernels/tiles/h4/h4.h"

#if defined(__x86_64__)
#include "kernels/gemm/int_panel_vnni.h"

namespace hearth::kernels {
namespace {

HEARTH_INLINE_VNNI __m256 bytes_as_floats(const uint8_t* bytes) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes))));
}

struct Kernels {
  using Layout = H4;
  static constexpr int64_t kPanelsPerUnit = 2;
  static constexpr int64_t kUnits = 4;

  struct alignas(64) Expanded {
    vnni::WideCodes codes;
    float sc[kCodesGroups][vnni::kLanes];
    float mn[kCodesGroups][vnni::kLanes];
    float d[vnni::kLanes];
    float m[vnni::kLanes];
  };

  template <int N>
  using Columns = vnni::PlainColumns<N>;

  HEARTH_TARGET_VNNI static void expand(const std::byte* tile, int groups, int half, Expanded& out) {
    const auto& t = *reinterpret_cast<const H4Tile*>(tile);
    const int row = half * kPanelRows;
    for (int g = 0; g < groups; ++g) {
      vnni::expand_nibbles(t.q[g], g, half, out.codes);
      _mm256_store_ps(out.sc[g] + row, bytes_as_floats(t.sc[g]));
      _mm256_store_ps(out.mn[g] + row, bytes_as_floats(t.mn[g]));
    }
    _mm256_store_ps(out.d + row, avx2::load_halves(t.d));
    _mm256_store_ps(out.m + row, avx2::load_halves(t.m));
  }

  template <int P, int N>
  HEARTH_TARGET_VNNI __attribute__((noinline)) static void many(const Expanded* w, const Columns<N>& x,
                                                                int groups, float* sums) {
    const ActivationBlock* a = x.a;
    __m512 codes[P][N], minima[P][N];
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) codes[p][n] = minima[p][n] = _mm512_setzero_ps();
    }
    for (int g = 0; g < groups; ++g) {
      __m512i dot[P][N];
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        HEARTH_UNROLL for (int n = 0; n < N; ++n) dot[p][n] = _mm512_setzero_si512();
      }
      vnni::dot_vectors<P, N>(w, a, g, 0, kVectorsPerGroup, dot);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        const __m512 scale = _mm512_load_ps(w[p].sc[g]), min = _mm512_load_ps(w[p].mn[g]);
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          const __m512 scaled = _mm512_mul_ps(vnni::to_floats(dot[p][n]), scale);
          codes[p][n] = _mm512_fmadd_ps(scaled, _mm512_set1_ps(a[n].d[g]), codes[p][n]);
          minima[p][n] = _mm512_fmadd_ps(min, _mm512_set1_ps(a[n].scaled_sum[g]), minima[p][n]);
        }
      }
    }
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n, sums += vnni::kLanes) {
        const __m512 sum = _mm512_fmadd_ps(_mm512_load_ps(w[p].d), codes[p][n], _mm512_load_ps(sums));
        _mm512_store_ps(sums, _mm512_fnmadd_ps(_mm512_load_ps(w[p].m), minima[p][n], sum));
      }
    }
  }
};

}  // namespace

void h4_multiply_vnni(const TileJob& job) { vnni::multiply<Kernels>(job, h4_multiply_few_vnni256); }

}  // namespace hearth::kernels
#endif
