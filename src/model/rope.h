// Rotation frequencies from a RopeSpec. Separate from the binder so that tests can compare it with the
// published formulas. Must not know any architecture's name.
#pragma once

#include <span>
#include <vector>

#include "model/model.h"

namespace hearth::model {

/// Frequencies of `rope`; `factors` (dims / 2, or empty for all 1) divide them. Sources: RoPE arXiv
/// 2104.09864; YaRN arXiv 2309.00071; LongRoPE arXiv 2402.13753.
RopeTable make_rope_table(const RopeSpec& rope, std::span<const float> factors);

/// The divisors of Llama 3.1's scaling, (dims / 2): 1 for wavelengths below original_context /
/// high_freq_factor, `factor` above original_context / low_freq_factor, interpolated between.
std::vector<float> llama3_factors(int64_t dims, double base, double factor, double low_freq_factor,
                                  double high_freq_factor, double original_context);

}  // namespace hearth::model
