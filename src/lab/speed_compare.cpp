// A run has a list of depths, each with the values of its rounds; one from before that has the medians of one
// depth.
#include "lab/speed_compare.h"

#include <algorithm>
#include <cmath>

#include "io/file.h"
#include "lab/median.h"

namespace hearth::lab {
namespace {

using Rounds = std::vector<double>;

constexpr std::string_view kKeys[] = {"prefill_tokens_per_s", "decode_tokens_per_s", "batch_tokens_per_s",
                                      "fill_tokens_per_s"};
constexpr std::string_view kSettings[] = {"model", "isa", "threads", "prompt", "gen", "sequences", "kv"};

/// What a run, or one depth of it, says about a key: its rounds, or else its median.
void append_values(const io::Json& object, std::string_view key, Rounds& values) {
  const io::Json* rounds = io::json_find(object, "rounds");
  const io::Json* list = rounds ? io::json_find(*rounds, key) : nullptr;
  const io::Json* found = list ? list : io::json_find(object, key);
  if (!found) return;
  const auto append = [&values](const io::Json& value) {
    if (value.is_number() && value.get<double>() > 0) values.push_back(value.get<double>());
  };
  if (!found->is_array()) return append(*found);
  for (const io::Json& value : *found) append(value);
}

int64_t depth_of(const io::Json& object) {
  const auto depth = io::json_int(object, "depth");
  return depth ? depth->value_or(0) : 0;
}

/// The parts of a run that belong to one depth each.
std::vector<const io::Json*> by_depth(const io::Json& run) {
  std::vector<const io::Json*> parts;
  const io::Json* depths = io::json_find(run, "depths");
  if (!depths || !depths->is_array()) return {&run};
  for (const io::Json& part : *depths) parts.push_back(&part);
  return parts;
}

/// Of all runs, each once, in the order in which they appear.
std::vector<int64_t> depths_of(const std::vector<io::Json>& runs) {
  std::vector<int64_t> depths;
  for (const io::Json& run : runs) {
    for (const io::Json* part : by_depth(run)) {
      if (std::find(depths.begin(), depths.end(), depth_of(*part)) == depths.end())
        depths.push_back(depth_of(*part));
    }
  }
  return depths;
}

Rounds values_of(const std::vector<io::Json>& runs, int64_t depth, std::string_view key) {
  Rounds values;
  for (const io::Json& run : runs) {
    for (const io::Json* part : by_depth(run)) {
      if (depth_of(*part) == depth) append_values(*part, key, values);
    }
  }
  return values;
}

double noise(const Rounds& values, double middle) {
  Rounds distances;
  for (const double value : values) distances.push_back(std::abs(value - middle));
  return median(distances) / middle;
}

std::string setting(const std::vector<io::Json>& runs, std::string_view key) {
  const io::Json* value = io::json_find(runs.front(), key);
  return value ? value->dump() : "";
}

Result<io::Json> parse_run(std::string_view text, std::string_view name) {
  HEARTH_ASSIGN(io::Json run, io::parse_json(text, name));
  if (!run.is_object()) return fail(ErrorCode::kCorrupt, name, ": not an object of `hearth bench --json`");
  return run;
}

}  // namespace

Result<std::vector<io::Json>> read_speed_runs(const std::filesystem::path& path) {
  constexpr uint64_t kMaxBytes = 64 << 20;
  HEARTH_ASSIGN(const std::string text, io::read_file(path, kMaxBytes));
  std::vector<io::Json> runs;
  if (const auto whole = parse_run(text, path.string()); whole) {
    runs.push_back(*whole);
    return runs;
  }
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    HEARTH_ASSIGN(io::Json run, parse_run(line, path.string()));
    runs.push_back(std::move(run));
  }
  if (runs.empty()) return fail(ErrorCode::kCorrupt, path.string(), ": no results");
  return runs;
}

Result<SpeedComparisons> compare_speed(const std::vector<io::Json>& before,
                                       const std::vector<io::Json>& after) {
  SpeedComparisons out;
  if (before.empty() || after.empty()) return fail(ErrorCode::kUsage, "nothing to compare");
  for (const int64_t depth : depths_of(before)) {
    for (const std::string_view key : kKeys) {
      const Rounds old_values = values_of(before, depth, key);
      const Rounds new_values = values_of(after, depth, key);
      if (old_values.empty()) continue;
      if (new_values.empty()) {
        out.missing.push_back(concat(key, " at ", depth));
        continue;
      }
      SpeedComparison row;
      row.key = key;
      row.depth = depth;
      row.before = median(old_values);
      row.after = median(new_values);
      row.ratio = row.after / row.before;
      row.before_noise = noise(old_values, row.before);
      row.after_noise = noise(new_values, row.after);
      out.rows.push_back(row);
    }
  }
  if (out.rows.empty()) return fail(ErrorCode::kUsage, "the two results have no speed at a depth in common");
  for (const std::string_view key : kSettings) {
    const std::string old_value = setting(before, key);
    const std::string new_value = setting(after, key);
    if (!old_value.empty() && !new_value.empty() && old_value != new_value) {
      out.differences.push_back(concat(key, ": ", old_value, ", ", new_value));
    }
  }
  return out;
}

}  // namespace hearth::lab
