// hearth check as the other verbs see it: what a verdict says, and the check that the first use of a model
// starts and nobody notices. That verdicts are heeded is capi/heed_verdict.h.
#pragma once

#include <string>
#include <vector>

#include "cli/model_options.h"
#include "store/verdict.h"

namespace hearth::cli {

/// Called when an answer is complete and the model freed: starts `hearth check --background` as a process of
/// its own, which keeps nothing of this one open, if this model has not been checked yet. Does nothing with
/// --no-check, HEARTH_NO_CHECK, --reference or --no-pack-cache (that is to write nothing). Never fails and
/// never prints.
void check_in_background(const std::string& model, const LoadFlags& flags);

/// Lowest priority for processor and disk for this process.
void run_in_background();

/// "a KV cache of f16 and 2 tensors in float32 (output.weight, ...)".
std::string describe_fallbacks(const std::string& kv_format, const std::vector<std::string>& float32_tensors);

/// "KL 0.0003, first choice 98.8% against float32 on 530 tokens; the fast path is good", for people.
std::string describe(const store::Verdict& verdict);

}  // namespace hearth::cli
