// Reads a buffer with plain 64-bit loads in independent chains, which compilers turn into full-width vector
// loads; the loops of the arithmetic peaks are the kernels module's.
#include "lab/machine_probe.h"

#include <algorithm>

#include "base/clock.h"
#include "kernels/ops/peaks.h"

namespace hearth::lab {
namespace {

constexpr int64_t kChunkBytes = int64_t{4} << 20;
constexpr int64_t kChunkWords = kChunkBytes / 8;

uint64_t fold(const uint64_t* words, int64_t count) {
  uint64_t lanes[16] = {};
  for (int64_t i = 0; i + 16 <= count; i += 16) {
    for (int lane = 0; lane < 16; ++lane) lanes[lane] ^= words[i + lane];
  }
  uint64_t all = 0;
  for (const uint64_t lane : lanes) all ^= lane;
  return all;
}

/// Operations per second of the fastest of `rounds` runs of `loop` on every thread; loop(n, sink) does n
/// rounds and returns its multiply-adds.
template <typename Lane>
double fastest_gop_s(ThreadPool& pool, int64_t (*loop)(int64_t, Lane*), int rounds) {
  constexpr double kTaskSeconds = 0.5e-3;
  constexpr int64_t kTasksPerThread = 8;  // a thread that starts late does fewer
  Lane sink{};
  int64_t n = 256;  // rounds of the loop per task, doubled until that takes long enough to time
  for (double seconds = 0; seconds < kTaskSeconds; n *= 2) {
    const double start = now_s();
    loop(n, &sink);
    seconds = now_s() - start;
  }
  const int64_t tasks = kTasksPerThread * pool.threads();
  const int64_t per_task = loop(n, &sink);
  double best = 0;
  for (int round = 0; round < rounds; ++round) {
    const double start = now_s();
    pool.parallel_for(tasks, [&](int64_t) {
      Lane own{};
      loop(n, &own);
    });
    best = std::max(best, 2e-9 * static_cast<double>(tasks * per_task) / (now_s() - start));
  }
  return best;
}

}  // namespace

ReadProbe::ReadProbe(ThreadPool& pool, int64_t bytes)
    : pool_(pool),
      chunks_(std::max<int64_t>(1, bytes / kChunkBytes)),
      words_(std::make_unique_for_overwrite<uint64_t[]>(static_cast<size_t>(chunks_ * kChunkWords))),
      results_(std::make_unique<uint64_t[]>(static_cast<size_t>(chunks_))) {
  pool_.parallel_for(chunks_, [&](int64_t chunk) {
    uint64_t* begin = words_.get() + chunk * kChunkWords;
    std::fill(begin, begin + kChunkWords, static_cast<uint64_t>(chunk) * 0x9E3779B97F4A7C15u);
  });
}

double ReadProbe::gb_s(int passes) {
  double best = 0;
  for (int pass = 0; pass < passes; ++pass) {
    const double start = now_s();
    pool_.parallel_for(chunks_, [&](int64_t chunk) {
      results_[static_cast<size_t>(chunk)] = fold(words_.get() + chunk * kChunkWords, kChunkWords);
    });
    best = std::max(best, static_cast<double>(chunks_ * kChunkBytes) / (now_s() - start) / 1e9);
  }
  volatile uint64_t keep = results_[0];  // the reads must not be optimised away
  (void)keep;
  return best;
}

double measure_read_bandwidth_gb_s(ThreadPool& pool, int64_t bytes, int rounds) {
  return ReadProbe(pool, bytes).gb_s(rounds);
}

MachinePeaks measure_peaks(ThreadPool& pool, kernels::Isa isa, int rounds) {
  const kernels::PeakLoops& loops = kernels::peak_loops(isa);
  return {fastest_gop_s(pool, loops.int8, rounds), fastest_gop_s(pool, loops.fp32, rounds)};
}

}  // namespace hearth::lab
