// String keys and JSON of the C API, turned into the engine's options.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/completer.h"
#include "engine/local_model.h"

namespace hearth::capi {

using KeyValues = std::vector<std::pair<std::string, std::string>>;

/// What can be set before a model is loaded.
struct ModelOptions {
  engine::LoadOptions load;
  bool pack_cache = true;
  bool heed_check = true;
};
/// "threads", "ctx", "max_sessions", "kv", "precision", "pack_cache", "check". Errors: kUsage naming the key.
Result<ModelOptions> model_options(const KeyValues& entries);
/// "max_tokens", "stop" (adds one), or a sampler's option by name. Errors: kUsage.
Status set_request_option(engine::CompletionRequest& request, std::string_view key, const std::string& value);
/// {"prompt"} or {"messages", "tools", ...} plus option members over `defaults`. Errors: kCorrupt, kUsage.
Result<engine::CompletionRequest> read_request(std::string_view json,
                                               const engine::CompletionRequest& defaults);

}  // namespace hearth::capi
