// How fast a loaded model is: prefill and decode at a given depth, medians over repeats, against the
// machine's read bandwidth.
#pragma once

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "engine/local_model.h"

namespace hearth::lab {

struct SpeedOptions {
  int64_t prompt_tokens = 512;
  int64_t generated_tokens = 64;
  int64_t depth = 0;  // tokens already in the context before either phase is timed
  int32_t repeats = 5;
};

struct SpeedReport {
  double prefill_tokens_per_s = 0;
  double decode_tokens_per_s = 0;
  double read_bandwidth_gb_s = 0;
  double decode_bandwidth_share =
      0;  // bytes that a decode step must read, times tokens per second, over the bandwidth
  int64_t decode_bytes_per_token = 0;
  int64_t peak_rss_bytes = 0;
};

/// `progress(done, total)` between phases; false cancels (kCancelled).
Result<SpeedReport> measure_speed(engine::LocalModel& model, const SpeedOptions& options,
                                  const std::function<bool(int64_t, int64_t)>& progress);

/// Highest resident memory of this process so far.
int64_t peak_rss_bytes();

}  // namespace hearth::lab
