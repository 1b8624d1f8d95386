// What verbs that make one file out of another check before they start. Must not know what is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/progress_meter.h"
#include "base/result.h"

namespace hearth::cli {

/// OUT must be no folder, not be IN, and not exist unless `force`. Errors: kUsage.
Status check_output_file(const std::filesystem::path& in, const std::filesystem::path& out, bool force);

/// "1.2 GB, 310 MB/s, 0:04 left": the text beside a progress bar. `unit` empty: bytes.
class ProgressDetail {
 public:
  explicit ProgressDetail(std::string unit = "") : unit_(std::move(unit)) {}
  std::string operator()(uint64_t done, uint64_t total);

 private:
  std::string unit_;
  std::optional<ProgressMeter> meter_;  // begins with the first call
};

}  // namespace hearth::cli
