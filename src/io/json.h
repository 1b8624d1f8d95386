// JSON in: nlohmann-json behind a door that does not throw, with limits on size, depth and duplicate keys. Member order is kept.
// Every JSON that hearth reads (requests, hub metadata, tokenizer files, model answers) comes through here.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.h"

namespace hearth::io {

using Json = nlohmann::ordered_json;

struct JsonLimits {
  int64_t max_bytes = int64_t{256} << 20;
  int32_t max_depth = 128;
  bool reject_duplicate_keys = false;
};

/// Parses UTF-8 JSON text. `name` appears in errors. Errors: kCorrupt with line and column, kTooLarge for a limit.
Result<Json> parse_json(std::string_view text, std::string_view name, const JsonLimits& limits = {});

}  // namespace hearth::io
