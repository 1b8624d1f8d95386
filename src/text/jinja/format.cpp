// Python's two kinds of text formatting: `text % values` and `text.format(values)`.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "text/jinja/operations.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

constexpr int64_t kMaxWidth = 1 << 20;
constexpr int64_t kMaxPrecision = 1000;

/// What stands between the braces' colon and the end, or between % and the letter.
struct Spec {
  std::string fill = " ";
  char align = '\0';  // < > ^ =
  char sign = '-';    // - + or blank
  bool alternate = false;
  bool zero = false;
  char grouping = '\0';  // , or _
  int64_t width = 0;
  int64_t precision = -1;
  char type = '\0';
};

std::string pad(std::string_view prefix, std::string_view body, const Spec& spec, char default_align) {
  const int64_t length = count_code_points(prefix) + count_code_points(body);
  const int64_t missing = std::max<int64_t>(spec.width - length, 0);
  const char align = spec.align != '\0' ? spec.align : default_align;
  const int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  std::string out;
  if (align == '=') out += prefix;
  for (int64_t i = 0; i < left; ++i) out += spec.fill;
  if (align != '=') out += prefix;
  out += body;
  for (int64_t i = left; i < missing; ++i) out += spec.fill;
  return out;
}

std::string with_grouping(std::string_view digits, char separator) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out.push_back(separator);
    out.push_back(digits[i]);
  }
  return out;
}

std::string sign_of(bool negative, const Spec& spec) {
  if (negative) return "-";
  return spec.sign == '+' ? "+" : spec.sign == ' ' ? " " : "";
}

std::string format_integer(int64_t value, const Spec& spec) {
  const int base = spec.type == 'x' || spec.type == 'X' ? 16
                   : spec.type == 'o'                   ? 8
                   : spec.type == 'b'                   ? 2
                                                        : 10;
  char digits[72];
  const uint64_t magnitude = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const auto end = std::to_chars(digits, digits + sizeof digits, magnitude, base).ptr;
  std::string body(digits, end);
  std::string prefix = sign_of(value < 0, spec);
  if (spec.precision > static_cast<int64_t>(body.size()))
    body.insert(0, static_cast<size_t>(spec.precision) - body.size(), '0');
  if (spec.alternate && base != 10) {
    prefix += '0';
    prefix += spec.type;
  }
  if (spec.type == 'X') body = to_upper(body);
  if (spec.grouping != '\0' && base == 10) body = with_grouping(body, spec.grouping);
  return pad(prefix, body, spec, '>');
}

std::string format_real(double value, const Spec& spec) {
  const char type = static_cast<char>(spec.type | 0x20);
  const bool percent = spec.type == '%';
  std::string body;
  if (std::isnan(value)) {
    body = "nan";
  } else if (std::isinf(value)) {
    body = "inf";
  } else if (spec.type == '\0' && spec.precision < 0) {
    body = float_text(std::abs(value));
  } else {
    char digits[kMaxPrecision + 400];
    const auto style = type == 'e'
                           ? std::chars_format::scientific
                           : (type == 'f' || percent ? std::chars_format::fixed : std::chars_format::general);
    const auto precision = static_cast<int>(spec.precision < 0 ? 6 : spec.precision);
    const double shown = std::abs(value) * (percent ? 100.0 : 1.0);
    body.assign(digits, std::to_chars(digits, digits + sizeof digits, shown, style, precision).ptr);
    // format(x, '.3') shows a float as such: 5.0, not 5.
    if (spec.type == '\0' && body.find_first_of(".en") == std::string::npos) body += ".0";
  }
  if (percent) body += '%';
  if (spec.grouping != '\0') {
    const size_t whole = std::min(body.find_first_of(".e%"), body.size());
    body = with_grouping(body.substr(0, whole), spec.grouping) + body.substr(whole);
  }
  if (spec.type == 'E' || spec.type == 'F' || spec.type == 'G') body = to_upper(body);
  return pad(sign_of(std::signbit(value) && !std::isnan(value), spec), body, spec, '>');
}

std::string format_string(std::string_view text, const Spec& spec) {
  if (spec.precision >= 0) text = text.substr(0, byte_offset(text, spec.precision));
  return pad("", text, spec, '<');
}

bool parse_number(std::string_view text, size_t& i, int64_t& out) {
  if (i >= text.size() || text[i] < '0' || text[i] > '9') return false;
  out = 0;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i)
    out = std::min<int64_t>(out * 10 + (text[i] - '0'), kMaxWidth * 16);
  return true;
}

/// The values that % takes one after the other, or by name from a dict.
class PercentFormatter {
 public:
  PercentFormatter(Runtime& runtime, const Value& text, const Value& arguments)
      : runtime_(runtime), text_(text_of(text)), markup_(text.as<String>().markup), arguments_(arguments) {}

  Result<Value> run() {
    std::string out;
    for (size_t i = 0; i < text_.size();) {
      if (text_[i] != '%') {
        out.push_back(text_[i++]);
        continue;
      }
      ++i;
      HEARTH_ASSIGN(const std::string field, convert(i));
      out += field;
      HEARTH_RETURN_IF_ERROR(runtime_.reserve(static_cast<int64_t>(field.size())));
      HEARTH_RETURN_IF_ERROR(runtime_.check_room(out.size()));
    }
    const bool is_mapping =
        arguments_.is(Kind::kDict) || arguments_.is(Kind::kList) || arguments_.is(Kind::kUndefined);
    const size_t count = arguments_.is(Kind::kTuple) ? items_of(arguments_).size() : 1;
    if (used_ < count && !is_mapping)
      return runtime_.error("not all arguments converted during string formatting");
    return runtime_.string(std::move(out), markup_);
  }

 private:
  Result<Value> next_argument() {
    const size_t index = used_++;
    if (arguments_.is(Kind::kTuple) && index < items_of(arguments_).size())
      return items_of(arguments_)[index];
    if (!arguments_.is(Kind::kTuple) && index == 0) return arguments_;
    return runtime_.error("not enough arguments for format string");
  }

  Result<int64_t> number_or_star(size_t& i) {
    int64_t out = 0;
    if (i < text_.size() && text_[i] == '*') {
      ++i;
      HEARTH_ASSIGN(const Value value, next_argument());
      return to_index(runtime_, value, "* in a format");
    }
    parse_number(text_, i, out);
    return out;
  }

  Result<std::string> convert(size_t& i) {
    std::optional<Value> named;
    if (i < text_.size() && text_[i] == '(') {
      const size_t close = text_.find(')', i);
      if (close == std::string::npos) return runtime_.error("incomplete format key");
      if (!arguments_.is(Kind::kDict)) return runtime_.error("format requires a mapping");
      const Value* found = arguments_.as<Dict>().find(text_.substr(i + 1, close - i - 1));
      if (found == nullptr) return runtime_.error("the format names a key that is not there");
      named = *found;
      i = close + 1;
    }
    Spec spec;
    for (; i < text_.size() && std::string_view("-+ #0").find(text_[i]) != std::string_view::npos; ++i) {
      if (text_[i] == '-') spec.align = '<';
      if (text_[i] == '+' || (text_[i] == ' ' && spec.sign != '+')) spec.sign = text_[i];
      if (text_[i] == '#') spec.alternate = true;
      if (text_[i] == '0') spec.zero = true;
    }
    HEARTH_ASSIGN(spec.width, number_or_star(i));
    if (spec.width < 0) spec.align = '<';
    if (spec.width == INT64_MIN) return runtime_.error("the width is too large");
    spec.width = std::abs(spec.width);
    if (i < text_.size() && text_[i] == '.') {
      ++i;
      HEARTH_ASSIGN(spec.precision, number_or_star(i));
      spec.precision = std::max<int64_t>(spec.precision, 0);
    }
    if (spec.width > kMaxWidth || spec.precision > kMaxPrecision)
      return runtime_.error("the width or precision is too large");
    while (i < text_.size() && (text_[i] == 'l' || text_[i] == 'h' || text_[i] == 'L')) ++i;
    if (i >= text_.size()) return runtime_.error("incomplete format");
    const char type = text_[i++];
    if (type == '%') return std::string("%");
    Value value;
    if (named) {
      value = std::move(*named);
    } else {
      HEARTH_ASSIGN(value, next_argument());
    }
    return convert_value(type, value, spec);
  }

  Result<std::string> convert_value(char type, const Value& value, Spec& spec) {
    if (type == 's' || type == 'r' || type == 'a') {
      std::string text;
      HEARTH_RETURN_IF_ERROR(type == 's' ? append_text(runtime_, text, value)
                                         : append_repr(runtime_, text, value));
      const bool is_markup = value.is(Kind::kString) && value.as<String>().markup;
      if (markup_ && !is_markup) text = escape_html(text);
      return pad("", spec.precision < 0 ? text : text.substr(0, byte_offset(text, spec.precision)), spec,
                 '>');
    }
    if (type == 'c') {
      std::string text;
      if (value.is_integral() && value.integer() >= 0 && value.integer() < 0x110000) {
        append_code_point(text, static_cast<char32_t>(value.integer()));
      } else if (value.is(Kind::kString) && value.as<String>().code_points == 1) {
        text = text_of(value);
      } else {
        return runtime_.error("%c requires int or char");
      }
      return pad("", text, spec, '>');
    }
    static constexpr std::string_view kIntegers = "diuxXo";
    static constexpr std::string_view kReals = "eEfFgG";
    if (kIntegers.find(type) == std::string_view::npos && kReals.find(type) == std::string_view::npos) {
      return runtime_.error("unsupported format character '", type, "'");
    }
    if (!value.is_number()) return misuse(runtime_, value, "given where a format needs a number");
    if (spec.zero && spec.align != '<') {
      spec.fill = "0";
      spec.align = '=';
    }
    spec.type = type;
    if (kReals.find(type) != std::string_view::npos) return format_real(value.as_double(), spec);
    if (!value.is(Kind::kFloat)) return format_integer(value.integer(), spec);
    const double whole = std::trunc(value.real());
    if (type == 'x' || type == 'X' || type == 'o' || !(whole >= -0x1p63 && whole < 0x1p63)) {
      return runtime_.error("this format needs an integer");
    }
    return format_integer(static_cast<int64_t>(whole), spec);
  }

  Runtime& runtime_;
  const std::string& text_;
  bool markup_;
  const Value& arguments_;
  size_t used_ = 0;
};

/// [[fill]align][sign][#][0][width][grouping][.precision][type]
Result<Spec> parse_spec(Runtime& runtime, std::string_view text) {
  Spec spec;
  size_t i = 0;
  const std::string_view aligns = "<>^=";
  if (!text.empty()) {
    size_t after = 0;
    next_code_point(text, after);
    if (after < text.size() && aligns.find(text[after]) != std::string_view::npos) {
      spec.fill = std::string(text.substr(0, after));
      spec.align = text[after];
      i = after + 1;
    } else if (aligns.find(text[0]) != std::string_view::npos) {
      spec.align = text[i++];
    }
  }
  if (i < text.size() && (text[i] == '+' || text[i] == '-' || text[i] == ' ')) spec.sign = text[i++];
  if (i < text.size() && text[i] == '#') {
    spec.alternate = true;
    ++i;
  }
  if (i < text.size() && text[i] == '0') {
    spec.zero = true;
    if (spec.align == '\0') {
      spec.fill = "0";
      spec.align = '=';
    }
    ++i;
  }
  parse_number(text, i, spec.width);
  if (i < text.size() && (text[i] == ',' || text[i] == '_')) spec.grouping = text[i++];
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (!parse_number(text, i, spec.precision)) return runtime.error("format specifier missing precision");
  }
  if (i < text.size()) spec.type = text[i++];
  if (i != text.size() || spec.width > kMaxWidth || spec.precision > kMaxPrecision) {
    return runtime.error("invalid format specifier '", text.substr(0, 40), "'");
  }
  return spec;
}

Result<std::string> format_value(Runtime& runtime, const Value& value, std::string_view spec_text) {
  if (spec_text.empty()) return to_text(runtime, value);
  HEARTH_ASSIGN(Spec spec, parse_spec(runtime, spec_text));
  const std::string_view type(&spec.type, spec.type == '\0' ? 0 : 1);
  if (value.is(Kind::kString) && (type.empty() || type == "s") && spec.align != '=') {
    return format_string(text_of(value), spec);
  }
  const bool real_type =
      !type.empty() && std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos;
  if (value.is_number() && (real_type || (value.is(Kind::kFloat) && type.empty())))
    return format_real(value.as_double(), spec);
  const bool integer_type =
      type.empty() || std::string_view("dxXob").find(spec.type) != std::string_view::npos;
  if (value.is_integral() && integer_type && spec.precision < 0) return format_integer(value.integer(), spec);
  return runtime.error("format '", spec_text.substr(0, 40), "' does not fit a value of type ",
                       type_name(value));
}

/// A replacement field of str.format, without its braces: name[.attribute|[item]]...[!conversion][:spec].
class BraceFormatter {
 public:
  BraceFormatter(Runtime& runtime, const Args& args) : runtime_(runtime), args_(args) {}

  Result<std::string> field(std::string_view body) {
    const size_t name_end = std::min(body.find_first_of("!:"), body.size());
    std::string_view rest = body.substr(name_end);
    HEARTH_ASSIGN(Value value, lookup(body.substr(0, name_end)));
    if (rest.starts_with('!')) {
      if (rest.size() < 2 || (rest.size() > 2 && rest[2] != ':'))
        return runtime_.error("bad conversion in a format");
      std::string text;
      HEARTH_RETURN_IF_ERROR(rest[1] == 's' ? append_text(runtime_, text, value)
                                            : append_repr(runtime_, text, value));
      if (rest[1] != 's' && rest[1] != 'r' && rest[1] != 'a')
        return runtime_.error("unknown conversion in a format");
      value = runtime_.string(std::move(text));
      rest = rest.substr(2);
    }
    if (rest.starts_with(':')) rest.remove_prefix(1);
    if (rest.find('{') != std::string_view::npos)
      return runtime_.error("nested fields in a format are not supported");
    return format_value(runtime_, value, rest);
  }

 private:
  Result<Value> lookup(std::string_view path) {
    const size_t first_end = std::min(path.find_first_of(".["), path.size());
    HEARTH_ASSIGN(Value value, first(path.substr(0, first_end)));
    path.remove_prefix(first_end);
    while (!path.empty()) {
      const bool is_item = path[0] == '[';
      const size_t end = is_item ? path.find(']') : std::min(path.find_first_of(".[", 1), path.size());
      if (end == std::string_view::npos) return runtime_.error("missing ']' in a format");
      const std::string_view part = path.substr(1, end - 1);
      int64_t number = 0;
      const auto parsed = std::from_chars(part.data(), part.data() + part.size(), number);
      const bool is_number =
          !part.empty() && parsed.ec == std::errc() && parsed.ptr == part.data() + part.size();
      const Value key = is_item && is_number ? Value::integer(number) : runtime_.string(std::string(part));
      HEARTH_ASSIGN(value, is_item ? get_item(runtime_, value, key) : get_attribute(runtime_, value, key));
      path.remove_prefix(std::min(end + (is_item ? 1 : 0), path.size()));
    }
    return value;
  }

  Result<Value> first(std::string_view name) {
    int64_t index = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), index);
    const bool numbered =
        !name.empty() && parsed.ec == std::errc() && parsed.ptr == name.data() + name.size();
    if (numbered || name.empty()) {
      if (name.empty()) index = automatic_++;
      if (index < 0 || index >= static_cast<int64_t>(args_.positional.size())) {
        return runtime_.error("the format has more fields than arguments");
      }
      return args_.positional[static_cast<size_t>(index)];
    }
    for (const auto& [key, value] : args_.named) {
      if (key == name) return value;
    }
    return runtime_.error("the format names '", name.substr(0, 100), "', which is not given");
  }

  Runtime& runtime_;
  const Args& args_;
  int64_t automatic_ = 0;
};

}  // namespace

Result<Value> percent_format(Runtime& runtime, const Value& text, const Value& arguments) {
  return PercentFormatter(runtime, text, arguments).run();
}

Result<Value> brace_format(Runtime& runtime, const Value& text, const Args& args) {
  const std::string& source = text_of(text);
  BraceFormatter formatter(runtime, args);
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    const char c = source[i];
    if (c != '{' && c != '}') {
      out.push_back(c);
      continue;
    }
    if (i + 1 < source.size() && source[i + 1] == c) {
      out.push_back(c);
      ++i;
      continue;
    }
    const size_t close = source.find('}', i);
    if (c == '}' || close == std::string::npos) return runtime.error("single '", c, "' in a format");
    HEARTH_ASSIGN(std::string field, formatter.field(std::string_view(source).substr(i + 1, close - i - 1)));
    HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(field.size())));
    out += text.as<String>().markup ? escape_html(field) : field;
    HEARTH_RETURN_IF_ERROR(runtime.check_room(out.size()));
    i = close;
  }
  return runtime.string(std::move(out), text.as<String>().markup);
}

}  // namespace hearth::text::jinja
