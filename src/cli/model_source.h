// The models that hearth serve offers: those named on its command line, the specialist in the box, and the
// ones in the model store. Must not know HTTP.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/model_options.h"
#include "engine/scheduler.h"
#include "serve/model_directory.h"

namespace hearth::cli {

struct SourceOptions {
  std::vector<std::string> models;  // as on the command line; the first is the default one
  std::string catalogue;            // of the specialist
  LoadFlags load;
  engine::SchedulerOptions scheduler;
  int32_t prefixes = 32;     // sequences kept beside those that run
  int64_t cache_tokens = 0;  // 0: as much as fits, up to a context for each running answer
  bool save_prefixes = false;
  int64_t prefix_disk_bytes = int64_t{4} << 30;  // of all files of prefixes
};

/// Errors: kNotFound, kUsage for a model that is not there.
Result<std::unique_ptr<serve::ModelSource>> make_model_source(SourceOptions options, Console& console);

/// What the specialist is called.
inline constexpr std::string_view kSpecialistName = "hearth-device";

}  // namespace hearth::cli
