// Quantises activations to int8, one scale per 32 values; the AVX2 form gives the same bits as the portable
// one. Knows no tile.
#include "kernels/gemm/activations.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/isa.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hearth::kernels {
namespace {

constexpr uint32_t kInfinityBits = 0x7f800000u;
// Below this a group counts as zero: its reciprocal scale would overflow, and it is far below any float32 sum
// it could join.
constexpr uint32_t kTinyBits = 0x0d800000u;  // 2^-100

struct GroupScale {
  float d;
  float inverse;
};

/// From the largest magnitude of the group as float32 bits (compared as integers, so that a NaN is larger
/// than all).
GroupScale group_scale(uint32_t largest_bits) {
  if (largest_bits >= kInfinityBits) return {std::numeric_limits<float>::quiet_NaN(), 0};
  if (largest_bits < kTinyBits) return {0, 0};
  const float largest = std::bit_cast<float>(largest_bits);
  return {largest / 127.0f, 127.0f / largest};
}

void finish_group(ActivationBlock& block, int group, float d, int sum_low, int sum_high) {
  const int sum = sum_low + sum_high;
  block.d[group] = d;
  block.scaled_sum[group] = d * static_cast<float>(sum);
  block.zero8[group] = -8 * sum;
  block.half_zero32[2 * group] = -32 * sum_low;
  block.half_zero32[2 * group + 1] = -32 * sum_high;
  block.half_sum16[2 * group] = static_cast<int16_t>(16 * sum_low);
  block.half_sum16[2 * group + 1] = static_cast<int16_t>(16 * sum_high);
}

void quantise_group_scalar(const float* x, ActivationBlock& block, int group) {
  uint32_t largest = 0;
  for (int k = 0; k < kGroup; ++k) {
    const uint32_t magnitude = std::bit_cast<uint32_t>(x[k]) & 0x7fffffffu;
    largest = magnitude > largest ? magnitude : largest;
  }
  const GroupScale scale = group_scale(largest);
  int sums[2] = {0, 0};
  for (int k = 0; k < kGroup; ++k) {
    const int q = scale.inverse == 0 ? 0 : static_cast<int>(std::nearbyintf(x[k] * scale.inverse));
    block.q[group * kGroup + k] = static_cast<int8_t>(q);
    sums[k / 16] += q;
  }
  finish_group(block, group, scale.d, sums[0], sums[1]);
}

#if defined(__x86_64__)
HEARTH_INLINE_AVX2 int sum_of_bytes(__m128i q) {  // 16 signed bytes
  const __m128i pairs = _mm_maddubs_epi16(_mm_set1_epi8(1), q);
  __m128i sums = _mm_madd_epi16(pairs, _mm_set1_epi16(1));
  sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0x4e));
  sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0xb1));
  return _mm_cvtsi128_si32(sums);
}

HEARTH_TARGET_AVX2 void quantise_group_avx2(const float* x, ActivationBlock& block, int group) {
  const __m256i magnitude_mask = _mm256_set1_epi32(0x7fffffff);
  __m256 v[4];
  __m256i largest = _mm256_setzero_si256();
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm256_loadu_ps(x + 8 * i);
    largest = _mm256_max_epi32(largest, _mm256_and_si256(_mm256_castps_si256(v[i]), magnitude_mask));
  }
  __m128i most = _mm_max_epi32(_mm256_castsi256_si128(largest), _mm256_extracti128_si256(largest, 1));
  most = _mm_max_epi32(most, _mm_shuffle_epi32(most, 0x4e));
  most = _mm_max_epi32(most, _mm_shuffle_epi32(most, 0xb1));
  const GroupScale scale = group_scale(static_cast<uint32_t>(_mm_cvtsi128_si32(most)));
  __m256i q = _mm256_setzero_si256();
  if (scale.inverse != 0) {
    const __m256 inverse = _mm256_set1_ps(scale.inverse);
    __m256i i32[4];
    for (int i = 0; i < 4; ++i) i32[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
    const __m256i low = _mm256_packs_epi32(i32[0], i32[1]);
    const __m256i high = _mm256_packs_epi32(i32[2], i32[3]);
    q = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }
  _mm256_store_si256(reinterpret_cast<__m256i*>(block.q + group * kGroup), q);
  finish_group(block, group, scale.d, sum_of_bytes(_mm256_castsi256_si128(q)),
               sum_of_bytes(_mm256_extracti128_si256(q, 1)));
}
#endif

using QuantiseGroup = void (*)(const float* x, ActivationBlock& block, int group);

QuantiseGroup choose() {
#if defined(__x86_64__)
  if (active_isa() >= Isa::kAvx2) return quantise_group_avx2;
#endif
  return quantise_group_scalar;
}

}  // namespace

void quantise_activations(const float* x, int64_t n, int64_t cols, int64_t begin, int64_t end,
                          ActivationBlock* blocks) {
  const QuantiseGroup quantise_group = choose();
  const int64_t groups = cols / kGroup;
  for (int64_t t = begin; t < end; ++t) {
    for (int64_t g = 0; g < groups; ++g) {
      ActivationBlock& block = blocks[(g / kCodesGroups) * n + t];
      quantise_group(x + t * cols + g * kGroup, block, static_cast<int>(g % kCodesGroups));
    }
    for (int64_t g = groups; g < blocks_of(cols) * kCodesGroups; ++g) {
      ActivationBlock& block = blocks[(g / kCodesGroups) * n + t];
      const int group = static_cast<int>(g % kCodesGroups);
      std::memset(block.q + group * kGroup, 0, kGroup);
      finish_group(block, group, 0, 0, 0);
    }
  }
}

}  // namespace hearth::kernels
