// Sample, record, detokenise, watch for the end: one token at a time.
#include "engine/generation.h"

#include <algorithm>
#include <exception>
#include <limits>
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
  if (request.grammar) {
    masks_ = request.grammar;
    matcher_.emplace(masks_);
    allowed_.resize(masks_->trie().mask_words());
  }
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

int64_t Generation::tokens_left() const {
  return max_tokens_ < 0 ? std::numeric_limits<int64_t>::max()
                         : max_tokens_ - completion_.usage.generated_tokens;
}

/// Whether what is open can at all be closed with so many tokens: quick to say no.
bool Generation::can_close(int64_t tokens) const {
  return matcher_->closing_length() <= static_cast<uint64_t>(tokens) * masks_->trie().max_token_bytes();
}

/// The fewest tokens that complete what the grammar has open; nullopt when that is not known to be possible.
std::optional<std::vector<text::TokenId>> Generation::closing() const {
  const std::optional<std::string> bytes = matcher_->closing_bytes();
  return bytes ? masks_->trie().spell(*bytes) : std::nullopt;
}

Result<runtime::SampledToken> Generation::draw_of(std::span<const float> logits,
                                                  std::span<const int32_t> history,
                                                  std::span<const uint64_t> allowed) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  masked_.resize(logits.size());
  for (size_t begin = 0; begin < masked_.size(); begin += 64) {
    const uint64_t bits = begin / 64 < allowed.size() ? allowed[begin / 64] : 0;
    const size_t end = std::min(masked_.size(), begin + 64);
    float* out = masked_.data() + begin;
    if (bits == 0) {
      std::fill(out, masked_.data() + end, kNever);
    } else if (bits == ~uint64_t{0}) {
      std::copy(logits.begin() + static_cast<ptrdiff_t>(begin), logits.begin() + static_cast<ptrdiff_t>(end),
                out);
    } else {
      for (size_t i = begin; i < end; ++i) masked_[i] = ((bits >> (i % 64)) & 1) != 0 ? logits[i] : kNever;
    }
  }
  return chain_.sample(masked_, history);
}

/// A token that the grammar allows and after which there is still room to complete it, where there is now.
Result<runtime::SampledToken> Generation::draw(std::span<const float> logits,
                                               std::span<const int32_t> history) {
  if (!matcher_) return chain_.sample(logits, history);
  constexpr uint64_t kFarFromEnd = 256;  // bytes beyond what is left: no token takes so many to close
  const int64_t left = tokens_left();
  const bool near_end = left < static_cast<int64_t>(matcher_->closing_length() + kFarFromEnd);
  const auto before = near_end && can_close(left) ? closing() : std::nullopt;
  matcher_->fill_mask(allowed_);
  HEARTH_ASSIGN(const runtime::SampledToken drawn, draw_of(logits, history, allowed_));
  if (!matcher_->accept(drawn.id))
    return fail(ErrorCode::kInternal, "the grammar does not take token ", drawn.id, ", which it allowed");
  if (!before || static_cast<int64_t>(before->size()) > left || matcher_->finished()) return drawn;
  const auto after = can_close(left) ? closing() : std::nullopt;
  if (after && static_cast<int64_t>(after->size()) <= left - 1) return drawn;
  matcher_->rollback(1);  // it would leave too much open
  std::fill(allowed_.begin(), allowed_.end(), 0);
  const auto allow = [&](text::TokenId id) {
    allowed_[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
  };
  if (before->empty()) {
    for (const text::TokenId id : masks_->trie().end_tokens()) allow(id);
  } else {
    allow(before->front());
  }
  HEARTH_ASSIGN(const runtime::SampledToken closed, draw_of(logits, history, allowed_));
  if (!matcher_->accept(closed.id))
    return fail(ErrorCode::kInternal, "the grammar does not take token ", closed.id, ", which closes it");
  return closed;
}

bool Generation::take_forced(std::vector<int32_t>& history, const TextSink& sink) {
  if (!matcher_ || matcher_->finished()) return true;
  const std::string bytes = matcher_->forced_bytes();
  if (bytes.empty()) return true;
  auto tokens = masks_->trie().spell(bytes);
  // Near the end each token is weighed against what it takes to close.
  constexpr int64_t kSpare = 256;
  const auto needed = static_cast<int64_t>(matcher_->closing_length()) + kSpare;
  if (!tokens || tokens_left() < needed) return true;
  tokens->pop_back();  // the model may want to write the last bytes together with what follows
  for (const text::TokenId token : *tokens) {
    if (!matcher_->accept(token)) return true;
    record({token, 0, {}});
    history.push_back(token);
    if (decoder_ && !emit(decoder_->push(token, is_shown(token)), sink)) return false;
  }
  return true;
}

void Generation::draw_ahead(std::span<const float> logits, std::span<const int32_t> history) {
  try {
    ahead_.emplace(draw(logits, history));
  } catch (const std::exception& error) {  // the grammar may have moved on: no second try
    ahead_.emplace(fail(ErrorCode::kNoMemory, "a token could not be drawn: ", error.what()));
  }
}

Result<bool> Generation::advance(std::span<const float> logits, std::span<const int32_t> history,
                                 const TextSink& sink) {
  const auto drawn = ahead_ ? *std::exchange(ahead_, std::nullopt) : draw(logits, history);
  if (!drawn) return drawn.error();
  const runtime::SampledToken& sampled = *drawn;
  record(sampled);
  if (matcher_ && matcher_->finished()) {  // the grammar's end token, which nothing can follow
    completion_.tokens.back().text.clear();
    completion_.finish = FinishReason::kStop;
    return false;
  }
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
