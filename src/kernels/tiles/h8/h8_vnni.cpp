// Tile h8 for AVX-512 VNNI: codes are made unsigned by adding 128 when they are expanded, and the integer
// sums start at what that adds. Must not know formats by name.
#include "kernels/tiles/h8/h8.h"

#if defined(__x86_64__)
#include "kernels/gemm/int_panel_vnni.h"

namespace hearth::kernels {
namespace {

struct Kernels {
  using Layout = H8;
  static constexpr int64_t kPanelsPerUnit = 2;
  static constexpr int64_t kUnits = 4;

  struct alignas(64) Expanded {
    vnni::WideCodes codes;
    float d[kCodesGroups][vnni::kLanes];
  };

  template <int N>
  using Columns = vnni::PlainColumns<N>;

  HEARTH_TARGET_VNNI static void expand(const std::byte* tile, int groups, int half, Expanded& out) {
    const __m256i flip = _mm256_set1_epi8(-128);
    for (int g = 0; g < groups; ++g) {
      const H8::ConstVectors q = H8::vectors(tile, groups, g);
      for (int j = 0; j < kVectorsPerGroup; ++j) {
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.codes.q[g][j][half]),
                           _mm256_xor_si256(avx2::load(q[j]), flip));
      }
      _mm256_store_ps(out.d[g] + half * kPanelRows, avx2::load_halves(H8::scales(tile, g)));
    }
  }

  template <int P, int N>
  HEARTH_TARGET_VNNI __attribute__((noinline)) static void many(const Expanded* w, const Columns<N>& x,
                                                                int groups, float* sums) {
    vnni::many_with_group_scales<4, P, N>(w, x.a, groups, sums);
  }
};

}  // namespace

void h8_multiply_vnni(const TileJob& job) { vnni::multiply<Kernels>(job, h8_multiply_few_vnni256); }

}  // namespace hearth::kernels
#endif
