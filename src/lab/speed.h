// How fast a loaded model is on this machine: prefill, decode and batched decode at given depths, round after
// round with the machine's read bandwidth in between, against what the machine can do. Must not know who
// prints it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/local_model.h"
#include "lab/machine_probe.h"
#include "lab/median.h"
#include "lab/profile.h"

namespace hearth::lab {

struct SpeedOptions {
  int64_t prompt_tokens = 512;
  int64_t generated_tokens = 64;
  std::vector<int64_t> depths = {0};  // tokens already in the context before anything is timed
  int32_t repeats = 5;
  int32_t sequences = 1;  // above 1: so many that share the context are decoded together too
  bool profile = false;   // one more round, watched

  /// Tokens that one sequence must be able to hold, in whole KV pages since forks share no half ones, and sequences open
  /// at a time.
  int64_t context_tokens() const;
  int32_t open_sequences() const;
};

/// One value per round.
using Rounds = std::vector<double>;

/// At one depth. What was not asked for is empty.
struct DepthSpeed {
  int64_t depth = 0;
  double fill_tokens_per_s = 0;  // from nothing to this depth, once; 0 at depth 0
  Rounds prefill_tokens_per_s;
  Rounds decode_tokens_per_s;
  Rounds batch_tokens_per_s;  // of all sequences together
  Rounds read_bandwidth_gb_s;
  Rounds decode_bandwidth_share;  // of the same round's bandwidth
  Rounds prefill_joules_per_token;
  Rounds decode_joules_per_token;
  int64_t kv_bytes_per_token = 0;  // keys and values that a decode step reads, halfway through
  double prefill_gop = 0;          // operations of the layers' matrices per token, in billions
  std::vector<ProfilePart> prefill_profile;
  std::vector<ProfilePart> decode_profile;
};

struct SpeedReport {
  MachinePeaks peaks;
  int64_t weight_bytes_per_token = 0;  // that a decode step reads
  int64_t peak_rss_bytes = 0;          // without the memory that the bandwidth is probed with
  std::vector<DepthSpeed> depths;      // ascending
};

/// `progress(fraction, what)` between steps; false cancels (kCancelled).
using SpeedProgress = std::function<bool(double, std::string_view)>;

/// The model must have been loaded for options.context_tokens() and open_sequences(). Errors: kUsage (an
/// option out of range), kCancelled, and the runtime's.
Result<SpeedReport> measure_speed(engine::LocalModel& model, const SpeedOptions& options,
                                  const SpeedProgress& progress);

/// Highest resident memory of this process so far.
int64_t peak_rss_bytes();

}  // namespace hearth::lab
