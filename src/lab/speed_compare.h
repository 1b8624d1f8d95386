// Two files of benchmark results side by side: medians, ratios and noise of everything both measured. Works
// on the JSON objects that `hearth bench --json` prints, of this version or an older one; must not know who
// measured them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/json.h"

namespace hearth::lab {

/// One thing measured on both sides. Everything compared is better when larger.
struct SpeedComparison {
  std::string_view key;  // "decode_tokens_per_s"
  int64_t depth = 0;
  double before = 0;  // medians over all rounds of all runs
  double after = 0;
  double ratio = 0;         // after / before
  double before_noise = 0;  // median distance from the median, as a share of it; 0 with one value
  double after_noise = 0;
};

struct SpeedComparisons {
  std::vector<SpeedComparison> rows;     // by depth as the runs before have them
  std::vector<std::string> differences;  // settings that are not the same: "threads: 2, 1"
  std::vector<std::string> missing;      // measured before but not after: "decode_tokens_per_s at 0"
};

/// One JSON object, or several (a run each), one per line. Errors: kCorrupt, kNotFound, kIo.
Result<std::vector<io::Json>> read_speed_runs(const std::filesystem::path& path);

/// Errors: kUsage when the sides have nothing in common.
Result<SpeedComparisons> compare_speed(const std::vector<io::Json>& before,
                                       const std::vector<io::Json>& after);

}  // namespace hearth::lab
