// Helpers of the grammar tests: a vocabulary of single bytes and common pieces, and whether a whole text is
// accepted, byte by byte and through the masks.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"
#include "text/grammar/json_schema.h"
#include "text/grammar/matcher.h"

namespace hearth::text {

inline constexpr TokenId kTestEnd = 0;

/// Token 0 ends; 1..256 are the bytes 0..255; then `more`.
inline std::shared_ptr<const VocabularyTrie> test_vocabulary(const std::vector<std::string>& more = {}) {
  std::vector<std::string> tokens = {""};
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  tokens.insert(tokens.end(), more.begin(), more.end());
  return std::make_shared<const VocabularyTrie>(std::move(tokens), std::vector<TokenId>{kTestEnd});
}

inline io::Json json_of(std::string_view text) {
  Result<io::Json> json = io::parse_json(text, "test");
  EXPECT_TRUE(json.ok()) << text;
  return json.ok() ? std::move(*json) : io::Json();
}

inline Result<std::shared_ptr<const Grammar>> compile_schema(const io::Json& schema,
                                                             const JsonOptions& options = {}) {
  RuleSet rules;
  HEARTH_ASSIGN(const grammar::ExprPtr root, json_schema_grammar(rules, schema, options));
  return Grammar::compile(rules, root);
}

inline bool accepts(const std::shared_ptr<const Grammar>& grammar, std::string_view text) {
  static const auto vocabulary = test_vocabulary();
  GrammarMatcher matcher(std::make_shared<const GrammarMasks>(grammar, vocabulary));
  for (const char byte : text) {
    if (!matcher.accept_bytes({&byte, 1})) return false;
  }
  return matcher.can_end();
}

/// The error's message, or "" and the grammar in `out`.
inline std::string schema_error(std::string_view schema, const JsonOptions& options = {}) {
  const auto grammar = compile_schema(json_of(schema), options);
  return grammar.ok() ? "" : grammar.error().message;
}

inline bool schema_accepts(std::string_view schema, std::string_view text, const JsonOptions& options = {}) {
  const auto grammar = compile_schema(json_of(schema), options);
  EXPECT_TRUE(grammar.ok()) << schema << ": " << grammar.error().message;
  return grammar.ok() && accepts(*grammar, text);
}

}  // namespace hearth::text
