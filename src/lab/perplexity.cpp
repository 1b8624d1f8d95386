// Windows of a text through one or two runtimes, a piece of logits at a time so that a large vocabulary never
// needs more than some tens of MB.
#include "lab/perplexity.h"

#include <algorithm>
#include <cmath>

#include "lab/divergence.h"

namespace hearth::lab {
namespace {

constexpr int64_t kPieceLogits = int64_t{4} << 20;  // 16 MiB of logits a model
constexpr int64_t kMaxPieceTokens = 128;

/// One runtime on its way through a window.
class Reader {
 public:
  explicit Reader(runtime::Runtime& runtime) : runtime_(runtime) {}
  ~Reader() { close(); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Status open() {
    close();
    HEARTH_ASSIGN(sequence_, runtime_.open_sequence());
    is_open_ = true;
    return {};
  }
  Status feed(std::span<const int32_t> tokens, runtime::LogitsWanted wanted,
              const runtime::ForwardOptions& how) {
    const runtime::SequenceChunk chunk{sequence_, tokens, wanted};
    return runtime_.forward({&chunk, 1}, how);
  }
  std::span<const float> logits(size_t row) const {
    const auto vocabulary = static_cast<size_t>(runtime_.vocabulary());
    return runtime_.logits(0).subspan(row * vocabulary, vocabulary);
  }

 private:
  void close() {
    if (is_open_) runtime_.close_sequence(sequence_);
    is_open_ = false;
  }
  runtime::Runtime& runtime_;
  runtime::SeqId sequence_ = 0;
  bool is_open_ = false;
};

void score(const Reader& model, const Reader* base, size_t row, TokenScore& score) {
  const auto token = static_cast<size_t>(score.id);
  const std::span<const float> logits = model.logits(row);
  const LogSoftmax sum = log_softmax(logits);
  score.log_prob = static_cast<double>(logits[token]) - sum.log_sum;
  if (!base) return;
  const std::span<const float> base_logits = base->logits(row);
  const LogSoftmax base_sum = log_softmax(base_logits);
  score.base_log_prob = static_cast<double>(base_logits[token]) - base_sum.log_sum;
  score.kld = kl_divergence(base_logits, base_sum, logits, sum);
  score.same_top1 = base_sum.best == sum.best;
}

Status check(std::span<const int32_t> ids, const PerplexityOptions& options, const runtime::Runtime& model,
             const runtime::Runtime* base) {
  if (options.context_tokens < 2 || options.stride < 1 || options.stride >= options.context_tokens) {
    return fail(ErrorCode::kUsage, "a context of ", options.context_tokens, " with a stride of ",
                options.stride, ": the stride must be at least 1 and less than the context");
  }
  for (const runtime::Runtime* runtime : {&model, base}) {
    if (runtime && runtime->options().context_tokens < options.context_tokens) {
      return fail(ErrorCode::kUsage, "a window of ", options.context_tokens,
                  " tokens does not fit a context of ", runtime->options().context_tokens);
    }
  }
  if (base && base->vocabulary() != model.vocabulary()) {
    return fail(ErrorCode::kUsage, "the base has a vocabulary of ", base->vocabulary(), ", the model of ",
                model.vocabulary(), "; only models with the same tokens can be compared");
  }
  const auto bad =
      std::find_if(ids.begin(), ids.end(), [&](int32_t id) { return id < 0 || id >= model.vocabulary(); });
  if (bad != ids.end()) {
    return fail(ErrorCode::kUsage, "token ", bad - ids.begin(), " of the text has id ", *bad,
                " but the model knows ", model.vocabulary());
  }
  return {};
}

/// Everything score_text holds while it runs.
class Scoring {
 public:
  Scoring(std::span<const int32_t> ids, const PerplexityOptions& options, runtime::Runtime& model,
          runtime::Runtime* base, ThreadPool& pool, const PerplexityCalls& calls)
      : ids_(ids), options_(options), model_(model), pool_(pool), calls_(calls) {
    if (base) base_.emplace(*base);
    piece_ = std::clamp<int64_t>(kPieceLogits / model.vocabulary(), 1, kMaxPieceTokens);
    how_.priority = options.priority;
    if (calls.go_on) how_.progress = [this](int64_t, int64_t) { return calls_.go_on(); };
  }

  Status run(const TextWindow& window) {
    HEARTH_RETURN_IF_ERROR(model_.open());
    if (base_) HEARTH_RETURN_IF_ERROR(base_->open());
    input_.clear();
    if (options_.bos) input_.push_back(*options_.bos);
    // The last token is only wanted, never fed.
    input_.insert(input_.end(), ids_.begin() + window.begin, ids_.begin() + window.end - 1);
    scores_.clear();
    for (int64_t t = window.scored; t < window.end; ++t)
      scores_.push_back({.index = t, .id = ids_[static_cast<size_t>(t)]});
    const auto first = static_cast<int64_t>(input_.size() - scores_.size());
    const std::span<const int32_t> input(input_);
    HEARTH_RETURN_IF_ERROR(feed(input.first(static_cast<size_t>(first)), runtime::LogitsWanted::kNone));
    for (size_t done = 0; done < scores_.size();) {
      const size_t n = std::min(scores_.size() - done, static_cast<size_t>(piece_));
      HEARTH_RETURN_IF_ERROR(
          feed(input.subspan(static_cast<size_t>(first) + done, n), runtime::LogitsWanted::kAll));
      auto one = [&](int64_t row) {
        score(model_, base_ ? &*base_ : nullptr, static_cast<size_t>(row),
              scores_[done + static_cast<size_t>(row)]);
      };
      pool_.parallel_for(static_cast<int64_t>(n), one, options_.priority);
      done += n;
    }
    for (const TokenScore& s : scores_) {
      if (!std::isfinite(s.log_prob) || !std::isfinite(s.base_log_prob) || !std::isfinite(s.kld)) {
        return fail(ErrorCode::kCorrupt, "the logits before token ", s.index, " of the text are not finite");
      }
    }
    return calls_.scored ? calls_.scored(scores_) : Status();
  }

 private:
  Status feed(std::span<const int32_t> tokens, runtime::LogitsWanted wanted) {
    if (tokens.empty()) return {};
    HEARTH_RETURN_IF_ERROR(model_.feed(tokens, wanted, how_));
    return base_ ? base_->feed(tokens, wanted, how_) : Status();
  }

  std::span<const int32_t> ids_;
  const PerplexityOptions& options_;
  Reader model_;
  std::optional<Reader> base_;
  ThreadPool& pool_;
  const PerplexityCalls& calls_;
  runtime::ForwardOptions how_;
  int64_t piece_ = 1;
  std::vector<int32_t> input_;
  std::vector<TokenScore> scores_;
};

}  // namespace

std::vector<TextWindow> text_windows(int64_t tokens, const PerplexityOptions& options) {
  std::vector<TextWindow> windows;
  const int64_t room = options.context_tokens - (options.bos ? 1 : 0);
  TextWindow window{0, options.bos ? 0 : 1, std::min(tokens, room)};
  while (window.scored < window.end) {
    windows.push_back(window);
    window.scored = window.end;
    window.end = std::min(tokens, window.end + options.stride);
    window.begin = std::max<int64_t>(0, window.end - room);
  }
  return windows;
}

Status score_text(std::span<const int32_t> ids, const PerplexityOptions& options, size_t first_window,
                  runtime::Runtime& model, runtime::Runtime* base, ThreadPool& pool,
                  const PerplexityCalls& calls) {
  HEARTH_RETURN_IF_ERROR(check(ids, options, model, base));
  const std::vector<TextWindow> windows = text_windows(static_cast<int64_t>(ids.size()), options);
  Scoring scoring(ids, options, model, base, pool, calls);
  for (size_t w = first_window; w < windows.size(); ++w) HEARTH_RETURN_IF_ERROR(scoring.run(windows[w]));
  return {};
}

PerplexityReport summarise(std::span<const TokenScore> scores) {
  PerplexityReport report;
  report.tokens = static_cast<int64_t>(scores.size());
  std::vector<double> losses, base_losses, klds;
  int64_t same = 0;
  for (const TokenScore& s : scores) {
    losses.push_back(-s.log_prob);
    base_losses.push_back(-s.base_log_prob);
    klds.push_back(s.kld);
    same += s.same_top1 ? 1 : 0;
  }
  const Mean loss = mean_of(losses);
  report.ppl = std::exp(loss.value);
  report.ppl_error = report.ppl * loss.error;
  report.base_ppl = std::exp(mean_of(base_losses).value);
  const Mean kld = mean_of(klds);
  report.kld_mean = kld.value;
  report.kld_error = kld.error;
  report.kld_median = quantile(klds, 0.5);
  report.kld_p99 = quantile(klds, 0.99);
  report.kld_p999 = quantile(klds, 0.999);
  report.kld_max = quantile(std::move(klds), 1);
  if (!scores.empty()) report.top1_agreement = static_cast<double>(same) / static_cast<double>(scores.size());
  return report;
}

}  // namespace hearth::lab
