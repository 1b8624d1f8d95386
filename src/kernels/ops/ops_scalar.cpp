// The reference of every operation in plain C++, and the choice between the variants.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/half.h"
#include "kernels/ops/ops.h"

namespace hearth::kernels {

#if defined(__x86_64__)
const Ops& ops_avx2();
#endif

namespace {

void rms_norm(const float* x, const float* weight, float eps, float* y, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  const auto scale =
      static_cast<float>(1.0 / std::sqrt(sum / static_cast<double>(n) + static_cast<double>(eps)));
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] * scale * (weight ? weight[i] : 1.0f);
}

void rotate(float& a, float& b, float cos, float sin) {
  const float rotated_a = a * cos - b * sin;
  b = a * sin + b * cos;
  a = rotated_a;
}

void rope_interleaved(float* x, const float* cos, const float* sin, int64_t pairs) {
  for (int64_t i = 0; i < pairs; ++i) rotate(x[2 * i], x[2 * i + 1], cos[i], sin[i]);
}

void rope_neox(float* x, const float* cos, const float* sin, int64_t pairs) {
  for (int64_t i = 0; i < pairs; ++i) rotate(x[i], x[i + pairs], cos[i], sin[i]);
}

void silu_mul(const float* gate, const float* up, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = gate[i] / (1.0f + std::exp(-gate[i])) * (up ? up[i] : 1.0f);
}

void gelu_tanh_mul(const float* gate, const float* up, float* y, int64_t n) {
  constexpr float kSqrt2OverPi = 0.7978845608028654f;
  for (int64_t i = 0; i < n; ++i) {
    const float g = gate[i];
    const float inner = kSqrt2OverPi * (g + 0.044715f * g * g * g);
    const float half_of_one_plus_tanh = 1.0f / (1.0f + std::exp(-2.0f * inner));
    y[i] = g * half_of_one_plus_tanh * (up ? up[i] : 1.0f);
  }
}

void add(float* x, const float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] += y[i];
}

void scale_row(float* x, float factor, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

void softcap(float* x, float cap, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] = cap * std::tanh(x[i] / cap);
}

float max_of(const float* x, int64_t n) { return *std::max_element(x, x + n); }

double log_sum_exp(const float* x, int64_t n) {
  const float top = max_of(x, n);
  if (top == -std::numeric_limits<float>::infinity()) return static_cast<double>(top);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(std::exp(x[i] - top));
  return static_cast<double>(top) + std::log(sum);
}

void softmax(const float* x, float* y, int64_t n) {
  const float top = max_of(x, n);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    y[i] = std::exp(x[i] - top);
    sum += static_cast<double>(y[i]);
  }
  scale_row(y, static_cast<float>(1.0 / sum), n);
}

void log_softmax(const float* x, float* y, int64_t n) {
  const double total = log_sum_exp(x, n);
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(static_cast<double>(x[i]) - total);
}

void floats_to_halves(const float* x, uint16_t* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = float_to_half(x[i]);
}

void halves_to_floats(const uint16_t* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = half_to_float(x[i]);
}

constexpr Ops kScalar = {
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

const Ops& ops([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa >= Isa::kAvx2) return ops_avx2();
#endif
  return kScalar;
}

const Ops& ops() {
  static const Ops& active = ops(active_isa());
  return active;
}

}  // namespace hearth::kernels
