// A trie walked from every position whose byte begins some pattern.
#include "text/tokenizer_added.h"

#include <algorithm>
#include <utility>

#include "text/unicode.h"

namespace hearth::text {
namespace {

/// Start of the last character before `pos` (> 0) of valid UTF-8.
size_t previous_start(std::string_view text, size_t pos) {
  do {
    --pos;
  } while (pos > 0 && (static_cast<uint8_t>(text[pos]) & 0xC0) == 0x80);
  return pos;
}

uint16_t class_at(std::string_view text, size_t pos) {
  return char_class(decode_utf8(text.substr(pos)).code_point);
}

bool is_word_at(std::string_view text, size_t pos) {
  return text[pos] == '_' || (class_at(text, pos) & (kLetter | kMark | kNumber)) != 0;
}

/// Whether the token at [begin, end) touches no word character.
bool stands_alone(std::string_view text, size_t begin, size_t end) {
  if (begin > 0 && is_word_at(text, previous_start(text, begin))) return false;
  return end == text.size() || !is_word_at(text, end);
}

}  // namespace

int32_t AddedTokens::child(int32_t node, char byte) const {
  int32_t c = nodes_[static_cast<size_t>(node)].first_child;
  while (c >= 0 && nodes_[static_cast<size_t>(c)].byte != byte)
    c = nodes_[static_cast<size_t>(c)].next_sibling;
  return c;
}

int32_t AddedTokens::add_child(int32_t node, char byte) {
  if (const int32_t found = child(node, byte); found >= 0) return found;
  const auto created = static_cast<int32_t>(nodes_.size());
  Node& parent = nodes_[static_cast<size_t>(node)];
  const int32_t sibling = std::exchange(parent.first_child, created);
  nodes_.push_back({.byte = byte, .next_sibling = sibling});
  return created;
}

Status AddedTokens::add(std::string_view pattern, TokenId id, AddedFlags flags) {
  if (pattern.empty()) return {};
  if (pattern.size() > kMaxPatternBytes) {
    return fail(ErrorCode::kUnsupported, "special token ", id, " is ", pattern.size(),
                " bytes long; hearth takes up to ", kMaxPatternBytes);
  }
  int32_t& root = roots_[static_cast<uint8_t>(pattern[0])];
  if (root < 0) {
    root = static_cast<int32_t>(nodes_.size());
    nodes_.push_back({.byte = pattern[0]});
  }
  int32_t node = root;
  for (const char byte : pattern.substr(1)) node = add_child(node, byte);
  Node& last = nodes_[static_cast<size_t>(node)];
  if (last.id < 0) {
    last.id = id;
    last.flags = flags;
  }
  return {};
}

int32_t AddedTokens::longest_match(std::string_view text, size_t pos, size_t& end) const {
  int32_t best = -1;
  int32_t node = roots_[static_cast<uint8_t>(text[pos])];
  for (size_t i = pos + 1; node >= 0; ++i) {
    if (nodes_[static_cast<size_t>(node)].id >= 0) {
      best = node;
      end = i;
    }
    if (i == text.size()) break;
    node = child(node, text[i]);
  }
  return best;
}

std::vector<TextPart> AddedTokens::split(std::string_view text) const {
  std::vector<TextPart> parts;
  size_t done = 0;  // everything before is in `parts`
  size_t pos = nodes_.empty() ? text.size() : 0;
  while (pos < text.size()) {
    size_t end = pos;
    const int32_t node = longest_match(text, pos, end);
    if (node < 0) {
      ++pos;
      continue;
    }
    const TokenId id = nodes_[static_cast<size_t>(node)].id;
    const AddedFlags& flags = nodes_[static_cast<size_t>(node)].flags;
    size_t begin = pos;
    pos = end;
    if (flags.single_word && !stands_alone(text, begin, end)) continue;
    if (flags.lstrip) {
      while (begin > done && (class_at(text, previous_start(text, begin)) & kSpace) != 0)
        begin = previous_start(text, begin);
    }
    if (flags.rstrip) {
      while (end < text.size() && (class_at(text, end) & kSpace) != 0)
        end += decode_utf8(text.substr(end)).bytes;
    }
    pos = std::max(pos, end);
    if (begin > done) parts.push_back({-1, done, begin});
    parts.push_back({id, std::max(begin, done), end});
    done = end;
  }
  if (done < text.size()) parts.push_back({-1, done, text.size()});
  return parts;
}

}  // namespace hearth::text
