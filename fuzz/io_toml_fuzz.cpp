// Any bytes as TOML (configuration, catalogue): a tree that prints as JSON, or one line of error.
#include <cstdlib>

#include "io/toml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto tree = hearth::io::parse_toml(text, "fuzz");
  if (tree) {
    (void)hearth::io::dump_json(*tree);
  } else if (tree.error().message.empty() || tree.error().message.find('\n') != std::string::npos) {
    std::abort();
  }
  return 0;
}
