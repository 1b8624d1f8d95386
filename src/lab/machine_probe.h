// What this machine can do, measured: sequential read bandwidth over memory larger than its caches.
// Decode speed is bounded by it, so benchmarks and `doctor` quote their share of it.
#pragma once

#include <cstdint>

#include "base/thread_pool.h"

namespace hearth::lab {

/// Best of `rounds` passes over `bytes` of freshly written memory, read by all threads of the pool; in GB/s
/// (1e9 bytes).
double measure_read_bandwidth_gb_s(ThreadPool& pool, int64_t bytes = int64_t{512} << 20, int rounds = 5);

}  // namespace hearth::lab
