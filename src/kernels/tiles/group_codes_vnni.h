// AVX-512 VNNI kernels of the tiles in group_codes.h: codes are made unsigned bytes when they are expanded,
// and the integer sums start at what their zero point adds. Must not know any tile or format by name.
#pragma once

#if defined(__x86_64__)

#include "kernels/gemm/int_panel_vnni.h"
#include "kernels/tiles/group_codes_vnni256.h"

namespace hearth::kernels::vnni {

template <typename Tile>
struct GroupKernels {
  using Layout = Tile;
  using Scales = typename Tile::Scales;
  using GroupCodes = typename Tile::GroupCodes;
  static constexpr bool kMinima = Scales::kMinima;
  static constexpr bool kSigned = GroupCodes::kSums == Sums::kWide;
  static constexpr int kZero = kSigned ? 128 : GroupCodes::kZero;
  static constexpr int64_t kPanelsPerUnit = 2;
  static constexpr int64_t kUnits = 4;

  struct alignas(64) Expanded {
    WideCodes codes;
    float d[kCodesGroups][kLanes];
    float minima[kMinima ? kCodesGroups : 1][kLanes];
  };

  template <int N>
  using Columns = PlainColumns<N>;

  HEARTH_INLINE_VNNI static __m256i as_unsigned(__m256i codes) {
    return kSigned ? _mm256_xor_si256(codes, _mm256_set1_epi8(-128)) : codes;
  }

  HEARTH_TARGET_VNNI static void expand(const std::byte* tile, int groups, int half, Expanded& out) {
    const avx2::ScaleReader<Scales> scales(tile);
    for (int g = 0; g < groups; ++g) {
      const avx2::CodeReader<GroupCodes> codes(Tile::vectors(tile, groups, g));
      HEARTH_UNROLL for (int j = 0; j < 4; ++j) {
        const avx2::Nibbles pair = codes.pair(j);
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.codes.q[g][j][half]), as_unsigned(pair.low));
        _mm256_store_si256(reinterpret_cast<__m256i*>(out.codes.q[g][j + 4][half]), as_unsigned(pair.high));
      }
      const __m256 scale = scales.scale(g);
      _mm256_store_ps(out.d[g] + half * kPanelRows, scale);
      if constexpr (kMinima) {
        _mm256_store_ps(out.minima[g] + half * kPanelRows, avx2::minimum_of_values<Tile>(scales, scale, g));
      }
    }
  }

  HEARTH_INLINE_VNNI static __m512i start(const ActivationBlock& a, int g) {
    if constexpr (kZero == 0) return _mm512_setzero_si512();
    constexpr int kShift = kZero == 8 ? 0 : kZero == 16 ? 1 : 4;
    static_assert(kZero == 0 || kZero == 8 << kShift);
    return _mm512_maskz_slli_epi32(0xffff, broadcast(&a.zero8[g]), kShift);
  }

  template <int P, int N>
  HEARTH_TARGET_VNNI __attribute__((noinline)) static void many(const Expanded* w, const Columns<N>& x,
                                                                int groups, float* sums) {
    const ActivationBlock* a = x.a;
    __m512 sum[P][N], minima[P][N];
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        sum[p][n] = _mm512_load_ps(sums + (p * N + n) * kLanes);
        minima[p][n] = _mm512_setzero_ps();
      }
    }
    for (int g = 0; g < groups; ++g) {
      __m512i dot[P][N];
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        dot[0][n] = start(a[n], g);
        HEARTH_UNROLL for (int p = 1; p < P; ++p) dot[p][n] = dot[0][n];
      }
      dot_vectors<P, N>(w, a, g, 0, kVectorsPerGroup, dot);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) {
        HEARTH_UNROLL for (int n = 0; n < N; ++n) {
          sum[p][n] = fold(dot[p][n], a[n].d[g], w[p].d[g], sum[p][n]);
          if constexpr (kMinima) {
            const __m512 minimum = _mm512_load_ps(w[p].minima[g]);
            minima[p][n] = _mm512_fmadd_ps(minimum, _mm512_set1_ps(a[n].scaled_sum[g]), minima[p][n]);
          }
        }
      }
    }
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        const __m512 total = kMinima ? _mm512_sub_ps(sum[p][n], minima[p][n]) : sum[p][n];
        _mm512_store_ps(sums + (p * N + n) * kLanes, total);
      }
    }
  }
};

template <typename Tile>
void multiply_groups(const TileJob& job) {
  multiply<GroupKernels<Tile>>(job, vnni256::multiply_few<vnni256::GroupView<Tile>>);
}

}  // namespace hearth::kernels::vnni

#endif  // defined(__x86_64__)
