// What the three grammar fuzzers share: compile the rules with small limits, then let the rest of the input
// choose tokens of a small vocabulary. Invariants: the mask allows nothing that accept refuses, and (but
// where alternatives were dropped) everything it takes; the closing bytes are accepted and end the text;
// rolling back restores the mask.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "text/grammar/matcher.h"

namespace hearth::text {

inline const std::shared_ptr<const VocabularyTrie>& fuzz_vocabulary() {
  static const auto trie = [] {
    std::vector<std::string> tokens = {""};
    for (int byte = 0x20; byte < 0x7F; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    for (const char* more : {"{\"",  "\":",  "\",\"", "\"}",  "[[",  "]]", "],",  "true", "null",     "12",
                             "0.5",  "e1",   "\\u00", "aa",   "aaa", "ab", "abc", "bb",   "\xC3\xA9", "\n",
                             "\xC3", "\x80", "\xE2",  "\xF0", "((",  "))", "()",  "a,b",  "\n\n"}) {
      tokens.emplace_back(more);
    }
    return std::make_shared<const VocabularyTrie>(std::move(tokens), std::vector<TokenId>{0});
  }();
  return trie;
}

inline void check_step(GrammarMatcher& matcher, std::vector<uint64_t>& mask) {
  const VocabularyTrie& trie = *fuzz_vocabulary();
  matcher.fill_mask(mask);
  const bool limited = matcher.limited();
  for (TokenId id = 0; id < trie.vocab_size(); ++id) {
    const bool allowed = (mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0;
    const bool accepted = matcher.accept(id);
    HEARTH_CHECK(accepted || !allowed);
    HEARTH_CHECK(!accepted || allowed || limited || matcher.limited());
    if (accepted) matcher.rollback(1);
  }
  const auto closing = matcher.closing_bytes(4096);
  if (!closing || matcher.finished()) return;
  HEARTH_CHECK(closing->size() == matcher.closing_length());
  if (closing->empty()) {
    HEARTH_CHECK(matcher.can_end());
    return;
  }
  if (!matcher.accept_bytes(*closing)) {
    HEARTH_CHECK(limited);
    return;
  }
  HEARTH_CHECK(matcher.can_end());
  matcher.rollback(1);
  const std::string forced = matcher.forced_bytes();
  HEARTH_CHECK(closing->starts_with(forced.substr(0, closing->size())));
}

inline void drive_grammar(const RuleSet& rules, const grammar::ExprPtr& root, std::string_view choices) {
  const auto grammar =
      Grammar::compile(rules, root, {.max_states = 1 << 13, .max_depth = 24, .max_alternatives = 64});
  if (!grammar.ok()) return;
  const auto masks = std::make_shared<const GrammarMasks>(*grammar, fuzz_vocabulary(), 1 << 18);
  GrammarMatcher matcher(masks);
  std::vector<uint64_t> mask(fuzz_vocabulary()->mask_words());
  std::vector<uint64_t> again(mask.size());
  for (size_t i = 0; i < std::min<size_t>(choices.size(), 16); ++i) {
    matcher.fill_mask(mask);
    if (i % 4 == 0) check_step(matcher, again);
    if (i % 4 == 0) HEARTH_CHECK(mask == again);
    std::vector<TokenId> allowed;
    for (TokenId id = 0; id < fuzz_vocabulary()->vocab_size(); ++id) {
      if ((mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0) allowed.push_back(id);
    }
    if (allowed.empty()) break;
    HEARTH_CHECK(matcher.accept(allowed[static_cast<uint8_t>(choices[i]) % allowed.size()]));
  }
  check_step(matcher, mask);
}

}  // namespace hearth::text
