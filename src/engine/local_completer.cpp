// Prefill with prefix reuse, then sample, detokenise and watch for stop strings, one token at a time.
#include "engine/local_completer.h"

#include <algorithm>

#include "base/clock.h"
#include "engine/generation.h"
#include "engine/prefix_cache.h"
#include "engine/prompt.h"

namespace hearth::engine {

Result<std::unique_ptr<LocalCompleter>> LocalCompleter::create(LocalModel& model) {
  const std::lock_guard turn(model.turn());
  HEARTH_ASSIGN(const runtime::SeqId sequence, model.runtime().open_sequence());
  return std::unique_ptr<LocalCompleter>(new LocalCompleter(model, sequence));
}

LocalCompleter::~LocalCompleter() {
  const std::lock_guard turn(model_->turn());
  model_->runtime().close_sequence(sequence_);
}

Status LocalCompleter::reset() {
  const std::lock_guard turn(model_->turn());
  return start_over();
}

Status LocalCompleter::start_over() {
  live_.clear();
  step_logits_.clear();
  model_->runtime().close_sequence(sequence_);
  HEARTH_ASSIGN(sequence_, model_->runtime().open_sequence());
  return {};
}

Status LocalCompleter::step(std::span<const int32_t> ids) {
  const std::lock_guard turn(model_->turn());
  step_logits_.clear();
  HEARTH_RETURN_IF_ERROR(feed(ids, {}));
  const std::span<const float> last = model_->runtime().logits(0);
  step_logits_.assign(last.begin(), last.end());
  return {};
}

Result<std::span<const float>> LocalCompleter::logits() const {
  if (step_logits_.empty()) return fail(ErrorCode::kUsage, "no logits yet: evaluate a token first");
  return std::span<const float>(step_logits_);
}

Status LocalCompleter::truncate(int64_t tokens) {
  if (tokens < 0 || tokens > context_used()) {
    return fail(ErrorCode::kUsage, "cannot cut a session of ", context_used(), " tokens to ", tokens);
  }
  const std::lock_guard turn(model_->turn());
  HEARTH_RETURN_IF_ERROR(model_->runtime().truncate(sequence_, tokens));
  live_.resize(static_cast<size_t>(tokens));
  step_logits_.clear();
  return {};
}

Result<int64_t> LocalCompleter::reuse_prefix(const std::vector<int32_t>& ids) {
  const int64_t shared = common_prefix(live_, std::span(ids).first(ids.size() - 1));
  if (static_cast<size_t>(shared) == live_.size()) return shared;
  if (model_->runtime().truncate(sequence_, shared)) {
    live_.resize(static_cast<size_t>(shared));
    return shared;
  }
  HEARTH_RETURN_IF_ERROR(start_over());  // a windowed layer has forgotten: start over
  return int64_t{0};
}

Status LocalCompleter::feed(std::span<const int32_t> ids, const CompletionRequest& request) {
  runtime::ForwardOptions options;
  options.priority = ids.size() > 1 ? Priority::kPrefill : Priority::kDecode;
  if (request.cancel) {
    options.progress = [cancel = request.cancel](int64_t, int64_t) {
      return !cancel->load(std::memory_order_relaxed);
    };
  }
  const runtime::SequenceChunk chunk{sequence_, ids, runtime::LogitsWanted::kLast};
  const Status status = model_->runtime().forward({&chunk, 1}, options);
  const int64_t done = model_->runtime().length(sequence_) - static_cast<int64_t>(live_.size());
  live_.insert(live_.end(), ids.begin(), ids.begin() + done);
  return status;
}

Status LocalCompleter::generate(const CompletionRequest& request, const TextSink& sink,
                                Generation& generation) {
  Completion& completion = generation.completion();
  bool pending = false;  // the last token drawn is not yet in the cache
  while (!generation.is_full()) {
    if (request.cancel && request.cancel->load(std::memory_order_relaxed)) {
      completion.finish = FinishReason::kCancelled;
      return {};
    }
    if (pending && context_used() >= model_->context_tokens()) {
      completion.finish = FinishReason::kContextFull;
      return {};
    }
    const int32_t last = pending ? generation.last_token() : 0;
    if (pending) HEARTH_RETURN_IF_ERROR(feed({&last, 1}, request));
    HEARTH_ASSIGN(const bool goes_on, generation.advance(model_->runtime().logits(0), live_, sink));
    if (!goes_on) return {};
    pending = true;
  }
  return {};
}

Result<Completion> LocalCompleter::complete(const CompletionRequest& request, const TextSink& sink) {
  const std::lock_guard turn(model_->turn());
  step_logits_.clear();
  const double start_s = now_s();
  HEARTH_ASSIGN(const std::vector<int32_t> ids, prompt_ids(*model_, request));
  const auto count = static_cast<int64_t>(ids.size());
  HEARTH_ASSIGN(Generation generation,
                Generation::create(request, model_->tokenizer(), model_->runtime().vocabulary()));
  Usage& usage = generation.completion().usage;
  usage.prompt_tokens = count;
  usage.context_tokens = model_->context_tokens();
  HEARTH_ASSIGN(usage.cached_tokens, reuse_prefix(ids));
  const double prefill_start_s = now_s();
  const Status fed = feed(std::span(ids).subspan(static_cast<size_t>(usage.cached_tokens)), request);
  if (!fed && fed.error().code != ErrorCode::kCancelled) return fed.error();
  const double decode_start_s = now_s();
  usage.prefill_s = decode_start_s - prefill_start_s;
  usage.first_token_s = decode_start_s - start_s;
  if (!fed) {
    generation.completion().finish = FinishReason::kCancelled;
    return std::move(generation.completion());
  }
  const Status generated = generate(request, sink, generation);
  if (!generated && generated.error().code != ErrorCode::kCancelled) return generated.error();
  if (!generated) generation.completion().finish = FinishReason::kCancelled;
  generation.flush(sink);
  usage.decode_s = now_s() - decode_start_s;
  return std::move(generation.completion());
}

}  // namespace hearth::engine
