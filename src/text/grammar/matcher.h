// One answer's way through a grammar: which tokens may come next, what must come next, how to close what is
// open. Made once per answer from the shared GrammarMasks; copying forks it. Must not know models or
// samplers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/grammar/mask_cache.h"

namespace hearth::text {

/// Sound: whatever is accepted up to an end token is a text of the grammar, and from every state reached some
/// text of the grammar can be finished (by bytes; by tokens where the vocabulary spells all bytes).
class GrammarMatcher {
 public:
  explicit GrammarMatcher(std::shared_ptr<const GrammarMasks> masks);

  /// Sets the bits of the tokens that may come next, clears all others. Words: trie().mask_words(). End
  /// tokens are allowed exactly when can_end(); after one, nothing is. No token at all means that the
  /// vocabulary cannot spell what the grammar needs.
  void fill_mask(std::span<uint64_t> mask);
  /// False, and nothing changes, for a token that may not come next. Never false for one fill_mask allows.
  bool accept(TokenId token);
  /// The same for bytes, as one step.
  bool accept_bytes(std::string_view bytes);
  /// Takes back the last `steps` successful accepts.
  void rollback(size_t steps);
  size_t steps() const { return history_.size(); }

  /// The text so far is one of the grammar.
  bool can_end() const { return !finished_ && now_.ended; }
  /// An end token was accepted.
  bool finished() const { return finished_; }
  /// Alternatives were dropped because the grammar is too ambiguous here (kMaxConfigs); what is accepted is
  /// still of the grammar.
  bool limited() const { return limited_; }

  /// The bytes that must come next in any case, up to `max_bytes`; none where the text may also end.
  std::string forced_bytes(size_t max_bytes = 256);
  /// Length of closing_bytes, 0 where the text may end.
  uint64_t closing_length() const;
  /// A shortest completion of the text; nullopt if it is longer than `max_bytes`.
  std::optional<std::string> closing_bytes(size_t max_bytes = 1 << 16) const;

 private:
  struct Step {
    size_t configs_begin = 0;
    bool ended = false;
    bool finished = false;
    bool limited = false;
  };
  bool advance_separately(std::string_view bytes);
  void commit();

  std::shared_ptr<const GrammarMasks> masks_;
  grammar::StackArena arena_;
  grammar::ConfigSet now_, next_, other_;
  std::vector<grammar::Config> past_;  // configurations before each step, end to end
  std::vector<Step> history_;
  bool finished_ = false;
  bool limited_ = false;
};

}  // namespace hearth::text
