// Row of tile h4xs: the layout with its kernels. Must not know formats by name.
#include "kernels/tiles/h4xs/h4xs.h"

#include "kernels/tiles/group_codes_neon.h"
#include "kernels/tiles/group_codes_vnni.h"

namespace hearth::kernels {

const Tile& tile_h4xs() {
#if defined(__x86_64__)
  static constexpr Tile kTile = IntPanel<H4XS>::tile(
      "h4xs", avx2::multiply_groups<H4XS>, vnni256::multiply_groups<H4XS>, vnni::multiply_groups<H4XS>);
#elif defined(__aarch64__)
  static constexpr Tile kTile =
      IntPanel<H4XS>::tile("h4xs", neon::multiply_groups_dotprod<H4XS>, neon::multiply_groups_i8mm<H4XS>);
#else
  static constexpr Tile kTile = IntPanel<H4XS>::tile("h4xs", nullptr, nullptr);
#endif
  return kTile;
}

}  // namespace hearth::kernels
