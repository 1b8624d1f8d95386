// Row of tile h5m: the layout with its kernels. Must not know formats by name.
#include "kernels/tiles/h5m/h5m.h"

#include "kernels/tiles/group_codes_neon.h"
#include "kernels/tiles/group_codes_vnni.h"

namespace hearth::kernels {

const Tile& tile_h5m() {
#if defined(__x86_64__)
  static constexpr Tile kTile = IntPanel<H5M>::tile(
      "h5m", avx2::multiply_groups<H5M>, vnni256::multiply_groups<H5M>, vnni::multiply_groups<H5M>);
#elif defined(__aarch64__)
  static constexpr Tile kTile =
      IntPanel<H5M>::tile("h5m", neon::multiply_groups_dotprod<H5M>, neon::multiply_groups_i8mm<H5M>);
#else
  static constexpr Tile kTile = IntPanel<H5M>::tile("h5m", nullptr, nullptr);
#endif
  return kTile;
}

}  // namespace hearth::kernels
