// From a request to the ids that the model reads. Must not know what becomes of them.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/completer.h"
#include "engine/local_model.h"

namespace hearth::engine {

/// The rendered chat or the raw prompt as ids: at least one, and at most the context. Errors: kUsage (empty),
/// kTooLarge (with both numbers), kUnsupported (no tokenizer, no chat template), kCorrupt (the template).
Result<std::vector<int32_t>> prompt_ids(const LocalModel& model, const CompletionRequest& request);

}  // namespace hearth::engine
