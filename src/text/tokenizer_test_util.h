// Helpers of the tokenizer tests: vocabularies of the shared data folder, and tiny ones made by hand.
// Must not be included outside tests.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/file.h"
#include "io/gguf.h"
#include "text/tokenizer.h"

namespace hearth::text {

inline std::filesystem::path shared_tokenizers() {
  return std::filesystem::path(HEARTH_SHARED_DATA_DIR) / "tokenizers";
}

/// Vocabulary-only files hold no tensors, so no block layout is needed.
inline Result<io::TensorFile> read_vocabulary(const std::string& name) {
  return io::read_gguf(shared_tokenizers() / "gguf" / ("ggml-vocab-" + name + ".gguf"),
                       [](uint32_t) -> std::optional<io::BlockLayout> { return std::nullopt; });
}

inline std::unique_ptr<Tokenizer> create_or_fail(const io::Metadata& metadata) {
  auto tokenizer = Tokenizer::create(metadata);
  if (!tokenizer) {
    ADD_FAILURE() << tokenizer.error().message;
    return nullptr;
  }
  return std::move(tokenizer).value();
}

inline std::unique_ptr<Tokenizer> load_vocabulary(const std::string& name) {
  auto file = read_vocabulary(name);
  if (!file) {
    ADD_FAILURE() << file.error().message;
    return nullptr;
  }
  return create_or_fail(file->metadata);
}

/// The 46 cases of NAME.gguf.inp and .out (data/README.md, note 4).
struct VectorCase {
  std::string text;
  std::vector<TokenId> ids;
};
std::vector<VectorCase> read_vectors(const std::string& name);

/// Fails loudly about data that is not there. Use as: SKIP_WITHOUT_SHARED_TOKENIZERS();
#define SKIP_WITHOUT_SHARED_TOKENIZERS()                              \
  do {                                                                \
    if (!std::filesystem::exists(shared_tokenizers())) {              \
      GTEST_SKIP() << "NOT TESTED: " << shared_tokenizers()           \
                   << " is missing, so no real tokenizer is checked"; \
    }                                                                 \
  } while (false)

}  // namespace hearth::text
