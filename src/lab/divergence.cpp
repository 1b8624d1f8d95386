// Plain sums in double: a vocabulary has some hundred thousand entries, so rounding stays near 1e-11.
#include "lab/divergence.h"

#include <algorithm>
#include <cmath>

namespace hearth::lab {

LogSoftmax log_softmax(std::span<const float> logits) {
  LogSoftmax out;
  const auto best = std::max_element(logits.begin(), logits.end());
  out.best = static_cast<int32_t>(best - logits.begin());
  const auto largest = static_cast<double>(*best);
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x) - largest);
  out.log_sum = largest + std::log(sum);
  return out;
}

double kl_divergence(std::span<const float> base, const LogSoftmax& base_sum, std::span<const float> other,
                     const LogSoftmax& other_sum) {
  double sum = 0;
  for (size_t i = 0; i < base.size(); ++i) {
    const double log_p = static_cast<double>(base[i]) - base_sum.log_sum;
    const double log_q = static_cast<double>(other[i]) - other_sum.log_sum;
    sum += std::exp(log_p) * (log_p - log_q);
  }
  return sum;
}

Mean mean_of(std::span<const double> values) {
  Mean mean;
  const auto n = static_cast<double>(values.size());
  if (values.empty()) return mean;
  for (const double v : values) mean.value += v / n;
  if (values.size() < 2) return mean;
  double squares = 0;
  for (const double v : values) squares += (v - mean.value) * (v - mean.value);
  mean.error = std::sqrt(squares / (n - 1) / n);
  return mean;
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double place = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, values.size() - 1);
  const double share = place - static_cast<double>(below);
  return values[below] * (1 - share) + values[above] * share;
}

}  // namespace hearth::lab
