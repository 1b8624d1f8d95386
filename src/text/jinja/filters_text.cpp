// Filters over text and numbers, and tojson.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/jinja/filters.h"
#include "text/jinja/methods.h"
#include "text/jinja/operations.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

bool is_given(const Value& value) { return !value.is(Kind::kMissing) && !value.is(Kind::kNone); }

template <std::string (*kChange)(std::string_view)>
Result<Value> filter_case(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_arguments(runtime, "a case filter", args, {}, 0));
  HEARTH_ASSIGN(const Value text, soft_text(runtime, value));
  HEARTH_RETURN_IF_ERROR(runtime.reserve(3 * static_cast<int64_t>(text_of(text).size())));
  return runtime.string(kChange(text_of(text)), text.as<String>().markup);
}

/// jinja2's own idea of a title: words begin after white space and opening brackets, not after any
/// non-letter.
std::string jinja_title(std::string_view text) {
  std::string out;
  bool starts_word = true;
  size_t begin = 0;
  for (size_t position = 0; position <= text.size();) {
    size_t after = position;
    const char32_t c = position < text.size() ? next_code_point(text, after) : U' ';
    const bool separates = is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
    if (starts_word && !separates) {
      out += to_upper(text.substr(position, after - position));
      begin = after;
      starts_word = false;
    } else if (separates) {
      if (!starts_word) out += to_lower(text.substr(begin, position - begin));
      if (position < text.size()) out += text.substr(position, after - position);
      starts_word = true;
    }
    if (position == text.size()) break;
    position = after;
  }
  return out;
}

Result<Value> call_method(Runtime& runtime, const Value& value, std::string_view method, const Args& args) {
  HEARTH_ASSIGN(const Value text, soft_text(runtime, value));
  return find_method(Kind::kString, method)->call(runtime, text, args);
}

Result<Value> filter_trim(Runtime& runtime, const Value& value, const Args& args) {
  return call_method(runtime, value, "strip", args);
}

Result<Value> filter_center(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound, bind_arguments(runtime, "center", args, {"width"}, 0));
  const Value width = bound[0].is(Kind::kMissing) ? Value::integer(80) : bound[0];
  return call_method(runtime, value, "center", {{width}, {}});
}

Result<Value> filter_string(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_arguments(runtime, "string", args, {}, 0));
  return soft_text(runtime, value);
}

Result<Value> filter_safe(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_arguments(runtime, "safe", args, {}, 0));
  HEARTH_ASSIGN(std::string text, to_text(runtime, value));
  return runtime.string(std::move(text), true);
}

template <bool kForce>
Result<Value> filter_escape(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_arguments(runtime, "escape", args, {}, 0));
  if (!kForce && value.is(Kind::kString) && value.as<String>().markup) return value;
  HEARTH_ASSIGN(const std::string text, to_text(runtime, value));
  HEARTH_RETURN_IF_ERROR(runtime.reserve(5 * static_cast<int64_t>(text.size())));
  return runtime.string(escape_html(text), true);
}

Result<Value> filter_replace(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "replace", args, {"old", "new", "count"}, 2));
  HEARTH_ASSIGN(const std::string text, to_text(runtime, value));
  HEARTH_ASSIGN(const std::string from, to_text(runtime, bound[0]));
  HEARTH_ASSIGN(const std::string to, to_text(runtime, bound[1]));
  int64_t limit = -1;
  if (is_given(bound[2])) {
    HEARTH_ASSIGN(limit, to_index(runtime, bound[2], "count"));
  }
  HEARTH_ASSIGN(std::string out, replace_text(runtime, text, from, to, limit));
  return runtime.string(std::move(out));
}

Result<Value> filter_join(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound, bind_arguments(runtime, "join", args, {"d", "attribute"}, 0));
  HEARTH_ASSIGN(const AttributePath path, AttributePath::create(runtime, bound[1]));
  std::string separator;
  if (!bound[0].is(Kind::kMissing)) {
    HEARTH_ASSIGN(separator, to_text(runtime, bound[0]));
  }
  HEARTH_ASSIGN(const std::vector<Value> items, items_from(runtime, value));
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += separator;
    HEARTH_ASSIGN(const Value item, path.get(runtime, items[i]));
    HEARTH_RETURN_IF_ERROR(append_text(runtime, out, item));
    HEARTH_RETURN_IF_ERROR(runtime.check_room(out.size()));
  }
  return runtime.string(std::move(out));
}

Result<Value> filter_format(Runtime& runtime, const Value& value, const Args& args) {
  if (!args.positional.empty() && !args.named.empty()) {
    return runtime.error("format: can't handle positional and keyword arguments at the same time");
  }
  HEARTH_ASSIGN(const Value text, soft_text(runtime, value));
  if (args.named.empty()) return percent_format(runtime, text, make_tuple(runtime.heap(), args.positional));
  const Value dict = make_dict(runtime.heap());
  for (const auto& [name, argument] : args.named) dict.as<Dict>().set(runtime.string(name), argument);
  return percent_format(runtime, text, dict);
}

Result<Value> filter_indent(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "indent", args, {"width", "first", "blank"}, 0));
  if (!value.is(Kind::kString)) return misuse(runtime, value, "object cannot be indented");
  std::string indent = "    ";
  if (bound[0].is(Kind::kString)) {
    indent = text_of(bound[0]);
  } else if (!bound[0].is(Kind::kMissing)) {
    HEARTH_ASSIGN(const int64_t width, to_index(runtime, bound[0], "width"));
    HEARTH_RETURN_IF_ERROR(runtime.reserve(std::max<int64_t>(width, 0)));
    indent.assign(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
  }
  HEARTH_ASSIGN(
      const Value lines,
      find_method(Kind::kString, "splitlines")->call(runtime, runtime.string(text_of(value) + "\n"), {}));
  HEARTH_RETURN_IF_ERROR(
      runtime.reserve(static_cast<int64_t>(text_of(value).size() + items_of(lines).size())));
  std::string out;
  bool first_line = true;
  for (const Value& line : items_of(lines)) {
    if (!first_line) out.push_back('\n');
    const bool indented = first_line ? truthy(bound[1]) : truthy(bound[2]) || !text_of(line).empty();
    if (indented) out += indent;
    out += text_of(line);
    first_line = false;
    HEARTH_RETURN_IF_ERROR(runtime.check_room(out.size()));
  }
  return runtime.string(std::move(out), value.as<String>().markup);
}

Result<Value> filter_truncate(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "truncate", args, {"length", "killwords", "end", "leeway"}, 0));
  if (!value.is(Kind::kString)) return misuse(runtime, value, "object cannot be truncated");
  int64_t length = 255;
  int64_t leeway = 5;
  if (!bound[0].is(Kind::kMissing)) {
    HEARTH_ASSIGN(length, to_index(runtime, bound[0], "length"));
  }
  if (is_given(bound[3])) {
    HEARTH_ASSIGN(leeway, to_index(runtime, bound[3], "leeway"));
  }
  const Value end = bound[2].is(Kind::kMissing) ? runtime.string("...") : bound[2];
  if (!end.is(Kind::kString)) return runtime.error("truncate: the end must be text");
  const int64_t end_length = end.as<String>().code_points;
  if (length < end_length || leeway < 0)
    return runtime.error("truncate: expected a length of at least ", end_length);
  const auto& text = value.as<String>();
  if (text.code_points <= length || text.code_points - length <= leeway) return value;
  std::string_view kept = substring(text, 0, length - end_length);
  if (!truthy(bound[1])) kept = kept.substr(0, kept.rfind(' '));
  return runtime.string(std::string(kept) + text_of(end), text.markup);
}

Result<Value> filter_wordcount(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_arguments(runtime, "wordcount", args, {}, 0));
  HEARTH_ASSIGN(const std::string text, to_text(runtime, value));
  int64_t count = 0;
  bool inside = false;
  for (size_t position = 0; position < text.size();) {
    const bool word = is_word(next_code_point(text, position));
    if (word && !inside) ++count;
    inside = word;
  }
  return Value::integer(count);
}

Result<Value> filter_urlencode(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_arguments(runtime, "urlencode", args, {}, 0));
  if (!value.is(Kind::kString) && is_iterable(value))
    return runtime.error("urlencode of a container is not supported");
  HEARTH_ASSIGN(const std::string text, to_text(runtime, value));
  HEARTH_RETURN_IF_ERROR(runtime.reserve(3 * static_cast<int64_t>(text.size())));
  static constexpr char kHexDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool safe = byte < 0x80 && (is_word(byte) || c == '-' || c == '.' || c == '~' || c == '/');
    if (safe) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHexDigits[byte >> 4]);
      out.push_back(kHexDigits[byte & 15]);
    }
  }
  return runtime.string(std::move(out));
}

/// int(text, base) of Python; false when it is not a number of that base or does not fit.
bool parse_integer(std::string_view text, int base, int64_t& out) {
  text = strip_space(text, true, true);
  bool negative = false;
  if (text.starts_with('-') || text.starts_with('+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text.size() > 2 && text[0] == '0') {
    const char mark = static_cast<char>(text[1] | 0x20);
    const int marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (marked != 0 && (base == marked || base == 0)) {
      base = marked;
      text.remove_prefix(2);
      if (text.starts_with('_')) text.remove_prefix(1);
    }
  }
  if (base == 0) base = 10;
  std::string digits = negative ? "-" : "";
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_' && i > 0 && text[i - 1] != '_' && i + 1 < text.size()) continue;
    digits.push_back(text[i]);
  }
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), out, base);
  return parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size();
}

/// float(text) of Python.
bool parse_float(std::string_view text, double& out) {
  std::string digits = to_lower(strip_space(text, true, true));
  std::erase(digits, '_');
  if (digits.starts_with('+')) digits.erase(0, 1);
  if (digits.starts_with('+') || digits.empty()) return false;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  if (parsed.ptr != digits.data() + digits.size()) return false;
  if (parsed.ec == std::errc::result_out_of_range) {
    out = digits.find("e-") != std::string::npos ? 0.0 : (digits[0] == '-' ? -HUGE_VAL : HUGE_VAL);
  }
  return parsed.ec != std::errc::invalid_argument;
}

Result<Value> filter_int(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound, bind_arguments(runtime, "int", args, {"default", "base"}, 0));
  int64_t base = 10;
  if (!bound[1].is(Kind::kMissing)) {
    HEARTH_ASSIGN(base, to_index(runtime, bound[1], "base"));
  }
  if (base != 0 && (base < 2 || base > 36)) return runtime.error("int() base must be >= 2 and <= 36, or 0");
  if (value.is(Kind::kUndefined)) return misuse(runtime, value, "");
  if (value.is_integral()) return Value::integer(value.integer());
  double real = value.is(Kind::kFloat) ? value.real() : HUGE_VAL;
  if (value.is(Kind::kString)) {
    int64_t parsed = 0;
    if (parse_integer(text_of(value), static_cast<int>(base), parsed)) return Value::integer(parsed);
    if (!parse_float(text_of(value), real)) real = HUGE_VAL;
  }
  real = std::trunc(real);
  if (real >= -0x1p63 && real < 0x1p63) return Value::integer(static_cast<int64_t>(real));
  return bound[0].is(Kind::kMissing) ? Value::integer(0) : bound[0];
}

Result<Value> filter_float(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound, bind_arguments(runtime, "float", args, {"default"}, 0));
  if (value.is(Kind::kUndefined)) return misuse(runtime, value, "");
  if (value.is_number()) return Value::real(value.as_double());
  double parsed = 0;
  if (value.is(Kind::kString) && parse_float(text_of(value), parsed)) return Value::real(parsed);
  return bound[0].is(Kind::kMissing) ? Value::real(0.0) : bound[0];
}

Result<Value> filter_abs(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_arguments(runtime, "abs", args, {}, 0));
  if (value.is(Kind::kFloat)) return Value::real(std::abs(value.real()));
  if (!value.is_integral()) return misuse(runtime, value, "is a bad operand type for abs()");
  return value.integer() < 0 ? unary_operation(runtime, Op::kNeg, value) : Value::integer(value.integer());
}

/// round(value, digits): exact on the decimal expansion of the double, halves to even, as CPython does.
double round_decimal(double value, int64_t digits) {
  if (!std::isfinite(value) || digits > 330) return value;
  if (digits < -310) return std::copysign(0.0, value);
  if (digits < 0) {
    const double scale = std::pow(10.0, static_cast<double>(-digits));
    return std::nearbyint(value / scale) * scale;
  }
  char text[700];
  const auto end =
      std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, static_cast<int>(digits)).ptr;
  double out = value;
  std::from_chars(text, end, out);
  return out;
}

Result<Value> filter_round(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "round", args, {"precision", "method"}, 0));
  int64_t precision = 0;
  if (!bound[0].is(Kind::kMissing)) {
    HEARTH_ASSIGN(precision, to_index(runtime, bound[0], "precision"));
  }
  const std::string method = bound[1].is(Kind::kString)    ? text_of(bound[1])
                             : bound[1].is(Kind::kMissing) ? "common"
                                                           : "";
  if (method != "common" && method != "ceil" && method != "floor") {
    return runtime.error("round: method must be common, ceil or floor");
  }
  if (!value.is_number()) return misuse(runtime, value, "cannot be rounded");
  if (method == "common") {
    if (value.is(Kind::kFloat)) return Value::real(round_decimal(value.real(), precision));
    if (precision >= 0) return Value::integer(value.integer());
    return Value::integer(static_cast<int64_t>(round_decimal(value.as_double(), precision)));
  }
  const double scale = std::pow(10.0, static_cast<double>(precision));
  const double scaled = value.as_double() * scale;
  return Value::real((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

Result<Value> filter_tojson(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(
      const std::vector<Value> bound,
      bind_arguments(runtime, "tojson", args, {"ensure_ascii", "indent", "separators", "sort_keys"}, 0));
  JsonStyle style;
  style.ensure_ascii = truthy(bound[0]);
  style.sort_keys = truthy(bound[3]);
  if (is_given(bound[1])) {
    style.pretty = true;
    style.item_separator.assign(1, ',');
    if (bound[1].is(Kind::kString)) {
      style.indent = text_of(bound[1]);
    } else {
      HEARTH_ASSIGN(const int64_t width, to_index(runtime, bound[1], "indent"));
      HEARTH_RETURN_IF_ERROR(runtime.reserve(std::max<int64_t>(width, 0)));
      style.indent.assign(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    }
  }
  if (is_given(bound[2])) {
    HEARTH_ASSIGN(const std::vector<Value> separators, items_from(runtime, bound[2]));
    if (separators.size() != 2 || !separators[0].is(Kind::kString) || !separators[1].is(Kind::kString)) {
      return runtime.error("tojson: separators must be two texts");
    }
    style.item_separator = text_of(separators[0]);
    style.key_separator = text_of(separators[1]);
  }
  std::string out;
  HEARTH_RETURN_IF_ERROR(append_json(runtime, out, value, style));
  return runtime.string(std::move(out));
}

constexpr FilterEntry kFilters[] = {
    {"trim", filter_trim},
    {"tojson", filter_tojson},
    {"string", filter_string},
    {"lower", filter_case<to_lower>},
    {"upper", filter_case<to_upper>},
    {"title", filter_case<jinja_title>},
    {"capitalize", filter_case<to_capitalized>},
    {"center", filter_center},
    {"join", filter_join},
    {"safe", filter_safe},
    {"escape", filter_escape<false>},
    {"e", filter_escape<false>},
    {"forceescape", filter_escape<true>},
    {"replace", filter_replace},
    {"format", filter_format},
    {"indent", filter_indent},
    {"truncate", filter_truncate},
    {"wordcount", filter_wordcount},
    {"urlencode", filter_urlencode},
    {"int", filter_int},
    {"float", filter_float},
    {"abs", filter_abs},
    {"round", filter_round},
};

}  // namespace

std::span<const FilterEntry> text_filters() { return kFilters; }

}  // namespace hearth::text::jinja
