// Behaviour of the tokenizers on vocabularies made by hand: special tokens, prefixes, broken UTF-8, streams,
// bad metadata, and time that stays linear on hostile text.
#include "text/tokenizer.h"

#include <gmock/gmock.h>

#include <cmath>

#include "text/cpu_time_test_util.h"
#include "text/tokenizer_test_util.h"
#include "text/tokenizer_vocab.h"
#include "text/unicode.h"

namespace hearth::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Tokens added one by one; ids in order.
struct TinyVocabulary {
  std::vector<std::string> texts;
  std::vector<int64_t> types;
  std::vector<float> scores;
  TokenId add(std::string text, TokenType type = TokenType::kNormal, float score = 0) {
    texts.push_back(std::move(text));
    types.push_back(static_cast<int64_t>(type));
    scores.push_back(score);
    return static_cast<TokenId>(texts.size() - 1);
  }
  io::Metadata metadata(const std::string& model) const {
    io::Metadata out;
    out.set("tokenizer.ggml.model", io::Value::of(model));
    out.set("tokenizer.ggml.tokens", io::Value::of(texts));
    out.set("tokenizer.ggml.token_type", io::Value::of_int32s(types));
    return out;
  }
};

/// All 256 byte characters, then "Ġa", "ab", "Ġab"; <|end|> as control, <tool> as user-defined token.
io::Metadata byte_level(std::vector<std::string> merges = {"a b", "Ġ ab", "Ġ a"}) {
  TinyVocabulary vocabulary;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    std::string text;
    append_utf8(text, printable ? byte : next++);
    vocabulary.add(text);
  }
  vocabulary.add("ab");                               // 256
  vocabulary.add("Ġab");                              // 257
  vocabulary.add("Ġa");                               // 258
  vocabulary.add("<|end|>", TokenType::kControl);     // 259
  vocabulary.add("<tool>", TokenType::kUserDefined);  // 260
  vocabulary.add("<too", TokenType::kUserDefined);    // 261
  io::Metadata metadata = vocabulary.metadata("gpt2");
  metadata.set("tokenizer.ggml.merges", io::Value::of(std::move(merges)));
  metadata.set("tokenizer.ggml.pre", io::Value::of(std::string("gpt-2")));
  metadata.set("tokenizer.ggml.bos_token_id", io::Value::of(uint32_t{259}));
  metadata.set("tokenizer.ggml.eos_token_id", io::Value::of(uint32_t{258}));
  return metadata;
}

/// <unk> <s> </s>, 256 byte tokens (3..258), then ▁ a b ab ▁a ▁ab aa (259..265).
io::Metadata sentencepiece() {
  TinyVocabulary vocabulary;
  vocabulary.add("<unk>", TokenType::kUnknown);
  vocabulary.add("<s>", TokenType::kControl);
  vocabulary.add("</s>", TokenType::kControl);
  constexpr char kHex[] = "0123456789ABCDEF";
  for (size_t byte = 0; byte < 256; ++byte) {
    vocabulary.add(concat("<0x", kHex[byte >> 4], kHex[byte & 15], ">"), TokenType::kByte);
  }
  vocabulary.add("▁", TokenType::kNormal, -10);   // 259
  vocabulary.add("a", TokenType::kNormal, -11);   // 260
  vocabulary.add("b", TokenType::kNormal, -12);   // 261
  vocabulary.add("ab", TokenType::kNormal, -1);   // 262
  vocabulary.add("▁a", TokenType::kNormal, -2);   // 263
  vocabulary.add("▁ab", TokenType::kNormal, -3);  // 264
  vocabulary.add("aa", TokenType::kNormal, -4);   // 265
  io::Metadata metadata = vocabulary.metadata("llama");
  metadata.set("tokenizer.ggml.scores", io::Value::of(vocabulary.scores));
  metadata.set("tokenizer.ggml.bos_token_id", io::Value::of(uint32_t{1}));
  metadata.set("tokenizer.ggml.eos_token_id", io::Value::of(uint32_t{2}));
  metadata.set("tokenizer.ggml.unknown_token_id", io::Value::of(uint32_t{0}));
  return metadata;
}

TEST(ByteBpe, MergesByRankInsideWords) {
  const auto tokenizer = create_or_fail(byte_level());
  EXPECT_THAT(tokenizer->encode("ab ab a", {}), ElementsAre(256, 257, 258));
  EXPECT_THAT(tokenizer->encode("aab", {}), ElementsAre('a', 256));
  EXPECT_TRUE(tokenizer->encode("", {}).empty());
}

TEST(ByteBpe, IgnoringMergesTakesWholeWords) {
  io::Metadata metadata = byte_level({"a b"});
  EXPECT_THAT(create_or_fail(metadata)->encode(" ab", {}), ElementsAre(' ', 256));
  metadata.set("tokenizer.ggml.pre", io::Value::of(std::string("llama-bpe")));
  EXPECT_THAT(create_or_fail(metadata)->encode(" ab", {}), ElementsAre(257));
}

TEST(AddedTokens, ControlTokensOnlyWhenAskedUserDefinedAlways) {
  const auto tokenizer = create_or_fail(byte_level());
  EXPECT_THAT(tokenizer->encode("a<tool>b", {}), ElementsAre('a', 260, 'b'));
  EXPECT_THAT(tokenizer->encode("a<too>b", {}), ElementsAre('a', 261, '>', 'b'));
  EXPECT_THAT(tokenizer->encode("<|end|>", {}), testing::SizeIs(7));
  EXPECT_THAT(tokenizer->encode("a<|end|>b", {.parse_special = true}), ElementsAre('a', 259, 'b'));
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{'a', 259, 260}, false), "a<tool>");
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{'a', 259, 260}, true), "a<|end|><tool>");
}

TEST(AddedTokens, StripAndSingleWord) {
  io::Metadata metadata = byte_level();
  metadata.set(std::string(keys::kRstrip), io::Value::of_int32s({259}));
  metadata.set(std::string(keys::kLstrip), io::Value::of_int32s({260}));
  metadata.set(std::string(keys::kSingleWord), io::Value::of_int32s({261}));
  const auto tokenizer = create_or_fail(metadata);
  EXPECT_THAT(tokenizer->encode("<|end|> \n\u3000b", {.parse_special = true}), ElementsAre(259, 'b'));
  EXPECT_THAT(tokenizer->encode("a \t<tool> b", {}), ElementsAre('a', 260, ' ', 'b'));
  EXPECT_THAT(tokenizer->encode("(<too)", {}), ElementsAre('(', 261, ')'));
  EXPECT_THAT(tokenizer->encode("<toob", {}), ElementsAre('<', 't', 'o', 'o', 'b'));
}

TEST(Bos, AddedOnceAndOnlyWhenAsked) {
  io::Metadata metadata = byte_level();
  EXPECT_THAT(create_or_fail(metadata)->encode("a", {.add_special = true}), ElementsAre('a'));
  metadata.set("tokenizer.ggml.add_bos_token", io::Value::of(true));
  metadata.set("tokenizer.ggml.add_eos_token", io::Value::of(true));
  const auto tokenizer = create_or_fail(metadata);
  EXPECT_TRUE(tokenizer->adds_bos());
  EXPECT_THAT(tokenizer->encode("a", {.add_special = true}), ElementsAre(259, 'a', 258));
  EXPECT_THAT(tokenizer->encode("<|end|>a", {.add_special = true, .parse_special = true}),
              ElementsAre(259, 'a', 258));
  EXPECT_THAT(tokenizer->encode("", {.add_special = true}), ElementsAre(259, 258));
}

TEST(SentencePiece, PrefixAndScores) {
  const auto tokenizer = create_or_fail(sentencepiece());
  EXPECT_TRUE(tokenizer->adds_bos());
  EXPECT_THAT(tokenizer->encode("ab", {}), ElementsAre(264));
  EXPECT_THAT(tokenizer->encode("ab ab", {.add_special = true}), ElementsAre(1, 264, 264));
  EXPECT_THAT(tokenizer->encode("aaa", {}), ElementsAre(263, 265)) << "higher score first";
  EXPECT_TRUE(tokenizer->encode("", {}).empty());
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{1, 264, 264}, false), "ab ab");
  EXPECT_EQ(tokenizer->piece(264, false), " ab");
  EXPECT_THAT(tokenizer->encode("<s>b", {.parse_special = true}), ElementsAre(1, 259, 261));
}

TEST(SentencePiece, PrefixModes) {
  io::Metadata metadata = sentencepiece();
  metadata.set("tokenizer.ggml.add_space_prefix", io::Value::of(false));
  EXPECT_THAT(create_or_fail(metadata)->encode("ab", {}), ElementsAre(262));
  metadata.set(std::string(keys::kSpacePrefix), io::Value::of(std::string("first_unless_space")));
  EXPECT_THAT(create_or_fail(metadata)->encode("b<s>b", {.parse_special = true}),
              ElementsAre(259, 261, 1, 261));
  EXPECT_THAT(create_or_fail(metadata)->encode(" b", {}), ElementsAre(259, 261));
  metadata.set(std::string(keys::kSpacePrefix), io::Value::of(std::string("each_unless_space")));
  EXPECT_THAT(create_or_fail(metadata)->encode("b<s>b", {.parse_special = true}),
              ElementsAre(259, 261, 1, 259, 261));
}

TEST(SentencePiece, UnknownCharactersBecomeBytesOrUnknown) {
  io::Metadata metadata = sentencepiece();
  EXPECT_THAT(create_or_fail(metadata)->encode("é", {}), ElementsAre(259, 3 + 0xC3, 3 + 0xA9));
  auto texts = **metadata.get_strings("tokenizer.ggml.tokens");
  texts[3] = "<0x00";  // one byte token less, so there is no fallback
  auto types = **metadata.get_ints("tokenizer.ggml.token_type");
  types[3] = static_cast<int64_t>(TokenType::kNormal);
  metadata.set("tokenizer.ggml.tokens", io::Value::of(texts));
  metadata.set("tokenizer.ggml.token_type", io::Value::of_int32s(types));
  EXPECT_THAT(create_or_fail(metadata)->encode("ééa", {}), ElementsAre(259, 0, 260))
      << "one unknown for a run";
}

TEST(BrokenUtf8, ReplacedAsPythonDoes) {
  const auto tokenizer = create_or_fail(byte_level());
  // Expected: bytes.decode("utf-8", errors="replace") of the same bytes.
  const std::pair<std::string, std::string> cases[] = {
      {"a\xFF"
       "b",
       "a\uFFFDb"},
      {"\xE2\x82", "\uFFFD"},
      {"\xE2\x82(", "\uFFFD("},
      {"\xC0\xAF", "\uFFFD\uFFFD"},
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
      {"\xF0\x9F\x98", "\uFFFD"},
      {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"\xF0\x80\x80\xC3\xA9", "\uFFFD\uFFFD\uFFFDé"},
      {std::string("\0x", 2), std::string("\0x", 2)},
  };
  for (const auto& [broken, expected] : cases) {
    EXPECT_EQ(replace_invalid_utf8(broken), expected);
    EXPECT_EQ(tokenizer->encode(broken, {}), tokenizer->encode(expected, {}));
  }
}

TEST(StreamDecoder, NeverEmitsPartOfACharacter) {
  const auto tokenizer = create_or_fail(byte_level());
  StreamDecoder stream(*tokenizer);
  const auto byte = [&](int value) {
    std::string text;
    append_utf8(text, value >= 0xA1 ? static_cast<char32_t>(value)
                                    : static_cast<char32_t>(0x100 + 33 + value - 0x7F));
    return *tokenizer->find_token(text);
  };
  EXPECT_EQ(stream.push(byte(0xF0)), "");
  EXPECT_EQ(stream.push(byte(0x9F)), "");
  EXPECT_EQ(stream.push(byte(0xA6)), "");
  EXPECT_EQ(stream.push(byte(0x99)), "\U0001F999");
  EXPECT_EQ(stream.push(byte(0xE2)), "");
  EXPECT_EQ(stream.push('a'), "\uFFFDa") << "the sequence can no longer become a character";
  EXPECT_EQ(stream.push(byte(0xC3)), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
}

TEST(StreamDecoder, DropsTheSpaceThatEncodingAdded) {
  const auto tokenizer = create_or_fail(sentencepiece());
  StreamDecoder fresh(*tokenizer);
  EXPECT_EQ(fresh.push(1), "");
  EXPECT_EQ(fresh.push(264), "ab");
  EXPECT_EQ(fresh.push(264), " ab");
  StreamDecoder continued(*tokenizer, false, true);
  EXPECT_EQ(continued.push(264), " ab");
}

TEST(EndOfGeneration, IdsAndKnownTexts) {
  TinyVocabulary vocabulary;
  for (const char* text : {"a", "b", "ab"}) vocabulary.add(text);
  vocabulary.add("<|im_end|>", TokenType::kControl);
  vocabulary.add("<end_of_turn>", TokenType::kNormal);  // ordinary text, not a control token
  vocabulary.add("<|eot_id|>", TokenType::kUserDefined);
  io::Metadata metadata = vocabulary.metadata("gpt2");
  metadata.set("tokenizer.ggml.merges", io::Value::of(std::vector<std::string>{"a b"}));
  metadata.set("tokenizer.ggml.eom_token_id", io::Value::of(uint32_t{1}));
  metadata.set(std::string(keys::kEndOfGeneration), io::Value::of_int32s({2}));
  const auto tokenizer = create_or_fail(metadata);
  std::vector<bool> ends;
  for (TokenId id = -1; id <= 6; ++id) ends.push_back(tokenizer->is_end_of_generation(id));
  EXPECT_THAT(ends, ElementsAre(false, false, true, true, true, false, true, false));
}

TEST(EndOfGeneration, HarmonyMessagesDoNotEndTheTurn) {
  TinyVocabulary vocabulary;
  for (const char* text : {"<|end|>", "<|return|>", "<|call|>"}) vocabulary.add(text, TokenType::kControl);
  io::Metadata metadata = vocabulary.metadata("gpt2");
  metadata.set("tokenizer.ggml.merges", io::Value::of(std::vector<std::string>{}));
  const auto tokenizer = create_or_fail(metadata);
  EXPECT_FALSE(tokenizer->is_end_of_generation(0));
  EXPECT_TRUE(tokenizer->is_end_of_generation(1));
  EXPECT_TRUE(tokenizer->is_end_of_generation(2));
}

TEST(Bounds, IdsOutOfRangeAreEmpty) {
  const auto tokenizer = create_or_fail(byte_level());
  for (const TokenId id : {-1, -1000000, 262, INT32_MAX, INT32_MIN}) {
    EXPECT_EQ(tokenizer->piece(id, true), "");
    EXPECT_EQ(tokenizer->token_text(id), "");
    EXPECT_FALSE(tokenizer->is_end_of_generation(id));
  }
  EXPECT_EQ(tokenizer->find_token("nothing"), std::nullopt);
  EXPECT_EQ(tokenizer->vocab_size(), 262);
}

TEST(Errors, EachNamesWhatIsWrong) {
  const auto message = [](io::Metadata metadata, ErrorCode code) {
    const auto result = Tokenizer::create(metadata);
    if (result.ok()) return std::string("no error");
    EXPECT_EQ(result.error().code, code) << result.error().message;
    EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
    return result.error().message;
  };
  const auto with = [](io::Metadata metadata, const char* key, io::Value value) {
    metadata.set(key, std::move(value));
    return metadata;
  };
  EXPECT_THAT(message({}, ErrorCode::kNotFound), HasSubstr("no tokenizer"));
  EXPECT_THAT(message(with(byte_level(), "tokenizer.ggml.model", io::Value::of(std::string("bert"))),
                      ErrorCode::kUnsupported),
              HasSubstr("'bert'; known: llama, gpt2"));
  EXPECT_THAT(message(with(byte_level(), "tokenizer.ggml.pre", io::Value::of(std::string("new\n"))),
                      ErrorCode::kUnsupported),
              testing::AllOf(HasSubstr("new\\x0a"), HasSubstr("smollm")));
  EXPECT_THAT(message(with(byte_level(), "tokenizer.ggml.token_type", io::Value::of_int32s({1})),
                      ErrorCode::kCorrupt),
              HasSubstr("1 entries for 262 tokens"));
  EXPECT_THAT(message(with(byte_level(), "tokenizer.ggml.eos_token_id", io::Value::of(uint32_t{262})),
                      ErrorCode::kCorrupt),
              HasSubstr("eos_token_id is 262"));
  EXPECT_THAT(message(byte_level({"a zz"}), ErrorCode::kCorrupt), HasSubstr("'a zz'"));
  EXPECT_THAT(message(byte_level({"ab"}), ErrorCode::kCorrupt), HasSubstr("no pair"));
  EXPECT_THAT(
      message(with(sentencepiece(), "tokenizer.ggml.scores", io::Value::of(std::vector<float>(266, NAN))),
              ErrorCode::kCorrupt),
      HasSubstr("not a number"));
  EXPECT_THAT(message(with(byte_level(), "tokenizer.hearth.rstrip_token_ids", io::Value::of_int32s({-1})),
                      ErrorCode::kCorrupt),
              HasSubstr("token -1"));
  EXPECT_EQ(message(with(byte_level(), "tokenizer.ggml.padding_token_id", io::Value::of(UINT32_MAX)),
                    ErrorCode::kCorrupt),
            "no error");
}

/// A megabyte without a place to cut must take less than 2 s of a processor.
TEST(LinearTime, OneMegabyteWords) {
  const auto tokenizers = {create_or_fail(byte_level()), create_or_fail(sentencepiece())};
  for (const std::string_view unit : {"a", "ab", "é", "中", "\u0301", "\u0301\u0327", "'", " ", "\n ", "!",
                                      "1", "<", "<too", "\xFF", "A中"}) {
    std::string text;
    while (text.size() < (size_t{1} << 20)) text += unit;
    for (const auto& tokenizer : tokenizers) {
      const double start_s = thread_cpu_s();
      const auto ids = tokenizer->encode(text, {.parse_special = true});
      EXPECT_LT(thread_cpu_s() - start_s, 2.0 * kBuildSlowness) << unit;
      EXPECT_FALSE(ids.empty());
    }
  }
}

}  // namespace
}  // namespace hearth::text
