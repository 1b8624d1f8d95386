// Token ids are pseudo-random: speed does not depend on which tokens they are, and a tokenizer is not needed.
#include "lab/speed.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"
#include "lab/machine_probe.h"

namespace hearth::lab {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::vector<int32_t> random_tokens(int64_t count, int64_t vocabulary, Rng& rng) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  for (int32_t& token : tokens) token = static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocabulary)));
  return tokens;
}

/// One sequence of the runtime, closed on the way out.
class TimedSequence {
 public:
  /// A sequence that holds `depth` tokens already.
  static Result<TimedSequence> open(runtime::Runtime& runtime, int64_t depth, Rng& rng) {
    HEARTH_ASSIGN(const runtime::SeqId id, runtime.open_sequence());
    TimedSequence sequence(runtime, id);
    if (depth > 0) HEARTH_RETURN_IF_ERROR(sequence.feed(random_tokens(depth, runtime.vocabulary(), rng)));
    return sequence;
  }
  TimedSequence(TimedSequence&& other) noexcept
      : runtime_(other.runtime_), id_(std::exchange(other.id_, -1)) {}
  ~TimedSequence() {
    if (id_ >= 0) runtime_.close_sequence(id_);
  }
  TimedSequence(const TimedSequence&) = delete;
  TimedSequence& operator=(const TimedSequence&) = delete;

  /// Seconds for feeding the tokens in one call.
  Result<double> feed(std::span<const int32_t> tokens) const {
    runtime::ForwardOptions options;
    options.priority = tokens.size() > 1 ? Priority::kPrefill : Priority::kDecode;
    const runtime::SequenceChunk chunk{id_, tokens, runtime::LogitsWanted::kLast};
    const double start = now_s();
    HEARTH_RETURN_IF_ERROR(runtime_.forward({&chunk, 1}, options));
    return now_s() - start;
  }

 private:
  TimedSequence(runtime::Runtime& runtime, runtime::SeqId id) : runtime_(runtime), id_(id) {}

  runtime::Runtime& runtime_;
  runtime::SeqId id_;
};

struct Timings {
  double prefill_s = 0;
  double decode_s = 0;
};

Result<Timings> time_once(engine::LocalModel& model, const SpeedOptions& options, Rng& rng) {
  runtime::Runtime& runtime = model.runtime();
  Timings timings;
  if (options.prompt_tokens > 0) {
    HEARTH_ASSIGN(const TimedSequence sequence, TimedSequence::open(runtime, options.depth, rng));
    HEARTH_ASSIGN(timings.prefill_s,
                  sequence.feed(random_tokens(options.prompt_tokens, runtime.vocabulary(), rng)));
  }
  if (options.generated_tokens == 0) return timings;
  // Decode is timed at the asked depth, as the peers do: in a sequence of its own that holds `depth` tokens
  // (one token when depth is 0). Going back in the first one would not do: windows have forgotten.
  HEARTH_ASSIGN(const TimedSequence sequence,
                TimedSequence::open(runtime, std::max<int64_t>(1, options.depth), rng));
  for (const int32_t& token : random_tokens(options.generated_tokens, runtime.vocabulary(), rng)) {
    HEARTH_ASSIGN(const double step_s, sequence.feed({&token, 1}));
    timings.decode_s += step_s;
  }
  return timings;
}

}  // namespace

int64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

Result<SpeedReport> measure_speed(engine::LocalModel& model, const SpeedOptions& options,
                                  const std::function<bool(int64_t, int64_t)>& progress) {
  if (options.prompt_tokens < 0 || options.generated_tokens < 0 || options.depth < 0 || options.repeats < 1) {
    return fail(ErrorCode::kUsage, "prompt, gen and depth must not be negative, repeat must be at least 1");
  }
  SpeedReport report;
  report.peak_rss_bytes = peak_rss_bytes();
  Rng rng(1);
  std::vector<double> prefill, decode;
  HEARTH_RETURN_IF_ERROR(
      time_once(model, {std::min<int64_t>(options.prompt_tokens, 32), 2, 0, 1}, rng));  // warm up
  for (int32_t repeat = 0; repeat < options.repeats; ++repeat) {
    if (progress && !progress(repeat, options.repeats)) return fail(ErrorCode::kCancelled, "stopped");
    HEARTH_ASSIGN(const Timings timings, time_once(model, options, rng));
    if (options.prompt_tokens > 0)
      prefill.push_back(static_cast<double>(options.prompt_tokens) / timings.prefill_s);
    if (options.generated_tokens > 0)
      decode.push_back(static_cast<double>(options.generated_tokens) / timings.decode_s);
  }
  report.peak_rss_bytes = peak_rss_bytes();  // before the bandwidth probe takes its buffer
  report.read_bandwidth_gb_s = measure_read_bandwidth_gb_s(model.pool());
  if (!prefill.empty()) report.prefill_tokens_per_s = median(prefill);
  if (!decode.empty()) report.decode_tokens_per_s = median(decode);
  report.decode_bytes_per_token = model.model().read_bytes_per_token();
  report.decode_bandwidth_share = static_cast<double>(report.decode_bytes_per_token) *
                                  report.decode_tokens_per_s / 1e9 / report.read_bandwidth_gb_s;
  return report;
}

}  // namespace hearth::lab
