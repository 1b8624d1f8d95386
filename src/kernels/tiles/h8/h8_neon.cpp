// Tile h8 for 64-bit Arm. Must not know formats by name.
#include "kernels/tiles/h8/h8.h"

#if defined(__aarch64__)
#include "kernels/gemm/int_panel_neon.h"

namespace hearth::kernels {
namespace {

struct Kernels {
  using Layout = H8;
  template <int N>
  using Fold = neon::GroupScaleFold<H8, N>;

  static void codes(const std::byte* tile, int groups, int g, neon::GroupCodes& out) {
    const H8::ConstVectors vectors = H8::vectors(tile, groups, g);
    HEARTH_UNROLL for (int j = 0; j < kVectorsPerGroup; ++j) {
      HEARTH_UNROLL for (int h = 0; h < neon::kHalves; ++h) out.v[j][h] = vld1q_s8(vectors[j] + 16 * h);
    }
  }
};

}  // namespace

void h8_multiply_dotprod(const TileJob& job) { neon::Columns<Kernels, neon::DotprodColumns>::multiply(job); }
void h8_multiply_i8mm(const TileJob& job) { neon::Columns<Kernels, neon::I8mmColumns>::multiply(job); }

}  // namespace hearth::kernels
#endif
