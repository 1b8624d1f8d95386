// What this machine can do, measured: sequential read bandwidth over memory larger than its caches, and
// multiply-adds in registers. Decode is bounded by the one and prefill by the other, so benchmarks and
// `doctor` quote their share.
#pragma once

#include <cstdint>
#include <memory>

#include "base/thread_pool.h"
#include "kernels/isa.h"

namespace hearth::lab {

/// Freshly written memory that is read again and again, so that the bandwidth can be measured between other
/// things.
class ReadProbe {
 public:
  explicit ReadProbe(ThreadPool& pool, int64_t bytes = int64_t{512} << 20);
  /// The fastest of `passes` over the memory, read by all threads of the pool; in GB/s (1e9 bytes).
  double gb_s(int passes = 3);

 private:
  ThreadPool& pool_;
  int64_t chunks_;
  std::unique_ptr<uint64_t[]> words_;
  std::unique_ptr<uint64_t[]> results_;
};

/// One measurement with a probe of its own.
double measure_read_bandwidth_gb_s(ThreadPool& pool, int64_t bytes = int64_t{512} << 20, int rounds = 5);

/// Billions of operations per second (a multiply-add is two) of all threads of a pool, from registers.
struct MachinePeaks {
  double int8_gop_s = 0;
  double fp32_gflop_s = 0;
};
/// The fastest of `rounds` loops of some milliseconds with the instructions of `isa`.
MachinePeaks measure_peaks(ThreadPool& pool, kernels::Isa isa = kernels::active_isa(), int rounds = 9);

}  // namespace hearth::lab
