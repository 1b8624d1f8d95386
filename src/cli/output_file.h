// What verbs that make one file out of another check before they start. Must not know what is written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress_meter.h"
#include "base/result.h"

namespace hearth::cli {

/// Whether OUT can be written without doing harm, before any work is done: its folder takes a new file; it
/// does not exist unless `replace`, and then is a regular file; and it is none of `inputs`: no part of a
/// split model, and nothing in the folder of one. Errors: kUsage (`advice` says how to replace), kNotFound,
/// kIo.
Status check_output_file(const std::vector<std::filesystem::path>& inputs, const std::filesystem::path& out,
                         bool replace, std::string_view advice = "--force replaces it");

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
