// Row of tile h4m: the layout with its kernels. Must not know formats by name.
#include "kernels/tiles/h4m/h4m.h"

#include "kernels/tiles/group_codes_neon.h"
#include "kernels/tiles/group_codes_vnni.h"

namespace hearth::kernels {

const Tile& tile_h4m() {
#if defined(__x86_64__)
  static constexpr Tile kTile = IntPanel<H4M>::tile(
      "h4m", avx2::multiply_groups<H4M>, vnni256::multiply_groups<H4M>, vnni::multiply_groups<H4M>);
#elif defined(__aarch64__)
  static constexpr Tile kTile =
      IntPanel<H4M>::tile("h4m", neon::multiply_groups_dotprod<H4M>, neon::multiply_groups_i8mm<H4M>);
#else
  static constexpr Tile kTile = IntPanel<H4M>::tile("h4m", nullptr, nullptr);
#endif
  return kTile;
}

}  // namespace hearth::kernels
