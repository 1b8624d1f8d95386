// Sample, record, detokenise, watch for the end: one token at a time.
#include "engine/generation.h"

#include <algorithm>
#include <utility>

namespace hearth::engine {

Result<Generation> Generation::create(const CompletionRequest& request, const text::Tokenizer* tokenizer,
                                      int64_t vocabulary) {
  HEARTH_ASSIGN(runtime::SamplerChain chain, runtime::SamplerChain::create(request.sampling, vocabulary));
  return Generation(std::move(chain), request, tokenizer);
}

Generation::Generation(runtime::SamplerChain chain, const CompletionRequest& request,
                       const text::Tokenizer* tokenizer)
    : chain_(std::move(chain)),
      stops_(request.stop),
      tokenizer_(tokenizer),
      max_tokens_(request.max_tokens),
      ignore_end_(request.ignore_end) {
  // The continuation of a text keeps its leading space; an answer in a chat, or a text from nothing, has
  // none.
  const bool continues = request.chat_json.empty() && !request.prompt.empty();
  if (!tokenizer) return;
  for (const std::string& text : request.shown_tokens) {
    if (const auto id = tokenizer->find_token(text)) shown_.push_back(*id);
  }
  decoder_.emplace(*tokenizer, false, continues);
}

bool Generation::is_full() {
  if (max_tokens_ < 0 || completion_.usage.generated_tokens < max_tokens_) return false;
  completion_.finish = FinishReason::kLength;
  return true;
}

bool Generation::is_shown(text::TokenId id) const {
  return std::find(shown_.begin(), shown_.end(), id) != shown_.end();
}

void Generation::record(const runtime::SampledToken& sampled) {
  ++completion_.usage.generated_tokens;
  TokenSignal signal{sampled.id, "", sampled.logprob, {}};
  if (tokenizer_) signal.text = tokenizer_->piece(sampled.id, is_shown(sampled.id));
  for (const auto& top : sampled.top) signal.top.emplace_back(top.id, top.logprob);
  completion_.tokens.push_back(std::move(signal));
}

Result<bool> Generation::advance(std::span<const float> logits, std::span<const int32_t> history,
                                 const TextSink& sink) {
  HEARTH_ASSIGN(const runtime::SampledToken sampled, chain_.sample(logits, history));
  record(sampled);
  if (!ignore_end_ && tokenizer_ && tokenizer_->is_end_of_generation(sampled.id)) {
    completion_.tokens.back().text.clear();
    completion_.finish = FinishReason::kStop;
    return false;
  }
  return !decoder_ || emit(decoder_->push(sampled.id, is_shown(sampled.id)), sink);
}

bool Generation::emit(std::string_view text, const TextSink& sink) {
  const runtime::StopStrings::Output released = stops_.push(text);
  deliver(released.text, sink);
  if (released.stopped) completion_.finish = FinishReason::kStop;
  return !released.stopped && !sink_refused_;
}

void Generation::deliver(std::string_view text, const TextSink& sink) {
  if (text.empty() || sink_refused_) return;
  completion_.text += text;
  if (sink && !sink(text)) {
    sink_refused_ = true;
    completion_.finish = FinishReason::kCancelled;
  }
}

void Generation::flush(const TextSink& sink) {
  if (!decoder_ || stops_.stopped()) return;
  emit(decoder_->finish(), sink);
  deliver(stops_.finish(), sink);
}

}  // namespace hearth::engine
