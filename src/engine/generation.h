// One answer while it is made: logits become tokens, tokens text, and stop strings, end tokens and limits an
// end. Must not know where logits come from nor who reads the text.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "engine/completer.h"
#include "runtime/stop_strings.h"
#include "text/grammar/matcher.h"
#include "text/tokenizer.h"

namespace hearth::engine {

class Generation {
 public:
  /// `tokenizer` may be nullptr (no text, no end tokens) and must outlive this; so must what `request` points
  /// to. Errors: kUsage (sampling options that do not fit the vocabulary).
  static Result<Generation> create(const CompletionRequest& request, const text::Tokenizer* tokenizer,
                                   int64_t vocabulary);

  /// Draws what the next advance() with the same arguments will take: its costly part, which may be done for
  /// many answers at a time, each on a thread of its own. Throws nothing.
  void draw_ahead(std::span<const float> logits, std::span<const int32_t> history);
  /// Draws a token; `history`: all tokens so far, the prompt's included. Text that became final goes to
  /// `sink`. False when the answer is over (see completion().finish); the token drawn is last_token() either
  /// way. Errors: as SamplerChain::sample.
  Result<bool> advance(std::span<const float> logits, std::span<const int32_t> history, const TextSink& sink);
  /// Tokens that the grammar leaves no choice about: taken without being drawn, appended to `history`, their
  /// text sent. False when the answer is over.
  bool take_forced(std::vector<int32_t>& history, const TextSink& sink);
  /// Whether no further token may be drawn: max_tokens are there. The finish reason is then set.
  bool is_full();
  int32_t last_token() const { return completion_.tokens.back().id; }

  /// Sends what was held back, unless a stop string ended the answer.
  void flush(const TextSink& sink);
  Completion& completion() { return completion_; }
  const Completion& completion() const { return completion_; }

 private:
  Generation(runtime::SamplerChain chain, const CompletionRequest& request, const text::Tokenizer* tokenizer);
  bool is_shown(text::TokenId id) const;
  void record(const runtime::SampledToken& sampled);
  Result<runtime::SampledToken> draw(std::span<const float> logits, std::span<const int32_t> history);
  Result<runtime::SampledToken> draw_of(std::span<const float> logits, std::span<const int32_t> history,
                                        std::span<const uint64_t> allowed);
  std::optional<std::vector<text::TokenId>> closing() const;
  int64_t tokens_left() const;
  bool can_close(int64_t tokens) const;
  bool emit(std::string_view text, const TextSink& sink);
  void deliver(std::string_view text, const TextSink& sink);

  runtime::SamplerChain chain_;
  runtime::StopStrings stops_;
  const text::Tokenizer* tokenizer_;
  std::optional<text::StreamDecoder> decoder_;
  std::shared_ptr<const text::GrammarMasks> masks_;
  std::optional<text::GrammarMatcher> matcher_;
  std::vector<uint64_t> allowed_;  // by token, as bits
  std::vector<float> masked_;      // logits
  std::optional<Result<runtime::SampledToken>> ahead_;
  int64_t max_tokens_;
  bool ignore_end_;
  std::vector<text::TokenId> shown_;
  bool sink_refused_ = false;
  Completion completion_;
};

}  // namespace hearth::engine
