// Calls whose arguments are literals of their own kind: Python's, and the colon form of Gemma. See
// call_syntax.h.
#include <algorithm>
#include <iterator>

#include "wire/call_syntax.h"

namespace hearth::wire {
namespace {

constexpr int kMaxDepth = 120;

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

/// A cursor over the text of one call.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool done() const { return at_ == text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  void skip_space() {
    while (!done() && std::string_view(" \t\r\n").find(peek()) != std::string_view::npos) ++at_;
  }
  bool take(std::string_view literal) {
    if (!text_.substr(at_).starts_with(literal)) return false;
    at_ += literal.size();
    return true;
  }
  bool take_after_space(std::string_view literal) {
    skip_space();
    return take(literal);
  }
  char next() { return text_[at_++]; }
  /// Up to the first of these bytes.
  std::string_view until(std::string_view bytes) {
    const size_t begin = at_;
    at_ = std::min(text_.find_first_of(bytes, at_), text_.size());
    return text_.substr(begin, at_ - begin);
  }
  std::string_view name() {
    const size_t begin = at_;
    while (!done() && is_call_name_byte(peek())) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  std::optional<std::string_view> until_literal(std::string_view literal) {
    const size_t end = text_.find(literal, at_);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view found = text_.substr(at_, end - at_);
    at_ = end + literal.size();
    return found;
  }
  size_t at() const { return at_; }
  void go_to(size_t at) { at_ = at; }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

std::optional<io::Json> parse_number(std::string_view token) {
  if (token.empty() || (token[0] != '-' && (token[0] < '0' || token[0] > '9'))) return std::nullopt;
  auto parsed = io::parse_json(token, "number");
  if (!parsed || !parsed->is_number()) return std::nullopt;
  return std::move(parsed).value();
}

std::optional<io::Json> word_value(std::string_view word) {
  if (word == "True" || word == "true") return io::Json(true);
  if (word == "False" || word == "false") return io::Json(false);
  if (word == "None" || word == "null") return io::Json(nullptr);
  return std::nullopt;
}

class PythonLiterals {
 public:
  explicit PythonLiterals(Reader& reader) : in_(reader) {}

  std::optional<io::Json> value(int depth) {
    in_.skip_space();
    if (depth > kMaxDepth) return std::nullopt;
    const char first = in_.peek();
    if (first == '"' || first == '\'') return string();
    if (first == '[' || first == '(') return list(depth);
    if (first == '{') return dict(depth);
    const std::string_view token = in_.until(" \t\r\n,)]}:");
    if (const auto word = word_value(token)) return word;
    return parse_number(token);
  }

  std::optional<io::Json> string() {
    const char quote = in_.next();
    std::string out;
    while (!in_.done()) {
      const char c = in_.next();
      if (c == quote) return io::Json(std::move(out));
      if (c != '\\') {
        out += c;
      } else if (in_.done() || !escape(in_.next(), out)) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

 private:
  /// Hexadecimal digits; a high surrogate is completed by the escape that follows.
  std::optional<uint32_t> hex(int digits) {
    uint32_t code = 0;
    for (int i = 0; i < digits; ++i) {
      if (in_.done()) return std::nullopt;
      const char c = in_.next();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return std::nullopt;
      code = code * 16 + static_cast<uint32_t>(digit);
    }
    return code;
  }

  bool escape(char kind, std::string& out) {
    constexpr std::string_view kFrom = "nrtbfav0\\'\"/";
    constexpr std::string_view kTo("\n\r\t\b\f\a\v\0\\'\"/", 12);
    if (const size_t simple = kFrom.find(kind); simple != std::string_view::npos) {
      out += kTo[simple];
      return true;
    }
    if (kind == '\n') return true;  // a continued line
    if (kind != 'x' && kind != 'u' && kind != 'U') {
      out += '\\';  // Python keeps what it does not know
      out += kind;
      return true;
    }
    std::optional<uint32_t> code = hex(kind == 'x' ? 2 : kind == 'u' ? 4 : 8);
    if (code && *code >= 0xD800 && *code < 0xDC00 && in_.take("\\u")) {
      const std::optional<uint32_t> low = hex(4);
      if (!low || *low < 0xDC00 || *low > 0xDFFF) return false;
      code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
    }
    if (!code || *code > 0x10FFFF || (*code >= 0xD800 && *code < 0xE000)) return false;
    append_utf8(out, *code);
    return true;
  }

  std::optional<io::Json> list(int depth) {
    const std::string_view close = in_.next() == '[' ? "]" : ")";
    io::Json out = io::Json::array();
    while (!in_.take_after_space(close)) {
      if (!out.empty() && !in_.take(",")) return std::nullopt;
      if (!out.empty() && in_.take_after_space(close)) break;  // a comma at the end
      std::optional<io::Json> item = value(depth + 1);
      if (!item) return std::nullopt;
      out.push_back(*std::move(item));
    }
    return out;
  }

  std::optional<io::Json> dict(int depth) {
    in_.next();
    io::Json out = io::Json::object();
    while (!in_.take_after_space("}")) {
      if (!out.empty() && !in_.take(",")) return std::nullopt;
      in_.skip_space();
      if (!out.empty() && in_.take("}")) break;
      if (in_.peek() != '"' && in_.peek() != '\'') return std::nullopt;
      const std::optional<io::Json> key = string();
      if (!key || !in_.take_after_space(":")) return std::nullopt;
      std::optional<io::Json> item = value(depth + 1);
      if (!item) return std::nullopt;
      out[key->get<std::string>()] = *std::move(item);
    }
    return out;
  }

  Reader& in_;
};

/// The name of the index-th property of the tool's schema; "" when it has not so many.
std::string property_name(const Tool* tool, size_t index) {
  const io::Json* properties = tool ? io::json_find(tool->parameters, "properties") : nullptr;
  if (properties == nullptr || !properties->is_object() || index >= properties->size()) return "";
  auto item = properties->begin();
  std::advance(item, static_cast<std::ptrdiff_t>(index));
  return item.key();
}

class ColonLiterals {
 public:
  ColonLiterals(Reader& reader, std::string_view quote) : in_(reader), quote_(quote) {}

  /// After its '{'.
  std::optional<io::Json> object(int depth) {
    io::Json out = io::Json::object();
    while (!in_.take_after_space("}")) {
      if (!out.empty() && !in_.take(",")) return std::nullopt;
      in_.skip_space();
      const std::optional<std::string> name = key();
      if (!name) return std::nullopt;
      std::optional<io::Json> item = value(depth + 1);
      if (!item) return std::nullopt;
      out[*name] = *std::move(item);
    }
    return out;
  }

 private:
  std::optional<std::string> key() {
    if (in_.take(quote_)) {
      const std::optional<std::string_view> quoted = in_.until_literal(quote_);
      if (!quoted || !in_.take_after_space(":")) return std::nullopt;
      return std::string(*quoted);
    }
    const std::string_view bare = in_.until(":,{}[]");
    if (bare.empty() || !in_.take(":")) return std::nullopt;
    return std::string(bare);
  }

  std::optional<io::Json> value(int depth) {
    if (depth > kMaxDepth) return std::nullopt;
    in_.skip_space();
    if (in_.take(quote_)) {
      const std::optional<std::string_view> quoted = in_.until_literal(quote_);
      if (!quoted) return std::nullopt;
      return io::Json(std::string(*quoted));
    }
    if (in_.take("{")) return object(depth);
    if (in_.take("[")) return list(depth);
    std::string_view bare = in_.until(",{}[]");
    while (!bare.empty() && (bare.back() == ' ' || bare.back() == '\n')) bare.remove_suffix(1);
    if (bare.empty()) return std::nullopt;
    if (const auto word = word_value(bare)) return word;
    if (auto number = parse_number(bare)) return number;
    return io::Json(std::string(bare));
  }

  std::optional<io::Json> list(int depth) {
    io::Json out = io::Json::array();
    while (!in_.take_after_space("]")) {
      if (!out.empty() && !in_.take(",")) return std::nullopt;
      std::optional<io::Json> item = value(depth + 1);
      if (!item) return std::nullopt;
      out.push_back(*std::move(item));
    }
    return out;
  }

  Reader& in_;
  std::string_view quote_;
};

}  // namespace

std::optional<ParsedCall> parse_pythonic_call(std::string_view text, const std::vector<Tool>& tools) {
  Reader in(text);
  ParsedCall out{std::string(in.name()), "", ""};
  if (out.name.empty() || !in.take_after_space("(")) return std::nullopt;
  const Tool* tool = find_tool(tools, out.name);
  PythonLiterals literals(in);
  io::Json arguments = io::Json::object();
  size_t positional = 0;
  while (!in.take_after_space(")")) {
    if (!arguments.empty() && !in.take(",")) return std::nullopt;
    if (!arguments.empty() && in.take_after_space(")")) break;
    in.skip_space();
    const size_t begin = in.at();
    std::string key(in.name());
    if (key.empty() || !in.take_after_space("=")) {
      in.go_to(begin);
      key = property_name(tool, positional++);
    }
    std::optional<io::Json> value = literals.value(0);
    if (key.empty() || !value) return std::nullopt;
    arguments[key] = *std::move(value);
  }
  if (!in.done()) return std::nullopt;
  out.arguments = io::dump_json(arguments);
  return out;
}

std::optional<ParsedCall> parse_colon_call(std::string_view text, std::string_view quote) {
  Reader in(text);
  if (!in.take("call:")) return std::nullopt;
  ParsedCall out{std::string(in.name()), "", ""};
  if (out.name.empty() || !in.take("{")) return std::nullopt;
  const std::optional<io::Json> arguments = ColonLiterals(in, quote).object(0);
  if (!arguments || !in.done()) return std::nullopt;
  out.arguments = io::dump_json(*arguments);
  return out;
}

}  // namespace hearth::wire
