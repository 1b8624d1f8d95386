// The tokens of a vocabulary as a trie over their bytes, laid out for one walk: nodes in depth-first order,
// each with the end of its subtree. Built once per tokenizer; immutable and thread-safe. Must not know
// grammars.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace hearth::text {

class VocabularyTrie {
 public:
  /// Control tokens are left out, as are tokens without bytes; `spoken` are control tokens that a grammar may
  /// nevertheless ask for by their text (such as a tool-call tag that a family made a control token).
  explicit VocabularyTrie(const Tokenizer& tokenizer, std::span<const TokenId> spoken = {});
  /// Of given bytes (index is the id; empty: left out), for tests and fuzzing.
  VocabularyTrie(std::vector<std::string> tokens, std::vector<TokenId> end_tokens);

  struct Node {
    uint32_t subtree_end = 0;   // first node after this one's descendants
    uint32_t tokens_begin = 0;  // into tokens(); ends where the next node's begin
    uint16_t depth = 0;         // bytes from the root
    uint16_t deepest = 0;       // of the subtree
    uint8_t byte = 0;
    uint8_t below = 0;  // byte_kind of all bytes of descendants, joined
  };
  /// Node 0 is the root; one more node ends the last one's tokens.
  std::span<const Node> nodes() const { return nodes_; }
  uint32_t node_count() const { return static_cast<uint32_t>(nodes_.size()) - 1; }
  std::span<const TokenId> tokens(uint32_t node) const {
    return {tokens_.data() + nodes_[node].tokens_begin, tokens_.data() + nodes_[node + 1].tokens_begin};
  }
  /// Of the nodes from `first` to before `end`.
  std::span<const TokenId> tokens_between(uint32_t first, uint32_t end) const {
    return {tokens_.data() + nodes_[first].tokens_begin, tokens_.data() + nodes_[end].tokens_begin};
  }
  int32_t vocab_size() const { return vocab_size_; }
  /// Words of 64 bits in a mask.
  size_t mask_words() const { return (static_cast<size_t>(vocab_size_) + 63) / 64; }
  /// Bytes of a token; empty for those left out.
  std::string_view token_bytes(TokenId id) const;
  /// End-of-generation tokens.
  std::span<const TokenId> end_tokens() const { return end_tokens_; }
  bool is_end_token(TokenId id) const;
  uint32_t max_token_bytes() const { return max_token_bytes_; }

  /// The fewest tokens that spell exactly `bytes` (e.g. the closing of a grammar), if any do.
  std::optional<std::vector<TokenId>> spell(std::string_view bytes) const;

 private:
  void build(const std::vector<std::string>& tokens);

  std::vector<Node> nodes_;
  std::vector<TokenId> tokens_;
  std::string bytes_;                  // of all tokens, by id
  std::vector<uint32_t> bytes_begin_;  // by id, and the end
  std::vector<TokenId> end_tokens_;
  int32_t vocab_size_ = 0;
  uint32_t max_token_bytes_ = 0;
};

}  // namespace hearth::text
