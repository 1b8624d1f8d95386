// Tile h6 for 256-bit byte dot products. Must not know formats by name.
#include "kernels/tiles/h6/h6.h"

#if defined(__x86_64__)
#include "kernels/tiles/half_codes_vnni256.h"

namespace hearth::kernels {
namespace {

/// Low bits from the nibble vectors, top two from field j of the other two vectors.
struct SixBitReader {
  const H6Tile::Group& q;

  HEARTH_INLINE_AVX2 static __m256i top_bits(const uint8_t* vector, int field) {
    const __m256i high = avx2::load(vector);
    const __m256i moved =
        field < 2 ? _mm256_slli_epi16(high, 4 - 2 * field) : _mm256_srli_epi16(high, 2 * field - 4);
    return _mm256_and_si256(moved, _mm256_set1_epi8(0x30));
  }
  HEARTH_INLINE_AVX2 avx2::Nibbles pair(int j) const {
    const avx2::Nibbles low = avx2::nibbles(q.low[j]);
    return {_mm256_or_si256(low.low, top_bits(q.high[0], j)),
            _mm256_or_si256(low.high, top_bits(q.high[1], j))};
  }
};

struct H6View {
  using Layout = H6;
  using GroupScales = vnni256::HalfScales<false>;
  using RowScales = vnni256::HalfRowScales<false>;
  template <int N>
  using Fold = vnni256::HalfFold<N>;
  template <int>
  using Minima = vnni256::NoMinima;
  static constexpr int kZero = H6::kZero;
  static constexpr int kGroupBytes = sizeof(H6Tile::Group);

  const H6Tile& t;

  HEARTH_INLINE_AVX2 H6View(const std::byte* tile, int) : t(*reinterpret_cast<const H6Tile*>(tile)) {}
  HEARTH_INLINE_AVX2 const H6Tile::Group* vectors(int g) const { return &t.q[g]; }
  HEARTH_INLINE_AVX2 SixBitReader codes(int g) const { return {t.q[g]}; }
  HEARTH_INLINE_AVX2 GroupScales scales(int g) const {
    return {{vnni256::floats(t.sc[g][0]), vnni256::floats(t.sc[g][1])}};
  }
  HEARTH_INLINE_AVX2 RowScales row_scales() const { return {avx2::load_halves(t.d)}; }
};

}  // namespace

void h6_multiply_vnni256(const TileJob& job) { vnni256::multiply<H6View>(job); }
void h6_multiply_few_vnni256(const TileJob& job) { vnni256::multiply_few<H6View>(job); }

}  // namespace hearth::kernels
#endif
