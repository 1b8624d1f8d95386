// Tile h4 for 256-bit byte dot products. The sub-scale is applied to the converted sum: exact, since 32 * 15
// * 127 * 63 < 2^24. Must not know formats by name.
#include "kernels/tiles/h4/h4.h"

#if defined(__x86_64__)
#include "kernels/tiles/group_codes_vnni256.h"

namespace hearth::kernels {
namespace {

struct H4View {
  using Layout = H4;
  static constexpr int kZero = 0;
  static constexpr int kGroupBytes = sizeof(H4Tile::q[0]);
  struct GroupScales {
    __m256 sc, minimum;
  };
  struct RowScales {
    __m256 d, m;
  };

  template <int N>
  using Minima = vnni256::FloatMinima<N>;

  template <int N>
  struct Fold {
    static constexpr int kParts = 1;
    __m256 codes[N];

    HEARTH_INLINE_AVX2 Fold() { HEARTH_UNROLL for (int n = 0; n < N; ++n) codes[n] = _mm256_setzero_ps(); }
    template <int>
    HEARTH_INLINE_AVX2 void part(const GroupScales& scales, const __m256i* dots, const ActivationBlock* a,
                                 int g, __m256*) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        const __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(dots[n]), scales.sc);
        codes[n] = _mm256_fmadd_ps(scaled, _mm256_broadcast_ss(&a[n].d[g]), codes[n]);
      }
    }
    HEARTH_INLINE_AVX2 void end(const RowScales& rows, const Minima<N>& minima, __m256* sums) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        sums[n] = _mm256_fnmadd_ps(rows.m, minima.sums[n], _mm256_fmadd_ps(rows.d, codes[n], sums[n]));
      }
    }
  };

  const H4Tile& t;

  HEARTH_INLINE_AVX2 H4View(const std::byte* tile, int) : t(*reinterpret_cast<const H4Tile*>(tile)) {}
  HEARTH_INLINE_AVX2 const uint8_t (*vectors(int g) const)[kVectorBytes] { return t.q[g]; }
  HEARTH_INLINE_AVX2 avx2::CodeReader<FourBitCodes<0>> codes(int g) const {
    return avx2::CodeReader<FourBitCodes<0>>(t.q[g]);
  }
  HEARTH_INLINE_AVX2 GroupScales scales(int g) const {
    return {vnni256::floats(t.sc[g]), vnni256::floats(t.mn[g])};
  }
  HEARTH_INLINE_AVX2 RowScales row_scales() const { return {avx2::load_halves(t.d), avx2::load_halves(t.m)}; }
};

}  // namespace

void h4_multiply_vnni256(const TileJob& job) { vnni256::multiply<H4View>(job); }
void h4_multiply_few_vnni256(const TileJob& job) { vnni256::multiply_few<H4View>(job); }

}  // namespace hearth::kernels
#endif
