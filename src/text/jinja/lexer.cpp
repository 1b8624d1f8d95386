// The tokenizer: a root state that looks for delimiters, and a tag state for what stands between them.
#include "text/jinja/lexer.h"

#include <algorithm>
#include <charconv>

#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

constexpr size_t kMaxSourceBytes = 1 << 20;  // the largest templates in the wild have some 20 kB

Error syntax_error(int32_t line, std::string_view what) {
  return fail(ErrorCode::kCorrupt, "chat template, line ", line, ": ", what);
}

/// \r\n and \r become \n; one newline at the very end is dropped (keep_trailing_newline is off).
std::string normalize(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out.push_back(source[i]);
      continue;
    }
    out.push_back('\n');
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool is_digit_char(char c) { return c >= '0' && c <= '9'; }

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)) {}

  Result<std::vector<LexedToken>> run() {
    while (position_ < source_.size()) HEARTH_RETURN_IF_ERROR(lex_root());
    push(Token::kEof, "");
    return std::move(tokens_);
  }

 private:
  std::string_view rest() const { return std::string_view(source_).substr(position_); }
  bool at(std::string_view what) const { return rest().starts_with(what); }
  char peek(size_t ahead = 0) const {
    return position_ + ahead < source_.size() ? source_[position_ + ahead] : '\0';
  }

  void push(Token type, std::string text) { tokens_.push_back({type, line_, std::move(text), 0, 0}); }

  /// Moves on by `bytes`, counting lines.
  void advance(size_t bytes) {
    line_ += static_cast<int32_t>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(position_),
                                             source_.begin() + static_cast<std::ptrdiff_t>(position_ + bytes),
                                             '\n'));
    position_ += bytes;
    line_starting_ = position_ > 0 && source_[position_ - 1] == '\n';
  }

  void skip_space() {
    size_t end = position_;
    while (end < source_.size()) {
      size_t after = end;
      if (!is_space(next_code_point(source_, after))) break;
      end = after;
    }
    if (end > position_) advance(end - position_);
  }

  /// Length of `{%-? raw -?%}` at the position, 0 if it is not there; `sign` becomes its left sign.
  size_t match_raw_tag(size_t begin, std::string_view word, char& sign, bool plus_end, char& end_sign) const;
  void push_data(std::string_view text, char sign, bool is_variable);
  Status lex_root();
  Status lex_raw();
  Status lex_comment();
  Status lex_tag(Token end_type, std::string_view end);
  bool match_tag_end(Token end_type, std::string_view end);
  void end_block(char sign, size_t bytes);
  Status lex_token();
  Status lex_number();
  Status lex_integer();
  Status lex_string();
  Status lex_escape(std::string& out, std::string_view body, size_t& i);
  Status lex_operator();

  std::string source_;
  size_t position_ = 0;
  int32_t line_ = 1;
  bool line_starting_ = true;
  std::string open_;  // closing brackets that are due
  std::vector<LexedToken> tokens_;
};

size_t Lexer::match_raw_tag(size_t begin, std::string_view word, char& sign, bool plus_end,
                            char& end_sign) const {
  const std::string_view text = std::string_view(source_).substr(begin);
  if (!text.starts_with("{%")) return 0;
  size_t i = 2;
  sign = '\0';
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) sign = text[i++];
  auto skip = [&text](size_t at) {
    while (at < text.size()) {
      size_t after = at;
      if (!is_space(next_code_point(text, after))) break;
      at = after;
    }
    return at;
  };
  i = skip(i);
  if (!text.substr(i).starts_with(word)) return 0;
  i = skip(i + word.size());
  end_sign = '\0';
  if (i < text.size() && (text[i] == '-' || (plus_end && text[i] == '+'))) end_sign = text[i++];
  if (!text.substr(i).starts_with("%}")) return 0;
  return i + 2;
}

/// Emits the data before a tag after the tag's sign and lstrip_blocks took their share of it.
void Lexer::push_data(std::string_view text, char sign, bool is_variable) {
  std::string_view kept = text;
  if (sign == '-') {
    kept = strip_space(text, false, true);
  } else if (sign != '+' && !is_variable) {
    const size_t newline = text.rfind('\n');
    const size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    if ((start > 0 || line_starting_) && strip_space(text.substr(start), true, false).empty())
      kept = text.substr(0, start);
  }
  if (!kept.empty()) push(Token::kData, std::string(kept));
  if (!text.empty()) advance(text.size());
}

Status Lexer::lex_root() {
  const std::string_view text = rest();
  size_t found = 0;
  while (true) {
    found = text.find('{', found);
    if (found == std::string_view::npos || found + 1 >= text.size()) {
      push(Token::kData, std::string(text));
      advance(text.size());
      return {};
    }
    const char second = text[found + 1];
    if (second == '%' || second == '{' || second == '#') break;
    ++found;
  }
  char sign = '\0';
  char end_sign = '\0';
  if (const size_t raw = match_raw_tag(position_ + found, "raw", sign, false, end_sign); raw > 0) {
    push_data(text.substr(0, found), sign, false);
    advance(raw);
    if (end_sign == '-') skip_space();
    return lex_raw();
  }
  const char second = text[found + 1];
  const size_t after = found + 2;
  if (after < text.size() && (text[after] == '-' || text[after] == '+'))
    sign = text[after];
  else
    sign = '\0';
  push_data(text.substr(0, found), sign, second == '{');
  const size_t opening = sign == '\0' ? 2 : 3;
  if (second == '#') {
    advance(opening);
    return lex_comment();
  }
  push(second == '{' ? Token::kVariableBegin : Token::kBlockBegin, "");
  advance(opening);
  return second == '{' ? lex_tag(Token::kVariableEnd, "}}") : lex_tag(Token::kBlockEnd, "%}");
}

/// Behind `%}`, `#}` with their sign: white space for -, one newline for none (trim_blocks).
void Lexer::end_block(char sign, size_t bytes) {
  advance(bytes);
  if (sign == '-') {
    skip_space();
  } else if (sign == '\0' && peek() == '\n') {
    advance(1);
  }
}

Status Lexer::lex_raw() {
  const size_t begin = position_;
  for (size_t at = begin; (at = source_.find("{%", at)) != std::string::npos; ++at) {
    char sign = '\0';
    char end_sign = '\0';
    const size_t length = match_raw_tag(at, "endraw", sign, true, end_sign);
    if (length == 0) continue;
    push_data(std::string_view(source_).substr(begin, at - begin), sign, false);
    end_block(end_sign, length);
    return {};
  }
  return syntax_error(line_, "missing {% endraw %}");
}

Status Lexer::lex_comment() {
  const size_t end = source_.find("#}", position_);
  if (end == std::string::npos) return syntax_error(line_, "missing end of comment tag #}");
  char sign = '\0';
  if (end > position_ && (source_[end - 1] == '-' || source_[end - 1] == '+')) sign = source_[end - 1];
  end_block(sign, end + 2 - position_);
  return {};
}

bool Lexer::match_tag_end(Token end_type, std::string_view end) {
  if (!open_.empty()) return false;
  char sign = '\0';
  size_t length = end.size();
  if (peek() == '-' || (peek() == '+' && end_type == Token::kBlockEnd)) {
    sign = peek();
    ++length;
  }
  if (!rest().substr(sign == '\0' ? 0 : 1).starts_with(end)) return false;
  push(end_type, "");
  if (end_type == Token::kBlockEnd) {
    end_block(sign, length);
  } else {
    advance(length);
    if (sign == '-') skip_space();
  }
  return true;
}

Status Lexer::lex_tag(Token end_type, std::string_view end) {
  const int32_t first_line = line_;
  open_.clear();
  while (true) {
    if (match_tag_end(end_type, end)) return {};
    skip_space();
    if (position_ >= source_.size())
      return syntax_error(first_line, concat("this tag is never closed with ", end));
    if (match_tag_end(end_type, end)) return {};
    HEARTH_RETURN_IF_ERROR(lex_token());
  }
}

Status Lexer::lex_token() {
  if (is_digit_char(peek())) return lex_number();
  if (peek() == '"' || peek() == '\'') return lex_string();
  size_t end = position_;
  while (end < source_.size()) {
    size_t after = end;
    if (!is_word(next_code_point(source_, after))) break;
    end = after;
  }
  if (end > position_) {
    push(Token::kName, source_.substr(position_, end - position_));
    advance(end - position_);
    return {};
  }
  return lex_operator();
}

/// (\d+_)*\d+ with a fraction or an exponent is a float; not directly behind a dot (a.0.1 is two subscripts).
Status Lexer::lex_number() {
  std::string digits;
  size_t i = position_;
  auto take_digits = [&] {
    const size_t before = digits.size();
    while (i < source_.size() &&
           (is_digit_char(source_[i]) || (source_[i] == '_' && i + 1 < source_.size() &&
                                          is_digit_char(source_[i + 1]) && digits.size() > before))) {
      if (source_[i] != '_') digits.push_back(source_[i]);
      ++i;
    }
    return digits.size() > before;
  };
  take_digits();
  bool is_float = false;
  if (i + 1 < source_.size() && source_[i] == '.' && is_digit_char(source_[i + 1])) {
    digits.push_back('.');
    ++i;
    take_digits();
    is_float = true;
  }
  if (i < source_.size() && (source_[i] == 'e' || source_[i] == 'E')) {
    const size_t exponent = i;
    const size_t kept = digits.size();
    digits.push_back('e');
    ++i;
    if (i < source_.size() && (source_[i] == '+' || source_[i] == '-')) digits.push_back(source_[i++]);
    if (take_digits()) {
      is_float = true;
    } else {
      i = exponent;
      digits.resize(kept);
    }
  }
  if (!is_float || (position_ > 0 && source_[position_ - 1] == '.')) return lex_integer();
  LexedToken token{Token::kFloat, line_, digits, 0, 0};
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), token.real);
  if (parsed.ec == std::errc::result_out_of_range) return syntax_error(line_, "a float that no double holds");
  tokens_.push_back(std::move(token));
  advance(i - position_);
  return {};
}

Status Lexer::lex_integer() {
  int base = 10;
  size_t i = position_;
  const char mark = peek(1);
  auto has_base = [&](char lower, int value) {
    return (mark == lower || mark == lower - 32) &&
           (digit_of(peek(2)) < value || (peek(2) == '_' && digit_of(peek(3)) < value));
  };
  if (peek() == '0') {
    if (has_base('b', 2)) base = 2;
    if (has_base('o', 8)) base = 8;
    if (has_base('x', 16)) base = 16;
    if (base != 10) i += 2;
  }
  const bool leading_zero = base == 10 && peek() == '0';
  int64_t value = 0;
  for (; i < source_.size(); ++i) {
    if (source_[i] == '_' && i + 1 < source_.size() && digit_of(source_[i + 1]) < base) continue;
    const int digit = digit_of(source_[i]);
    if (digit >= base || (leading_zero && digit != 0)) break;
    if (__builtin_mul_overflow(value, static_cast<int64_t>(base), &value) ||
        __builtin_add_overflow(value, static_cast<int64_t>(digit), &value)) {
      return syntax_error(line_, "an integer beyond 64 bits");
    }
  }
  tokens_.push_back({Token::kInteger, line_, source_.substr(position_, i - position_), value, 0});
  advance(i - position_);
  return {};
}

/// One backslash escape of a Python string; `i` stands behind the backslash.
Status Lexer::lex_escape(std::string& out, std::string_view body, size_t& i) {
  const char c = body[i++];
  auto hexadecimal = [&](int length) -> Status {
    char32_t value = 0;
    for (int k = 0; k < length; ++k, ++i) {
      if (i >= body.size() || digit_of(body[i]) > 15)
        return syntax_error(line_, "truncated escape in a string");
      value = value * 16 + static_cast<char32_t>(digit_of(body[i]));
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
      return syntax_error(line_, "an escape that is no character");
    }
    append_code_point(out, value);
    return {};
  };
  static constexpr std::string_view kLetters = "abfnrtv\\'\"";
  static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
  if (const size_t which = kLetters.find(c); which != std::string_view::npos) {
    out.push_back(kMeanings[which]);
  } else if (c == '\n') {
    // A line continuation.
  } else if (c >= '0' && c <= '7') {
    char32_t value = static_cast<char32_t>(c - '0');
    for (int k = 0; k < 2 && i < body.size() && body[i] >= '0' && body[i] <= '7'; ++k, ++i) {
      value = value * 8 + static_cast<char32_t>(body[i] - '0');
    }
    append_code_point(out, value);
  } else if (c == 'x') {
    return hexadecimal(2);
  } else if (c == 'u') {
    return hexadecimal(4);
  } else if (c == 'U') {
    return hexadecimal(8);
  } else if (c == 'N') {
    return syntax_error(line_, "\\N{...} in a string is not supported; write the character");
  } else {
    out.push_back('\\');
    --i;
    const char32_t code_point = next_code_point(body, i);
    if (code_point < 0x80 || code_point >= kInvalidByte) {
      append_code_point(out, code_point);
    } else {
      // jinja2 turns the character into an escape before it decodes, and the backslash in front escapes that
      // one.
      static constexpr char kHex[] = "0123456789abcdef";
      const int length = code_point < 0x100 ? 2 : code_point < 0x10000 ? 4 : 8;
      out.push_back(length == 2 ? 'x' : length == 4 ? 'u' : 'U');
      for (int k = length - 1; k >= 0; --k) out.push_back(kHex[(code_point >> (4 * k)) & 15]);
    }
  }
  return {};
}

Status Lexer::lex_string() {
  const char quote = peek();
  size_t end = position_ + 1;
  while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
  if (end >= source_.size()) return syntax_error(line_, "a string is never closed");
  const std::string_view body = std::string_view(source_).substr(position_ + 1, end - position_ - 1);
  std::string text;
  for (size_t i = 0; i < body.size();) {
    if (body[i] == '\\') {
      ++i;
      HEARTH_RETURN_IF_ERROR(lex_escape(text, body, i));
    } else {
      text.push_back(body[i++]);
    }
  }
  push(Token::kString, std::move(text));
  advance(end + 1 - position_);
  return {};
}

Status Lexer::lex_operator() {
  static constexpr std::string_view kOperators[] = {"!=", "==", "<=", ">=", "//", "**", "+", "-", "/",
                                                    "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                    ".",  ":",  "|",  ",",  ";",  "=",  "<", ">"};
  for (const std::string_view op : kOperators) {
    if (!at(op)) continue;
    if (op == "(") open_.push_back(')');
    if (op == "[") open_.push_back(']');
    if (op == "{") open_.push_back('}');
    if (op == ")" || op == "]" || op == "}") {
      if (open_.empty() || open_.back() != op[0]) return syntax_error(line_, concat("unexpected '", op, "'"));
      open_.pop_back();
    }
    push(Token::kOperator, std::string(op));
    advance(op.size());
    return {};
  }
  size_t after = position_;
  next_code_point(source_, after);
  return syntax_error(line_,
                      concat("unexpected character '", source_.substr(position_, after - position_), "'"));
}

}  // namespace

Result<std::vector<LexedToken>> tokenize(std::string_view source) {
  if (source.size() > kMaxSourceBytes) {
    return fail(ErrorCode::kTooLarge, "chat template: ", source.size(), " bytes, at most ", kMaxSourceBytes);
  }
  return Lexer(normalize(source)).run();
}

}  // namespace hearth::text::jinja
