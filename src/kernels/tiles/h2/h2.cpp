// Row of tile h2: the layout with its kernels. Must not know formats by name.
#include "kernels/tiles/h2/h2.h"

#include "kernels/tiles/half_codes_neon.h"
#include "kernels/tiles/half_codes_vnni.h"

namespace hearth::kernels {

const Tile& tile_h2() {
#if defined(__x86_64__)
  static constexpr Tile kTile = IntPanel<H2>::tile("h2", avx2::multiply_halves<H2>,
                                                   vnni256::multiply_halves<H2>, vnni::multiply_halves<H2>);
#elif defined(__aarch64__)
  static constexpr Tile kTile =
      IntPanel<H2>::tile("h2", neon::multiply_halves_dotprod<H2>, neon::multiply_halves_i8mm<H2>);
#else
  static constexpr Tile kTile = IntPanel<H2>::tile("h2", nullptr, nullptr);
#endif
  return kTile;
}

}  // namespace hearth::kernels
