// Any bytes as JSON (a chat request, a tokenizer file, a model's answer): a tree that prints and parses back
// to itself, or one line of error.
#include <cstdlib>

#include "io/json.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const hearth::io::JsonLimits limits{.max_bytes = 1 << 20, .max_memory_bytes = 8 << 20};
  const auto json = hearth::io::parse_json(text, "fuzz", limits);
  if (!json) {
    require(!json.error().message.empty() && json.error().message.find('\n') == std::string::npos);
    return 0;
  }
  const std::string printed = hearth::io::dump_json(*json);
  const auto again = hearth::io::parse_json(printed, "printed");
  require(again.ok() && hearth::io::dump_json(*again) == printed);
  for (const char* key : {"model", "messages", "temperature", "stream", "max_tokens"}) {
    require(hearth::io::json_find(*json, key) != nullptr ||
            hearth::io::json_int(*json, key).value() == std::nullopt);
    (void)hearth::io::json_float(*json, key);
    (void)hearth::io::json_bool(*json, key);
    (void)hearth::io::json_string(*json, key);
  }
  return 0;
}
