// Walks the cgroups that /proc/self/cgroup names. In a container it may name a path of the host that is not
// mounted here: levels that are not there set no limit, and the walk ends at the root of what is mounted,
// which then is the container's own group.
#include "base/cpus.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

/// Of one level: v2 "150000 100000" or "max 100000"; v1 two files, -1 for no limit.
double quota_of(const fs::path& group, bool v2) {
  double quota = 0;
  double period = 0;
  if (v2) {
    std::ifstream in(group / "cpu.max");
    if (!(in >> quota >> period)) return kNoLimit;  // "max" is no number
  } else {
    std::ifstream quota_file(group / "cpu.cfs_quota_us");
    std::ifstream period_file(group / "cpu.cfs_period_us");
    if (!(quota_file >> quota && period_file >> period)) return kNoLimit;
  }
  return quota > 0 && period > 0 ? quota / period : kNoLimit;
}

/// The least from `path` under `root` up to `root` itself.
double least_quota(const fs::path& root, const fs::path& path, bool v2) {
  double least = quota_of(root, v2);
  fs::path group = root;
  for (const fs::path& part : path.relative_path()) {
    if (part.empty() || part == "..") break;  // the end of "/a/"; "/../a" lies outside of what is mounted
    group /= part;
    least = std::min(least, quota_of(group, v2));
  }
  return least;
}

}  // namespace

double cgroup_cpu_quota(const fs::path& proc, const fs::path& cgroup) {
  double least = kNoLimit;
  std::ifstream groups(proc / "self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "0::/path" (v2), "4:cpu,cpuacct:/path" (v1)
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 && concat(',', controllers, ',').find(",cpu,") == std::string::npos) continue;
    least = std::min(least, least_quota(v2 ? cgroup : cgroup / "cpu", line.substr(second + 1), v2));
  }
  return least;
}

int available_cpus() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  int cpus = 1;
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0) cpus = std::max(1, CPU_COUNT(&mask));
  return std::max(1, static_cast<int>(std::ceil(std::min(cgroup_cpu_quota(), static_cast<double>(cpus)))));
}

}  // namespace hearth
