// Masks over a real vocabulary (151k tokens, some of them longer than 100 bytes) against trying every token:
// the walks, and what states take from similar ones, must agree with the matcher byte by byte.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/rng.h"
#include "io/gguf.h"
#include "text/grammar/compose.h"
#include "text/grammar/grammar_test_util.h"
#include "text/tokenizer.h"

namespace hearth::text {
namespace {

const std::filesystem::path kFile =
    std::filesystem::path(HEARTH_SHARED_DATA_DIR) / "tokenizers/gguf/ggml-vocab-qwen2.gguf";

class RealVocabulary : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kFile)) GTEST_SKIP() << "MISSING TEST DATA: no " << kFile;
    const auto gguf = io::read_gguf(kFile, [](uint32_t) { return std::optional<io::BlockLayout>(); });
    ASSERT_TRUE(gguf.ok());
    auto tokenizer = Tokenizer::create(gguf->metadata);
    ASSERT_TRUE(tokenizer.ok());
    tokenizer_ = std::move(*tokenizer);
    trie_ = std::make_shared<const VocabularyTrie>(*tokenizer_);
  }

  /// Random answers; every `check_every` steps each of the 151k tokens is tried.
  void check(const std::shared_ptr<const Grammar>& grammar, std::string_view begin, uint64_t seed, int steps,
             int check_every) {
    const auto masks = std::make_shared<const GrammarMasks>(grammar, trie_);
    GrammarMatcher matcher(masks);
    ASSERT_TRUE(begin.empty() || matcher.accept_bytes(begin));
    Rng rng(seed);
    std::vector<uint64_t> mask(trie_->mask_words());
    for (int step = 0; step < steps && !matcher.finished(); ++step) {
      matcher.fill_mask(mask);
      std::vector<TokenId> allowed;
      for (TokenId id = 0; id < trie_->vocab_size(); ++id) {
        const bool set = (mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0;
        if (set) allowed.push_back(id);
        if (step % check_every != 0) continue;
        const bool accepted = matcher.accept(id);
        ASSERT_EQ(accepted, set) << "step " << step << ", token " << id << " '" << trie_->token_bytes(id)
                                 << "'";
        if (accepted) matcher.rollback(1);
      }
      ASSERT_FALSE(allowed.empty());
      ASSERT_TRUE(matcher.accept(allowed[rng.below(allowed.size())]));
    }
  }

  std::unique_ptr<Tokenizer> tokenizer_;
  std::shared_ptr<const VocabularyTrie> trie_;
};

TEST_F(RealVocabulary, EveryTokenIsInTheTrie) {
  size_t tokens = 0;
  for (TokenId id = 0; id < trie_->vocab_size(); ++id) {
    if (!tokenizer_->is_end_of_generation(id)) {
      EXPECT_EQ(trie_->token_bytes(id), tokenizer_->piece(id, false));
    }
    tokens += trie_->token_bytes(id).empty() ? 0 : 1;
  }
  EXPECT_EQ(trie_->tokens_between(0, trie_->node_count()).size(), tokens);
  EXPECT_GT(tokens, 150'000u);
  std::string every_byte;
  for (int byte = 0; byte < 256; ++byte) every_byte.push_back(static_cast<char>(byte));
  EXPECT_TRUE(trie_->spell(every_byte).has_value());
}

TEST_F(RealVocabulary, ControlTokensAreLeftOutUnlessSpoken) {
  const std::optional<TokenId> control = tokenizer_->find_token("<|im_start|>");
  ASSERT_TRUE(control.has_value());
  EXPECT_EQ(trie_->token_bytes(*control), "");
  const VocabularyTrie speaking(*tokenizer_, std::span(&*control, 1));
  EXPECT_EQ(speaking.token_bytes(*control), "<|im_start|>");
  EXPECT_EQ(speaking.spell("<|im_start|>")->size(), 1u);
  ASSERT_FALSE(trie_->end_tokens().empty());
  EXPECT_EQ(trie_->token_bytes(trie_->end_tokens()[0]), "");
}

TEST_F(RealVocabulary, CountedStrings) {
  const auto grammar = compile_schema(json_of(
      R"({"type":"array","prefixItems":[{"type":"string","minLength":3,"maxLength":70},)"
      R"({"type":"string","pattern":"^[a-z ]{1,40}$"}],"items":{"type":"string","maxLength":90},"minItems":3,"maxItems":9})"));
  ASSERT_TRUE(grammar.ok());
  for (uint64_t seed = 0; seed < 3; ++seed) check(*grammar, "", seed, 24, 2);
  check(*grammar, "[\"", 7, 24, 2);
  check(*grammar, "[\"abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrst\",\"abcdefghijklmnop", 8, 12,
        1);
}

TEST_F(RealVocabulary, TagsAmidFreeText) {
  RuleSet rules;
  const auto body = json_schema_grammar(
      rules, json_of(R"({"type":"object","properties":{"name":{"enum":["a","bc"]}},"required":["name"]})"));
  ASSERT_TRUE(body.ok());
  const auto root = free_text_or_tagged(rules, {{"<tool_call>", *body, "</tool_call>"}});
  ASSERT_TRUE(root.ok());
  const auto grammar = Grammar::compile(rules, *root);
  ASSERT_TRUE(grammar.ok());
  check(*grammar, "", 1, 4, 1);
  for (const std::string_view begin :
       {"a <tool", "a <", "<tool_cal", "<tool_call>{\"name\":\"", "<tool_call>{\"name\":\"a\"}</tool_c"}) {
    check(*grammar, begin, 2, 4, 1);
  }
}

TEST_F(RealVocabulary, AnyJson) {
  const auto grammar = compile_schema(true);
  ASSERT_TRUE(grammar.ok());
  for (uint64_t seed = 0; seed < 4; ++seed) check(*grammar, "{\"", seed, 20, 5);
}

}  // namespace
}  // namespace hearth::text
