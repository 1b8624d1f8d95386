// Tile h4f for AVX-512 VNNI: the zero point of the codes starts each integer sum, so it costs nothing.
// Must not know formats by name.
#include "kernels/tiles/h4f/h4f.h"

#if defined(__x86_64__)
#include "kernels/gemm/int_panel_vnni.h"

namespace hearth::kernels {
namespace {

struct Kernels {
  using Layout = H4F;
  static constexpr int64_t kPanelsPerUnit = 2;
  static constexpr int64_t kUnits = 4;

  struct alignas(64) Expanded {
    vnni::WideCodes codes;
    float d[kCodesGroups][vnni::kLanes];
  };

  template <int N>
  using Columns = vnni::PlainColumns<N>;

  HEARTH_TARGET_VNNI static void expand(const std::byte* tile, int groups, int half, Expanded& out) {
    for (int g = 0; g < groups; ++g) {
      vnni::expand_nibbles(H4F::vectors(tile, groups, g), g, half, out.codes);
      _mm256_store_ps(out.d[g] + half * kPanelRows, avx2::load_halves(H4F::scales(tile, g)));
    }
  }

  template <int P, int N>
  HEARTH_TARGET_VNNI __attribute__((noinline)) static void many(const Expanded* w, const Columns<N>& x,
                                                                int groups, float* sums) {
    vnni::many_with_group_scales<0, P, N>(w, x.a, groups, sums);
  }
};

}  // namespace

void h4f_multiply_vnni(const TileJob& job) { vnni::multiply<Kernels>(job, h4f_multiply_few_vnni256); }

}  // namespace hearth::kernels
#endif
