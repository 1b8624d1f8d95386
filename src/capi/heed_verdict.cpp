// A verdict without fallbacks, or none at all, leaves the options as they are.
#include "capi/heed_verdict.h"

#include <cstdlib>
#include <string_view>

#include "store/store.h"
#include "store/verdict.h"

namespace hearth::capi {

Result<store::PackedPlace> place_of(const std::filesystem::path& path) {
  HEARTH_ASSIGN(const auto home, store::Store::default_home());
  return store::packed_place(home, path);
}

bool checks_switched_off() {
  const char* value = std::getenv("HEARTH_NO_CHECK");
  return value && *value != '\0' && std::string_view(value) != "0";
}

void heed_verdict(const std::filesystem::path& path, engine::LoadOptions& options) {
  if (options.precision == kernels::Precision::kReference || checks_switched_off()) return;
  const auto place = place_of(path);
  if (!place) return;
  const auto verdict = store::read_verdict(*place);
  if (!verdict || !verdict->error.empty()) return;
  options.float32_tensors = verdict->float32_tensors;
  if (options.kv_format == "auto" && !verdict->kv_fallback.empty()) options.kv_format = verdict->kv_fallback;
}

}  // namespace hearth::capi
