// Plans of quantisation that use what was measured over a calibration text. Must not know how moments are
// collected, nor how error feedback encodes.
#pragma once

#include "base/thread_pool.h"
#include "lab/error_feedback.h"
#include "lab/moments.h"
#include "lab/quantize.h"

namespace hearth::lab {

/// Lets every matrix of a layer whose new format can recode be encoded with error feedback. The plan's
/// tensors are put in order of their layers, so that the stream passes over the text as few times as it can.
/// `moments` and `pool` must outlive the plan.
void use_error_feedback(QuantizePlan& plan, MomentsStream& moments, const FeedbackOptions& options,
                        ThreadPool& pool);

}  // namespace hearth::lab
