// Reference product, portable and AVX2 with the same bits: 32 partial sums, fused multiply-add, one fixed
// tree at the end. Knows no tile.
#include "kernels/gemm/reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/isa.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hearth::kernels {
namespace {

constexpr int kLanes = 32;

/// Adds lanes 8 apart, then 4, 2 and 1: the tree of the vector form.
float tree_sum(const float* lanes) {
  float v[8];
  for (int i = 0; i < 8; ++i) v[i] = (lanes[i] + lanes[8 + i]) + (lanes[16 + i] + lanes[24 + i]);
  for (int half = 4; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) v[i] += v[i + half];
  }
  return v[0];
}

float dot_scalar(const float* w, const float* x, int64_t n) {
  float lanes[kLanes] = {};
  for (int64_t k = 0; k < n; ++k) lanes[k % kLanes] = std::fma(w[k], x[k], lanes[k % kLanes]);
  return tree_sum(lanes);
}

#if defined(__x86_64__)
HEARTH_TARGET_AVX2 float dot_avx2(const float* w, const float* x, int64_t n) {
  __m256 sums[4];
  for (auto& sum : sums) sum = _mm256_setzero_ps();
  int64_t k = 0;
  for (; k + kLanes <= n; k += kLanes) {
    for (int i = 0; i < 4; ++i) {
      sums[i] = _mm256_fmadd_ps(_mm256_loadu_ps(w + k + 8 * i), _mm256_loadu_ps(x + k + 8 * i), sums[i]);
    }
  }
  float lanes[kLanes];
  for (int i = 0; i < 4; ++i) _mm256_storeu_ps(lanes + 8 * i, sums[i]);
  for (int lane = 0; k < n; ++k, ++lane) lanes[lane] = std::fma(w[k], x[k], lanes[lane]);
  return tree_sum(lanes);
}
#endif

using Dot = float (*)(const float* w, const float* x, int64_t n);

Dot choose() {
#if defined(__x86_64__)
  if (active_isa() >= Isa::kAvx2) return dot_avx2;
#endif
  return dot_scalar;
}

}  // namespace

void multiply_reference(const ReferenceJob& job) {
  const Dot dot = choose();
  for (int64_t first = job.row_begin; first < job.row_end; first += kReferenceRows) {
    const int64_t rows = std::min<int64_t>(kReferenceRows, job.row_end - first);
    for (int64_t r = 0; r < rows; ++r) {
      job.decode_row(job.weights, first + r, job.buffer + r * job.cols);
    }
    for (int64_t t = 0; t < job.n; ++t) {
      for (int64_t r = 0; r < rows; ++r) {
        job.y[t * job.y_stride + first + r] = dot(job.buffer + r * job.cols, job.x + t * job.cols, job.cols);
      }
    }
  }
}

}  // namespace hearth::kernels
