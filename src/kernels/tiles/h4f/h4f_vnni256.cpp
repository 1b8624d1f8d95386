// Tile h4f for 256-bit byte dot products. Must not know formats by name.
#include "kernels/tiles/h4f/h4f.h"

#if defined(__x86_64__)
#include "kernels/tiles/group_codes_vnni256.h"

namespace hearth::kernels {
namespace {

struct H4FView {
  using Layout = H4F;
  using GroupScales = vnni256::GroupScales<false>;
  using RowScales = vnni256::NoScales;
  template <int N>
  using Fold = vnni256::GroupFold<N>;
  template <int>
  using Minima = vnni256::NoMinima;
  static constexpr int kZero = H4F::kZero;
  static constexpr int kGroupBytes = 4 * kVectorBytes;

  const std::byte* tile;
  int groups;

  HEARTH_INLINE_AVX2 H4FView(const std::byte* packed, int count) : tile(packed), groups(count) {}
  HEARTH_INLINE_AVX2 H4F::ConstVectors vectors(int g) const { return H4F::vectors(tile, groups, g); }
  HEARTH_INLINE_AVX2 avx2::CodeReader<FourBitCodes<H4F::kZero>> codes(int g) const {
    return avx2::CodeReader<FourBitCodes<H4F::kZero>>{vectors(g)};
  }
  HEARTH_INLINE_AVX2 GroupScales scales(int g) const { return {avx2::load_halves(H4F::scales(tile, g))}; }
  HEARTH_INLINE_AVX2 RowScales row_scales() const { return {}; }
};

}  // namespace

void h4f_multiply_vnni256(const TileJob& job) { vnni256::multiply<H4FView>(job); }
void h4f_multiply_few_vnni256(const TileJob& job) { vnni256::multiply_few<H4FView>(job); }

}  // namespace hearth::kernels
#endif
