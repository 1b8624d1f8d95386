// Row of tile h5: the layout with its kernels. Must not know formats by name.
#include "kernels/tiles/h5/h5.h"

#include "kernels/tiles/group_codes_neon.h"
#include "kernels/tiles/group_codes_vnni.h"

namespace hearth::kernels {

const Tile& tile_h5() {
#if defined(__x86_64__)
  static constexpr Tile kTile = IntPanel<H5>::tile("h5", avx2::multiply_groups<H5>,
                                                   vnni256::multiply_groups<H5>, vnni::multiply_groups<H5>);
#elif defined(__aarch64__)
  static constexpr Tile kTile =
      IntPanel<H5>::tile("h5", neon::multiply_groups_dotprod<H5>, neon::multiply_groups_i8mm<H5>);
#else
  static constexpr Tile kTile = IntPanel<H5>::tile("h5", nullptr, nullptr);
#endif
  return kTile;
}

}  // namespace hearth::kernels
