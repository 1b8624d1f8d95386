// Methods of str. Positions count code points; texts of Markup stay Markup.
#include <algorithm>

#include "text/jinja/methods.h"
#include "text/jinja/operations.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

Result<const String*> string_argument(Runtime& runtime, const Value& value, std::string_view method) {
  if (value.is(Kind::kString)) return &value.as<String>();
  return runtime.error(method, "() needs text, not ", type_name(value));
}

/// The argument's text, escaped where `self` is Markup and it is not.
std::string matching_text(const String& self, const String& argument) {
  return self.markup && !argument.markup ? escape_html(argument.text) : argument.text;
}

Value same_kind(Runtime& runtime, const Value& self, std::string text) {
  return runtime.string(std::move(text), self.as<String>().markup);
}

template <std::string (*kChange)(std::string_view)>
Result<Value> change_case(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_positional(runtime, "a case method", args, {}, 0));
  HEARTH_RETURN_IF_ERROR(runtime.reserve(3 * static_cast<int64_t>(text_of(self).size())));
  return same_kind(runtime, self, kChange(text_of(self)));
}

std::string casefold(std::string_view text) { return to_lower(to_upper(text)); }

std::string_view strip_characters(std::string_view text, std::string_view characters, bool left, bool right) {
  std::vector<char32_t> set;  // sorted: one look-up per character, however many there are
  for (size_t position = 0; position < characters.size();)
    set.push_back(next_code_point(characters, position));
  std::sort(set.begin(), set.end());
  auto contains_at = [&](size_t begin, size_t end) {
    const char32_t c = next_code_point(text, begin);
    return begin == end && std::binary_search(set.begin(), set.end(), c);
  };
  size_t begin = 0;
  while (left && begin < text.size()) {
    size_t after = begin;
    next_code_point(text, after);
    if (!contains_at(begin, after)) break;
    begin = after;
  }
  size_t end = text.size();
  while (right && end > begin) {
    size_t start = end - 1;
    while (start > begin && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    if (!contains_at(start, end)) break;
    end = start;
  }
  return text.substr(begin, end - begin);
}

template <bool kLeft, bool kRight>
Result<Value> strip(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound, bind_positional(runtime, "strip", args, {"chars"}, 0));
  HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(text_of(self).size())));
  if (bound[0].is(Kind::kMissing) || bound[0].is(Kind::kNone)) {
    return same_kind(runtime, self, std::string(strip_space(text_of(self), kLeft, kRight)));
  }
  HEARTH_ASSIGN(const String* characters, string_argument(runtime, bound[0], "strip"));
  HEARTH_RETURN_IF_ERROR(runtime.reserve(8 * characters->code_points));
  return same_kind(runtime, self,
                   std::string(strip_characters(text_of(self), characters->text, kLeft, kRight)));
}

/// Steps once, and makes sure that the strings of so many parts will have room.
Status step_with_parts(Runtime& runtime, const std::vector<std::string_view>& parts) {
  HEARTH_RETURN_IF_ERROR(runtime.check_room(parts.size() * (sizeof(String) + sizeof(Value))));
  return runtime.step();
}

Result<std::vector<std::string_view>> split_space(Runtime& runtime, std::string_view text, int64_t limit,
                                                  bool from_right) {
  std::vector<std::string_view> parts;
  while (true) {
    HEARTH_RETURN_IF_ERROR(step_with_parts(runtime, parts));
    text = strip_space(text, !from_right, from_right);
    if (text.empty()) break;
    if (limit >= 0 && static_cast<int64_t>(parts.size()) == limit) {
      parts.push_back(text);
      break;
    }
    // The word next to the stripped end.
    size_t cut = from_right ? text.size() : 0;
    while (from_right ? cut > 0 : cut < text.size()) {
      size_t start = cut;
      if (from_right) {
        --start;
        while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
      }
      size_t after = start;
      if (is_space(next_code_point(text, after))) break;
      cut = from_right ? start : after;
    }
    parts.push_back(from_right ? text.substr(cut) : text.substr(0, cut));
    text = from_right ? text.substr(0, cut) : text.substr(cut);
  }
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

Result<std::vector<std::string_view>> split_by(Runtime& runtime, std::string_view text,
                                               std::string_view separator, int64_t limit, bool from_right) {
  std::vector<std::string_view> parts;
  while (limit < 0 || static_cast<int64_t>(parts.size()) < limit) {
    HEARTH_RETURN_IF_ERROR(step_with_parts(runtime, parts));
    const size_t at = from_right ? rfind_text(text, separator) : find_text(text, separator);
    if (at == std::string_view::npos) break;
    parts.push_back(from_right ? text.substr(at + separator.size()) : text.substr(0, at));
    text = from_right ? text.substr(0, at) : text.substr(at + separator.size());
  }
  parts.push_back(text);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

Result<Value> list_of_parts(Runtime& runtime, const Value& self, const std::vector<std::string_view>& parts) {
  const auto size =
      static_cast<int64_t>(parts.size() * (sizeof(String) + sizeof(Value)) + text_of(self).size());
  HEARTH_RETURN_IF_ERROR(runtime.reserve(size));
  std::vector<Value> items;
  items.reserve(parts.size());
  for (const std::string_view part : parts) items.push_back(same_kind(runtime, self, std::string(part)));
  return make_list(runtime.heap(), std::move(items));
}

template <bool kFromRight>
Result<Value> split(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "split", args, {"sep", "maxsplit"}, 0));
  int64_t limit = -1;
  if (!bound[1].is(Kind::kMissing)) {
    HEARTH_ASSIGN(limit, to_index(runtime, bound[1], "maxsplit"));
  }
  HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(text_of(self).size())));
  if (bound[0].is(Kind::kMissing) || bound[0].is(Kind::kNone)) {
    HEARTH_ASSIGN(const std::vector<std::string_view> words,
                  split_space(runtime, text_of(self), limit, kFromRight));
    return list_of_parts(runtime, self, words);
  }
  HEARTH_ASSIGN(const String* separator, string_argument(runtime, bound[0], "split"));
  if (separator->text.empty()) return runtime.error("empty separator");
  HEARTH_ASSIGN(const std::vector<std::string_view> parts,
                split_by(runtime, text_of(self), separator->text, limit, kFromRight));
  return list_of_parts(runtime, self, parts);
}

Result<Value> splitlines(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound, bind_arguments(runtime, "splitlines", args, {"keepends"}, 0));
  const bool keep = truthy(bound[0]);
  const std::string_view text = text_of(self);
  std::vector<std::string_view> lines;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin;
    size_t after = begin;
    while (after < text.size()) {
      end = after;
      const char32_t c = next_code_point(text, after);
      const bool is_break =
          (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
      if (is_break) {
        if (c == '\r' && after < text.size() && text[after] == '\n') ++after;
        break;
      }
      end = after;
    }
    HEARTH_RETURN_IF_ERROR(step_with_parts(runtime, lines));
    lines.push_back(text.substr(begin, (keep ? after : end) - begin));
    begin = after;
  }
  return list_of_parts(runtime, self, lines);
}

template <bool kEnd>
Result<Value> starts_or_ends(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_positional(runtime, "startswith", args, {"prefix", "start", "end"}, 1));
  auto bound_or_none = [&](size_t i) { return bound[i].is(Kind::kMissing) ? Value::none() : bound[i]; };
  Value subject = self;
  if (!bound[1].is(Kind::kMissing) || !bound[2].is(Kind::kMissing)) {
    HEARTH_ASSIGN(subject, get_slice(runtime, self, bound_or_none(1), bound_or_none(2), Value::none()));
  }
  const std::vector<Value> one{bound[0]};
  const std::vector<Value>& candidates = bound[0].is(Kind::kTuple) ? items_of(bound[0]) : one;
  for (const Value& candidate : candidates) {
    HEARTH_ASSIGN(const String* affix, string_argument(runtime, candidate, kEnd ? "endswith" : "startswith"));
    HEARTH_RETURN_IF_ERROR(runtime.spend(static_cast<int64_t>(affix->text.size())));
    if (kEnd ? text_of(subject).ends_with(affix->text) : text_of(subject).starts_with(affix->text))
      return Value::boolean(true);
  }
  return Value::boolean(false);
}

Result<Value> replace(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_positional(runtime, "replace", args, {"old", "new", "count"}, 2));
  HEARTH_ASSIGN(const String* from, string_argument(runtime, bound[0], "replace"));
  HEARTH_ASSIGN(const String* to, string_argument(runtime, bound[1], "replace"));
  int64_t limit = -1;
  if (!bound[2].is(Kind::kMissing)) {
    HEARTH_ASSIGN(limit, to_index(runtime, bound[2], "count"));
  }
  const std::string with = matching_text(self.as<String>(), *to);
  HEARTH_ASSIGN(std::string out, replace_text(runtime, text_of(self), from->text, with, limit));
  return same_kind(runtime, self, std::move(out));
}

Result<Value> join(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound, bind_positional(runtime, "join", args, {"iterable"}, 1));
  HEARTH_ASSIGN(const std::vector<Value> items, items_from(runtime, bound[0]));
  const auto& separator = self.as<String>();
  std::string out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is(Kind::kString)) {
      return runtime.error("join(): item ", i, " is ", type_name(items[i]), ", not text");
    }
    if (i > 0) out += separator.text;
    out += matching_text(separator, items[i].as<String>());
    HEARTH_RETURN_IF_ERROR(
        runtime.spend(static_cast<int64_t>(separator.text.size() + text_of(items[i]).size())));
    HEARTH_RETURN_IF_ERROR(runtime.check_room(out.size()));
  }
  return same_kind(runtime, self, std::move(out));
}

template <bool kFromRight, bool kMustExist>
Result<Value> find(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_positional(runtime, "find", args, {"sub", "start", "end"}, 1));
  HEARTH_ASSIGN(const String* wanted, string_argument(runtime, bound[0], "find"));
  HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(text_of(self).size())));
  const int64_t length = self.as<String>().code_points;
  int64_t range[2] = {0, length};
  for (size_t i = 0; i < 2; ++i) {
    if (bound[i + 1].is(Kind::kMissing) || bound[i + 1].is(Kind::kNone)) continue;
    HEARTH_ASSIGN(range[i], to_index(runtime, bound[i + 1], "find() bound"));
    if (range[i] < 0) range[i] = range[i] < -length ? 0 : range[i] + length;
    if (i == 1) range[i] = std::min(range[i], length);
  }
  int64_t position = -1;
  if (range[0] <= range[1]) {
    const std::string_view window = substring(self.as<String>(), range[0], range[1]);
    const size_t at = kFromRight ? rfind_text(window, wanted->text) : find_text(window, wanted->text);
    if (at != std::string_view::npos) position = range[0] + count_code_points(window.substr(0, at));
  }
  if (position < 0 && kMustExist) return runtime.error("substring not found");
  return Value::integer(position);
}

Result<Value> count(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_positional(runtime, "count", args, {"sub", "start", "end"}, 1));
  HEARTH_ASSIGN(const String* wanted, string_argument(runtime, bound[0], "count"));
  auto bound_or_none = [&](size_t i) { return bound[i].is(Kind::kMissing) ? Value::none() : bound[i]; };
  HEARTH_ASSIGN(const Value window,
                get_slice(runtime, self, bound_or_none(1), bound_or_none(2), Value::none()));
  if (wanted->text.empty()) return Value::integer(window.as<String>().code_points + 1);
  int64_t found = 0;
  for (size_t at = 0; (at = find_text(text_of(window), wanted->text, at)) != std::string::npos;
       at += wanted->text.size())
    ++found;
  return Value::integer(found);
}

template <bool kFromRight>
Result<Value> partition(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound, bind_positional(runtime, "partition", args, {"sep"}, 1));
  HEARTH_ASSIGN(const String* separator, string_argument(runtime, bound[0], "partition"));
  if (separator->text.empty()) return runtime.error("empty separator");
  const std::string& text = text_of(self);
  const size_t at = kFromRight ? rfind_text(text, separator->text) : find_text(text, separator->text);
  std::string parts[3];
  if (at == std::string::npos) {
    parts[kFromRight ? 2 : 0] = text;
  } else {
    parts[0] = text.substr(0, at);
    parts[1] = separator->text;
    parts[2] = text.substr(at + separator->text.size());
  }
  HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(text.size())));
  return make_tuple(runtime.heap(), {same_kind(runtime, self, std::move(parts[0])),
                                     same_kind(runtime, self, std::move(parts[1])),
                                     same_kind(runtime, self, std::move(parts[2]))});
}

template <bool kSuffix>
Result<Value> remove_affix(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound, bind_positional(runtime, "removeprefix", args, {"affix"}, 1));
  HEARTH_ASSIGN(const String* affix, string_argument(runtime, bound[0], "removeprefix"));
  std::string_view text = text_of(self);
  if (kSuffix && text.ends_with(affix->text)) text.remove_suffix(affix->text.size());
  if (!kSuffix && text.starts_with(affix->text)) text.remove_prefix(affix->text.size());
  HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(text.size())));
  return same_kind(runtime, self, std::string(text));
}

/// What is missing to `width`, which may be any number.
int64_t missing_to(int64_t width, const String& text) {
  return width > text.code_points ? width - text.code_points : 0;
}

enum class Side { kLeft, kRight, kBoth };

template <Side kPadSide>
Result<Value> pad(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_positional(runtime, "ljust", args, {"width", "fillchar"}, 1));
  HEARTH_ASSIGN(const int64_t width, to_index(runtime, bound[0], "width"));
  std::string fill = " ";
  if (!bound[1].is(Kind::kMissing)) {
    HEARTH_ASSIGN(const String* text, string_argument(runtime, bound[1], "ljust"));
    if (text->code_points != 1) return runtime.error("the fill character must be exactly one character long");
    fill = text->text;
  }
  const int64_t missing = missing_to(width, self.as<String>());
  if (missing > runtime.limits().memory_bytes) return runtime.limit_error("memory");
  HEARTH_RETURN_IF_ERROR(runtime.reserve(missing * static_cast<int64_t>(fill.size())));
  // str.center puts the odd one left when the width is odd.
  const int64_t left = kPadSide == Side::kLeft    ? missing
                       : kPadSide == Side::kRight ? 0
                                                  : missing / 2 + (missing & width & 1);
  std::string out;
  for (int64_t i = 0; i < left; ++i) out += fill;
  out += text_of(self);
  for (int64_t i = left; i < missing; ++i) out += fill;
  return same_kind(runtime, self, std::move(out));
}

Result<Value> zfill(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound, bind_positional(runtime, "zfill", args, {"width"}, 1));
  HEARTH_ASSIGN(const int64_t width, to_index(runtime, bound[0], "width"));
  const int64_t missing = missing_to(width, self.as<String>());
  HEARTH_RETURN_IF_ERROR(runtime.reserve(missing));
  std::string out = text_of(self);
  const bool has_sign = out.starts_with('-') || out.starts_with('+');
  out.insert(has_sign ? 1 : 0, static_cast<size_t>(missing), '0');
  return same_kind(runtime, self, std::move(out));
}

template <bool (*kTest)(char32_t)>
Result<Value> all_characters(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_positional(runtime, "a character test", args, {}, 0));
  HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(text_of(self).size())));
  const std::string& text = text_of(self);
  for (size_t position = 0; position < text.size();) {
    if (!kTest(next_code_point(text, position))) return Value::boolean(false);
  }
  return Value::boolean(!text.empty());
}

bool is_alphanumeric(char32_t c) { return is_alphabetic(c) || is_digit(c) || is_numeric(c); }

bool has_only_case(std::string_view text, bool (*wanted)(char32_t), bool (*other)(char32_t)) {
  bool found = false;
  for (size_t position = 0; position < text.size();) {
    const char32_t c = next_code_point(text, position);
    if (other(c)) return false;
    found = found || wanted(c);
  }
  return found;
}

template <bool (*kWanted)(char32_t), bool (*kOther)(char32_t)>
Result<Value> cased(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_positional(runtime, "islower", args, {}, 0));
  return Value::boolean(has_only_case(text_of(self), kWanted, kOther));
}

Result<Value> is_ascii(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_positional(runtime, "isascii", args, {}, 0));
  return Value::boolean(self.as<String>().is_ascii());
}

constexpr MethodEntry kStringMethods[] = {
    {"strip", strip<true, true>},
    {"split", split<false>},
    {"startswith", starts_or_ends<false>},
    {"endswith", starts_or_ends<true>},
    {"lstrip", strip<true, false>},
    {"rstrip", strip<false, true>},
    {"replace", replace},
    {"lower", change_case<to_lower>},
    {"upper", change_case<to_upper>},
    {"title", change_case<to_title>},
    {"capitalize", change_case<to_capitalized>},
    {"swapcase", change_case<swap_case>},
    {"casefold", change_case<casefold>},
    {"join", join},
    {"format", brace_format},
    {"rsplit", split<true>},
    {"splitlines", splitlines},
    {"find", find<false, false>},
    {"rfind", find<true, false>},
    {"index", find<false, true>},
    {"rindex", find<true, true>},
    {"count", count},
    {"partition", partition<false>},
    {"rpartition", partition<true>},
    {"removeprefix", remove_affix<false>},
    {"removesuffix", remove_affix<true>},
    {"center", pad<Side::kBoth>},
    {"ljust", pad<Side::kRight>},
    {"rjust", pad<Side::kLeft>},
    {"zfill", zfill},
    {"isalpha", all_characters<is_alphabetic>},
    {"isdigit", all_characters<is_digit>},
    {"isdecimal", all_characters<is_decimal>},
    {"isnumeric", all_characters<is_numeric>},
    {"isalnum", all_characters<is_alphanumeric>},
    {"isspace", all_characters<is_space>},
    {"isupper", cased<is_upper, is_lower>},
    {"islower", cased<is_lower, is_upper>},
    {"isascii", is_ascii},
};

}  // namespace

Result<std::string> replace_text(Runtime& runtime, std::string_view text, std::string_view from,
                                 std::string_view to, int64_t limit) {
  std::string out;
  size_t done = 0;
  for (int64_t count = 0; limit < 0 || count < limit; ++count) {
    size_t at = done;
    if (!from.empty()) {
      at = find_text(text, from, done);
    } else if (count > 0) {  // an empty text stands before every code point and at the end
      if (done == text.size()) break;
      at = done;
      next_code_point(text, at);
    }
    if (at == std::string_view::npos) break;
    out += text.substr(done, at - done);
    out += to;
    HEARTH_RETURN_IF_ERROR(runtime.spend(static_cast<int64_t>(at - done + to.size())));
    done = at + from.size();
    HEARTH_RETURN_IF_ERROR(runtime.check_room(out.size()));
  }
  out += text.substr(done);
  HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(out.size())));
  return out;
}

std::span<const MethodEntry> string_methods() { return kStringMethods; }

}  // namespace hearth::text::jinja
