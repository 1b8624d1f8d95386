// Files of Hugging Face and SentencePiece, small ones made here: every known structure, unknown ones named,
// broken bytes refused.
#include "text/tokenizer_files.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstring>

#include "io/json.h"
#include "text/tokenizer_test_util.h"
#include "text/tokenizer_vocab.h"

namespace hearth::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kContractions = R"((?i:'s|'t|'re|'ve|'m|'ll|'d))";
constexpr const char* kTail = R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";

io::Json split(const std::string& regex) {
  return {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}, {"invert", false}};
}
io::Json byte_level_step(bool use_regex) {
  return {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}
io::Json digits_step() { return {{"type", "Digits"}, {"individual_digits", true}}; }
io::Json sequence(std::initializer_list<io::Json> steps) {
  io::Json out = {{"type", "Sequence"}, {"pretokenizers", io::Json::array()}};
  for (const io::Json& step : steps) out["pretokenizers"].push_back(step);
  return out;
}

/// a b ab and one special token, with the given pre-tokenizer.
io::Json tokenizer_json(const io::Json& pre) {
  io::Json root = {
      {"version", "1.0"}, {"normalizer", nullptr}, {"pre_tokenizer", pre}, {"post_processor", nullptr}};
  root["model"] = {{"type", "BPE"},
                   {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}},
                   {"merges", io::Json::array({"a b"})},
                   {"byte_fallback", false},
                   {"unk_token", nullptr}};
  root["added_tokens"] = io::Json::array();
  root["added_tokens"].push_back(
      {{"id", 4}, {"content", "<|im_end|>"}, {"special", true}, {"normalized", false}});
  return root;
}

std::string pre_of(const io::Json& root) {
  const auto metadata = parse_tokenizer_json(root.dump(), "tokenizer.json");
  if (!metadata) return metadata.error().message;
  return metadata->get_string("tokenizer.ggml.pre").value().value_or("absent");
}

TEST(TokenizerJson, KnownPretokenizers) {
  const std::string words = concat(kContractions, R"(|[^\r\n\p{L}\p{N}]?\p{L}+)");
  const std::string other = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*)";
  const std::string upper = R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])", lower = R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])";
  const auto case_words = [&](const std::string& suffix) {
    const std::string lead = R"([^\r\n\p{L}\p{N}]?)";
    return lead + upper + "*" + lower + "+" + suffix + "|" + lead + upper + "+" + lower + "*" + suffix;
  };
  const std::string suffix = std::string(kContractions) + "?";
  const auto one = [](const std::string& regex) {
    return tokenizer_json(sequence({split(regex), byte_level_step(false)}));
  };
  EXPECT_EQ(pre_of(tokenizer_json(byte_level_step(true))), "gpt-2");
  EXPECT_EQ(pre_of(tokenizer_json(sequence({digits_step(), byte_level_step(true)}))), "smollm");
  EXPECT_EQ(pre_of(one(words + R"(|\p{N}{1,3})" + other + kTail)), "dbrx");
  EXPECT_EQ(pre_of(one(words + R"(|\p{N})" + other + kTail)), "qwen2");
  EXPECT_EQ(pre_of(one(case_words(suffix) + R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" + kTail)), "gpt-4o");
  EXPECT_EQ(pre_of(one(case_words("") + R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*)" + kTail)), "tekken");
  io::Json ignoring = one(words + R"(|\p{N}{1,3})" + other + kTail);
  ignoring["model"]["ignore_merges"] = true;
  EXPECT_EQ(pre_of(ignoring), "llama-bpe");
  EXPECT_THAT(pre_of(one("\\w+|[^\\w\\s]+")), HasSubstr("unknown pre-tokenizer 'Split(Isolated:"));
  EXPECT_THAT(pre_of(tokenizer_json({{"type", "Whitespace"}})), HasSubstr("'Whitespace'"));
}

TEST(TokenizerJson, TokensFlagsAndGaps) {
  io::Json root = tokenizer_json(byte_level_step(true));
  root["added_tokens"].push_back(
      {{"id", 6}, {"content", "<x>"}, {"special", false}, {"rstrip", true}, {"normalized", true}});
  root["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", io::Json::array({{{"SpecialToken", {{"id", "<|im_end|>"}, {"type_id", 0}}}},
                                  {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}})}};
  root["normalizer"] = {{"type", "NFC"}};
  const auto metadata = parse_tokenizer_json(root.dump(), "tokenizer.json");
  ASSERT_TRUE(metadata.ok()) << metadata.error().message;
  EXPECT_THAT(**metadata->get_strings("tokenizer.ggml.tokens"),
              ElementsAre("a", "b", "ab", "[PAD3]", "<|im_end|>", "[PAD5]", "<x>"));
  EXPECT_THAT(**metadata->get_ints("tokenizer.ggml.token_type"), ElementsAre(1, 1, 1, 5, 3, 5, 4));
  EXPECT_THAT(**metadata->get_ints(keys::kRstrip), ElementsAre(6));
  EXPECT_THAT(**metadata->get_ints(keys::kNormalized), ElementsAre(6));
  EXPECT_EQ(metadata->get_int("tokenizer.ggml.bos_token_id").value(), 4);
  EXPECT_EQ(metadata->get_bool("tokenizer.ggml.add_bos_token").value(), true);
  EXPECT_EQ(metadata->get_bool("tokenizer.ggml.add_eos_token").value(), false);
  EXPECT_EQ(metadata->get_string(keys::kNormalizer).value(), "nfc");
  const auto tokenizer = create_or_fail(*metadata);
  EXPECT_THAT(tokenizer->encode("ab<x>  b", {.add_special = true}), ElementsAre(4, 2, 6, 1));
}

TEST(TokenizerJson, SentencePieceStructures) {
  const auto root_of = [](const io::Json& normalizer, const io::Json& pre) {
    io::Json root = tokenizer_json(pre);
    root["normalizer"] = normalizer;
    root["model"]["vocab"] = {{"<unk>", 0}, {"▁", 1}, {"a", 2}, {"b", 3}, {"ab", 4}, {"▁a", 5}, {"▁ab", 6}};
    root["model"]["merges"] = io::Json::array({{"▁", "a"}, {"a", "b"}, {"▁a", "b"}});
    root["model"]["unk_token"] = "<unk>";
    root["added_tokens"] = io::Json::array({{{"id", 0}, {"content", "<unk>"}, {"special", true}}});
    return root;
  };
  const io::Json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}};
  const io::Json prepend = {{"type", "Prepend"}, {"prepend", "▁"}};
  const io::Json both = {{"type", "Sequence"}, {"normalizers", io::Json::array({prepend, replace})}};
  const auto metaspace = [](const char* scheme) -> io::Json {
    return {{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}, {"split", false}};
  };
  const auto ids = [](const io::Json& root, std::string_view text) {
    const auto metadata = parse_tokenizer_json(root.dump(), "tokenizer.json");
    EXPECT_TRUE(metadata.ok()) << (metadata.ok() ? "" : metadata.error().message);
    return metadata.ok() ? create_or_fail(*metadata)->encode(text, {}) : std::vector<TokenId>{};
  };
  EXPECT_THAT(ids(root_of(both, nullptr), "ab ab"), ElementsAre(6, 6));
  EXPECT_THAT(ids(root_of(replace, nullptr), "ab ab"), ElementsAre(4, 6));
  EXPECT_THAT(ids(root_of(nullptr, metaspace("first")), "ab ab"), ElementsAre(6, 6));
  EXPECT_THAT(ids(root_of(nullptr, metaspace("first")), " b"), ElementsAre(1, 3));
  EXPECT_THAT(ids(root_of(nullptr, metaspace("never")), "ab"), ElementsAre(4));
  EXPECT_THAT(ids(root_of(both, nullptr), "xxb"), ElementsAre(1, 0, 3));
  const auto metadata = parse_tokenizer_json(root_of(both, nullptr).dump(), "tokenizer.json");
  EXPECT_THAT(**metadata->get_floats("tokenizer.ggml.scores"), ElementsAre(-4, -4, -4, -4, -1, 0, -2));
}

TEST(TokenizerJson, Errors) {
  const auto message = [](const io::Json& root) {
    const auto metadata = parse_tokenizer_json(root.dump(), "t.json");
    return metadata.ok() ? std::string("no error") : metadata.error().message;
  };
  io::Json root = tokenizer_json(byte_level_step(true));
  EXPECT_EQ(message(root), "no error");
  root["model"]["type"] = "Unigram";
  EXPECT_THAT(message(root), HasSubstr("'Unigram'"));
  root = tokenizer_json(byte_level_step(true));
  root["model"]["vocab"]["far"] = 1 << 30;
  EXPECT_THAT(message(root), HasSubstr("'far' has the id 1073741824"));
  root = tokenizer_json(byte_level_step(true));
  root["model"]["merges"].push_back(io::Json::array({"a", 1}));
  EXPECT_THAT(message(root), HasSubstr("merge 1 is no pair"));
  root = tokenizer_json(byte_level_step(true));
  root["model"]["end_of_word_suffix"] = "</w>";
  EXPECT_THAT(message(root), HasSubstr("end_of_word_suffix"));
  root = tokenizer_json(byte_level_step(true));
  root["normalizer"] = {{"type", "Lowercase"}};
  EXPECT_THAT(message(root), HasSubstr("unknown normalizer 'Lowercase'"));
  for (const io::Json& value : {io::Json(), io::Json::array(), io::Json("x"), io::Json::object()}) {
    EXPECT_THAT(message(value), HasSubstr("no \"model\" object"));
  }
  EXPECT_FALSE(parse_tokenizer_json("{", "t.json").ok());
}

// --- SentencePiece models, encoded by hand ---

std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
  return out;
}
std::string bytes_field(uint32_t number, std::string_view payload) {
  return concat(varint(number << 3 | 2), varint(payload.size()), payload);
}
std::string int_field(uint32_t number, uint64_t value) { return varint(number << 3) + varint(value); }
std::string piece(std::string_view text, float score, int type) {
  std::string number(4, '\0');
  std::memcpy(number.data(), &score, 4);
  return bytes_field(
      1, concat(bytes_field(1, text), varint(2 << 3 | 5), number, int_field(3, static_cast<uint64_t>(type))));
}
std::string small_model(uint64_t type = 2, uint64_t remove_spaces = 0) {
  return concat(piece("<unk>", 0, 2), piece("<s>", 0, 3), piece("</s>", 0, 3), piece("▁", -3, 1),
                piece("a", -4, 1), piece("▁a", -1, 1), piece("▁▁", 0, 4), bytes_field(2, int_field(3, type)),
                bytes_field(3, int_field(4, remove_spaces)), bytes_field(9, "unknown field"));
}

TEST(SentencePieceModel, PiecesAndSettings) {
  const auto metadata = parse_sentencepiece_model(small_model(), "m.model");
  ASSERT_TRUE(metadata.ok()) << metadata.error().message;
  EXPECT_THAT(**metadata->get_strings("tokenizer.ggml.tokens"),
              ElementsAre("<unk>", "<s>", "</s>", "▁", "a", "▁a", "  "));
  EXPECT_THAT(**metadata->get_floats("tokenizer.ggml.scores"), ElementsAre(0, 0, 0, -3, -4, -1, 0));
  const auto tokenizer = create_or_fail(*metadata);
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_THAT(tokenizer->encode("a  a", {.add_special = true}), ElementsAre(1, 5, 6, 5));
}

TEST(SentencePieceModel, UnsupportedKindsAreNamed) {
  EXPECT_THAT(parse_sentencepiece_model(small_model(1), "m").error().message, HasSubstr("other than BPE"));
  EXPECT_THAT(parse_sentencepiece_model(small_model(2, 1), "m").error().message, HasSubstr("extra spaces"));
  const std::string charsmap = bytes_field(3, bytes_field(2, "x") + int_field(4, 0));
  EXPECT_THAT(parse_sentencepiece_model(small_model() + charsmap, "m").error().message,
              HasSubstr("character map"));
}

TEST(SentencePieceModel, EveryTruncationIsAnErrorOrAModel) {
  const std::string whole = small_model();
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto metadata = parse_sentencepiece_model(std::string_view(whole).substr(0, size), "m");
    EXPECT_TRUE(!metadata.ok() || !(*metadata->get_strings("tokenizer.ggml.tokens"))->empty());
  }
  EXPECT_FALSE(parse_sentencepiece_model("", "m").ok());
  EXPECT_FALSE(parse_sentencepiece_model("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", "m").ok());
  EXPECT_FALSE(parse_sentencepiece_model(piece("\xFF", 0, 1), "m").ok());
  EXPECT_FALSE(parse_sentencepiece_model(piece("a", 0, 7), "m").ok());
}

// --- folders ---

class TokenizerFolder : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth_tokenizer_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void put(const std::string& name, std::string_view text) {
    ASSERT_TRUE(io::write_file(folder_ / name, text).ok());
  }

  std::filesystem::path folder_;
};

TEST_F(TokenizerFolder, EverythingComesTogether) {
  put("tokenizer.json", tokenizer_json(byte_level_step(true)).dump());
  put("tokenizer_config.json",
      R"({"eos_token": {"content": "<|im_end|>"}, "add_bos_token": true, "chat_template": "old",
          "added_tokens_decoder": {"4": {"content": "<|im_end|>", "special": true}}})");
  put("special_tokens_map.json", R"({"bos_token": "a", "eos_token": "b"})");
  put("config.json", R"({"vocab_size": 7, "eos_token_id": 2})");
  put("generation_config.json", R"({"eos_token_id": [4, 1, 99]})");
  put("chat_template.jinja", "{{ new }}");
  const auto metadata = read_tokenizer_folder(folder_);
  ASSERT_TRUE(metadata.ok()) << metadata.error().message;
  const auto tokenizer = create_or_fail(*metadata);
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->vocab_size(), 7);
  EXPECT_EQ(tokenizer->token_text(6), "[PAD6]");
  EXPECT_EQ(tokenizer->bos(), 0);
  EXPECT_EQ(tokenizer->eos(), 4);
  EXPECT_TRUE(tokenizer->adds_bos());
  for (const TokenId id : {1, 2, 4}) EXPECT_TRUE(tokenizer->is_end_of_generation(id)) << id;
  EXPECT_FALSE(tokenizer->is_end_of_generation(0));
  EXPECT_EQ(metadata->get_string("tokenizer.chat_template").value(), "{{ new }}");
}

TEST_F(TokenizerFolder, SentencePieceWithAddedTokensAndNamedTemplates) {
  put("tokenizer.model", small_model());
  put("tokenizer_config.json",
      R"({"added_tokens_decoder": {"0": {"content": "<unk>", "special": true}, "8": {"content": "<|end|>", "special": true,
          "rstrip": true}}, "chat_template": [{"name": "default", "template": "d"}, {"name": "tool_use", "template": "t"}]})");
  const auto metadata = read_tokenizer_folder(folder_);
  ASSERT_TRUE(metadata.ok()) << metadata.error().message;
  const auto tokenizer = create_or_fail(*metadata);
  EXPECT_THAT(tokenizer->encode("a<|end|>\na", {.parse_special = true}), ElementsAre(5, 8, 5));
  EXPECT_TRUE(tokenizer->is_end_of_generation(8));
  EXPECT_EQ(metadata->get_string("tokenizer.chat_template").value(), "d");
  EXPECT_EQ(metadata->get_string("tokenizer.chat_template.tool_use").value(), "t");
}

TEST_F(TokenizerFolder, ErrorsNameTheFile) {
  EXPECT_THAT(read_tokenizer_folder(folder_).error().message,
              HasSubstr("no tokenizer.json or tokenizer.model"));
  put("tokenizer.json", tokenizer_json(byte_level_step(true)).dump());
  put("config.json", R"({"vocab_size": 99999999})");
  EXPECT_THAT(read_tokenizer_folder(folder_).error().message,
              HasSubstr("config.json: vocab_size is 99999999"));
  put("config.json", "[1");
  EXPECT_THAT(read_tokenizer_folder(folder_).error().message, HasSubstr("config.json"));
  put("config.json", "{}");
  put("tokenizer_config.json", R"({"added_tokens_decoder": {"-1": {"content": "x"}}})");
  EXPECT_THAT(read_tokenizer_folder(folder_).error().message, HasSubstr("'-1'"));
}

/// A file of a few kilobytes must not grow the vocabulary by the largest gap with every entry.
TEST_F(TokenizerFolder, AddedTokensLeaveOneGapAtMost) {
  put("tokenizer.model", small_model());
  put("tokenizer_config.json", R"({"added_tokens_decoder": {"60000": {"content": "<x>"}}})");
  const auto metadata = read_tokenizer_folder(folder_);
  ASSERT_TRUE(metadata.ok()) << metadata.error().message;
  EXPECT_EQ((*metadata->get_strings("tokenizer.ggml.tokens"))->size(), 60001u);
  put("tokenizer_config.json",
      R"({"added_tokens_decoder": {"60000": {"content": "<x>"}, "70000": {"content": "<y>"}}})");
  const auto refused = read_tokenizer_folder(folder_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(refused.error().message, HasSubstr("'70000'"));
}

}  // namespace
}  // namespace hearth::text
