// Memory plans and what the machine has. Reads /proc and /sys/fs/cgroup only.
// Must not know any architecture's name.
#include "model/memory.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "io/file.h"
#include "kernels/tiles/tile.h"
#include "model/tensors.h"

namespace hearth::model {
namespace {

constexpr int64_t kPage = 64;  // positions in a KV page
constexpr uint64_t kMaxProcFile = uint64_t{1} << 20;

int64_t usable_bytes(const MachineMemory& memory) {
  return memory.available_bytes - memory.available_bytes / 16;
}

/// The number after `key` in lines of "key  123 ..."; -1 when absent.
int64_t number_after(std::string_view text, std::string_view key) {
  for (size_t line = 0; line < text.size();) {
    const size_t end = std::min(text.find('\n', line), text.size());
    std::string_view rest = text.substr(line, end - line);
    line = end + 1;
    if (!rest.starts_with(key)) continue;
    rest.remove_prefix(key.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t:"), rest.size()));
    int64_t value = -1;
    const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (parsed.ec == std::errc()) return value;
  }
  return -1;
}

/// The number in a file that holds only one; -1 for "max", garbage or no file.
int64_t number_in(const std::filesystem::path& path) {
  auto text = io::read_file(path, kMaxProcFile);
  return text ? number_after(*text, "") : -1;
}

/// -1: it sets none.
int64_t limit_of_group(const std::filesystem::path& group, bool v2) {
  return number_in(group / (v2 ? "memory.max" : "memory.limit_in_bytes"));
}

/// What one cgroup level leaves free; -1: it sets no limit.
int64_t free_in_group(const std::filesystem::path& group, bool v2) {
  const int64_t limit = limit_of_group(group, v2);
  const int64_t used = number_in(group / (v2 ? "memory.current" : "memory.usage_in_bytes"));
  if (limit < 0 || used < 0) return -1;
  auto stat = io::read_file(group / "memory.stat", kMaxProcFile);
  const int64_t reclaimable = stat ? number_after(*stat, v2 ? "inactive_file" : "total_inactive_file") : 0;
  return std::max<int64_t>(0, limit - used + std::max<int64_t>(0, reclaimable));
}

/// Lowers `memory` by every limit from `group` up to `root`.
void apply_limits(std::filesystem::path group, const std::filesystem::path& root, bool v2,
                  MachineMemory& memory) {
  while (true) {
    const int64_t limit = limit_of_group(group, v2);
    if (limit >= 0) memory.total_bytes = std::min(memory.total_bytes, limit);
    const int64_t left = free_in_group(group, v2);
    if (left >= 0 && left < memory.available_bytes) {
      memory.available_bytes = left;
      memory.limit = "the cgroup limit";
    }
    if (group == root || !group.has_relative_path() || group.string().size() <= root.string().size()) return;
    group = group.parent_path();
  }
}

}  // namespace

int64_t weight_bytes(const io::TensorFile& file, const ModelSpec& spec, kernels::Precision precision) {
  std::unordered_map<std::string_view, const io::Tensor*> by_name;
  for (const io::Tensor& tensor : file.tensors) by_name.emplace(tensor.name, &tensor);
  int64_t bytes = 0;
  for (const TensorNeed& need : needed_tensors(spec)) {
    const auto found = by_name.find(need.name);
    if (found == by_name.end()) continue;
    const io::Tensor& tensor = *found->second;
    const kernels::Format* format = kernels::find_format(tensor.type);
    const kernels::Tile* tile = format == nullptr ? nullptr : kernels::find_tile(format->tile);
    if (precision == kernels::Precision::kReference || tile == nullptr ||
        need.shape.size() != 2) {  // or packed
      bytes += static_cast<int64_t>(tensor.data.size());
      continue;
    }
    for (const Part& part : need.parts) {
      bytes += (part.rows + kernels::kPanelRows - 1) / kernels::kPanelRows * tile->panel_bytes(need.shape[1]);
    }
  }
  return bytes;
}

Result<MachineMemory> machine_memory(const std::filesystem::path& proc, const std::filesystem::path& cgroup) {
  HEARTH_ASSIGN(const std::string meminfo, io::read_file(proc / "meminfo", kMaxProcFile));
  const int64_t total_kib = number_after(meminfo, "MemTotal");
  const int64_t available_kib = number_after(meminfo, "MemAvailable");
  if (total_kib < 0 || available_kib < 0) {
    return fail(ErrorCode::kIo, (proc / "meminfo").string(), " does not say how much memory is available");
  }
  MachineMemory memory{total_kib * 1024, available_kib * 1024, "this machine"};
  auto groups = io::read_file(proc / "self/cgroup", kMaxProcFile);
  if (!groups) return memory;  // no cgroups: nothing else limits us
  std::string_view rest = *groups;
  while (!rest.empty()) {  // "0::/path" (v2), "5:memory:/path" (v1)
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const size_t first = line.find(':');
    const size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view path = line.substr(second + 1);
    const bool v2 = controllers.empty();
    if (!v2 && concat(',', controllers, ',').find(",memory,") == std::string::npos) continue;
    const std::filesystem::path root = v2 ? cgroup : cgroup / "memory";
    apply_limits(root / std::filesystem::path(path).relative_path(), root, v2, memory);
  }
  return memory;
}

Result<int64_t> largest_context_that_fits(const PlanFor& plan, int64_t max_context,
                                          const MachineMemory& memory) {
  int64_t fits = 0;
  int64_t too_large = max_context + 1;
  while (too_large - fits > 1) {
    const int64_t middle = fits == 0 && too_large > max_context ? max_context : fits + (too_large - fits) / 2;
    HEARTH_ASSIGN(const MemoryPlan at_middle, plan(middle));
    (at_middle.total_bytes() <= usable_bytes(memory) ? fits : too_large) = middle;
  }
  return fits < max_context && fits > kPage ? fits / kPage * kPage : fits;
}

Status check_fits(const PlanFor& plan, int64_t context, const MachineMemory& memory) {
  HEARTH_ASSIGN(const MemoryPlan need, plan(context));
  if (need.total_bytes() <= usable_bytes(memory)) return {};
  HEARTH_ASSIGN(const int64_t fits, largest_context_that_fits(plan, context, memory));
  const auto human = [](int64_t bytes) { return io::human_bytes(static_cast<uint64_t>(bytes)); };
  return fail(ErrorCode::kNoMemory, "needs ", human(need.total_bytes()), " of memory (weights ",
              human(need.weight_bytes), ", context of ", context, " tokens ", human(need.kv_bytes),
              ", scratch ", human(need.scratch_bytes), "), but ", memory.limit, " leaves ",
              human(memory.available_bytes), " (1/16 is kept free); ",
              fits > 0
                  ? concat("a context of ", fits, " tokens would fit")
                  : std::string("no context fits: try a smaller model or a file with fewer bits per weight"));
}

}  // namespace hearth::model
