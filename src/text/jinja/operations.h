// What Python does with values: truth, text, comparison, arithmetic, subscripts, iteration. Knows no syntax
// tree.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/jinja/ast.h"
#include "text/jinja/runtime.h"
#include "text/jinja/value.h"

namespace hearth::text::jinja {

// operations.cpp
bool truthy(const Value& value);
std::string_view type_name(const Value& value);
/// The error of using an undefined value, or of using `value` as `what` when it is defined.
Error misuse(const Runtime& runtime, const Value& value, std::string_view what);
Result<int64_t> length_of(Runtime& runtime, const Value& value);
bool is_iterable(const Value& value);
/// list(value); consumes iterators.
Result<std::vector<Value>> items_from(Runtime& runtime, const Value& value);
Result<bool> contains(Runtime& runtime, const Value& container, const Value& item);
/// a < b of Python; errors for types that have no order.
Result<bool> less_than(Runtime& runtime, const Value& a, const Value& b, int depth = 0);
Result<bool> compare(Runtime& runtime, Op op, const Value& a, const Value& b);
/// sorted(): stable; keys[i] belongs to items[i].
Status sort_by_keys(Runtime& runtime, std::vector<Value>& items, std::vector<Value>& keys, bool reverse);

// arithmetic.cpp
Result<Value> binary_operation(Runtime& runtime, Op op, const Value& a, const Value& b);
Result<Value> unary_operation(Runtime& runtime, Op op, const Value& value);
Result<int64_t> to_index(Runtime& runtime, const Value& value, std::string_view what);

// access.cpp
/// environment.getattr: methods and attributes first, then items; undefined when there is neither.
Result<Value> get_attribute(Runtime& runtime, const Value& object, const Value& name);
/// environment.getitem: items first, then attributes.
Result<Value> get_item(Runtime& runtime, const Value& object, const Value& key);
Result<Value> get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
                        const Value& step);
/// The value at `index`, which may be one place outside: held inside 64 bits there, which is still outside.
int64_t range_position(const Range& range, int64_t index);
/// Substring by code points.
std::string_view substring(const String& string, int64_t begin, int64_t end);

// text.cpp
/// str(value), appended.
Status append_text(Runtime& runtime, std::string& out, const Value& value);
Status append_repr(Runtime& runtime, std::string& out, const Value& value, int depth = 0);
Result<std::string> to_text(Runtime& runtime, const Value& value);
/// value itself when it is text, else str(value): keeps markup.
Result<Value> soft_text(Runtime& runtime, const Value& value);
std::string float_text(double value);
std::string escape_html(std::string_view text);

struct JsonStyle {
  bool ensure_ascii = false;
  bool pretty = false;
  bool sort_keys = false;
  std::string indent;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
/// json.dumps, appended.
Status append_json(Runtime& runtime, std::string& out, const Value& value, const JsonStyle& style,
                   int depth = 0);

// format.cpp
/// text % arguments, where `arguments` is a tuple, a dict or a single value.
Result<Value> percent_format(Runtime& runtime, const Value& text, const Value& arguments);
/// text.format(...).
Result<Value> brace_format(Runtime& runtime, const Value& text, const Args& args);

// strftime.cpp
/// datetime.strftime in the C locale; `local_time_s` counts seconds since 1970 of a local wall clock.
Result<std::string> format_time(const Runtime& runtime, std::string_view format, int64_t local_time_s);

}  // namespace hearth::text::jinja
