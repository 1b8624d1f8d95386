// Row of tile h5f: the layout with its kernels. Must not know formats by name.
#include "kernels/tiles/h5f/h5f.h"

#include "kernels/tiles/group_codes_neon.h"
#include "kernels/tiles/group_codes_vnni.h"

namespace hearth::kernels {

const Tile& tile_h5f() {
#if defined(__x86_64__)
  static constexpr Tile kTile = IntPanel<H5F>::tile(
      "h5f", avx2::multiply_groups<H5F>, vnni256::multiply_groups<H5F>, vnni::multiply_groups<H5F>);
#elif defined(__aarch64__)
  static constexpr Tile kTile =
      IntPanel<H5F>::tile("h5f", neon::multiply_groups_dotprod<H5F>, neon::multiply_groups_i8mm<H5F>);
#else
  static constexpr Tile kTile = IntPanel<H5F>::tile("h5f", nullptr, nullptr);
#endif
  return kTile;
}

}  // namespace hearth::kernels
