// How two rows of logits differ as distributions: log-probabilities, KL divergence and the first choice, over
// the whole vocabulary and in double. Perplexity and check are made of it. Must not know models or texts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hearth::lab {

/// The log-softmax of one row: log p(i) = logits[i] - log_sum.
struct LogSoftmax {
  double log_sum = 0;  // log sum exp(logits)
  int32_t best = 0;    // the first of the largest logits
};
/// Not finite when a logit is not.
LogSoftmax log_softmax(std::span<const float> logits);

/// KL(base || other) in nats: sum of p_base (log p_base - log p_other). Never below zero but for rounding.
double kl_divergence(std::span<const float> base, const LogSoftmax& base_sum, std::span<const float> other,
                     const LogSoftmax& other_sum);

/// Mean and its standard error.
struct Mean {
  double value = 0;
  double error = 0;
};
Mean mean_of(std::span<const double> values);

/// The value below which a share `q` of the values lie, linear between two; 0 of nothing.
double quantile(std::vector<double> values, double q);

}  // namespace hearth::lab
