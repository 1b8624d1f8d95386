// UTF-8 decoding by the standard's table 3-7, category look-up over utf8proc, and NFC with a linear-time
// ordering step (utf8proc's own ordering is quadratic in a run of combining marks, which hostile text may
// make a megabyte long).
#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace hearth::text {
namespace {

uint16_t class_of_category(int category) {
  switch (category) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT:
      return kUpper;
    case UTF8PROC_CATEGORY_LL:
      return kLower;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return kOtherLetter;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return kMark;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return kNumber;
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return kPunctuation;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO:
      return kSymbol;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return kSpace;
    default:
      return 0;
  }
}

uint16_t look_up_class(char32_t code_point) {
  if (code_point == U'\r' || code_point == U'\n') return kSpace | kNewline;
  if ((code_point >= 0x09 && code_point <= 0x0D) || code_point == 0x85)
    return kSpace;  // controls that are White_Space
  return class_of_category(utf8proc_category(static_cast<utf8proc_int32_t>(code_point)));
}

// Everything below the Hangul syllables and CJK planes that texts are full of: one load instead of utf8proc's
// call.
constexpr char32_t kTableEnd = 0x3100;

const std::array<uint16_t, kTableEnd>& class_table() {
  static const std::unique_ptr<const std::array<uint16_t, kTableEnd>> table = [] {
    auto filled = std::make_unique<std::array<uint16_t, kTableEnd>>();
    for (char32_t c = 0; c < kTableEnd; ++c) (*filled)[c] = look_up_class(c);
    return filled;
  }();
  return *table;
}

/// Sequence length by lead byte and the allowed range of the second byte (Unicode Standard, table 3-7); 0 =
/// not a lead.
struct Lead {
  uint32_t length = 0;
  uint8_t second_min = 0x80;
  uint8_t second_max = 0xBF;
};

Lead lead_of(uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {};
}

/// How many bytes at the start of `text` are a valid beginning of the sequence that its first byte announces.
uint32_t valid_prefix(std::string_view text, const Lead& lead) {
  uint32_t count = 1;
  while (count < lead.length && count < text.size()) {
    const auto byte = static_cast<uint8_t>(text[count]);
    const uint8_t low = count == 1 ? lead.second_min : uint8_t{0x80};
    const uint8_t high = count == 1 ? lead.second_max : uint8_t{0xBF};
    if (byte < low || byte > high) break;
    ++count;
  }
  return count;
}

int combining_class(int32_t code_point) { return utf8proc_get_property(code_point)->combining_class; }

/// Canonical ordering (UAX #15, D108): each run of non-starters sorted by combining class, stably.
void order_marks(std::span<int32_t> code_points) {
  size_t i = 0;
  while (i < code_points.size()) {
    if (combining_class(code_points[i]) == 0) {
      ++i;
      continue;
    }
    size_t end = i + 1;
    while (end < code_points.size() && combining_class(code_points[end]) != 0) ++end;
    std::stable_sort(code_points.begin() + static_cast<std::ptrdiff_t>(i),
                     code_points.begin() + static_cast<std::ptrdiff_t>(end),
                     [](int32_t a, int32_t b) { return combining_class(a) < combining_class(b); });
    i = end;
  }
}

/// Canonical decomposition of one code point, appended.
void append_decomposed(std::vector<int32_t>& out, char32_t code_point) {
  std::array<int32_t, 32> buffer;
  int boundary = 0;
  const auto count = utf8proc_decompose_char(static_cast<int32_t>(code_point), buffer.data(), buffer.size(),
                                             UTF8PROC_DECOMPOSE, &boundary);
  if (count <= 0 || static_cast<size_t>(count) > buffer.size()) {
    out.push_back(static_cast<int32_t>(code_point));
    return;
  }
  out.insert(out.end(), buffer.begin(), buffer.begin() + count);
}

/// Ranges where NFC changes nothing, whatever stands around: spares most text the work. Not complete, only
/// safe.
bool is_nfc_inert(char32_t c) {
  return c < 0x300 || (c >= 0x400 && c <= 0x482) || (c >= 0x2010 && c <= 0x20CF) ||
         (c >= 0x3030 && c <= 0x3098) || (c >= 0x30A0 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xFF00 && c <= 0xFFFD) || (c >= 0x1F000 && c <= 0x1FAFF);
}

}  // namespace

Decoded decode_utf8(std::string_view text) {
  if (text.empty()) return {0, 0};
  const auto first = static_cast<uint8_t>(text[0]);
  if (first < 0x80) return {first, 1};
  const Lead lead = lead_of(first);
  const uint32_t valid = lead.length == 0 ? 1 : valid_prefix(text, lead);
  if (valid != lead.length) return {kReplacement, valid};
  char32_t code_point = first & (0x7Fu >> lead.length);
  for (uint32_t i = 1; i < lead.length; ++i)
    code_point = code_point << 6 | (static_cast<uint8_t>(text[i]) & 0x3Fu);
  return {code_point, lead.length};
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto put = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

size_t incomplete_utf8_suffix(std::string_view text) {
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const std::string_view tail = text.substr(text.size() - back);
    const Lead lead = lead_of(static_cast<uint8_t>(tail[0]));
    if (lead.length > back && valid_prefix(tail, lead) == back) return back;
  }
  return 0;
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Decoded c = decode_utf8(text);
    append_utf8(out, c.code_point);
    text.remove_prefix(c.bytes);
  }
  return out;
}

uint16_t char_class(char32_t code_point) {
  return code_point < kTableEnd ? class_table()[code_point] : look_up_class(code_point);
}

std::string to_nfc(std::string_view text) {
  bool may_change = false;
  for (std::string_view rest = text; !rest.empty() && !may_change;) {
    const Decoded c = decode_utf8(rest);
    may_change = !is_nfc_inert(c.code_point);
    rest.remove_prefix(c.bytes);
  }
  if (!may_change) return std::string(text);
  std::vector<int32_t> code_points;
  code_points.reserve(text.size());
  for (std::string_view rest = text; !rest.empty();) {
    const Decoded c = decode_utf8(rest);
    append_decomposed(code_points, c.code_point);
    rest.remove_prefix(c.bytes);
  }
  order_marks(code_points);
  const auto length =
      utf8proc_normalize_utf32(code_points.data(), static_cast<utf8proc_ssize_t>(code_points.size()),
                               static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  std::string out;
  out.reserve(text.size());
  for (utf8proc_ssize_t i = 0; i < length; ++i)
    append_utf8(out, static_cast<char32_t>(code_points[static_cast<size_t>(i)]));
  return out;
}

namespace internal {

const std::array<uint16_t, 128>& ascii_classes() {
  static const std::array<uint16_t, 128> table = [] {
    std::array<uint16_t, 128> filled{};
    for (char32_t c = 0; c < 128; ++c) filled[c] = look_up_class(c);
    return filled;
  }();
  return table;
}

}  // namespace internal
}  // namespace hearth::text
