// Soundness by brute force: random schemas, answers of tokens drawn uniformly from the masks; every finished
// answer must parse and be valid in the eyes of an independent validator. HEARTH_GRAMMAR_SCHEMAS sets how
// many schemas (default 400); HEARTH_GRAMMAR_DUMP names a file that gets a line per answer, which
// tools/check_structured_output.py judges with the jsonschema package.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "text/grammar/grammar_test_util.h"
#include "text/grammar/schema_generator_test_util.h"

namespace hearth::text {
namespace {

const std::vector<std::string> kPieces = {
    "\",\"",  "\":",   "{\"",  "\"}", "}}",    "],[",  "[[", "]]",    "true",     "fal",
    "null,",  "12",    "a\"",  "\\n", "\\u00", "0.5",  ",1", "hello", "\xC3\xA9", "1]",
    "1}",     "\":\"", "aaaa", "aa",  "ab",    "2024", "-0", "@x.de", "extra",    "kind\":\"",
    "\"a\":", "00",    "-1",   "}",   "]",     "\"",   "\"", "\"",    "}",        "]"};

/// Uniform among the allowed tokens, closing after `max_steps`, so that every answer is finished.
std::string answer(const std::shared_ptr<const GrammarMasks>& masks, Rng& rng, size_t max_steps) {
  const VocabularyTrie& trie = masks->trie();
  GrammarMatcher matcher(masks);
  std::vector<uint64_t> mask(trie.mask_words());
  std::string text;
  std::vector<TokenId> allowed;
  for (size_t step = 0; step < max_steps; ++step) {
    matcher.fill_mask(mask);
    allowed.clear();
    for (TokenId id = 0; id < trie.vocab_size(); ++id) {
      if ((mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0) allowed.push_back(id);
    }
    EXPECT_FALSE(allowed.empty()) << "dead end after " << text;
    if (allowed.empty()) return text;
    const TokenId token = allowed[rng.below(allowed.size())];
    EXPECT_TRUE(matcher.accept(token)) << text;
    if (matcher.finished()) return text;
    text += trie.token_bytes(token);
  }
  const std::optional<std::string> closing = matcher.closing_bytes();
  EXPECT_TRUE(closing && (closing->empty() || matcher.accept_bytes(*closing))) << text;
  EXPECT_TRUE(matcher.can_end()) << text;
  return text + closing.value_or("");
}

TEST(JsonSchemaSoundness, EveryAnswerIsValid) {
  const char* count = std::getenv("HEARTH_GRAMMAR_SCHEMAS");
  const char* dump = std::getenv("HEARTH_GRAMMAR_DUMP");
  const int schemas = count != nullptr ? std::atoi(count) : 400;
  std::ofstream out;
  if (dump != nullptr) out.open(dump);
  const auto trie = test_vocabulary(kPieces);
  int compiled = 0;
  int answers = 0;
  for (int i = 0; i < schemas && !HasFailure(); ++i) {
    const io::Json schema = SchemaGenerator(static_cast<uint64_t>(i)).schema();
    const auto grammar = compile_schema(schema, {.max_whitespace = i % 4 == 0 ? 2u : 0u});
    if (!grammar.ok()) {
      // A random schema may contradict itself, and its alternatives may overlap.
      const std::string& message = grammar.error().message;
      EXPECT_TRUE(message.find("matches nothing") != std::string::npos ||
                  message.find("oneOf") != std::string::npos)
          << message << '\n'
          << io::dump_json(schema);
      continue;
    }
    ++compiled;
    const auto masks = std::make_shared<const GrammarMasks>(*grammar, trie, size_t{1} << 20);
    Rng rng(static_cast<uint64_t>(i) + 1);
    for (const size_t steps : {5U, 40U, 150U, 150U}) {
      const std::string text = answer(masks, rng, steps);
      ++answers;
      const Result<io::Json> value = io::parse_json(text, "answer");
      ASSERT_TRUE(value.ok()) << value.error().message << '\n' << text << '\n' << io::dump_json(schema);
      EXPECT_TRUE(ReferenceValidator(schema).valid(*value)) << text << "\nis not valid under\n"
                                                            << io::dump_json(schema);
      if (out.is_open()) out << io::dump_json({{"schema", schema}, {"text", text}}) << '\n';
    }
  }
  EXPECT_GT(compiled * 10, schemas * 8);
  std::cout << schemas << " schemas, " << compiled << " compiled, " << answers << " answers\n";
}

}  // namespace
}  // namespace hearth::text
