// Tile h4 for 64-bit Arm. Must not know formats by name.
#include "kernels/tiles/h4/h4.h"

#if defined(__aarch64__)
#include "kernels/gemm/int_panel_neon.h"

namespace hearth::kernels {
namespace {

struct Kernels {
  using Layout = H4;
  static const H4Tile& view(const std::byte* tile) { return *reinterpret_cast<const H4Tile*>(tile); }

  static void codes(const std::byte* tile, int, int g, neon::GroupCodes& out) {
    neon::nibble_codes(view(tile).q[g], 0, out);
  }

  template <int N>
  struct Fold {
    neon::Rows codes[N] = {};
    neon::Rows minima[N] = {};

    void group(const std::byte* tile, int, int g, const ActivationBlock* a, const neon::GroupDots<N>& dots,
               neon::Rows (&)[N]) {
      const neon::RowInts sc = neon::row_ints(view(tile).sc[g]);
      const neon::RowInts mn = neon::row_ints(view(tile).mn[g]);
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        HEARTH_UNROLL for (int h = 0; h < neon::kHalves; ++h) {
          const float32x4_t dot = vcvtq_f32_s32(vmulq_s32(dots.whole(n, h), sc.v[h]));
          codes[n].v[h] = vfmaq_n_f32(codes[n].v[h], dot, a[n].d[g]);
          minima[n].v[h] = vfmaq_n_f32(minima[n].v[h], vcvtq_f32_s32(mn.v[h]), a[n].scaled_sum[g]);
        }
      }
    }

    void end(const std::byte* tile, neon::Rows (&sums)[N]) {
      const neon::Rows d = neon::load_halves(view(tile).d);
      const neon::Rows m = neon::load_halves(view(tile).m);
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        HEARTH_UNROLL for (int h = 0; h < neon::kHalves; ++h) {
          const float32x4_t sum = vfmaq_f32(sums[n].v[h], d.v[h], codes[n].v[h]);
          sums[n].v[h] = vfmsq_f32(sum, m.v[h], minima[n].v[h]);
        }
      }
    }
  };
};

}  // namespace

void h4_multiply_dotprod(const TileJob& job) { neon::Columns<Kernels, neon::DotprodColumns>::multiply(job); }
void h4_multiply_i8mm(const TileJob& job) { neon::Columns<Kernels, neon::I8mmColumns>::multiply(job); }

}  // namespace hearth::kernels
#endif
