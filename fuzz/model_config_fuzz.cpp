// Any text as a config.json (and as a generation_config.json): translation must end in metadata, or in one
// line of error; a spec built from the metadata likewise.
#include <cstdlib>

#include "model/hf_config.h"

namespace {

void require_one_line(const hearth::Error& error) {
  if (error.message.empty() || error.message.find('\n') != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;  // NOLINT(google-build-using-namespace)
  const auto json = io::parse_json(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!json) return 0;
  io::Metadata sampling;
  const Status added = model::add_generation_config(*json, sampling);
  if (!added) require_one_line(added.error());
  const auto config = model::read_hf_config(*json);
  if (!config) {
    require_one_line(config.error());
    return 0;
  }
  const auto spec = model::build_spec(config->metadata, 0, config->tied_output.value_or(false));
  if (!spec) require_one_line(spec.error());
  return 0;
}
