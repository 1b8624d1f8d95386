// Eight-lane exponential and helpers for AVX2 kernels. Every function carries the target attribute itself, so
// that no wide instruction leaks into code compiled for all machines.
#pragma once

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstdint>

#include "kernels/isa.h"

namespace hearth::kernels::avx2 {

/// exp(min(x, 88)), relative error below kExpRelativeUlps * 2^-23 where the result is a normal number; 0
/// below -87.3. Cody and Waite reduction x = k ln 2 + r, |r| <= ln 2 / 2, then the degree-6 Taylor-like
/// minimax polynomial in r.
HEARTH_INLINE_AVX2 __m256 exp(__m256 x) {
  const __m256 clamped = _mm256_min_ps(_mm256_set1_ps(88.0f), x);  // this order lets NaN through
  const __m256 k = _mm256_round_ps(_mm256_mul_ps(clamped, _mm256_set1_ps(1.44269504088896341f)),
                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 r = _mm256_fnmadd_ps(k, _mm256_set1_ps(0.693145751953125f), clamped);
  r = _mm256_fnmadd_ps(k, _mm256_set1_ps(1.428606765330187e-6f), r);
  __m256 p = _mm256_set1_ps(1.9875691500e-4f);
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.3981999507e-3f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.3334519073e-3f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.1665795894e-2f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.6666665459e-1f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.0000001201e-1f));
  p = _mm256_fmadd_ps(p, _mm256_mul_ps(r, r), _mm256_add_ps(r, _mm256_set1_ps(1.0f)));
  const __m256i exponent =
      _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(k), _mm256_set1_epi32(127)), 23);
  const __m256 y = _mm256_mul_ps(p, _mm256_castsi256_ps(exponent));
  const __m256 keep =
      _mm256_cmp_ps(x, _mm256_set1_ps(-87.33654475f), _CMP_NLT_UQ);  // true for NaN: it must show
  return _mm256_and_ps(y, keep);
}

/// tanh(x) = (1 - e) / (1 + e) with e = exp(-2|x|); absolute error a few 2^-24.
HEARTH_INLINE_AVX2 __m256 tanh(__m256 x) {
  const __m256 sign = _mm256_and_ps(x, _mm256_set1_ps(-0.0f));
  const __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
  const __m256 e = exp(_mm256_mul_ps(magnitude, _mm256_set1_ps(-2.0f)));
  const __m256 one = _mm256_set1_ps(1.0f);
  return _mm256_or_ps(_mm256_div_ps(_mm256_sub_ps(one, e), _mm256_add_ps(one, e)), sign);
}

/// Sum and maximum of the lanes, in a fixed order.
HEARTH_INLINE_AVX2 float sum_lanes(__m256 x) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

HEARTH_INLINE_AVX2 float max_lanes(__m256 x) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

HEARTH_INLINE_AVX2 double sum_lanes(__m256d x) {
  const __m128d s = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd(x, 1));
  return _mm_cvtsd_f64(_mm_add_sd(s, _mm_unpackhi_pd(s, s)));
}

/// All ones in the first `n` lanes, 0 <= n <= 8: masks for loads and stores of row tails.
HEARTH_INLINE_AVX2 __m256i first_lanes(int64_t n) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
}

}  // namespace hearth::kernels::avx2

#endif  // defined(__x86_64__)
