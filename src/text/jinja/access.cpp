// Attributes, subscripts and slices, with the sandbox's idea of what may be seen.
#include <algorithm>

#include "text/jinja/frame.h"
#include "text/jinja/methods.h"
#include "text/jinja/operations.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

/// The undefined of an attribute or item that is not there, with the message that its use gives.
Value no_attribute(Runtime& runtime, const Value& object, const Value& name) {
  if (!name.is(Kind::kString)) {
    return Value::undefined(
        runtime.string(concat(type_name(object), " object has no such element")).object());
  }
  return Value::undefined(runtime
                              .string(concat("'", type_name(object), " object' has no attribute '",
                                             text_of(name).substr(0, 100), "'"))
                              .object());
}

Value unsafe_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  return Value::undefined(
      runtime
          .string(concat("access to attribute '", name, "' of '", type_name(object), "' object is unsafe."))
          .object());
}

/// Result kMissing: the item is not there (KeyError, IndexError) or cannot be asked for (TypeError).
Result<Value> find_item(Runtime& runtime, const Value& object, const Value& key) {
  switch (object.kind()) {
    case Kind::kUndefined:
      return misuse(runtime, object, "");
    case Kind::kDict: {
      const Value* found = object.as<Dict>().find(key);
      return found != nullptr ? *found : Value::missing();
    }
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kString:
    case Kind::kRange: {
      if (!key.is_integral()) return Value::missing();
      HEARTH_ASSIGN(const int64_t length, length_of(runtime, object));
      const int64_t index = key.integer() < 0 ? key.integer() + length : key.integer();
      if (index < 0 || index >= length) return Value::missing();
      if (object.is(Kind::kRange)) return Value::integer(range_position(object.as<Range>(), index));
      if (!object.is(Kind::kString)) return items_of(object)[static_cast<size_t>(index)];
      const auto& string = object.as<String>();
      if (!string.is_ascii()) HEARTH_RETURN_IF_ERROR(runtime.reserve(index));
      return runtime.string(std::string(substring(string, index, index + 1)), string.markup);
    }
    default:
      return Value::missing();
  }
}

Result<Value> loop_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  auto& loop = object.as<Loop>();
  if (name == "index") return Value::integer(loop.index0 + 1);
  if (name == "index0") return Value::integer(loop.index0);
  if (name == "first") return Value::boolean(loop.index0 == 0);
  if (name == "depth") return Value::integer(1);  // loops are not recursive here
  if (name == "depth0") return Value::integer(0);
  if (name == "length" || name == "revindex" || name == "revindex0") {
    HEARTH_ASSIGN(const int64_t length, loop.length());
    if (name == "length") return Value::integer(length);
    return Value::integer(length - loop.index0 - (name == "revindex" ? 0 : 1));
  }
  if (name == "last" || name == "nextitem") {
    HEARTH_ASSIGN(const bool more, loop.peek());
    if (name == "last") return Value::boolean(!more);
    if (more) return loop.ahead.back();
    return Value::undefined(runtime.string("there is no next item").object());
  }
  if (name == "previtem") {
    if (loop.index0 > 0) return loop.previous;
    return Value::undefined(runtime.string("there is no previous item").object());
  }
  return Value::missing();
}

/// getattr(object, name); kMissing for AttributeError.
Result<Value> find_attribute(Runtime& runtime, const Value& object, const Value& name) {
  const std::string& text = text_of(name);
  if (object.is(Kind::kUndefined)) return misuse(runtime, object, "");
  if (object.is(Kind::kNamespace)) {
    for (const auto& [attribute, value] : object.as<Namespace>().attributes) {
      if (attribute == text) return value;
    }
    return Value::missing();
  }
  if (object.is(Kind::kLoop)) {
    HEARTH_ASSIGN(Value value, loop_attribute(runtime, object, text));
    if (!value.is(Kind::kMissing)) return value;
  }
  if (object.is(Kind::kMacro) && text == "name") {
    const std::string& macro = object.as<Macro>().definition->name;
    return macro.empty() ? Value::none() : runtime.string(macro);
  }
  if (object.is(Kind::kTuple) && object.as<List>().group && (text == "grouper" || text == "list")) {
    return items_of(object)[text == "grouper" ? 0 : 1];
  }
  const MethodEntry* method = find_method(object.kind(), text);
  if (method == nullptr) return Value::missing();
  if (method->call == nullptr) return unsafe_attribute(runtime, object, text);
  return Value::object(new Method(runtime.heap(), object, method));
}

}  // namespace

Result<Value> get_attribute(Runtime& runtime, const Value& object, const Value& name) {
  HEARTH_ASSIGN(Value attribute, find_attribute(runtime, object, name));
  if (!attribute.is(Kind::kMissing)) return attribute;
  HEARTH_ASSIGN(Value item, find_item(runtime, object, name));
  return item.is(Kind::kMissing) ? no_attribute(runtime, object, name) : std::move(item);
}

Result<Value> get_item(Runtime& runtime, const Value& object, const Value& key) {
  HEARTH_ASSIGN(Value item, find_item(runtime, object, key));
  if (!item.is(Kind::kMissing)) return item;
  if (key.is(Kind::kString)) {
    HEARTH_ASSIGN(Value attribute, find_attribute(runtime, object, key));
    if (!attribute.is(Kind::kMissing)) return attribute;
  }
  return no_attribute(runtime, object, key);
}

int64_t range_position(const Range& range, int64_t index) {
  const __int128 value = static_cast<__int128>(range.start) + static_cast<__int128>(index) * range.step;
  return static_cast<int64_t>(std::clamp<__int128>(value, INT64_MIN, INT64_MAX));
}

std::string_view substring(const String& string, int64_t begin, int64_t end) {
  const std::string_view text = string.text;
  if (string.is_ascii()) return text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  const size_t first = byte_offset(text, begin);
  return text.substr(first, byte_offset(text.substr(first), end - begin));
}

namespace {

struct SliceBounds {
  int64_t start, stop, step, count;
};

Result<int64_t> slice_bound(Runtime& runtime, const Value& value, int64_t fallback, int64_t length,
                            int64_t low, int64_t high) {
  if (value.is(Kind::kNone)) return fallback;
  HEARTH_ASSIGN(int64_t index, to_index(runtime, value, "a slice index"));
  if (index < 0) index = index < -length ? low : index + length;
  return std::clamp(index, low, high);
}

Result<SliceBounds> slice_bounds(Runtime& runtime, int64_t length, const Value& start, const Value& stop,
                                 const Value& step) {
  SliceBounds out{0, 0, 1, 0};
  if (!step.is(Kind::kNone)) {
    HEARTH_ASSIGN(out.step, to_index(runtime, step, "a slice step"));
  }
  if (out.step == 0) return runtime.error("slice step cannot be zero");
  out.step = std::max(out.step, -INT64_MAX);
  const bool backwards = out.step < 0;
  const int64_t low = backwards ? -1 : 0;
  const int64_t high = backwards ? length - 1 : length;
  HEARTH_ASSIGN(out.start, slice_bound(runtime, start, backwards ? high : low, length, low, high));
  HEARTH_ASSIGN(out.stop, slice_bound(runtime, stop, backwards ? low : high, length, low, high));
  if (backwards && out.stop < out.start) out.count = (out.start - out.stop - 1) / -out.step + 1;
  if (!backwards && out.start < out.stop) out.count = (out.stop - out.start - 1) / out.step + 1;
  return out;
}

Result<Value> slice_string(Runtime& runtime, const String& string, const SliceBounds& bounds) {
  HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(string.text.size())));
  if (bounds.count == 0) return runtime.string("", string.markup);
  if (bounds.step == 1)
    return runtime.string(std::string(substring(string, bounds.start, bounds.stop)), string.markup);
  std::vector<size_t> offsets;  // of every code point
  for (size_t position = 0; position < string.text.size();) {
    offsets.push_back(position);
    next_code_point(string.text, position);
  }
  offsets.push_back(string.text.size());
  std::string out;
  for (int64_t i = 0; i < bounds.count; ++i) {
    const auto at = static_cast<size_t>(bounds.start + i * bounds.step);
    out.append(string.text, offsets[at], offsets[at + 1] - offsets[at]);
  }
  return runtime.string(std::move(out), string.markup);
}

}  // namespace

Result<Value> get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
                        const Value& step) {
  if (!object.is(Kind::kString) && !object.is_sequence() && !object.is(Kind::kRange)) {
    return misuse(runtime, object, "object cannot be sliced");
  }
  HEARTH_ASSIGN(const int64_t length, length_of(runtime, object));
  HEARTH_ASSIGN(const SliceBounds bounds, slice_bounds(runtime, length, start, stop, step));
  if (object.is(Kind::kString)) return slice_string(runtime, object.as<String>(), bounds);
  if (object.is(Kind::kRange)) {
    const Range& range = object.as<Range>();
    int64_t stride = 0;
    if (__builtin_mul_overflow(range.step, bounds.step, &stride))
      return runtime.error("an integer beyond 64 bits");
    return Value::object(new Range(runtime.heap(), range_position(range, bounds.start),
                                   range_position(range, bounds.stop), stride));
  }
  HEARTH_RETURN_IF_ERROR(runtime.reserve(bounds.count * static_cast<int64_t>(sizeof(Value))));
  std::vector<Value> out;
  out.reserve(static_cast<size_t>(bounds.count));
  for (int64_t i = 0; i < bounds.count; ++i) {
    out.push_back(items_of(object)[static_cast<size_t>(bounds.start + i * bounds.step)]);
  }
  return object.is(Kind::kList) ? make_list(runtime.heap(), std::move(out))
                                : make_tuple(runtime.heap(), std::move(out));
}

}  // namespace hearth::text::jinja
