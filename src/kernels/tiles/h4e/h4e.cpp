// Row of tile h4e: the layout with its kernels. Must not know formats by name.
#include "kernels/tiles/h4e/h4e.h"

#include "kernels/tiles/group_codes_neon.h"
#include "kernels/tiles/group_codes_vnni.h"

namespace hearth::kernels {

const Tile& tile_h4e() {
#if defined(__x86_64__)
  static constexpr Tile kTile = IntPanel<H4E>::tile(
      "h4e", avx2::multiply_groups<H4E>, vnni256::multiply_groups<H4E>, vnni::multiply_groups<H4E>);
#elif defined(__aarch64__)
  static constexpr Tile kTile =
      IntPanel<H4E>::tile("h4e", neon::multiply_groups_dotprod<H4E>, neon::multiply_groups_i8mm<H4E>);
#else
  static constexpr Tile kTile = IntPanel<H4E>::tile("h4e", nullptr, nullptr);
#endif
  return kTile;
}

}  // namespace hearth::kernels
