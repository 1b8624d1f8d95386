// Prefill with prefix reuse, then sample, detokenise and watch for stop strings, one token at a time.
#include "engine/local_completer.h"

#include <algorithm>

#include "base/clock.h"
#include "runtime/stop_strings.h"

namespace hearth::engine {

/// What grows while one answer is made.
struct LocalCompleter::Generation {
  Generation(runtime::SamplerChain sampler_chain, const text::Tokenizer* tokenizer,
             std::vector<std::string> stop, bool continues)
      : chain(std::move(sampler_chain)), stops(std::move(stop)) {
    if (tokenizer) decoder.emplace(*tokenizer, false, continues);
  }

  runtime::SamplerChain chain;
  runtime::StopStrings stops;
  std::optional<text::StreamDecoder> decoder;
  Completion completion;
  bool sink_refused = false;

  /// Sends text that is final. False when the answer is over (stop string, or the sink had enough).
  bool emit(std::string_view text, const TextSink& sink) {
    const runtime::StopStrings::Output released = stops.push(text);
    deliver(released.text, sink);
    if (released.stopped) completion.finish = FinishReason::kStop;
    return !released.stopped && !sink_refused;
  }

  void deliver(std::string_view text, const TextSink& sink) {
    if (text.empty() || sink_refused) return;
    completion.text += text;
    if (sink && !sink(text)) {
      sink_refused = true;
      completion.finish = FinishReason::kCancelled;
    }
  }
};

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

Result<std::vector<int32_t>> LocalCompleter::prompt_ids(const CompletionRequest& request) const {
  if (request.chat_json.empty()) return model_->encode_prompt(request.prompt, request.parse_special);
  HEARTH_ASSIGN(const std::string prompt, model_->render_chat(request.chat_json));
  return model_->encode_prompt(prompt, true);
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
  const auto limit = std::min(live_.size(), ids.size() - 1);
  const auto mismatch =
      std::mismatch(live_.begin(), live_.begin() + static_cast<int64_t>(limit), ids.begin());
  const auto shared = mismatch.first - live_.begin();
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
  Completion& completion = generation.completion;
  const text::Tokenizer* tokenizer = model_->tokenizer();
  std::optional<int32_t> pending;  // sampled, its keys and values not yet in the cache
  while (true) {
    if (request.cancel && request.cancel->load(std::memory_order_relaxed)) {
      completion.finish = FinishReason::kCancelled;
      return {};
    }
    if (request.max_tokens >= 0 && completion.usage.generated_tokens >= request.max_tokens) {
      completion.finish = FinishReason::kLength;
      return {};
    }
    if (pending && context_used() >= model_->context_tokens()) {
      completion.finish = FinishReason::kContextFull;
      return {};
    }
    if (pending) HEARTH_RETURN_IF_ERROR(feed({&*pending, 1}, request));
    HEARTH_ASSIGN(const runtime::SampledToken sampled,
                  generation.chain.sample(model_->runtime().logits(0), live_));
    pending = sampled.id;
    ++completion.usage.generated_tokens;
    TokenSignal signal{sampled.id, tokenizer ? tokenizer->piece(sampled.id, false) : "", sampled.logprob, {}};
    for (const auto& top : sampled.top) signal.top.emplace_back(top.id, top.logprob);
    completion.tokens.push_back(std::move(signal));
    if (!request.ignore_end && tokenizer && tokenizer->is_end_of_generation(sampled.id)) {
      completion.finish = FinishReason::kStop;
      return {};
    }
    if (generation.decoder && !generation.emit(generation.decoder->push(sampled.id), sink)) return {};
  }
}

Result<Completion> LocalCompleter::complete(const CompletionRequest& request, const TextSink& sink) {
  const std::lock_guard turn(model_->turn());
  step_logits_.clear();
  const double start_s = now_s();
  HEARTH_ASSIGN(const std::vector<int32_t> ids, prompt_ids(request));
  if (ids.empty()) return fail(ErrorCode::kUsage, "the prompt is empty; give some text");
  const auto count = static_cast<int64_t>(ids.size());
  if (count > model_->context_tokens()) {
    return fail(ErrorCode::kTooLarge, "the prompt has ", count, " tokens but the context holds ",
                model_->context_tokens(), "; shorten it or raise --ctx");
  }
  HEARTH_ASSIGN(runtime::SamplerChain chain,
                runtime::SamplerChain::create(request.sampling, model_->runtime().vocabulary()));
  // The continuation of a text keeps its leading space; an answer in a chat, or a text from nothing, has
  // none.
  const bool continues = request.chat_json.empty() && !request.prompt.empty();
  Generation generation(std::move(chain), model_->tokenizer(), request.stop, continues);
  Usage& usage = generation.completion.usage;
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
    generation.completion.finish = FinishReason::kCancelled;
    return std::move(generation.completion);
  }
  const Status generated = generate(request, sink, generation);
  if (!generated && generated.error().code != ErrorCode::kCancelled) return generated.error();
  if (!generated) generation.completion.finish = FinishReason::kCancelled;
  if (generation.decoder && !generation.stops.stopped()) {
    generation.emit(generation.decoder->finish(), sink);
    generation.deliver(generation.stops.finish(), sink);
  }
  usage.decode_s = now_s() - decode_start_s;
  return std::move(generation.completion);
}

}  // namespace hearth::engine
