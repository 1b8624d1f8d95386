// Tile h6 for AVX-512 VNNI. Each half of a group has its own sum, started at what its zero point adds; the
// sub-scales are applied to the converted sums: exact, since 128 * 32 * 127 * 32 < 2^24. Must not know
// formats by name.
#include "kernels/tiles/h6/h6.h"

#if defined(__x86_64__)
#include "kernels/gemm/int_panel_vnni.h"

namespace hearth::kernels {
namespace {

struct Kernels {
  using Layout = H6;
  static constexpr int64_t kPanelsPerUnit = 2;
  static constexpr int64_t kUnits = 4;

  struct alignas(64) Expanded {
    vnni::WideCodes codes;
    float sc[kCodesGroups][2][vnni::kLanes];
    float d[vnni::kLanes];
  };

  template <int N>
  using Columns = vnni::PlainColumns<N>;

  HEARTH_TARGET_VNNI static void expand(const std::byte* tile, int groups, int half, Expanded& out) {
    const auto& t = *reinterpret_cast<const H6Tile*>(tile);
    const __m256i mask = _mm256_set1_epi8(0x30);
    const int row = half * kPanelRows;
    for (int g = 0; g < groups; ++g) {
      HEARTH_UNROLL for (int v = 0; v < 2; ++v) {
        const __m256i high = avx2::load(t.q[g].high[v]);
        const __m256i fields[4] = {_mm256_slli_epi16(high, 4), _mm256_slli_epi16(high, 2), high,
                                   _mm256_srli_epi16(high, 2)};
        HEARTH_UNROLL for (int f = 0; f < 4; ++f) {
          const avx2::Nibbles n = avx2::nibbles(t.q[g].low[f]);
          const __m256i code = _mm256_or_si256(v == 0 ? n.low : n.high, _mm256_and_si256(fields[f], mask));
          _mm256_store_si256(reinterpret_cast<__m256i*>(out.codes.q[g][4 * v + f][half]), code);
        }
        const __m128i scales = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(t.sc[g][v]));
        _mm256_store_ps(out.sc[g][v] + row, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(scales)));
      }
    }
    _mm256_store_ps(out.d + row, avx2::load_halves(t.d));
  }

  /// Integer sums of half `half` of group g.
  template <int P, int N>
  HEARTH_INLINE_VNNI static void dot_half(const Expanded* w, const ActivationBlock* a, int g, int half,
                                          __m512i (&dot)[P][N]) {
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      HEARTH_UNROLL for (int p = 0; p < P; ++p) dot[p][n] = vnni::broadcast(&a[n].half_zero32[2 * g + half]);
    }
    vnni::dot_vectors<P, N>(w, a, g, 4 * half, 4 * half + 4, dot);
  }

  template <int P, int N>
  HEARTH_TARGET_VNNI __attribute__((noinline)) static void many(const Expanded* w, const Columns<N>& x,
                                                                int groups, float* sums) {
    const ActivationBlock* a = x.a;
    __m512 scaled[P][N];
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) scaled[p][n] = _mm512_setzero_ps();
    }
    for (int g = 0; g < groups; ++g) {
      __m512i dot[P][N];
      __m512 both[P][N];
      dot_half<P, N>(w, a, g, 0, dot);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        const __m512 scale = _mm512_load_ps(w[p].sc[g][0]);
        HEARTH_UNROLL for (int n = 0; n < N; ++n) both[p][n] =
            _mm512_mul_ps(vnni::to_floats(dot[p][n]), scale);
      }
      dot_half<P, N>(w, a, g, 1, dot);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        const __m512 scale = _mm512_load_ps(w[p].sc[g][1]);
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          both[p][n] = _mm512_fmadd_ps(vnni::to_floats(dot[p][n]), scale, both[p][n]);
          scaled[p][n] = _mm512_fmadd_ps(both[p][n], _mm512_set1_ps(a[n].d[g]), scaled[p][n]);
        }
      }
    }
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n, sums += vnni::kLanes) {
        _mm512_store_ps(sums, _mm512_fmadd_ps(_mm512_load_ps(w[p].d), scaled[p][n], _mm512_load_ps(sums)));
      }
    }
  }
};

}  // namespace

void h6_multiply_vnni(const TileJob& job) { vnni::multiply<Kernels>(job, h6_multiply_few_vnni256); }

}  // namespace hearth::kernels
#endif
