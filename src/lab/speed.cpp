// Token ids are pseudo-random: speed does not depend on which tokens they are, and a tokenizer is not needed.
// The context is filled once; prefill, decode and batch each run in a fork of it, because windows forget and
// cannot go back.
#include "lab/speed.h"

#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/rng.h"
#include "kernels/attention/kv_format.h"
#include "lab/energy.h"
#include "runtime/kv_cache.h"

namespace hearth::lab {
namespace {

constexpr int64_t kProbeBytes = int64_t{512} << 20;
constexpr double kDecodeCost = 6;  // a step of decode takes about as long as so many tokens of prefill

/// Bytes of keys and values that a step with `context` tokens before it reads, from what the cache holds for
/// a sequence of `length` tokens forked at `depth`: pages have room beyond the sequence and the window, and a
/// fork copies a page that is partly filled. Of the model only the proportions of its layers count, so that
/// any format of pages will do.
int64_t kv_bytes_read(const model::ModelSpec& spec, int64_t bytes_held, int64_t depth, int64_t length,
                      int64_t context) {
  constexpr int64_t kPage = kernels::kPageTokens;
  double held = 0;
  double read = 0;
  for (const model::LayerSpec& layer : spec.layers) {
    const auto width = static_cast<double>(layer.n_kv_heads * (layer.head_dim_k + layer.head_dim_v));
    const bool windowed = layer.window > 0;
    const int64_t kept = windowed ? std::min(length, layer.window + runtime::KvCache::kWindowSlack) : length;
    const int64_t copied = depth % kPage == 0 ? 0 : 1;
    held += width * static_cast<double>(((kept + kPage - 1) / kPage + copied) * kPage);
    read += width * static_cast<double>(windowed ? std::min(layer.window, context) : context);
  }
  return held > 0 ? static_cast<int64_t>(static_cast<double>(bytes_held) * read / held) : 0;
}

/// Operations per token of the matrices that every token of a prompt goes through, in billions.
double prefill_gop(const model::Model& model) {
  double multiply_adds = 0;
  for (int64_t i = 0; i < model.n_layers(); ++i) {
    for (int w = 0; w < model::kWeights; ++w) {
      if (const kernels::Matrix* matrix = model.layer(i).matrix(static_cast<model::Weight>(w))) {
        multiply_adds += static_cast<double>(matrix->rows()) * static_cast<double>(matrix->cols());
      }
    }
  }
  return 2e-9 * multiply_adds;
}

/// An open sequence of the runtime, closed on the way out.
class Sequence {
 public:
  static Result<Sequence> open(runtime::Runtime& runtime) {
    HEARTH_ASSIGN(const runtime::SeqId id, runtime.open_sequence());
    return Sequence(runtime, id);
  }
  Result<Sequence> fork() const {
    HEARTH_ASSIGN(const runtime::SeqId id, runtime_.fork(id_));
    return Sequence(runtime_, id);
  }
  Sequence(Sequence&& other) noexcept : runtime_(other.runtime_), id_(std::exchange(other.id_, -1)) {}
  ~Sequence() {
    if (id_ >= 0) runtime_.close_sequence(id_);
  }
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;
  runtime::SeqId id() const { return id_; }

 private:
  Sequence(runtime::Runtime& runtime, runtime::SeqId id) : runtime_(runtime), id_(id) {}

  runtime::Runtime& runtime_;
  runtime::SeqId id_;
};

/// Watches the runtime while it lives; null: nobody does.
class Watch {
 public:
  Watch(runtime::Runtime& runtime, PassProfile* profile) : runtime_(runtime) { runtime_.observe(profile); }
  ~Watch() { runtime_.observe(nullptr); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  runtime::Runtime& runtime_;
};

/// The state of one measurement.
class SpeedRun {
 public:
  SpeedRun(engine::LocalModel& model, const SpeedOptions& options, const SpeedProgress& progress)
      : model_(model), runtime_(model.runtime()), options_(options), progress_(progress) {
    const auto prompt = static_cast<double>(options.prompt_tokens);
    const auto generated = static_cast<double>(options.generated_tokens);
    const double batched = options.sequences > 1 ? options.sequences : 0;
    const double round = prompt + generated * (kDecodeCost + batched);
    const double rounds = options.repeats + (options.profile ? 1 : 0);
    total_cost_ = static_cast<double>(options.depths.back()) +
                  rounds * round * static_cast<double>(options.depths.size());
  }

  Result<SpeedReport> run() {
    SpeedReport report;
    report.peaks = measure_peaks(model_.pool());
    report.weight_bytes_per_token = model_.model().read_bytes_per_token();
    HEARTH_RETURN_IF_ERROR(warm_up());
    HEARTH_ASSIGN(const Sequence base, Sequence::open(runtime_));
    double fill_s = 0;
    for (const int64_t depth : options_.depths) {
      what_ = concat("depth ", depth);
      HEARTH_ASSIGN(const double seconds,
                    feed(base, random_tokens(depth - runtime_.length(base.id())), Priority::kPrefill));
      fill_s += seconds;
      DepthSpeed speed;
      speed.depth = depth;
      if (depth > 0) speed.fill_tokens_per_s = static_cast<double>(depth) / fill_s;
      speed.prefill_gop = prefill_gop(model_.model());
      for (int32_t repeat = 0; repeat < options_.repeats; ++repeat) {
        what_ = concat("depth ", depth, ", round ", repeat + 1, " of ", options_.repeats);
        HEARTH_RETURN_IF_ERROR(round(base, speed, report));
      }
      if (options_.profile) {
        what_ = concat("depth ", depth, ", profile");
        HEARTH_RETURN_IF_ERROR(profile(base, speed));
      }
      report.depths.push_back(std::move(speed));
    }
    report.peak_rss_bytes = std::max(report.peak_rss_bytes, peak_rss_bytes() - kProbeBytes);
    return report;
  }

 private:
  std::vector<int32_t> random_tokens(int64_t count) {
    std::vector<int32_t> tokens(static_cast<size_t>(count));
    for (int32_t& token : tokens) {
      token = static_cast<int32_t>(rng_.below(static_cast<uint64_t>(runtime_.vocabulary())));
    }
    return tokens;
  }

  Status tell(double cost_done) {
    const double fraction = std::min(1.0, (cost_ + cost_done) / total_cost_);
    if (progress_ && !progress_(fraction, what_)) return fail(ErrorCode::kCancelled, "stopped");
    return {};
  }

  /// Seconds for one call of the forward pass.
  Result<double> forward(std::span<const runtime::SequenceChunk> chunks, Priority priority) {
    runtime::ForwardOptions options;
    options.priority = priority;
    options.progress = [this](int64_t done, int64_t) { return tell(static_cast<double>(done)).ok(); };
    const double start = now_s();
    HEARTH_RETURN_IF_ERROR(runtime_.forward(chunks, options));
    return now_s() - start;
  }

  /// Seconds for feeding the tokens to one sequence in one call; none: 0.
  Result<double> feed(const Sequence& sequence, const std::vector<int32_t>& tokens, Priority priority) {
    if (tokens.empty()) return 0.0;
    const runtime::SequenceChunk chunk{sequence.id(), tokens, runtime::LogitsWanted::kLast};
    HEARTH_ASSIGN(const double seconds, forward({&chunk, 1}, priority));
    if (priority == Priority::kPrefill) cost_ += static_cast<double>(tokens.size());
    return seconds;
  }

  /// Code and scratch in their places; short, and not timed.
  Status warm_up() {
    what_ = "warming up";
    HEARTH_RETURN_IF_ERROR(tell(0));
    HEARTH_ASSIGN(const Sequence sequence, Sequence::open(runtime_));
    const std::vector<int32_t> tokens = random_tokens(std::min<int64_t>(options_.context_tokens() - 1, 32));
    HEARTH_RETURN_IF_ERROR(feed(sequence, tokens, Priority::kEncode));
    HEARTH_RETURN_IF_ERROR(feed(sequence, random_tokens(1), Priority::kDecode));
    return {};
  }

  /// Seconds of prefill in a fork of `base`.
  Result<double> prefill(const Sequence& base, PassProfile* profile) {
    HEARTH_ASSIGN(const Sequence fork, base.fork());
    const Watch watch(runtime_, profile);
    if (profile) profile->start();
    return feed(fork, random_tokens(options_.prompt_tokens), Priority::kPrefill);
  }

  /// Seconds of `generated_tokens` steps of `count` forks of `base` together. Each has a token of its own
  /// first, as the peers' have.
  Result<double> decode(const Sequence& base, int32_t count, PassProfile* profile) {
    std::vector<Sequence> forks;
    for (int32_t i = 0; i < count; ++i) {
      HEARTH_ASSIGN(Sequence fork, base.fork());
      forks.push_back(std::move(fork));
      if (runtime_.length(base.id()) == 0) {
        HEARTH_RETURN_IF_ERROR(feed(forks.back(), random_tokens(1), Priority::kDecode));
      }
    }
    const Watch watch(runtime_, profile);
    double seconds = 0;
    std::vector<runtime::SequenceChunk> chunks(static_cast<size_t>(count));
    for (int64_t step = 0; step < options_.generated_tokens; ++step) {
      const std::vector<int32_t> tokens = random_tokens(count);
      for (size_t i = 0; i < chunks.size(); ++i) {
        chunks[i] = {forks[i].id(), {&tokens[i], 1}, runtime::LogitsWanted::kLast};
      }
      if (profile) profile->start();
      HEARTH_ASSIGN(const double step_s, forward(chunks, Priority::kDecode));
      seconds += step_s;
      cost_ += count == 1 ? kDecodeCost : count;
    }
    if (count == 1) {
      const int64_t depth = runtime_.length(base.id());
      const int64_t length = runtime_.length(forks.front().id());
      kv_bytes_per_token_ = kv_bytes_read(model_.model().spec(), runtime_.kv_bytes_in_use(), depth, length,
                                          length - options_.generated_tokens / 2);
    }
    return seconds;
  }

  Status round(const Sequence& base, DepthSpeed& speed, SpeedReport& report) {
    const auto prompt = static_cast<double>(options_.prompt_tokens);
    const auto generated = static_cast<double>(options_.generated_tokens);
    energy_.joules();  // from here
    if (options_.prompt_tokens > 0) {
      HEARTH_ASSIGN(const double seconds, prefill(base, nullptr));
      speed.prefill_tokens_per_s.push_back(prompt / seconds);
      if (const auto joules = energy_.joules()) speed.prefill_joules_per_token.push_back(*joules / prompt);
    }
    double decode_s = 0;
    if (options_.generated_tokens > 0) {
      energy_.joules();
      HEARTH_ASSIGN(decode_s, decode(base, 1, nullptr));
      speed.decode_tokens_per_s.push_back(generated / decode_s);
      speed.kv_bytes_per_token = kv_bytes_per_token_;
      if (const auto joules = energy_.joules()) speed.decode_joules_per_token.push_back(*joules / generated);
      if (options_.sequences > 1) {
        HEARTH_ASSIGN(const double batch_s, decode(base, options_.sequences, nullptr));
        speed.batch_tokens_per_s.push_back(generated * options_.sequences / batch_s);
      }
    }
    if (!probe_) {
      report.peak_rss_bytes = peak_rss_bytes();
      probe_.emplace(model_.pool(), kProbeBytes);
    }
    const double gb_s = probe_->gb_s();
    speed.read_bandwidth_gb_s.push_back(gb_s);
    if (decode_s > 0) {
      const auto bytes = static_cast<double>(report.weight_bytes_per_token + speed.kv_bytes_per_token);
      speed.decode_bandwidth_share.push_back(bytes * generated / decode_s / 1e9 / gb_s);
    }
    return {};
  }

  Status profile(const Sequence& base, DepthSpeed& speed) {
    for (const bool decoding : {false, true}) {
      if ((decoding ? options_.generated_tokens : options_.prompt_tokens) == 0) continue;
      PassProfile profile(model_.model());
      HEARTH_RETURN_IF_ERROR(decoding ? decode(base, 1, &profile) : prefill(base, &profile));
      (decoding ? speed.decode_profile : speed.prefill_profile) = profile.parts();
    }
    return {};
  }

  engine::LocalModel& model_;
  runtime::Runtime& runtime_;
  const SpeedOptions& options_;
  const SpeedProgress& progress_;
  Rng rng_{1};
  EnergyMeter energy_;
  std::optional<ReadProbe> probe_;  // made when the memory of the model has been counted
  std::string what_;
  int64_t kv_bytes_per_token_ = 0;  // of the last decode of one sequence
  double cost_ = 0;                 // done, in tokens of prefill
  double total_cost_ = 1;
};

Status check(const SpeedOptions& options) {
  const bool depths_ok = !options.depths.empty() && options.depths.front() >= 0 &&
                         std::is_sorted(options.depths.begin(), options.depths.end());
  if (options.prompt_tokens < 0 || options.generated_tokens < 0 || !depths_ok || options.repeats < 1 ||
      options.sequences < 1) {
    return fail(ErrorCode::kUsage,
                "prompt, gen and depth must not be negative, repeat and sequences must be at least 1");
  }
  return {};
}

}  // namespace

int64_t SpeedOptions::context_tokens() const {
  const int64_t depth = depths.empty() ? 0 : *std::max_element(depths.begin(), depths.end());
  const int64_t tokens = depth + std::max(prompt_tokens, generated_tokens + 1) + 1;
  return (tokens + kernels::kPageTokens - 1) / kernels::kPageTokens * kernels::kPageTokens;
}

int32_t SpeedOptions::open_sequences() const { return 1 + std::max(1, sequences); }

int64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

Result<SpeedReport> measure_speed(engine::LocalModel& model, const SpeedOptions& options,
                                  const SpeedProgress& progress) {
  HEARTH_RETURN_IF_ERROR(check(options));
  return SpeedRun(model, options, progress).run();
}

}  // namespace hearth::lab
