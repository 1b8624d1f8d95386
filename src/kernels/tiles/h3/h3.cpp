// Row of tile h3: the layout with its kernels. Must not know formats by name.
#include "kernels/tiles/h3/h3.h"

#include "kernels/tiles/half_codes_neon.h"
#include "kernels/tiles/half_codes_vnni.h"

namespace hearth::kernels {

const Tile& tile_h3() {
#if defined(__x86_64__)
  static constexpr Tile kTile = IntPanel<H3>::tile("h3", avx2::multiply_halves<H3>,
                                                   vnni256::multiply_halves<H3>, vnni::multiply_halves<H3>);
#elif defined(__aarch64__)
  static constexpr Tile kTile =
      IntPanel<H3>::tile("h3", neon::multiply_halves_dotprod<H3>, neon::multiply_halves_i8mm<H3>);
#else
  static constexpr Tile kTile = IntPanel<H3>::tile("h3", nullptr, nullptr);
#endif
  return kTile;
}

}  // namespace hearth::kernels
