// Truth, length, iteration, membership and order.
#include "text/jinja/operations.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "text/jinja/frame.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

bool truthy(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kMissing:
    case Kind::kNone:
      return false;
    case Kind::kBool:
    case Kind::kInt:
      return value.integer() != 0;
    case Kind::kFloat:
      return value.real() != 0.0;
    case Kind::kString:
      return !text_of(value).empty();
    case Kind::kList:
    case Kind::kTuple:
      return !items_of(value).empty();
    case Kind::kDict:
      return !value.as<Dict>().entries().empty();
    case Kind::kView:
      return truthy(value.as<View>().dict);
    case Kind::kRange:
      return value.as<Range>().size() > 0;
    default:
      return true;
  }
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kMissing:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kFunction:
      return "function";
    case Kind::kString:
      return value.as<String>().markup ? "Markup" : "str";
    case Kind::kList:
      return "list";
    case Kind::kTuple:
      return "tuple";
    case Kind::kDict:
      return "dict";
    case Kind::kNamespace:
      return "Namespace";
    case Kind::kRange:
      return "range";
    case Kind::kIterator:
      return "generator";
    case Kind::kView:
      return "dict view";
    case Kind::kMacro:
      return "Macro";
    case Kind::kMethod:
      return "method";
    case Kind::kLoop:
      return "LoopContext";
    case Kind::kCycler:
      return "Cycler";
    case Kind::kJoiner:
      return "Joiner";
    case Kind::kFrame:
      return "frame";
  }
  return "object";
}

Error misuse(const Runtime& runtime, const Value& value, std::string_view what) {
  if (!value.is(Kind::kUndefined)) return runtime.error("'", type_name(value), "' ", what);
  if (value.object() == nullptr) return runtime.error("an undefined value was used");
  return runtime.error(text_of(value));
}

Result<int64_t> length_of(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return int64_t{0};
    case Kind::kString:
      return value.as<String>().code_points;
    case Kind::kList:
    case Kind::kTuple:
      return static_cast<int64_t>(items_of(value).size());
    case Kind::kDict:
      return static_cast<int64_t>(value.as<Dict>().entries().size());
    case Kind::kView:
      return length_of(runtime, value.as<View>().dict);
    case Kind::kRange:
      return value.as<Range>().size();
    case Kind::kLoop:
      return value.as<Loop>().length();
    default:
      return misuse(runtime, value, "has no len()");
  }
}

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kString:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
    case Kind::kRange:
    case Kind::kIterator:
    case Kind::kView:
    case Kind::kLoop:
      return true;
    default:
      return false;
  }
}

namespace {

Result<std::vector<Value>> characters_of(Runtime& runtime, const String& string) {
  HEARTH_RETURN_IF_ERROR(
      runtime.reserve(string.code_points * static_cast<int64_t>(sizeof(String) + sizeof(Value))));
  std::vector<Value> out;
  out.reserve(static_cast<size_t>(string.code_points));
  for (size_t position = 0; position < string.text.size();) {
    const size_t begin = position;
    next_code_point(string.text, position);
    out.push_back(runtime.string(string.text.substr(begin, position - begin), string.markup));
  }
  return out;
}

Result<std::vector<Value>> dict_items(Runtime& runtime, const Dict& dict, ViewKind part) {
  const auto count = static_cast<int64_t>(dict.entries().size());
  const size_t each = sizeof(Value) + (part == ViewKind::kItems ? sizeof(List) + 3 * sizeof(Value) : 0);
  HEARTH_RETURN_IF_ERROR(runtime.reserve(count * static_cast<int64_t>(each)));
  std::vector<Value> out;
  out.reserve(static_cast<size_t>(count));
  for (const Dict::Entry& entry : dict.entries()) {
    if (part == ViewKind::kKeys) out.push_back(entry.key);
    if (part == ViewKind::kValues) out.push_back(entry.value);
    if (part == ViewKind::kItems) out.push_back(make_tuple(runtime.heap(), {entry.key, entry.value}));
  }
  return out;
}

Result<std::vector<Value>> range_items(Runtime& runtime, const Range& range) {
  const int64_t count = range.size();
  HEARTH_RETURN_IF_ERROR(runtime.reserve(count * static_cast<int64_t>(sizeof(Value))));
  std::vector<Value> out;
  out.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) out.push_back(Value::integer(range_position(range, i)));
  return out;
}

}  // namespace

Result<std::vector<Value>> items_from(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
      return std::vector<Value>{};
    case Kind::kString:
      return characters_of(runtime, value.as<String>());
    case Kind::kList:
    case Kind::kTuple:
      HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(items_of(value).size() * sizeof(Value))));
      return items_of(value);
    case Kind::kDict:
      return dict_items(runtime, value.as<Dict>(), ViewKind::kKeys);
    case Kind::kView:
      return dict_items(runtime, value.as<View>().dict.as<Dict>(), value.as<View>().part);
    case Kind::kRange:
      return range_items(runtime, value.as<Range>());
    case Kind::kIterator: {
      auto& iterator = value.as<Iterator>();
      std::vector<Value> out(
          std::make_move_iterator(iterator.items.begin() + static_cast<std::ptrdiff_t>(iterator.position)),
          std::make_move_iterator(iterator.items.end()));
      iterator.position = 0;
      iterator.items.clear();
      return out;
    }
    case Kind::kLoop: {
      // Walking the loop variable itself takes the items that are still to come, each with the loop.
      std::vector<Value> out;
      auto& loop = value.as<Loop>();
      while (true) {
        HEARTH_ASSIGN(const bool more, loop.advance());
        if (!more) return out;
        out.push_back(make_tuple(runtime.heap(), {loop.current, value}));
        HEARTH_RETURN_IF_ERROR(runtime.step());
      }
    }
    default:
      return misuse(runtime, value, "object is not iterable");
  }
}

namespace {

/// Two texts are compared byte by byte; what containers take is counted by equal_values.
Status spend_comparison(Runtime& runtime, const Value& a, const Value& b) {
  if (!a.is(Kind::kString) || !b.is(Kind::kString)) return runtime.step();
  return runtime.spend(static_cast<int64_t>(std::min(text_of(a).size(), text_of(b).size())));
}

Result<bool> contains_in_items(Runtime& runtime, const std::vector<Value>& items, const Value& item) {
  for (const Value& candidate : items) {
    HEARTH_RETURN_IF_ERROR(spend_comparison(runtime, candidate, item));
    if (equal_values(candidate, item)) return true;
  }
  return false;
}

}  // namespace

Result<bool> contains(Runtime& runtime, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::kString: {
      if (!item.is(Kind::kString)) {
        return runtime.error("'in <string>' requires string as left operand, not ", type_name(item));
      }
      HEARTH_RETURN_IF_ERROR(runtime.spend(static_cast<int64_t>(text_of(container).size())));
      return find_text(text_of(container), text_of(item)) != std::string_view::npos;
    }
    case Kind::kList:
    case Kind::kTuple:
      return contains_in_items(runtime, items_of(container), item);
    case Kind::kDict: {
      uint64_t hash = 0;
      if (!hash_value(item, hash)) return runtime.error("unhashable type: '", type_name(item), "'");
      return container.as<Dict>().find(item) != nullptr;
    }
    case Kind::kRange: {
      const Range& range = container.as<Range>();
      if (!item.is_number()) return false;
      if (item.is(Kind::kFloat) &&
          (std::floor(item.real()) != item.real() || std::abs(item.real()) >= 0x1p62))
        return false;
      const int64_t wanted = item.is(Kind::kFloat) ? static_cast<int64_t>(item.real()) : item.integer();
      const bool inside = range.step > 0 ? wanted >= range.start && wanted < range.stop
                                         : wanted <= range.start && wanted > range.stop;
      const auto distance = static_cast<__int128>(wanted) - range.start;
      return inside && distance % range.step == 0;
    }
    case Kind::kView:
      if (container.as<View>().part == ViewKind::kKeys)
        return contains(runtime, container.as<View>().dict, item);
      [[fallthrough]];
    case Kind::kUndefined:
    case Kind::kIterator:
    case Kind::kLoop: {
      HEARTH_ASSIGN(const std::vector<Value> items, items_from(runtime, container));
      return contains_in_items(runtime, items, item);
    }
    default:
      return misuse(runtime, container, "object is not a container");
  }
}

Result<bool> less_than(Runtime& runtime, const Value& a, const Value& b, int depth) {
  if (a.is_integral() && b.is_integral()) return a.integer() < b.integer();
  if (a.is_number() && b.is_number()) {
    const auto left =
        static_cast<long double>(a.is(Kind::kFloat) ? a.real() : static_cast<long double>(a.integer()));
    const auto right =
        static_cast<long double>(b.is(Kind::kFloat) ? b.real() : static_cast<long double>(b.integer()));
    return left < right;
  }
  if (a.is(Kind::kString) && b.is(Kind::kString)) {
    HEARTH_RETURN_IF_ERROR(spend_comparison(runtime, a, b));
    return text_of(a) < text_of(b);
  }
  if (a.is_sequence() && a.kind() == b.kind()) {
    if (depth >= kMaxNesting) return runtime.limit_error("nesting");
    const std::vector<Value>& left = items_of(a);
    const std::vector<Value>& right = items_of(b);
    for (size_t i = 0; i < left.size() && i < right.size(); ++i) {
      HEARTH_RETURN_IF_ERROR(runtime.step());
      if (!equal_values(left[i], right[i])) return less_than(runtime, left[i], right[i], depth + 1);
    }
    return left.size() < right.size();
  }
  if (a.is(Kind::kUndefined)) return misuse(runtime, a, "");
  if (b.is(Kind::kUndefined)) return misuse(runtime, b, "");
  return runtime.error("'<' not supported between instances of '", type_name(a), "' and '", type_name(b),
                       "'");
}

Result<bool> compare(Runtime& runtime, Op op, const Value& a, const Value& b) {
  HEARTH_RETURN_IF_ERROR(spend_comparison(runtime, a, b));
  switch (op) {
    case Op::kEq:
      return equal_values(a, b);
    case Op::kNe:
      return !equal_values(a, b);
    case Op::kLt:
      return less_than(runtime, a, b);
    case Op::kGt:
      return less_than(runtime, b, a);
    case Op::kIn:
      return contains(runtime, b, a);
    case Op::kNotIn: {
      HEARTH_ASSIGN(const bool inside, contains(runtime, b, a));
      return !inside;
    }
    case Op::kLe:
    case Op::kGe: {
      const Value& small = op == Op::kLe ? a : b;
      const Value& large = op == Op::kLe ? b : a;
      HEARTH_ASSIGN(const bool less, less_than(runtime, small, large));
      return less || equal_values(small, large);
    }
    default:
      return runtime.error("not a comparison");
  }
}

Status sort_by_keys(Runtime& runtime, std::vector<Value>& items, std::vector<Value>& keys, bool reverse) {
  HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(items.size() * 2 * sizeof(Value))));
  std::vector<size_t> order(items.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Status failed;
  std::stable_sort(order.begin(), order.end(), [&](size_t x, size_t y) {
    if (!failed.ok()) return false;
    if (Status step = runtime.step(); !step.ok()) {
      failed = std::move(step);
      return false;
    }
    // sorted(reverse=True) keeps equal items in their order, so the comparison is turned round, not the
    // result.
    Result<bool> less = reverse ? less_than(runtime, keys[y], keys[x]) : less_than(runtime, keys[x], keys[y]);
    if (!less.ok()) failed = less.error();
    return less.ok() && *less;
  });
  if (!failed.ok()) return failed.error();
  std::vector<Value> sorted_items(items.size());
  std::vector<Value> sorted_keys(keys.size());
  for (size_t i = 0; i < order.size(); ++i) {
    sorted_items[i] = items[order[i]];
    sorted_keys[i] = keys[order[i]];
  }
  items = std::move(sorted_items);
  keys = std::move(sorted_keys);
  return {};
}

}  // namespace hearth::text::jinja
