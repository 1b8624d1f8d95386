// Python's view of text on top of utf8proc's character data.
#include "text/jinja/unicode.h"

#include <utf8proc.h>

#include <vector>

namespace hearth::text::jinja {

namespace {

constexpr size_t kShortSearch =
    32;  // bytes: for shorter texts the library's search is at most so many times the length

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

utf8proc_category_t category(char32_t code_point) {
  if (code_point >= kInvalidByte) return UTF8PROC_CATEGORY_CN;
  return utf8proc_category(static_cast<utf8proc_int32_t>(code_point));
}

char32_t simple_upper(char32_t c) {
  return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
}
char32_t simple_lower(char32_t c) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}
char32_t simple_title(char32_t c) {
  return static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c)));
}

/// The full case folding of a character whose folding is longer than one (ß, ligatures, Greek with iota);
/// else 0.
int long_folding(char32_t c, char32_t out[4]) {
  utf8proc_int32_t folded[4];
  int last_class = 0;
  const auto length =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), folded, 4, UTF8PROC_CASEFOLD, &last_class);
  if (length < 2 || length > 4) return 0;
  for (int i = 0; i < length; ++i) out[i] = static_cast<char32_t>(folded[i]);
  return static_cast<int>(length);
}

void append_upper(std::string& out, char32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c));
    return;
  }
  if (c >= kInvalidByte) {
    append_code_point(out, c);
    return;
  }
  // SpecialCasing.txt: a small letter without a single capital is written with the capitals of its folding.
  char32_t folded[4];
  const int length = category(c) == UTF8PROC_CATEGORY_LU ? 0 : long_folding(c, folded);
  if (length == 0) {
    append_code_point(out, simple_upper(c));
    return;
  }
  for (int i = 0; i < length; ++i) append_code_point(out, simple_upper(folded[i]));
}

void append_lower(std::string& out, char32_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c));
  } else if (c == 0x130) {
    out += "i\xCC\x87";  // the only character whose lower case is two: i and a combining dot
  } else if (c >= kInvalidByte) {
    append_code_point(out, c);
  } else {
    append_code_point(out, simple_lower(c));
  }
}

void append_title(std::string& out, char32_t c) {
  if (c < 0x80) return append_upper(out, c);
  if (c >= kInvalidByte) return append_code_point(out, c);
  if (const char32_t title = simple_title(c);
      (title != c && c != 0xDF) || category(c) == UTF8PROC_CATEGORY_LT) {
    return append_code_point(out, title);
  }
  char32_t folded[4];
  const int length = category(c) == UTF8PROC_CATEGORY_LU ? 0 : long_folding(c, folded);
  if (length == 0) return append_code_point(out, simple_title(c));
  if (c == 0x149) return append_upper(out, c);  // an apostrophe is no capital: the letter behind it is one
  // Greek with a subscript iota keeps it subscript under a capital.
  constexpr char32_t kIota = 0x3B9;
  constexpr char32_t kSubscriptIota = 0x345;
  append_code_point(out, simple_title(folded[0]));
  for (int i = 1; i < length; ++i) append_code_point(out, folded[i] == kIota ? kSubscriptIota : folded[i]);
}

bool is_cased(char32_t c) { return is_upper(c) || is_lower(c) || category(c) == UTF8PROC_CATEGORY_LT; }

/// Case_Ignorable of the Unicode standard (section 3.13): marks, format and modifier characters, and word
/// punctuation.
bool is_case_ignorable(char32_t c) {
  switch (c) {
    case '\'':
    case '.':
    case ':':
    case '^':
    case '`':
    case 0xA8:
    case 0xAD:
    case 0xAF:
    case 0xB4:
    case 0xB7:
    case 0xB8:
    case 0x387:
    case 0x55F:
    case 0x5F4:
    case 0x2018:
    case 0x2019:
    case 0x2024:
    case 0x2027:
    case 0xFE13:
    case 0xFE52:
    case 0xFE55:
    case 0xFF07:
    case 0xFF0E:
    case 0xFF1A:
      return true;
    default:
      break;
  }
  const utf8proc_category_t kind = category(c);
  return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_ME || kind == UTF8PROC_CATEGORY_CF ||
         kind == UTF8PROC_CATEGORY_LM || kind == UTF8PROC_CATEGORY_SK;
}

/// Is the capital sigma at [begin, end) the last letter of a word?
bool is_final_sigma(std::string_view text, size_t begin, size_t end) {
  bool cased_before = false;
  for (size_t at = begin; at > 0;) {
    size_t start = at - 1;
    while (start > 0 && is_continuation(static_cast<unsigned char>(text[start]))) --start;
    size_t position = start;
    const char32_t c = next_code_point(text, position);
    at = start;
    if (is_case_ignorable(c)) continue;
    cased_before = is_cased(c);
    break;
  }
  if (!cased_before) return false;
  for (size_t at = end; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (!is_case_ignorable(c)) return !is_cased(c);
  }
  return true;
}

void append_lower_at(std::string& out, std::string_view text, size_t begin, size_t end, char32_t c) {
  if (c == 0x3A3) {
    append_code_point(out, is_final_sigma(text, begin, end) ? 0x3C2 : 0x3C3);
  } else {
    append_lower(out, c);
  }
}

/// Byte `i` in reading order.
template <bool kBackwards>
char read_byte(std::string_view text, size_t i) {
  return text[kBackwards ? text.size() - 1 - i : i];
}

/// Knuth-Morris-Pratt, which reads either way without a copy of the text: a split asks again for every part.
/// How many bytes are read when the first match is complete, or npos. `wanted` is not empty.
template <bool kBackwards>
size_t read_to_match(std::string_view text, std::string_view wanted) {
  if (wanted.size() > text.size()) return std::string_view::npos;
  std::vector<size_t> border(wanted.size(), 0);
  for (size_t i = 1, length = 0; i < wanted.size(); ++i) {
    const char byte = read_byte<kBackwards>(wanted, i);
    while (length > 0 && byte != read_byte<kBackwards>(wanted, length)) length = border[length - 1];
    if (byte == read_byte<kBackwards>(wanted, length)) ++length;
    border[i] = length;
  }
  size_t matched = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char byte = read_byte<kBackwards>(text, i);
    while (matched > 0 && byte != read_byte<kBackwards>(wanted, matched)) matched = border[matched - 1];
    if (byte == read_byte<kBackwards>(wanted, matched)) ++matched;
    if (matched == wanted.size()) return i + 1;
  }
  return std::string_view::npos;
}

}  // namespace

char32_t next_code_point(std::string_view text, size_t& position) {
  const auto lead = static_cast<unsigned char>(text[position]);
  if (lead < 0x80) {
    ++position;
    return lead;
  }
  utf8proc_int32_t code_point = 0;
  const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + position),
                                       static_cast<utf8proc_ssize_t>(text.size() - position), &code_point);
  if (length <= 0) {
    ++position;
    return kInvalidByte + lead;
  }
  position += static_cast<size_t>(length);
  return static_cast<char32_t>(code_point);
}

void append_code_point(std::string& out, char32_t code_point) {
  if (code_point >= kInvalidByte) {
    out.push_back(static_cast<char>(code_point - kInvalidByte));
    return;
  }
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
}

int64_t count_code_points(std::string_view text) {
  int64_t count = 0;
  for (size_t position = 0; position < text.size(); ++count) {
    if (static_cast<unsigned char>(text[position]) < 0x80) {
      ++position;
    } else {
      next_code_point(text, position);
    }
  }
  return count;
}

size_t byte_offset(std::string_view text, int64_t index) {
  size_t position = 0;
  for (int64_t i = 0; i < index && position < text.size(); ++i) next_code_point(text, position);
  return position;
}

size_t find_text(std::string_view text, std::string_view wanted, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (wanted.size() < kShortSearch) return text.find(wanted, from);
  const size_t read = read_to_match<false>(text.substr(from), wanted);
  return read == std::string_view::npos ? read : from + read - wanted.size();
}

size_t rfind_text(std::string_view text, std::string_view wanted) {
  if (wanted.size() < kShortSearch) return text.rfind(wanted);
  const size_t read = read_to_match<true>(text, wanted);
  return read == std::string_view::npos ? read : text.size() - read;
}

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::string_view strip_space(std::string_view text, bool left, bool right) {
  size_t begin = 0;
  while (left && begin < text.size()) {
    size_t after = begin;
    if (!is_space(next_code_point(text, after))) break;
    begin = after;
  }
  size_t end = text.size();
  while (right && end > begin) {
    size_t start = end - 1;
    while (start > begin && is_continuation(static_cast<unsigned char>(text[start]))) --start;
    size_t position = start;
    if (!is_space(next_code_point(text, position)) || position != end) break;
    end = start;
  }
  return text.substr(begin, end - begin);
}

std::string to_upper(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t position = 0; position < text.size();) append_upper(out, next_code_point(text, position));
  return out;
}

std::string to_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    const char32_t c = next_code_point(text, position);
    append_lower_at(out, text, begin, position, c);
  }
  return out;
}

std::string to_title(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool after_cased = false;
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    const char32_t c = next_code_point(text, position);
    if (after_cased) {
      append_lower_at(out, text, begin, position, c);
    } else {
      append_title(out, c);
    }
    after_cased = is_cased(c);
  }
  return out;
}

std::string to_capitalized(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    const char32_t c = next_code_point(text, position);
    if (begin == 0) {
      append_title(out, c);
    } else {
      append_lower_at(out, text, begin, position, c);
    }
  }
  return out;
}

std::string swap_case(std::string_view text) {
  std::string out;
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    const char32_t c = next_code_point(text, position);
    if (is_upper(c)) {
      append_lower_at(out, text, begin, position, c);
    } else if (is_lower(c)) {
      append_upper(out, c);
    } else {
      append_code_point(out, c);
    }
  }
  return out;
}

bool is_upper(char32_t c) {
  return c < kInvalidByte && utf8proc_isupper(static_cast<utf8proc_int32_t>(c)) != 0;
}
bool is_lower(char32_t c) {
  return c < kInvalidByte && utf8proc_islower(static_cast<utf8proc_int32_t>(c)) != 0;
}
bool is_alphabetic(char32_t c) {
  const utf8proc_category_t kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}
bool is_decimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }
bool is_digit(char32_t c) {
  // Decimal digits, and those superscripts and circled digits that have a digit value.
  return is_decimal(c) || c == 0xB2 || c == 0xB3 || c == 0xB9 || c == 0x2070 ||
         (c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089) || (c >= 0x2460 && c <= 0x2468) ||
         (c >= 0x2776 && c <= 0x277E);
}
bool is_numeric(char32_t c) {
  const utf8proc_category_t kind = category(c);
  return kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_NO;
}

bool is_printable(char32_t c) {
  if (c < 0x80) return c >= 0x20 && c < 0x7F;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

bool is_word(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  const utf8proc_category_t kind = category(c);
  return is_alphabetic(c) || is_numeric(c) || kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC ||
         kind == UTF8PROC_CATEGORY_PC;
}

}  // namespace hearth::text::jinja
