// AVX-512 VNNI form of the many-column kernels: one instruction multiplies and adds four bytes for sixteen
// rows, so two panels make a vector and nothing can overflow. Same packed tiles and the same bits as the
// other forms: sums over a group are exact integers, and the float operations keep their order. Few columns
// read memory and stay with the 256-bit kernels. Knows no tile by name.
#pragma once

#if defined(__x86_64__)

#include "kernels/gemm/int_panel_avx2.h"

namespace hearth::kernels::vnni {

using avx2::PlainColumns;

inline constexpr int kLanes = 2 * kPanelRows;
inline constexpr int64_t kFewColumns = 16;  // up to here the 256-bit kernels, without a copy, are faster

/// Code vectors of two panels side by side: [group][vector][panel][32 bytes].
struct alignas(64) WideCodes {
  uint8_t q[kCodesGroups][kVectorsPerGroup][2][kVectorBytes];
};

HEARTH_INLINE_VNNI __m512i broadcast(const void* four_bytes) {
  int value;
  std::memcpy(&value, four_bytes, sizeof(value));
  return _mm512_set1_epi32(value);
}

/// The zero-masked form, since the plain one passes an undefined register that the compiler warns about.
HEARTH_INLINE_VNNI __m512 to_floats(__m512i v) { return _mm512_maskz_cvtepi32_ps(0xffff, v); }

/// dot[p][n] += products of vectors [first, last) of group g with their columns.
template <int P, int N, typename Expanded>
HEARTH_INLINE_VNNI void dot_vectors(const Expanded* w, const ActivationBlock* a, int g, int first, int last,
                                    __m512i (&dot)[P][N]) {
  HEARTH_UNROLL for (int j = first; j < last; ++j) {
    __m512i codes[P];
    HEARTH_UNROLL for (int p = 0; p < P; ++p) codes[p] = _mm512_load_si512(w[p].codes.q[g][j]);
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      const __m512i x = broadcast(a[n].q + g * kGroup + 4 * j);
      HEARTH_UNROLL for (int p = 0; p < P; ++p) dot[p][n] = _mm512_dpbusd_epi32(dot[p][n], codes[p], x);
    }
  }
}

/// sum + d * (da * dot): the fold of tiles with one float scale per group.
HEARTH_INLINE_VNNI __m512 fold(__m512i dot, float da, const float* d, __m512 sum) {
  const __m512 scaled = _mm512_mul_ps(to_floats(dot), _mm512_set1_ps(da));
  return _mm512_fmadd_ps(_mm512_load_ps(d), scaled, sum);
}

/// P x N products of a tile with one float scale per group and codes whose zero point is 8 << kZeroShift:
/// each integer sum starts at what that adds.
template <int kZeroShift, int P, int N, typename Expanded>
HEARTH_INLINE_VNNI void many_with_group_scales(const Expanded* w, const ActivationBlock* a, int groups,
                                               float* sums) {
  __m512 sum[P][N];
  HEARTH_UNROLL for (int p = 0; p < P; ++p) {
    HEARTH_UNROLL for (int n = 0; n < N; ++n) sum[p][n] = _mm512_load_ps(sums + (p * N + n) * kLanes);
  }
  for (int g = 0; g < groups; ++g) {
    __m512i dot[P][N];
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      dot[0][n] = broadcast(&a[n].zero8[g]);
      if constexpr (kZeroShift > 0) dot[0][n] = _mm512_maskz_slli_epi32(0xffff, dot[0][n], kZeroShift);
      HEARTH_UNROLL for (int p = 1; p < P; ++p) dot[p][n] = dot[0][n];
    }
    dot_vectors<P, N>(w, a, g, 0, kVectorsPerGroup, dot);
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) sum[p][n] = fold(dot[p][n], a[n].d[g], w[p].d[g], sum[p][n]);
    }
  }
  HEARTH_UNROLL for (int p = 0; p < P; ++p) {
    HEARTH_UNROLL for (int n = 0; n < N; ++n) _mm512_store_ps(sums + (p * N + n) * kLanes, sum[p][n]);
  }
}

/// Nibble vectors of one panel into its half of the wide codes.
HEARTH_INLINE_VNNI void expand_nibbles(const uint8_t (*vectors)[kVectorBytes], int g, int half,
                                       WideCodes& out) {
  HEARTH_UNROLL for (int j = 0; j < 4; ++j) {
    const avx2::Nibbles n = avx2::nibbles(vectors[j]);
    _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][j][half]), n.low);
    _mm256_store_si256(reinterpret_cast<__m256i*>(out.q[g][j + 4][half]), n.high);
  }
}

template <typename K>
void multiply(const TileJob& job, TileMultiply few) {
  if (job.input->n <= kFewColumns) {
    few(job);
  } else {
    avx2::ManyColumns<K>::multiply(job);
  }
}

}  // namespace hearth::kernels::vnni

#endif  // defined(__x86_64__)
