// How many processors this process may use: its affinity mask and the CPU quotas of its cgroups. Knows no
// threads.
#pragma once

#include <filesystem>

namespace hearth {

/// Processors' worth of time that the cgroups of this process allow, v1 and v2, the least of every level from
/// its own group up to the root; infinite where nothing limits it or nothing can be read. The paths are
/// parameters for tests.
double cgroup_cpu_quota(const std::filesystem::path& proc = "/proc",
                        const std::filesystem::path& cgroup = "/sys/fs/cgroup");

/// Affinity mask and quota taken into account, a part of a processor counted as one; at least 1.
int available_cpus();

}  // namespace hearth
