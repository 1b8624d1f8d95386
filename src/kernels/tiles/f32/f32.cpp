// Tile of binary32 weights, computed in float32. The panel layout and the kernels are FloatPanel's; here is
// only how an element widens. Must not know formats by name.
#include "kernels/half.h"
#include "kernels/tiles/float_panel.h"

namespace hearth::kernels {
namespace {

struct Element {
  using Bits = uint32_t;
  static float widen(Bits bits) { return std::bit_cast<float>(bits); }
#if defined(__x86_64__)
  HEARTH_INLINE_AVX2 static __m256 load(const std::byte* p) {
    return _mm256_loadu_ps(reinterpret_cast<const float*>(p));
  }
#endif
};

}  // namespace

const Tile& tile_f32() {
  static constexpr Tile kTile = FloatPanel<Element>::tile("f32");
  return kTile;
}

}  // namespace hearth::kernels
