// Exactness on the published test vectors of real vocabularies, and round trips over them.
// Needs the shared data folder; skips loudly without it.
#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "io/json.h"
#include "text/tokenizer_files.h"
#include "text/tokenizer_test_util.h"

namespace hearth::text {

std::vector<VectorCase> read_vectors(const std::string& name) {
  const auto base = (shared_tokenizers() / "gguf" / ("ggml-vocab-" + name + ".gguf")).string();
  auto texts = io::read_file(base + ".inp", 1 << 20);
  auto ids = io::read_file(base + ".out", 1 << 20);
  std::vector<VectorCase> cases;
  if (!texts || !ids) return cases;
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  std::istringstream lines(*ids);
  std::string rest = *texts;
  for (size_t end = rest.find(kSeparator); end != std::string::npos; end = rest.find(kSeparator)) {
    VectorCase item{rest.substr(0, end), {}};
    rest.erase(0, end + kSeparator.size());
    std::string line;
    std::getline(lines, line);
    std::istringstream numbers(line);
    for (TokenId id = 0; numbers >> id;) item.ids.push_back(id);
    cases.push_back(std::move(item));
  }
  return cases;
}

namespace {

class Vectors : public testing::TestWithParam<const char*> {};

TEST_P(Vectors, EncodeExactly) {
  SKIP_WITHOUT_SHARED_TOKENIZERS();
  const auto tokenizer = load_vocabulary(GetParam());
  ASSERT_NE(tokenizer, nullptr);
  const auto cases = read_vectors(GetParam());
  ASSERT_EQ(cases.size(), 46u);
  for (const VectorCase& item : cases) {
    EXPECT_EQ(tokenizer->encode(item.text, {}), item.ids) << "text: " << testing::PrintToString(item.text);
  }
}

TEST_P(Vectors, DecodeGivesTheTextBack) {
  SKIP_WITHOUT_SHARED_TOKENIZERS();
  const auto tokenizer = load_vocabulary(GetParam());
  ASSERT_NE(tokenizer, nullptr);
  for (const VectorCase& item : read_vectors(GetParam())) {
    const auto ids = tokenizer->encode(item.text, {});
    EXPECT_EQ(tokenizer->decode(ids, false), item.text);
    StreamDecoder stream(*tokenizer);
    std::string streamed;
    for (const TokenId id : ids) {
      const std::string piece = stream.push(id);
      EXPECT_EQ(piece.find("\xEF\xBF\xBD"), std::string::npos);
      streamed += piece;
    }
    EXPECT_EQ(streamed + stream.finish(), item.text);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Vectors,
                         testing::Values("llama-spm", "phi-3", "gpt-2", "qwen2", "deepseek-coder", "mpt",
                                         "refact"),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

/// The samples show pieces joined: a space mark (or, in one of them, a space) for every space, byte tokens by
/// name, and behind each control token the mark that encoding the next stretch puts in front of it.
std::string plain_text_of(std::string pieces, const Tokenizer& tokenizer) {
  replace_all(pieces, "<0x0A>", "\n");
  replace_all(pieces, "\u2581", " ");
  for (TokenId id = 1; id < 12; ++id) {  // id 0 is <unk>
    const std::string control(tokenizer.token_text(id));
    replace_all(pieces, control + " ", control);
  }
  return pieces;
}

TEST(MistralSamples, ConversationsToTheToken) {
  SKIP_WITHOUT_SHARED_TOKENIZERS();
  const std::pair<const char*, const char*> versions[] = {
      {"v1", "tokenizer.model.v1"},
      {"v2", "mistral_instruct_tokenizer_240216.model.v2"},
      {"v3", "mistral_instruct_tokenizer_240323.model.v3"}};
  int checked = 0;
  for (const auto& [version, file] : versions) {
    const auto path = shared_tokenizers() / "mistral" / file;
    const auto metadata = parse_sentencepiece_model(io::read_file(path, 1 << 24).value(), file);
    ASSERT_TRUE(metadata.ok()) << metadata.error().message;
    const auto tokenizer = create_or_fail(*metadata);
    ASSERT_NE(tokenizer, nullptr);
    for (const auto& folder : std::filesystem::directory_iterator(shared_tokenizers() / "mistral/samples")) {
      const auto text = io::read_file(folder.path() / concat("text_", version, ".txt"), 1 << 20);
      const auto tokens = io::read_file(folder.path() / concat("tokens_", version, ".json"), 1 << 20);
      if (!text || !tokens) continue;  // not every sample exists for every version
      const auto expected = io::parse_json(*tokens, "tokens").value()["tokens"].get<std::vector<TokenId>>();
      const std::string plain = plain_text_of(*text, *tokenizer);
      EXPECT_EQ(tokenizer->encode(plain, {.parse_special = true}), expected)
          << folder.path() << ' ' << version;
      EXPECT_EQ(tokenizer->encode(plain, {.add_special = true, .parse_special = true}), expected)
          << "BOS twice";
      ++checked;
    }
  }
  EXPECT_EQ(checked, 13);
}

TEST(Readers, Gpt2FromGgufAndFromJsonAgree) {
  SKIP_WITHOUT_SHARED_TOKENIZERS();
  const auto path = shared_tokenizers() / "gpt2" / "tokenizer.json";
  const auto metadata = parse_tokenizer_json(io::read_file(path, 1 << 24).value(), "tokenizer.json");
  ASSERT_TRUE(metadata.ok()) << metadata.error().message;
  const auto from_json = create_or_fail(*metadata);
  const auto from_gguf = load_vocabulary("gpt-2");
  ASSERT_TRUE(from_json && from_gguf);
  for (TokenId id = 0; id < from_gguf->vocab_size(); ++id) {
    ASSERT_EQ(from_json->token_text(id), from_gguf->token_text(id));
    ASSERT_EQ(from_json->piece(id, true), from_gguf->piece(id, true));
  }
  for (const VectorCase& item : read_vectors("gpt-2")) {
    if (item.text.find("  ") != std::string::npos)
      continue;  // this tokenizer.json adds tokens for runs of spaces
    EXPECT_EQ(from_json->encode(item.text, {}), item.ids) << item.text;
  }
  auto book = io::read_file(shared_tokenizers() / "../text/tinyshakespeare/input.txt", 1 << 24);
  ASSERT_TRUE(book.ok());
  while (book->find("  ") != std::string::npos) replace_all(*book, "  ", " ");
  EXPECT_EQ(from_json->encode(*book, {}), from_gguf->encode(*book, {}));
}

}  // namespace
}  // namespace hearth::text
