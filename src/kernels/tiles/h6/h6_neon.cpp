// Tile h6 for 64-bit Arm. Must not know formats by name.
#include "kernels/tiles/h6/h6.h"

#if defined(__aarch64__)
#include "kernels/gemm/int_panel_neon.h"

namespace hearth::kernels {
namespace {

struct Kernels {
  using Layout = H6;
  static const H6Tile& view(const std::byte* tile) { return *reinterpret_cast<const H6Tile*>(tile); }

  static void codes(const std::byte* tile, int, int g, neon::GroupCodes& out) {
    const H6Tile::Group& group = view(tile).q[g];
    neon::nibble_codes(group.low, H6::kZero, out);
    HEARTH_UNROLL for (int v = 0; v < 2; ++v) {
      HEARTH_UNROLL for (int h = 0; h < neon::kHalves; ++h) {
        uint8x16_t fields = vld1q_u8(group.high[v] + 16 * h);
        HEARTH_UNROLL for (int f = 0; f < 4; ++f) {
          const uint8x16_t top = vshlq_n_u8(vandq_u8(fields, vdupq_n_u8(3)), 4);
          int8x16_t& code = out.v[4 * v + f][h];
          code = vaddq_s8(code, vreinterpretq_s8_u8(top));
          fields = vshrq_n_u8(fields, 2);
        }
      }
    }
  }

  template <int N>
  struct Fold {
    neon::Rows codes[N] = {};

    void group(const std::byte* tile, int, int g, const ActivationBlock* a, const neon::GroupDots<N>& dots,
               neon::Rows (&)[N]) {
      const neon::RowInts low = neon::row_ints(view(tile).sc[g][0]);
      const neon::RowInts high = neon::row_ints(view(tile).sc[g][1]);
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        HEARTH_UNROLL for (int h = 0; h < neon::kHalves; ++h) {
          const int32x4_t dot =
              vmlaq_s32(vmulq_s32(dots.half[0][n][h], low.v[h]), dots.half[1][n][h], high.v[h]);
          codes[n].v[h] = vfmaq_n_f32(codes[n].v[h], vcvtq_f32_s32(dot), a[n].d[g]);
        }
      }
    }

    void end(const std::byte* tile, neon::Rows (&sums)[N]) {
      const neon::Rows d = neon::load_halves(view(tile).d);
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        HEARTH_UNROLL for (int h = 0; h < neon::kHalves; ++h) {
          sums[n].v[h] = vfmaq_f32(sums[n].v[h], d.v[h], codes[n].v[h]);
        }
      }
    }
  };
};

}  // namespace

void h6_multiply_dotprod(const TileJob& job) { neon::Columns<Kernels, neon::DotprodColumns>::multiply(job); }
void h6_multiply_i8mm(const TileJob& job) { neon::Columns<Kernels, neon::I8mmColumns>::multiply(job); }

}  // namespace hearth::kernels
#endif
