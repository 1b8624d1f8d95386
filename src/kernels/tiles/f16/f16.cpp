// Tile of binary16 weights, computed in float32. The panel layout and the kernels are FloatPanel's; here is
// only how an element widens. Must not know formats by name.
#include "kernels/half.h"
#include "kernels/tiles/float_panel.h"

namespace hearth::kernels {
namespace {

struct Element {
  using Bits = uint16_t;
  static float widen(Bits bits) { return half_to_float(bits); }
#if defined(__x86_64__)
  HEARTH_INLINE_AVX2 static __m256 load(const std::byte* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
#endif
};

}  // namespace

const Tile& tile_f16() {
  static constexpr Tile kTile = FloatPanel<Element>::tile("f16");
  return kTile;
}

}  // namespace hearth::kernels
