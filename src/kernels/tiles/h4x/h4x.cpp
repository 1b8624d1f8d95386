// Row of tile h4x: the layout with its kernels. Must not know formats by name.
#include "kernels/tiles/h4x/h4x.h"

#include "kernels/tiles/group_codes_neon.h"
#include "kernels/tiles/group_codes_vnni.h"

namespace hearth::kernels {

const Tile& tile_h4x() {
#if defined(__x86_64__)
  static constexpr Tile kTile = IntPanel<H4X>::tile(
      "h4x", avx2::multiply_groups<H4X>, vnni256::multiply_groups<H4X>, vnni::multiply_groups<H4X>);
#elif defined(__aarch64__)
  static constexpr Tile kTile =
      IntPanel<H4X>::tile("h4x", neon::multiply_groups_dotprod<H4X>, neon::multiply_groups_i8mm<H4X>);
#else
  static constexpr Tile kTile = IntPanel<H4X>::tile("h4x", nullptr, nullptr);
#endif
  return kTile;
}

}  // namespace hearth::kernels
