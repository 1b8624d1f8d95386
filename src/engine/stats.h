// What an engine under load tells of itself: counts, and distributions in buckets with fixed bounds. Plain
// values; who shows them knows the names that dashboards expect. Must not know HTTP.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace hearth::engine {

/// Counts of values by upper bound, as Prometheus histograms have them (here not yet cumulative).
template <size_t N>
struct Histogram {
  std::array<double, N> bounds;
  std::array<int64_t, N + 1> counts{};
  double sum = 0;

  void add(double value, int64_t times = 1) {
    size_t i = 0;
    while (i < N && value > bounds[i]) ++i;
    counts[i] += times;
    sum += value * static_cast<double>(times);
  }
  void add(const Histogram& other) {
    for (size_t i = 0; i <= N; ++i) counts[i] += other.counts[i];
    sum += other.sum;
  }
};

inline constexpr std::array<double, 14> kLatencyBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                          0.25,  0.5,    1,     2.5,  5,     10,   60};
inline constexpr std::array<double, 8> kBatchBounds = {1, 2, 4, 8, 16, 32, 64, 128};

/// Of prefixes on disk, since the start.
struct ArchiveStats {
  int64_t saved = 0;
  int64_t restored = 0;
  int64_t restored_tokens = 0;
  int64_t damaged = 0;  // files that were found damaged, and removed
  int64_t failed = 0;   // saves that the disk refused
  int64_t bytes = 0;    // of this model's files now
};

/// Since the start, but for those that say "now".
struct SchedulerStats {
  int64_t waiting = 0;   // now
  int64_t running = 0;   // now
  int64_t accepted = 0;  // answers asked for
  int64_t refused = 0;   // because the queue was full
  int64_t stopped = 0;   // answers by how they ended
  int64_t cut_by_length = 0;
  int64_t cancelled = 0;
  int64_t failed = 0;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  // of those, not computed again
  int64_t generated_tokens = 0;
  int64_t drafted_tokens = 0;
  int64_t accepted_drafts = 0;
  int64_t steps = 0;
  int64_t preempted = 0;  // answers whose keys and values had to go for others
  int64_t prefixes = 0;   // kept now
  int64_t evicted_prefixes = 0;
  int64_t prefix_bytes = 0;     // that kept prefixes hold now, shared pages counted once
  int64_t kv_bytes = 0;         // in use now
  int64_t kv_pages = 0;         // in use now
  int64_t kv_shared_pages = 0;  // of those, with more than one holder
  int64_t kv_tokens_free = 0;   // now
  Histogram<14> first_token_s{kLatencyBounds};
  Histogram<14> between_tokens_s{kLatencyBounds};
  Histogram<14> queue_s{kLatencyBounds};
  Histogram<14> answer_s{kLatencyBounds};
  ArchiveStats archive;
  Histogram<8> batch{kBatchBounds};  // answers in a step

  /// Counts on from those of another one, which is over: what says "now" stays as it is here.
  void add_past(const SchedulerStats& past);
};

}  // namespace hearth::engine
