// Tile h4f for 64-bit Arm. Must not know formats by name.
#include "kernels/tiles/h4f/h4f.h"

#if defined(__aarch64__)
#include "kernels/gemm/int_panel_neon.h"

namespace hearth::kernels {
namespace {

struct Kernels {
  using Layout = H4F;
  template <int N>
  using Fold = neon::GroupScaleFold<H4F, N>;

  static void codes(const std::byte* tile, int groups, int g, neon::GroupCodes& out) {
    neon::nibble_codes(H4F::vectors(tile, groups, g), H4F::kZero, out);
  }
};

}  // namespace

void h4f_multiply_dotprod(const TileJob& job) { neon::Columns<Kernels, neon::DotprodColumns>::multiply(job); }
void h4f_multiply_i8mm(const TileJob& job) { neon::Columns<Kernels, neon::I8mmColumns>::multiply(job); }

}  // namespace hearth::kernels
#endif
