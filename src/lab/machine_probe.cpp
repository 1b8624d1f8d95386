// Reads a buffer with plain 64-bit loads in independent chains, which compilers turn into full-width vector
// loads.
#include "lab/machine_probe.h"

#include <algorithm>
#include <memory>

#include "base/clock.h"

namespace hearth::lab {
namespace {

constexpr int64_t kChunkBytes = int64_t{4} << 20;

uint64_t fold(const uint64_t* words, int64_t count) {
  uint64_t lanes[16] = {};
  for (int64_t i = 0; i + 16 <= count; i += 16) {
    for (int lane = 0; lane < 16; ++lane) lanes[lane] ^= words[i + lane];
  }
  uint64_t all = 0;
  for (const uint64_t lane : lanes) all ^= lane;
  return all;
}

}  // namespace

double measure_read_bandwidth_gb_s(ThreadPool& pool, int64_t bytes, int rounds) {
  const int64_t chunks = std::max<int64_t>(1, bytes / kChunkBytes);
  const int64_t words_per_chunk = kChunkBytes / 8;
  const auto words =
      std::make_unique_for_overwrite<uint64_t[]>(static_cast<size_t>(chunks * words_per_chunk));
  const auto results = std::make_unique<uint64_t[]>(static_cast<size_t>(chunks));
  pool.parallel_for(chunks, [&](int64_t chunk) {
    uint64_t* begin = words.get() + chunk * words_per_chunk;
    std::fill(begin, begin + words_per_chunk, static_cast<uint64_t>(chunk) * 0x9E3779B97F4A7C15u);
  });
  double best = 0;
  for (int round = 0; round < rounds; ++round) {
    const double start = now_s();
    pool.parallel_for(chunks, [&](int64_t chunk) {
      results[static_cast<size_t>(chunk)] = fold(words.get() + chunk * words_per_chunk, words_per_chunk);
    });
    best = std::max(best, static_cast<double>(chunks * kChunkBytes) / (now_s() - start) / 1e9);
  }
  volatile uint64_t keep = results[0];  // the reads must not be optimised away
  (void)keep;
  return best;
}

}  // namespace hearth::lab
