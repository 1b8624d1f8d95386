// Building the trie: ids sorted by bytes are already its depth-first order.
#include "text/grammar/vocabulary_trie.h"

#include <algorithm>

#include "text/grammar/byte_kind.h"

namespace hearth::text {
namespace {

/// Longer ones are left out: no vocabulary has them, and depths are 16 bits.
constexpr size_t kMaxTokenBytes = 4096;

}  // namespace

VocabularyTrie::VocabularyTrie(const Tokenizer& tokenizer, std::span<const TokenId> spoken) {
  std::vector<std::string> tokens(static_cast<size_t>(tokenizer.vocab_size()));
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    if (tokenizer.is_end_of_generation(id)) {
      end_tokens_.push_back(id);
    } else {
      tokens[static_cast<size_t>(id)] = tokenizer.piece(id, false);
    }
  }
  for (const TokenId id : spoken) {
    if (id >= 0 && id < tokenizer.vocab_size() && !is_end_token(id)) {
      tokens[static_cast<size_t>(id)] = tokenizer.token_text(id);
    }
  }
  build(tokens);
}

VocabularyTrie::VocabularyTrie(std::vector<std::string> tokens, std::vector<TokenId> end_tokens)
    : end_tokens_(std::move(end_tokens)) {
  std::ranges::sort(end_tokens_);
  for (const TokenId id : end_tokens_) {
    if (id >= 0 && static_cast<size_t>(id) < tokens.size()) tokens[static_cast<size_t>(id)].clear();
  }
  build(tokens);
}

void VocabularyTrie::build(const std::vector<std::string>& tokens) {
  vocab_size_ = static_cast<int32_t>(tokens.size());
  std::vector<TokenId> order;
  for (TokenId id = 0; id < vocab_size_; ++id) {
    const std::string& token = tokens[static_cast<size_t>(id)];
    bytes_begin_.push_back(static_cast<uint32_t>(bytes_.size()));
    if (token.empty() || token.size() > kMaxTokenBytes) continue;
    bytes_ += token;
    order.push_back(id);
    max_token_bytes_ = std::max(max_token_bytes_, static_cast<uint32_t>(token.size()));
  }
  bytes_begin_.push_back(static_cast<uint32_t>(bytes_.size()));
  std::ranges::sort(order, [&](TokenId a, TokenId b) {
    const int by_bytes = token_bytes(a).compare(token_bytes(b));
    return by_bytes != 0 ? by_bytes < 0 : a < b;
  });
  nodes_.emplace_back();
  std::vector<uint32_t> path = {0};  // from the root to the present node
  std::string_view last;
  for (const TokenId id : order) {
    const std::string_view token = token_bytes(id);
    const auto shared = static_cast<size_t>(std::ranges::mismatch(last, token).in1 - last.begin());
    for (; path.size() > shared + 1; path.pop_back()) {
      nodes_[path.back()].subtree_end = static_cast<uint32_t>(nodes_.size());
    }
    for (size_t i = shared; i < token.size(); ++i) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({0, static_cast<uint32_t>(tokens_.size()), static_cast<uint16_t>(i + 1), 0,
                        static_cast<uint8_t>(token[i]), 0});
    }
    uint8_t below = 0;
    for (size_t i = path.size(); i-- > 0;) {
      VocabularyTrie::Node& node = nodes_[path[i]];
      node.deepest = std::max(node.deepest, static_cast<uint16_t>(token.size()));
      node.below |= below;
      below |= grammar::byte_kind(node.byte);
    }
    tokens_.push_back(id);
    last = token;
  }
  for (const uint32_t node : path) nodes_[node].subtree_end = static_cast<uint32_t>(nodes_.size());
  nodes_.push_back({0, static_cast<uint32_t>(tokens_.size()), 0, 0, 0, 0});
}

std::string_view VocabularyTrie::token_bytes(TokenId id) const {
  if (id < 0 || id >= vocab_size_) return {};
  const auto i = static_cast<size_t>(id);
  return std::string_view(bytes_).substr(bytes_begin_[i], bytes_begin_[i + 1] - bytes_begin_[i]);
}

bool VocabularyTrie::is_end_token(TokenId id) const { return std::ranges::binary_search(end_tokens_, id); }

std::optional<std::vector<TokenId>> VocabularyTrie::spell(std::string_view bytes) const {
  constexpr uint32_t kNever = UINT32_MAX;
  std::vector<uint32_t> cost(bytes.size() + 1, kNever);  // tokens for the first i bytes
  std::vector<TokenId> last(bytes.size() + 1, -1);
  cost[0] = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (cost[i] == kNever) continue;
    uint32_t node = 0;
    for (size_t j = i; j < bytes.size(); ++j) {
      const uint32_t end = nodes_[node].subtree_end;
      uint32_t child = node + 1;
      while (child < end && nodes_[child].byte != static_cast<uint8_t>(bytes[j])) {
        child = nodes_[child].subtree_end;
      }
      if (child >= end) break;
      node = child;
      if (!tokens(node).empty() && cost[i] + 1 < cost[j + 1]) {
        cost[j + 1] = cost[i] + 1;
        last[j + 1] = tokens(node)[0];
      }
    }
  }
  if (cost.back() == kNever) return std::nullopt;
  std::vector<TokenId> out;
  for (size_t i = bytes.size(); i > 0; i -= token_bytes(last[i]).size()) out.push_back(last[i]);
  std::ranges::reverse(out);
  return out;
}

}  // namespace hearth::text
