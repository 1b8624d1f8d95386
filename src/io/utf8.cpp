// UTF-8 validity and printable quoting; see the header.
#include "io/utf8.h"

#include <cstdint>

namespace hearth::io {
namespace {

/// Length of the valid sequence at the start of `text` (not empty), or 0. Table 3-7 of the Unicode standard.
size_t sequence_length(std::string_view text) {
  auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = at(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < length) return 0;
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  if (at(1) < low || at(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view text, size_t max_bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "'";
  size_t used = 0;
  while (used < text.size() && used < max_bytes) {
    const std::string_view rest = text.substr(used);
    const size_t length = sequence_length(rest);
    const auto byte = static_cast<uint8_t>(rest[0]);
    // C1 controls are two bytes, C2 80 to C2 9F; terminals act on some of them.
    const bool control = byte < 0x20 || byte == 0x7F || byte == '\'' || byte == '\\' ||
                         (byte == 0xC2 && length == 2 && static_cast<uint8_t>(rest[1]) < 0xA0);
    if (length == 0 || control) {
      out += "\\x";
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
      ++used;
      continue;
    }
    out += rest.substr(0, length);
    used += length;
  }
  out += used < text.size() ? "...'" : "'";
  return out;
}

}  // namespace hearth::io
