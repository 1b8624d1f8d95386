// Rotation frequencies: base, linear stretch, YaRN's ramp, divisors per pair. In double, because an error in
// a frequency grows with the position. Must not know any architecture's name.
#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hearth::model {
namespace {

/// The (fractional) pair whose wavelength makes `rotations` turns over the original context; YaRN arXiv
/// 2309.00071.
double yarn_pair(const RopeSpec& rope, double rotations) {
  const double context = static_cast<double>(rope.original_context);
  return static_cast<double>(rope.dims) * std::log(context / (rotations * 2 * std::numbers::pi)) /
         (2 * std::log(static_cast<double>(rope.base)));
}

}  // namespace

RopeTable make_rope_table(const RopeSpec& rope, std::span<const float> factors) {
  RopeTable table{rope.kind, rope.dims, {}, rope.attention_factor};
  const int64_t pairs = rope.dims / 2;
  const bool yarn = rope.scaling == RopeScaling::kYarn;
  const double stretch =
      yarn || rope.scaling == RopeScaling::kLinear ? static_cast<double>(rope.factor) : 1.0;
  const double low = std::max(std::floor(yarn_pair(rope, rope.yarn_beta_fast)), 0.0);
  const double high =
      std::min(std::ceil(yarn_pair(rope, rope.yarn_beta_slow)), static_cast<double>(rope.dims - 1));
  for (int64_t j = 0; j < pairs; ++j) {
    double frequency = std::pow(static_cast<double>(rope.base),
                                -2.0 * static_cast<double>(j) / static_cast<double>(rope.dims));
    if (!factors.empty()) frequency /= static_cast<double>(factors[static_cast<size_t>(j)]);
    double stretched =
        1;  // share of the stretched frequency: all of it, or YaRN's ramp from fast to slow pairs
    if (yarn) stretched = std::clamp((static_cast<double>(j) - low) / std::max(high - low, 0.001), 0.0, 1.0);
    table.frequency.push_back(frequency * (stretched / stretch + (1 - stretched)));
  }
  if (yarn && rope.factor > 1)
    table.magnitude *= static_cast<float>(0.1 * std::log(static_cast<double>(rope.factor)) + 1);
  return table;
}

std::vector<float> llama3_factors(int64_t dims, double base, double factor, double low_freq_factor,
                                  double high_freq_factor, double original_context) {
  std::vector<float> factors;
  for (int64_t j = 0; j < dims / 2; ++j) {
    const double frequency = std::pow(base, -2.0 * static_cast<double>(j) / static_cast<double>(dims));
    const double turns =
        original_context * frequency / (2 * std::numbers::pi);  // original context / wavelength
    const double smooth =
        std::clamp((turns - low_freq_factor) / (high_freq_factor - low_freq_factor), 0.0, 1.0);
    factors.push_back(static_cast<float>(1 / ((1 - smooth) / factor + smooth)));
  }
  return factors;
}

}  // namespace hearth::model
