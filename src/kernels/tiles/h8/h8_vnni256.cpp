// Tile h8 for 256-bit byte dot products: codes become unsigned by adding 128. Must not know formats by name.
#include "kernels/tiles/h8/h8.h"

#if defined(__x86_64__)
#include "kernels/tiles/group_codes_vnni256.h"

namespace hearth::kernels {
namespace {

struct ByteReader {
  H8::ConstVectors q;
  HEARTH_INLINE_AVX2 avx2::Nibbles pair(int j) const {
    const __m256i flip = _mm256_set1_epi8(-128);
    return {_mm256_xor_si256(avx2::load(q[j]), flip), _mm256_xor_si256(avx2::load(q[j + 4]), flip)};
  }
};

struct H8View {
  using Layout = H8;
  using GroupScales = vnni256::GroupScales<false>;
  using RowScales = vnni256::NoScales;
  template <int N>
  using Fold = vnni256::GroupFold<N>;
  template <int>
  using Minima = vnni256::NoMinima;
  static constexpr int kZero = 128;
  static constexpr int kGroupBytes = 8 * kVectorBytes;

  const std::byte* tile;
  int groups;

  HEARTH_INLINE_AVX2 H8View(const std::byte* packed, int count) : tile(packed), groups(count) {}
  HEARTH_INLINE_AVX2 H8::ConstVectors vectors(int g) const { return H8::vectors(tile, groups, g); }
  HEARTH_INLINE_AVX2 ByteReader codes(int g) const { return ByteReader{vectors(g)}; }
  HEARTH_INLINE_AVX2 GroupScales scales(int g) const { return {avx2::load_halves(H8::scales(tile, g))}; }
  HEARTH_INLINE_AVX2 RowScales row_scales() const { return {}; }
};

}  // namespace

void h8_multiply_vnni256(const TileJob& job) { vnni256::multiply<H8View>(job); }
void h8_multiply_few_vnni256(const TileJob& job) { vnni256::multiply_few<H8View>(job); }

}  // namespace hearth::kernels
#endif
