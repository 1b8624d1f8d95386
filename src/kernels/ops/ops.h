// The small operations between the products: norms, rotary positions, gates, softmax, conversions. Each works
// on one row, so that a token's result cannot depend on what else is computed; the caller spreads rows over
// threads. Must not know layers or models.
#pragma once

#include <cstdint>

#include "kernels/isa.h"

namespace hearth::kernels {

/// One variant of every operation. Buffers need no alignment; y may be the same as x, otherwise they must not
/// overlap.
struct Ops {
  /// y[i] = x[i] / sqrt(mean(x^2) + eps) * weight[i]; `weight` may be null (all ones). Zhang and Sennrich
  /// 2019.
  void (*rms_norm)(const float* x, const float* weight, float eps, float* y, int64_t n);
  /// Rotary positions (Su et al. 2021) on the first 2 * pairs values of a head, in place: pair i is (x[2i],
  /// x[2i+1]), rotated by the angle whose cosine and sine are cos[i], sin[i].
  void (*rope_interleaved)(float* x, const float* cos, const float* sin, int64_t pairs);
  /// The same with pairs (x[i], x[i + pairs]) ("neox").
  void (*rope_neox)(float* x, const float* cos, const float* sin, int64_t pairs);
  /// y = silu(gate) * up with silu(g) = g / (1 + exp(-g)); `up` may be null (all ones), here and below.
  void (*silu_mul)(const float* gate, const float* up, float* y, int64_t n);
  /// y = gelu(gate) * up in the tanh form: gelu(g) = g / 2 * (1 + tanh(sqrt(2/pi) * (g + 0.044715 g^3))).
  void (*gelu_tanh_mul)(const float* gate, const float* up, float* y, int64_t n);
  /// x += y.
  void (*add)(float* x, const float* y, int64_t n);
  /// x *= factor.
  void (*scale)(float* x, float factor, int64_t n);
  /// x = cap * tanh(x / cap).
  void (*softcap)(float* x, float cap, int64_t n);
  /// The largest value of a row; n > 0.
  float (*max)(const float* x, int64_t n);
  /// log(sum(exp(x))), summed in double; n > 0, no NaN; -infinity entries count nothing.
  double (*log_sum_exp)(const float* x, int64_t n);
  /// y = exp(x - max(x)) / sum.
  void (*softmax)(const float* x, float* y, int64_t n);
  /// y = x - log_sum_exp(x).
  void (*log_softmax)(const float* x, float* y, int64_t n);
  /// Round to nearest even.
  void (*float_to_half)(const float* x, uint16_t* y, int64_t n);
  void (*half_to_float)(const uint16_t* x, float* y, int64_t n);
};

/// The variant for an ISA this machine can run.
const Ops& ops(Isa isa);
/// The variant in use.
const Ops& ops();

/// Largest relative error of the exponentials inside these operations, in units of float epsilon (2^-23); for
/// tests' bounds.
inline constexpr double kExpRelativeUlps = 2.0;

}  // namespace hearth::kernels
