// Bytes by the eight kinds that grammars tell apart most. A state that stays where it is over all bytes of
// the kinds that occur below a node of the vocabulary's trie allows all tokens there, without a walk.
#pragma once

#include <cstdint>

namespace hearth::text::grammar {

/// One bit.
constexpr uint8_t byte_kind(uint8_t byte) {
  if (byte >= 0x80) return 1 << 0;
  if (byte < 0x20) return 1 << 1;
  if (byte == '"') return 1 << 2;
  if (byte == '\\') return 1 << 3;
  if (byte == '<') return 1 << 4;
  if (byte >= '0' && byte <= '9') return 1 << 5;
  const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
  return letter ? 1 << 6 : 1 << 7;
}

}  // namespace hearth::text::grammar
