// The vocabulary of a tokenizer as its `tokenizer.ggml.*` keys describe it: texts, kinds, scores, special
// ids, flags. Why apart: both tokenizer models and their tests read the same keys with the same checks. Must
// not know how text is split.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/metadata.h"
#include "text/tokenizer.h"

namespace hearth::text {

/// Values of tokenizer.ggml.token_type.
enum class TokenType : uint8_t {
  kUndefined = 0,
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

/// U+2581, how SentencePiece spells a space inside a piece.
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";
/// `text` with a space for every space mark.
std::string spaces_for_marks(std::string_view text);

/// Byte strings to ids: open addressing over strings that the index owns. A second string with the same bytes
/// is ignored.
class StringIndex {
 public:
  /// Room for `count` strings.
  explicit StringIndex(size_t count = 0);
  void insert(std::string_view key, TokenId id);
  /// -1 when absent.
  TokenId find(std::string_view key) const;
  size_t longest_key_bytes() const { return longest_; }

 private:
  struct Entry {
    uint64_t hash = 0;
    uint32_t begin = 0;
    uint32_t size = 0;
    TokenId id = -1;
  };
  std::vector<Entry> entries_;
  std::string bytes_;
  size_t mask_ = 0;
  size_t longest_ = 0;
};

/// Keys that only hearth writes, for what Hugging Face files say and the common vocabulary of keys cannot.
namespace keys {
constexpr std::string_view kNormalizer = "tokenizer.hearth.normalizer";       // string: "none" or "nfc"
constexpr std::string_view kIgnoreMerges = "tokenizer.hearth.ignore_merges";  // bool
constexpr std::string_view kSpacePrefix = "tokenizer.hearth.space_prefix";    // string, see SpacePrefix
constexpr std::string_view kLstrip = "tokenizer.hearth.lstrip_token_ids";     // eats white space on its left
constexpr std::string_view kRstrip = "tokenizer.hearth.rstrip_token_ids";     // eats white space on its right
constexpr std::string_view kSingleWord =
    "tokenizer.hearth.single_word_token_ids";  // only between non-word characters
constexpr std::string_view kNormalized =
    "tokenizer.hearth.normalized_token_ids";  // matched after normalisation
constexpr std::string_view kEndOfGeneration = "tokenizer.hearth.eog_token_ids";  // beside eos, eot and eom
}  // namespace keys

/// Attributes of a token that is recognised in text before anything else happens to it.
struct AddedFlags {
  bool lstrip = false;
  bool rstrip = false;
  bool single_word = false;
  bool normalized = false;
};

struct Vocabulary {
  std::vector<std::string> texts;
  std::vector<TokenType> types;
  std::vector<float> scores;  // empty when the file has none
  StringIndex index;          // of texts
  std::optional<TokenId> bos, eos, unknown;
  std::vector<bool> end_of_generation;
  std::optional<bool> add_bos, add_eos, add_space_prefix;
  std::vector<AddedFlags> flags;  // empty, or one per token

  /// Errors: kNotFound (no tokens), kCorrupt (tables of different lengths, ids out of range), kTooLarge.
  static Result<Vocabulary> read(const io::Metadata& metadata);

  TokenId size() const { return static_cast<TokenId>(texts.size()); }
  bool contains(TokenId id) const { return id >= 0 && id < size(); }
  TokenType type(TokenId id) const { return types[static_cast<size_t>(id)]; }
  std::string_view text(TokenId id) const { return texts[static_cast<size_t>(id)]; }
};

}  // namespace hearth::text
