// AVX2 variants: eight lanes, tails by masked loads and stores, so a row's values never depend on its
// neighbours in memory.
#include "kernels/ops/ops.h"
#include "kernels/ops/vector_math_avx2.h"

#if defined(__x86_64__)

#include <cmath>
#include <limits>

#include "kernels/half.h"

namespace hearth::kernels {

const Ops& ops_avx2();

namespace {

using avx2::first_lanes;

HEARTH_INLINE_AVX2 __m256 load(const float* x, int64_t i, int64_t n) {
  return n - i >= 8 ? _mm256_loadu_ps(x + i) : _mm256_maskload_ps(x + i, first_lanes(n - i));
}

HEARTH_INLINE_AVX2 void store(float* x, int64_t i, int64_t n, __m256 value) {
  if (n - i >= 8) {
    _mm256_storeu_ps(x + i, value);
  } else {
    _mm256_maskstore_ps(x + i, first_lanes(n - i), value);
  }
}

HEARTH_TARGET_AVX2 void rms_norm(const float* x, const float* weight, float eps, float* y, int64_t n) {
  __m256d sum[4] = {_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()};
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 v = load(x, i, n);
    const __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(v));
    const __m256d high = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
    const int64_t pair = (i >> 2) & 2;
    sum[pair] = _mm256_fmadd_pd(low, low, sum[pair]);
    sum[pair + 1] = _mm256_fmadd_pd(high, high, sum[pair + 1]);
  }
  const double total =
      avx2::sum_lanes(_mm256_add_pd(_mm256_add_pd(sum[0], sum[1]), _mm256_add_pd(sum[2], sum[3])));
  const __m256 scale = _mm256_set1_ps(
      static_cast<float>(1.0 / std::sqrt(total / static_cast<double>(n) + static_cast<double>(eps))));
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 v = _mm256_mul_ps(load(x, i, n), scale);
    store(y, i, n, weight ? _mm256_mul_ps(v, load(weight, i, n)) : v);
  }
}

HEARTH_TARGET_AVX2 void rope_interleaved(float* x, const float* cos, const float* sin, int64_t pairs) {
  int64_t i = 0;
  for (; i + 4 <= pairs; i += 4) {
    const __m256 v = _mm256_loadu_ps(x + 2 * i);
    const __m128 c4 = _mm_loadu_ps(cos + i);
    const __m128 s4 = _mm_loadu_ps(sin + i);
    const __m256 c = _mm256_set_m128(_mm_unpackhi_ps(c4, c4), _mm_unpacklo_ps(c4, c4));
    const __m256 s = _mm256_set_m128(_mm_unpackhi_ps(s4, s4), _mm_unpacklo_ps(s4, s4));
    const __m256 swapped = _mm256_permute_ps(v, 0xb1);
    _mm256_storeu_ps(x + 2 * i, _mm256_fmaddsub_ps(v, c, _mm256_mul_ps(swapped, s)));
  }
  for (; i < pairs; ++i) {
    const float a = x[2 * i];
    const float b = x[2 * i + 1];
    x[2 * i] = std::fma(a, cos[i], -(b * sin[i]));  // as above, to the bit
    x[2 * i + 1] = std::fma(b, cos[i], a * sin[i]);
  }
}

HEARTH_TARGET_AVX2 void rope_neox(float* x, const float* cos, const float* sin, int64_t pairs) {
  for (int64_t i = 0; i < pairs; i += 8) {
    const __m256 a = load(x, i, pairs);
    const __m256 b = load(x + pairs, i, pairs);
    const __m256 c = load(cos, i, pairs);
    const __m256 s = load(sin, i, pairs);
    store(x, i, pairs, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
    store(x + pairs, i, pairs, _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s)));
  }
}

/// x / (1 + exp(-y)).
HEARTH_INLINE_AVX2 __m256 times_sigmoid(__m256 x, __m256 y) {
  const __m256 e = avx2::exp(_mm256_xor_ps(y, _mm256_set1_ps(-0.0f)));
  return _mm256_div_ps(x, _mm256_add_ps(_mm256_set1_ps(1.0f), e));
}

HEARTH_TARGET_AVX2 void silu_mul(const float* gate, const float* up, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 g = load(gate, i, n);
    const __m256 v = times_sigmoid(g, g);
    store(y, i, n, up ? _mm256_mul_ps(v, load(up, i, n)) : v);
  }
}

HEARTH_TARGET_AVX2 void gelu_tanh_mul(const float* gate, const float* up, float* y, int64_t n) {
  const __m256 linear = _mm256_set1_ps(2.0f * 0.7978845608028654f);
  const __m256 cubic = _mm256_set1_ps(2.0f * 0.7978845608028654f * 0.044715f);
  for (int64_t i = 0; i < n; i += 8) {
    const __m256 g = load(gate, i, n);
    const __m256 twice_inner = _mm256_mul_ps(g, _mm256_fmadd_ps(_mm256_mul_ps(g, g), cubic, linear));
    const __m256 v = times_sigmoid(g, twice_inner);
    store(y, i, n, up ? _mm256_mul_ps(v, load(up, i, n)) : v);
  }
}

HEARTH_TARGET_AVX2 void add(float* x, const float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += 8) store(x, i, n, _mm256_add_ps(load(x, i, n), load(y, i, n)));
}

HEARTH_TARGET_AVX2 void scale_row(float* x, float factor, int64_t n) {
  const __m256 f = _mm256_set1_ps(factor);
  for (int64_t i = 0; i < n; i += 8) store(x, i, n, _mm256_mul_ps(load(x, i, n), f));
}

HEARTH_TARGET_AVX2 void softcap(float* x, float cap, int64_t n) {
  const __m256 c = _mm256_set1_ps(cap);
  for (int64_t i = 0; i < n; i += 8) {
    store(x, i, n, _mm256_mul_ps(c, avx2::tanh(_mm256_div_ps(load(x, i, n), c))));
  }
}

HEARTH_TARGET_AVX2 float max_of(const float* x, int64_t n) {
  const __m256 lowest = _mm256_set1_ps(-std::numeric_limits<float>::infinity());
  __m256 top[4] = {lowest, lowest, lowest, lowest};
  int64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    for (int64_t j = 0; j < 4; ++j) top[j] = _mm256_max_ps(top[j], _mm256_loadu_ps(x + i + 8 * j));
  }
  for (; i < n; i += 8) {
    const __m256 v = n - i >= 8
                         ? _mm256_loadu_ps(x + i)
                         : _mm256_blendv_ps(lowest, load(x, i, n), _mm256_castsi256_ps(first_lanes(n - i)));
    top[0] = _mm256_max_ps(top[0], v);
  }
  return avx2::max_lanes(_mm256_max_ps(_mm256_max_ps(top[0], top[1]), _mm256_max_ps(top[2], top[3])));
}

HEARTH_INLINE_AVX2 __m256d widen_sum(__m256 v) {
  return _mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(v)),
                       _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)));
}

/// sum(exp(x - top)); the exponentials go to y unless it is null.
HEARTH_TARGET_AVX2 double sum_of_exp(const float* x, float* y, float top, int64_t n) {
  const __m256 t = _mm256_set1_ps(top);
  __m256d sum = _mm256_setzero_pd();
  for (int64_t i = 0; i < n; i += 8) {
    __m256 e = avx2::exp(_mm256_sub_ps(load(x, i, n), t));
    if (n - i < 8) e = _mm256_and_ps(e, _mm256_castsi256_ps(first_lanes(n - i)));
    if (y) store(y, i, n, e);
    sum = _mm256_add_pd(sum, widen_sum(e));
  }
  return avx2::sum_lanes(sum);
}

double log_sum_exp(const float* x, int64_t n) {
  const float top = max_of(x, n);
  if (top == -std::numeric_limits<float>::infinity()) return static_cast<double>(top);
  return static_cast<double>(top) + std::log(sum_of_exp(x, nullptr, top, n));
}

void softmax(const float* x, float* y, int64_t n) {
  const double sum = sum_of_exp(x, y, max_of(x, n), n);
  scale_row(y, static_cast<float>(1.0 / sum), n);
}

HEARTH_TARGET_AVX2 void log_softmax(const float* x, float* y, int64_t n) {
  const double total = log_sum_exp(x, n);
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(static_cast<double>(x[i]) - total);
}

HEARTH_TARGET_AVX2 void floats_to_halves(const float* x, uint16_t* y, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  for (; i < n; ++i) y[i] = float_to_half(x[i]);
}

HEARTH_TARGET_AVX2 void halves_to_floats(const uint16_t* x, float* y, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i))));
  }
  for (; i < n; ++i) y[i] = half_to_float(x[i]);
}

constexpr Ops kAvx2 = {
    .rms_norm = rms_norm,
    .rope_interleaved = rope_interleaved,
    .rope_neox = rope_neox,
    .silu_mul = silu_mul,
    .gelu_tanh_mul = gelu_tanh_mul,
    .add = add,
    .scale = scale_row,
    .softcap = softcap,
    .max = max_of,
    .log_sum_exp = log_sum_exp,
    .softmax = softmax,
    .log_softmax = log_softmax,
    .float_to_half = floats_to_halves,
    .half_to_float = halves_to_floats,
};

}  // namespace

const Ops& ops_avx2() { return kAvx2; }

}  // namespace hearth::kernels

#endif  // defined(__x86_64__)
