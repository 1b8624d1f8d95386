// Finds added tokens (control and user-defined ones) in text: leftmost, longest, with their attributes.
// Why first: they are cut out before normalisation and BPE see the text. Must not know how the rest is
// tokenized.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer_vocab.h"

namespace hearth::text {

/// A stretch of text: an added token, or (id < 0) text between them.
struct TextPart {
  TokenId id = -1;
  size_t begin = 0;
  size_t end = 0;
};

/// A set of patterns, built once and then shared between threads.
class AddedTokens {
 public:
  /// A longer pattern would let a hostile file make matching slow.
  static constexpr size_t kMaxPatternBytes = 512;

  /// Adds a pattern; empty ones are ignored, a second equal one too. Errors: kUnsupported when too long.
  Status add(std::string_view pattern, TokenId id, AddedFlags flags);
  bool empty() const { return nodes_.empty(); }

  /// Cuts `text` into added tokens and non-empty stretches between them.
  std::vector<TextPart> split(std::string_view text) const;

 private:
  struct Node {  // children are a linked list of siblings
    char byte = 0;
    TokenId id = -1;
    AddedFlags flags = {};
    int32_t first_child = -1;
    int32_t next_sibling = -1;
  };
  int32_t child(int32_t node, char byte) const;
  int32_t add_child(int32_t node, char byte);
  /// Node of the longest pattern at `pos`, or -1; `end` is where it ends.
  int32_t longest_match(std::string_view text, size_t pos, size_t& end) const;

  std::vector<Node> nodes_;
  std::array<int32_t, 256> roots_ = [] {
    std::array<int32_t, 256> none;
    none.fill(-1);
    return none;
  }();
};

}  // namespace hearth::text
