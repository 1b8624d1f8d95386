// The JSON of a render request as template values. Must not know templates.
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/jinja/runtime.h"

namespace hearth::text::jinja {

/// A Dict of the object's members, in their order; a repeated key keeps its place and takes the later value,
/// as in Python. Errors: kCorrupt (not JSON, not an object, numbers beyond 64 bits), kTooLarge (nesting, the
/// runtime's limits).
Result<Value> parse_request(Runtime& runtime, std::string_view json);

/// What transformers' apply_chat_template adds to a request: tools and documents are none and
/// add_generation_prompt is false when absent, and the reasoning of a message stands under all the names that
/// templates read.
void complete_request(Runtime& runtime, Dict& request);

}  // namespace hearth::text::jinja
