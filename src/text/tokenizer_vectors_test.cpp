// Exactness on the published test vectors of real vocabularies, and round trips over them.
// Needs the shared data folder; skips loudly without it.
#include <gmock/gmock.h>

#include <sstream>

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

}  // namespace
}  // namespace hearth::text
