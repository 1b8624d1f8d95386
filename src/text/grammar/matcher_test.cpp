// The matcher against brute force: masks equal trying every token, forced and closing bytes hold, rollback
// and copies are exact, composition, limits.
#include "text/grammar/matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/rng.h"
#include "text/grammar/compose.h"
#include "text/grammar/gbnf.h"
#include "text/grammar/grammar_test_util.h"
#include "text/grammar/regex.h"

namespace hearth::text {
namespace {

using grammar::ExprPtr;
using ::testing::AllOf;
using ::testing::HasSubstr;
using GrammarPtr = std::shared_ptr<const Grammar>;

const std::vector<std::string> kPieces = {
    "\"",    "\",\"",    "\":",  "{\"",   "\"}",  "}}",   "],[",   "[[",     "]]",      "true",
    "fal",   "nu",       "ll,",  "12",    "a\"",  "\\n",  "\\u00", "e-1",    "0.5",     ",1",
    "hello", "</think>", "</th", "ink>{", "\xC3", "\xA9", "<tool", "<tool>", "</tool>", "1]",
    "1}",    "\":\"",    "aaaa", "aa",    "ab",   "((",   "))"};

GrammarPtr gbnf(std::string_view text, const GrammarLimits& limits = {}) {
  RuleSet rules;
  const auto root = gbnf_grammar(rules, text);
  EXPECT_TRUE(root.ok()) << root.error().message;
  const auto grammar = Grammar::compile(rules, *root, limits);
  EXPECT_TRUE(grammar.ok()) << grammar.error().message;
  return *grammar;
}

std::string gbnf_error(std::string_view text) {
  RuleSet rules;
  const auto root = gbnf_grammar(rules, text);
  if (!root.ok()) return root.error().message;
  const auto grammar = Grammar::compile(rules, *root);
  return grammar.ok() ? "" : grammar.error().message;
}

GrammarPtr regex(std::string_view pattern) {
  RuleSet rules;
  const auto root = regex_grammar(pattern);
  EXPECT_TRUE(root.ok()) << root.error().message;
  return *Grammar::compile(rules, *root);
}

/// Draws tokens uniformly among those allowed. At each step: the mask is what trying each token says, and the
/// closing bytes do close.
std::string drive(const GrammarPtr& grammar, const std::shared_ptr<const VocabularyTrie>& trie, uint64_t seed,
                  size_t max_steps, size_t check_every = 1) {
  const auto masks = std::make_shared<const GrammarMasks>(grammar, trie, seed % 3 == 0 ? 0 : 1 << 22);
  GrammarMatcher matcher(masks);
  Rng rng(seed);
  std::vector<uint64_t> mask(trie->mask_words());
  std::string text;
  for (size_t step = 0; step < max_steps; ++step) {
    matcher.fill_mask(mask);
    std::vector<TokenId> allowed;
    for (TokenId id = 0; id < trie->vocab_size(); ++id) {
      const bool set = (mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0;
      if (set) allowed.push_back(id);
      if (step % check_every != 0) continue;
      const bool accepted = matcher.accept(id);
      EXPECT_EQ(accepted, set) << "token " << id << " '" << trie->token_bytes(id) << "' after " << text;
      if (accepted) matcher.rollback(1);
    }
    const std::optional<std::string> closing = matcher.closing_bytes();
    EXPECT_TRUE(closing.has_value());
    EXPECT_EQ(closing->size(), matcher.closing_length());
    GrammarMatcher closer = matcher;
    EXPECT_TRUE(closing->empty() || closer.accept_bytes(*closing)) << text << " + " << *closing;
    EXPECT_TRUE(closer.can_end());
    const std::string forced = matcher.forced_bytes();
    EXPECT_TRUE(forced.empty() || GrammarMatcher(matcher).accept_bytes(forced));
    if (allowed.empty()) ADD_FAILURE() << "dead end after " << text;
    if (allowed.empty() || ::testing::Test::HasFailure()) return text;
    const TokenId token = allowed[rng.below(allowed.size())];
    EXPECT_TRUE(matcher.accept(token));
    if (matcher.finished()) return text;
    text += trie->token_bytes(token);
  }
  return text + *matcher.closing_bytes();
}

TEST(Matcher, MasksAreWhatTryingEachTokenSays) {
  const auto trie = test_vocabulary(kPieces);
  const std::vector<std::string> grammars = {
      R"(root ::= "a"* "b")",
      R"(root ::= value
value ::= "[" (value ("," value)*)? "]" | "{" ("\"" [a-z]* "\":" value)? "}" | "true" | num | "\"" [^"\\]* "\""
num ::= "-"? ([0-9] | [1-9] [0-9]+) ("." [0-9]+)?)",
      "root ::= x | y\nx ::= \"(\" root \")\" | \"a\"\ny ::= \"(\" root \"]\" | \"b\"",
      "root ::= ws \"a\" ws opt ws\nws ::= [ \\n]*\nopt ::= (\"b\" | ws)?",
      "root ::= a a a\na ::= \"a\" a | \"a\"",
      R"(root ::= ("aa" | "a"){3,7} "b"?)",
  };
  for (const std::string& text : grammars) {
    const GrammarPtr grammar = gbnf(text);
    for (uint64_t seed = 0; seed < 6; ++seed) drive(grammar, trie, seed, 30);
  }
}

TEST(Matcher, RandomJsonParses) {
  const auto trie = test_vocabulary(kPieces);
  const auto grammar = compile_schema(true);
  ASSERT_TRUE(grammar.ok());
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const std::string text = drive(*grammar, trie, seed, 200, 20);
    EXPECT_TRUE(io::parse_json(text, "answer").ok()) << text;
  }
}

TEST(Matcher, DepthIsBoundedAndEveryAnswerCanClose) {
  const auto grammar = compile_schema(json_of(R"({"type":"array","items":{"$ref":"#"},"minItems":1})"));
  EXPECT_FALSE(grammar.ok());  // no finite instance
  const auto nested = compile_schema(json_of(R"({"type":"array","items":{"$ref":"#"}})"));
  ASSERT_TRUE(nested.ok());
  GrammarMatcher matcher(std::make_shared<const GrammarMasks>(*nested, test_vocabulary(kPieces)));
  size_t depth = 0;
  while (matcher.accept_bytes("[")) ++depth;
  EXPECT_GT(depth, 90u);
  EXPECT_LT(depth, 120u);
  const auto closing = matcher.closing_bytes();
  ASSERT_TRUE(closing.has_value());
  EXPECT_EQ(*closing, std::string(depth, ']'));
  EXPECT_TRUE(io::parse_json(std::string(depth, '[') + *closing, "answer").ok());
  const auto trie = test_vocabulary(kPieces);
  drive(*nested, trie, 1, 400, 7);
  drive(*nested, trie, 3, 400, 7);
}

TEST(Matcher, EndTokensExactlyWhenTheTextMayEnd) {
  GrammarMatcher matcher(std::make_shared<const GrammarMasks>(regex("a+b?"), test_vocabulary()));
  EXPECT_FALSE(matcher.can_end());
  EXPECT_FALSE(matcher.accept(kTestEnd));
  EXPECT_TRUE(matcher.accept_bytes("a"));
  EXPECT_TRUE(matcher.can_end());
  EXPECT_TRUE(matcher.accept(kTestEnd));
  EXPECT_TRUE(matcher.finished());
  EXPECT_FALSE(matcher.accept_bytes("a"));
}

TEST(Matcher, ForcedBytesAndRollback) {
  const auto grammar = compile_schema(json_of(
      R"({"type":"object","properties":{"name":{"type":"string"},"ok":{"type":"boolean"}},"required":["name","ok"],"additionalProperties":false})"));
  ASSERT_TRUE(grammar.ok());
  GrammarMatcher matcher(std::make_shared<const GrammarMasks>(*grammar, test_vocabulary()));
  EXPECT_EQ(matcher.forced_bytes(), R"({"name":")");
  EXPECT_EQ(matcher.forced_bytes(4), R"({"na)");
  EXPECT_EQ(*matcher.closing_bytes(), R"({"name":"","ok":true})");
  EXPECT_TRUE(matcher.accept_bytes(R"({"name":"x)"));
  EXPECT_EQ(matcher.forced_bytes(), "");
  EXPECT_TRUE(matcher.accept_bytes("\""));
  EXPECT_EQ(matcher.forced_bytes(), R"(,"ok":)");
  EXPECT_TRUE(matcher.accept_bytes(R"(,"ok":t)"));
  EXPECT_EQ(matcher.forced_bytes(), "rue}");
  EXPECT_FALSE(matcher.accept_bytes("f"));
  matcher.rollback(2);
  EXPECT_EQ(*matcher.closing_bytes(), R"(","ok":true})");
  EXPECT_TRUE(matcher.accept_bytes(R"(y","ok":false})"));
  EXPECT_TRUE(matcher.can_end());
  EXPECT_EQ(matcher.closing_length(), 0u);
  matcher.rollback(2);
  EXPECT_EQ(matcher.steps(), 0u);
  EXPECT_EQ(matcher.forced_bytes(), R"({"name":")");
}

TEST(Matcher, SpellsBytesInTheFewestTokens) {
  const auto trie = test_vocabulary({"ab", "abc", "cd", "bcd"});
  const auto spelled = trie->spell("abcd");
  ASSERT_TRUE(spelled.has_value());
  EXPECT_EQ(spelled->size(), 2u);
  const VocabularyTrie poor({"", "ab", "c"}, {0});
  EXPECT_FALSE(poor.spell("abd").has_value());
  EXPECT_EQ(poor.spell("abc")->size(), 2u);
}

TEST(Matcher, ThinkingThenJson) {
  RuleSet rules;
  const auto think = free_until("</think>");
  ASSERT_TRUE(think.ok());
  const auto grammar = Grammar::compile(rules, grammar::sequence({*think, json_object_grammar(rules)}));
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  EXPECT_TRUE(accepts(*grammar, R"(I think <<//think> { </</think>{"a":1})"));
  EXPECT_FALSE(accepts(*grammar, R"(I think</think> {})"));
  EXPECT_FALSE(accepts(*grammar, R"(I think {})"));
  EXPECT_FALSE(accepts(*grammar, R"(a</think>b</think>{})"));
  for (uint64_t seed = 0; seed < 4; ++seed) drive(*grammar, test_vocabulary(kPieces), seed, 60, 5);
}

GrammarPtr tools(const TaggedOptions& options) {
  RuleSet rules;
  const io::Json a = json_of(
      R"({"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],"additionalProperties":false})");
  const auto body = json_schema_grammar(rules, a);
  const auto root = free_text_or_tagged(
      rules, {{"<tool>", *body, "</tool>"}, {"[call]", grammar::literal("x"), ""}}, options);
  EXPECT_TRUE(root.ok());
  const auto grammar = Grammar::compile(rules, *root);
  EXPECT_TRUE(grammar.ok()) << grammar.error().message;
  return *grammar;
}

TEST(Matcher, ToolCallsAmidFreeText) {
  const GrammarPtr any = tools({});
  EXPECT_TRUE(accepts(any, ""));
  EXPECT_TRUE(accepts(any, "hello <to"));
  EXPECT_TRUE(accepts(any, R"(a <<tool>{"n":1}</tool> b <tool>{"n":2}</tool>[call]x!)"));
  EXPECT_FALSE(accepts(any, R"(<tool>)"));
  EXPECT_FALSE(accepts(any, R"(<tool>{"n":1})"));
  EXPECT_FALSE(accepts(any, R"(<tool>{"m":1}</tool>)"));
  EXPECT_FALSE(accepts(any, R"([call]y)"));
  const GrammarPtr one = tools({.min_bodies = 1, .one_body = true});
  EXPECT_FALSE(accepts(one, "hello"));
  EXPECT_TRUE(accepts(one, R"(hi<tool>{"n":1}</tool> there)"));
  EXPECT_FALSE(accepts(one, R"(<tool>{"n":1}</tool>[call]x)"));
  const GrammarPtr bare = tools({.min_bodies = 1, .free_between = false});
  EXPECT_TRUE(accepts(bare, "<tool>{\"n\":1}</tool>\n[call]x"));
  EXPECT_FALSE(accepts(bare, R"(a<tool>{"n":1}</tool>)"));
  for (uint64_t seed = 0; seed < 4; ++seed) drive(any, test_vocabulary(kPieces), seed, 60, 3);
  RuleSet rules;
  EXPECT_FALSE(free_text_or_tagged(rules, {{"<a>", free_text(), ""}, {"x<a>", free_text(), ""}}).ok());
}

TEST(Matcher, GrammarErrors) {
  EXPECT_THAT(gbnf_error("root ::= root \"a\" | \"b\""),
              AllOf(HasSubstr("root"), HasSubstr("left-recursive")));
  EXPECT_THAT(gbnf_error("root ::= e x \"a\"\ne ::= \"b\"?\nx ::= root | \"c\""),
              HasSubstr("left-recursive"));
  EXPECT_THAT(gbnf_error("root ::= a"), HasSubstr("rule a is used but not defined"));
  EXPECT_THAT(gbnf_error("a ::= \"x\""), HasSubstr("no rule named root"));
  EXPECT_THAT(gbnf_error("root ::= \"x\" root"), HasSubstr("matches nothing"));
  EXPECT_THAT(gbnf_error("root ::= \"x\nroot"), HasSubstr("line 1"));
  EXPECT_THAT(gbnf_error("root ::= \"x\"\n\nroot ::= \"y\""),
              HasSubstr("line 3: rule root is defined twice"));
  EXPECT_THAT(gbnf_error("root ::= ((\"a\"{0,9999}){0,9999}){0,9999}"), HasSubstr("states"));
  EXPECT_THAT(gbnf_error("root ::= <think>"), HasSubstr("tokens"));
  EXPECT_THAT(gbnf_error("root ::= [a"), HasSubstr("unexpected end"));
}

TEST(Matcher, GbnfAsLlamaCppReadsIt) {
  const GrammarPtr grammar = gbnf(R"(# comment
root ::= (
  item   # one
  "," )+ [^a-c\n\]] . |
  "\x41\u00e9\"" {2}
item ::= [-a-z]{1,2} "!"?
)");
  EXPECT_TRUE(accepts(grammar, "ab!,-,d\xC3\xA9"));
  EXPECT_FALSE(accepts(grammar, "-,z,-z,]x"));
  EXPECT_TRUE(accepts(grammar, "A\xC3\xA9\"A\xC3\xA9\""));
  EXPECT_FALSE(accepts(grammar, "A\xC3\xA9\""));
  EXPECT_FALSE(accepts(grammar, "ab,ax"));
}

TEST(Matcher, AmbiguityIsBoundedAndSound) {
  // 2^n stacks after n brackets.
  const GrammarPtr grammar =
      gbnf("root ::= x | y\nx ::= \"(\" root \")\" | \"a\"\ny ::= \"(\" root \"]\" | \"a\"");
  GrammarMatcher matcher(std::make_shared<const GrammarMasks>(grammar, test_vocabulary(kPieces)));
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(matcher.accept_bytes("(")) << i;
  EXPECT_TRUE(matcher.limited());
  const auto closing = matcher.closing_bytes();
  ASSERT_TRUE(closing.has_value());
  EXPECT_TRUE(matcher.accept_bytes(*closing));
  EXPECT_TRUE(matcher.can_end());
}

TEST(Matcher, ManyThreadsShareTheMasks) {
  const auto trie = test_vocabulary(kPieces);
  const auto grammar = compile_schema(true);
  const auto masks = std::make_shared<const GrammarMasks>(*grammar, trie);
  std::vector<std::string> texts(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < texts.size(); ++t) {
    threads.emplace_back([&, t] {
      GrammarMatcher matcher(masks);
      Rng rng(7);
      std::vector<uint64_t> mask(trie->mask_words());
      for (int i = 0; i < 300 && !matcher.finished(); ++i) {
        matcher.fill_mask(mask);
        std::vector<TokenId> allowed;
        for (TokenId id = 0; id < trie->vocab_size(); ++id) {
          if ((mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0) allowed.push_back(id);
        }
        const TokenId token = allowed[rng.below(allowed.size())];
        ASSERT_TRUE(matcher.accept(token));
        texts[t] += trie->token_bytes(token);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& text : texts) EXPECT_EQ(text, texts[0]);
}

}  // namespace
}  // namespace hearth::text
