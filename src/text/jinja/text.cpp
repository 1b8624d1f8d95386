// Values as text: str(), repr() and json.dumps(), digit for digit as CPython writes them.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/jinja/frame.h"
#include "text/jinja/operations.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

constexpr char kHex[] = "0123456789abcdef";

void append_hex(std::string& out, uint32_t value, int digits) {
  for (int k = digits - 1; k >= 0; --k) out.push_back(kHex[(value >> (4 * k)) & 15]);
}

void append_string_repr(std::string& out, std::string_view text) {
  const bool double_quoted =
      text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = double_quoted ? '"' : '\'';
  out.push_back(quote);
  for (size_t position = 0; position < text.size();) {
    const char32_t c = next_code_point(text, position);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_printable(c) || c >= kInvalidByte) {
      append_code_point(out, c);
    } else if (c < 0x100) {
      out += "\\x";
      append_hex(out, c, 2);
    } else if (c < 0x10000) {
      out += "\\u";
      append_hex(out, c, 4);
    } else {
      out += "\\U";
      append_hex(out, c, 8);
    }
  }
  out.push_back(quote);
}

Status append_items(Runtime& runtime, std::string& out, const std::vector<Value>& items, int depth) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ", ";
    HEARTH_RETURN_IF_ERROR(append_repr(runtime, out, items[i], depth + 1));
  }
  return {};
}

Status append_dict_repr(Runtime& runtime, std::string& out, const Dict& dict, int depth) {
  out.push_back('{');
  bool first = true;
  for (const Dict::Entry& entry : dict.entries()) {
    if (!first) out += ", ";
    first = false;
    HEARTH_RETURN_IF_ERROR(append_repr(runtime, out, entry.key, depth + 1));
    out += ": ";
    HEARTH_RETURN_IF_ERROR(append_repr(runtime, out, entry.value, depth + 1));
  }
  out.push_back('}');
  return {};
}

Status append_namespace_repr(Runtime& runtime, std::string& out, const Namespace& space, int depth) {
  out += "<Namespace {";
  bool first = true;
  for (const auto& [name, value] : space.attributes) {
    if (!first) out += ", ";
    first = false;
    append_string_repr(out, name);
    out += ": ";
    HEARTH_RETURN_IF_ERROR(append_repr(runtime, out, value, depth + 1));
  }
  out += "}>";
  return {};
}

Status append_view_repr(Runtime& runtime, std::string& out, const Value& value, int depth) {
  static constexpr std::string_view kNames[] = {"dict_keys([", "dict_values([", "dict_items(["};
  out += kNames[static_cast<size_t>(value.as<View>().part)];
  HEARTH_ASSIGN(const std::vector<Value> items, items_from(runtime, value));
  HEARTH_RETURN_IF_ERROR(append_items(runtime, out, items, depth));
  out += "])";
  return {};
}

/// Objects whose Python text is an address or an internal name: a fixed text, since no template can rely on
/// it.
Status append_object_repr(Runtime& runtime, std::string& out, const Value& value) {
  if (value.is(Kind::kMacro)) {
    const std::string& name = value.as<Macro>().definition->name;
    out += "<Macro ";
    if (name.empty()) {
      out += "anonymous";
    } else {
      append_string_repr(out, name);
    }
    out += ">";
    return {};
  }
  if (value.is(Kind::kLoop)) {
    HEARTH_ASSIGN(const int64_t length, value.as<Loop>().length());
    out += concat("<LoopContext ", value.as<Loop>().index0 + 1, "/", length, ">");
    return {};
  }
  if (value.is(Kind::kRange)) {
    const Range& range = value.as<Range>();
    out += concat("range(", range.start, ", ", range.stop);
    if (range.step != 1) out += concat(", ", range.step);
    out += ")";
    return {};
  }
  return runtime.error("a ", type_name(value), " cannot be printed");
}

}  // namespace

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char digits[40];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::scientific).ptr;
  const std::string_view text(digits, static_cast<size_t>(end - digits));
  const size_t mark = text.find('e');
  int exponent = 0;
  const size_t exponent_at = mark + (text[mark + 1] == '+' ? 2 : 1);
  std::from_chars(text.data() + exponent_at, text.data() + text.size(), exponent);
  std::string mantissa;
  for (const char c : text.substr(0, mark)) {
    if (c != '.' && c != '-') mantissa.push_back(c);
  }
  std::string out = text.starts_with('-') ? "-" : "";
  const auto count = static_cast<int>(mantissa.size());
  if (exponent < -4 || exponent >= 16) {
    out += mantissa.substr(0, 1);
    if (count > 1) out += "." + mantissa.substr(1);
    const std::string power = std::to_string(std::abs(exponent));
    out += exponent < 0 ? "e-" : "e+";
    return out + (power.size() < 2 ? "0" : "") + power;
  }
  if (exponent < 0) return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + mantissa;
  if (exponent + 1 >= count)
    return out + mantissa + std::string(static_cast<size_t>(exponent + 1 - count), '0') + ".0";
  return out + mantissa.substr(0, static_cast<size_t>(exponent) + 1) + "." +
         mantissa.substr(static_cast<size_t>(exponent) + 1);
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

Status append_text(Runtime& runtime, std::string& out, const Value& value) {
  if (value.is(Kind::kString)) {
    const std::string& text = text_of(value);
    HEARTH_RETURN_IF_ERROR(runtime.spend(static_cast<int64_t>(text.size())));
    HEARTH_RETURN_IF_ERROR(runtime.check_room(out.size() + text.size()));
    out += text;
    return {};
  }
  if (value.is(Kind::kUndefined)) return {};
  return append_repr(runtime, out, value);
}

Status append_repr(Runtime& runtime, std::string& out, const Value& value, int depth) {
  HEARTH_RETURN_IF_ERROR(runtime.step());
  if (depth > kMaxNesting) return runtime.limit_error("nesting");
  HEARTH_RETURN_IF_ERROR(runtime.check_room(out.size()));
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kMissing:
      out += "Undefined";
      return {};
    case Kind::kNone:
      out += "None";
      return {};
    case Kind::kBool:
      out += value.integer() != 0 ? "True" : "False";
      return {};
    case Kind::kInt:
      out += std::to_string(value.integer());
      return {};
    case Kind::kFloat:
      out += float_text(value.real());
      return {};
    case Kind::kString:
      HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(text_of(value).size())));
      if (value.as<String>().markup) out += "Markup(";
      append_string_repr(out, text_of(value));
      if (value.as<String>().markup) out += ")";
      return {};
    case Kind::kList:
      out.push_back('[');
      HEARTH_RETURN_IF_ERROR(append_items(runtime, out, items_of(value), depth));
      out.push_back(']');
      return {};
    case Kind::kTuple:
      out.push_back('(');
      HEARTH_RETURN_IF_ERROR(append_items(runtime, out, items_of(value), depth));
      out += items_of(value).size() == 1 ? ",)" : ")";
      return {};
    case Kind::kDict:
      return append_dict_repr(runtime, out, value.as<Dict>(), depth);
    case Kind::kNamespace:
      return append_namespace_repr(runtime, out, value.as<Namespace>(), depth);
    case Kind::kView:
      return append_view_repr(runtime, out, value, depth);
    default:
      return append_object_repr(runtime, out, value);
  }
}

Result<std::string> to_text(Runtime& runtime, const Value& value) {
  std::string out;
  HEARTH_RETURN_IF_ERROR(append_text(runtime, out, value));
  return out;
}

Result<Value> soft_text(Runtime& runtime, const Value& value) {
  if (value.is(Kind::kString)) return value;
  HEARTH_ASSIGN(std::string text, to_text(runtime, value));
  return runtime.string(std::move(text));
}

namespace {

void append_json_string(std::string& out, std::string_view text, bool ensure_ascii) {
  out.push_back('"');
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    const char32_t c = next_code_point(text, position);
    static constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
    static constexpr std::string_view kLetters = "\"\\bfnrt";
    const size_t which = c < 0x80 ? kShort.find(static_cast<char>(c)) : std::string_view::npos;
    if (which != std::string_view::npos) {
      out.push_back('\\');
      out.push_back(kLetters[which]);
    } else if (c < 0x20 || (ensure_ascii && c >= 0x7F && c < 0x10000)) {
      out += "\\u";
      append_hex(out, c, 4);
    } else if (ensure_ascii && c >= 0x10000 && c < kInvalidByte) {
      out += "\\u";
      append_hex(out, 0xD800 + ((c - 0x10000) >> 10), 4);
      out += "\\u";
      append_hex(out, 0xDC00 + ((c - 0x10000) & 0x3FF), 4);
    } else {
      out += text.substr(begin, position - begin);
    }
  }
  out.push_back('"');
}

std::string json_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return float_text(value);
}

Status append_json_key(Runtime& runtime, std::string& out, const Value& key, const JsonStyle& style) {
  std::string text;
  switch (key.kind()) {
    case Kind::kString:
      append_json_string(out, text_of(key), style.ensure_ascii);
      return {};
    case Kind::kBool:
      text = key.integer() != 0 ? "true" : "false";
      break;
    case Kind::kNone:
      text = "null";
      break;
    case Kind::kInt:
      text = std::to_string(key.integer());
      break;
    case Kind::kFloat:
      text = json_float(key.real());
      break;
    default:
      return runtime.error("keys must be str, int, float, bool or None, not ", type_name(key));
  }
  append_json_string(out, text, style.ensure_ascii);
  return {};
}

void append_json_break(std::string& out, const JsonStyle& style, int depth) {
  if (!style.pretty) return;
  out.push_back('\n');
  for (int i = 0; i < depth; ++i) out += style.indent;
}

Status append_json_list(Runtime& runtime, std::string& out, const std::vector<Value>& items,
                        const JsonStyle& style, int depth) {
  if (items.empty()) {
    out += "[]";
    return {};
  }
  out.push_back('[');
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += style.item_separator;
    append_json_break(out, style, depth + 1);
    HEARTH_RETURN_IF_ERROR(append_json(runtime, out, items[i], style, depth + 1));
  }
  append_json_break(out, style, depth);
  out.push_back(']');
  return {};
}

Status append_json_dict(Runtime& runtime, std::string& out, const Dict& dict, const JsonStyle& style,
                        int depth) {
  if (dict.entries().empty()) {
    out += "{}";
    return {};
  }
  std::vector<Value> keys;
  std::vector<Value> values;
  for (const Dict::Entry& entry : dict.entries()) {
    keys.push_back(entry.key);
    values.push_back(entry.value);
  }
  if (style.sort_keys) HEARTH_RETURN_IF_ERROR(sort_by_keys(runtime, values, keys, false));
  out.push_back('{');
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i > 0) out += style.item_separator;
    append_json_break(out, style, depth + 1);
    HEARTH_RETURN_IF_ERROR(append_json_key(runtime, out, keys[i], style));
    out += style.key_separator;
    HEARTH_RETURN_IF_ERROR(append_json(runtime, out, values[i], style, depth + 1));
  }
  append_json_break(out, style, depth);
  out.push_back('}');
  return {};
}

}  // namespace

Status append_json(Runtime& runtime, std::string& out, const Value& value, const JsonStyle& style,
                   int depth) {
  HEARTH_RETURN_IF_ERROR(runtime.step());
  if (depth > kMaxNesting) return runtime.limit_error("nesting");
  HEARTH_RETURN_IF_ERROR(runtime.check_room(out.size()));
  switch (value.kind()) {
    case Kind::kNone:
      out += "null";
      return {};
    case Kind::kBool:
      out += value.integer() != 0 ? "true" : "false";
      return {};
    case Kind::kInt:
      out += std::to_string(value.integer());
      return {};
    case Kind::kFloat:
      out += json_float(value.real());
      return {};
    case Kind::kString:
      HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(text_of(value).size())));
      append_json_string(out, text_of(value), style.ensure_ascii);
      return {};
    case Kind::kList:
    case Kind::kTuple:
      return append_json_list(runtime, out, items_of(value), style, depth);
    case Kind::kDict:
      return append_json_dict(runtime, out, value.as<Dict>(), style, depth);
    default:
      return runtime.error("Object of type ", type_name(value), " is not JSON serializable");
  }
}

}  // namespace hearth::text::jinja
