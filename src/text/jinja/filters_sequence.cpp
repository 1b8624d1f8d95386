// Filters over lists and dicts: order, grouping, reduction.
#include <algorithm>

#include "text/jinja/filters.h"
#include "text/jinja/operations.h"

namespace hearth::text::jinja {

namespace {

Value or_none(const Value& value) { return value.is(Kind::kMissing) ? Value::none() : value; }

Result<Value> filter_length(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_arguments(runtime, "length", args, {}, 0));
  HEARTH_ASSIGN(const int64_t length, length_of(runtime, value));
  return Value::integer(length);
}

Result<Value> filter_list(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_arguments(runtime, "list", args, {}, 0));
  HEARTH_ASSIGN(std::vector<Value> items, items_from(runtime, value));
  return make_list(runtime.heap(), std::move(items));
}

Result<Value> filter_items(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_arguments(runtime, "items", args, {}, 0));
  if (value.is(Kind::kUndefined)) return make_iterator(runtime.heap(), {});
  if (!value.is(Kind::kDict)) return runtime.error("items: can only get item pairs from a mapping");
  const Value view = Value::object(new View(runtime.heap(), value, ViewKind::kItems));
  HEARTH_ASSIGN(std::vector<Value> items, items_from(runtime, view));
  return make_iterator(runtime.heap(), std::move(items));
}

Result<Value> filter_first(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_arguments(runtime, "first", args, {}, 0));
  if (value.is(Kind::kIterator)) {
    auto& iterator = value.as<Iterator>();
    if (iterator.position < iterator.items.size()) return iterator.items[iterator.position++];
  } else {
    HEARTH_ASSIGN(const std::vector<Value> items, items_from(runtime, value));
    if (!items.empty()) return items.front();
  }
  return Value::undefined(runtime.string("no first item, the sequence was empty").object());
}

Result<Value> filter_last(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_arguments(runtime, "last", args, {}, 0));
  if (value.is(Kind::kIterator) || value.is(Kind::kLoop))
    return runtime.error("last: a generator is not reversible");
  HEARTH_ASSIGN(const std::vector<Value> items, items_from(runtime, value));
  if (!items.empty()) return items.back();
  return Value::undefined(runtime.string("no last item, the sequence was empty").object());
}

Result<Value> filter_reverse(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_arguments(runtime, "reverse", args, {}, 0));
  if (value.is(Kind::kString)) {
    return get_slice(runtime, value, Value::none(), Value::none(), Value::integer(-1));
  }
  HEARTH_ASSIGN(std::vector<Value> items, items_from(runtime, value));
  std::reverse(items.begin(), items.end());
  if (value.is(Kind::kIterator)) return make_list(runtime.heap(), std::move(items));
  return make_iterator(runtime.heap(), std::move(items));
}

Result<Value> filter_sort(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "sort", args, {"reverse", "case_sensitive", "attribute"}, 0));
  HEARTH_ASSIGN(const AttributePath path, AttributePath::create(runtime, bound[2], true));
  HEARTH_ASSIGN(std::vector<Value> items, items_from(runtime, value));
  std::vector<Value> keys;
  for (const Value& item : items) {
    HEARTH_ASSIGN(Value key, path.get(runtime, item, Value::missing(), !truthy(bound[1])));
    keys.push_back(std::move(key));
  }
  HEARTH_RETURN_IF_ERROR(sort_by_keys(runtime, items, keys, truthy(bound[0])));
  return make_list(runtime.heap(), std::move(items));
}

Result<Value> filter_dictsort(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "dictsort", args, {"case_sensitive", "by", "reverse"}, 0));
  size_t part = 0;
  if (!bound[1].is(Kind::kMissing)) {
    const bool is_text = bound[1].is(Kind::kString);
    if (!is_text || (text_of(bound[1]) != "key" && text_of(bound[1]) != "value")) {
      return runtime.error("dictsort: you can only sort by either \"key\" or \"value\"");
    }
    part = text_of(bound[1]) == "value" ? 1 : 0;
  }
  if (!value.is(Kind::kDict)) return misuse(runtime, value, "object cannot be sorted by dictsort");
  const Value view = Value::object(new View(runtime.heap(), value, ViewKind::kItems));
  HEARTH_ASSIGN(std::vector<Value> items, items_from(runtime, view));
  HEARTH_ASSIGN(const AttributePath path,
                AttributePath::create(runtime, Value::integer(static_cast<int64_t>(part))));
  std::vector<Value> keys;
  for (const Value& item : items) {
    HEARTH_ASSIGN(Value key, path.get(runtime, item, Value::missing(), !truthy(bound[0])));
    keys.push_back(std::move(key));
  }
  HEARTH_RETURN_IF_ERROR(sort_by_keys(runtime, items, keys, truthy(bound[2])));
  return make_list(runtime.heap(), std::move(items));
}

template <bool kMax>
Result<Value> filter_extreme(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "min", args, {"case_sensitive", "attribute"}, 0));
  HEARTH_ASSIGN(const AttributePath path, AttributePath::create(runtime, bound[1]));
  HEARTH_ASSIGN(const std::vector<Value> items, items_from(runtime, value));
  if (items.empty())
    return Value::undefined(runtime.string("no aggregated item, the sequence was empty").object());
  size_t best = 0;
  Value best_key;
  for (size_t i = 0; i < items.size(); ++i) {
    HEARTH_RETURN_IF_ERROR(runtime.step());
    HEARTH_ASSIGN(Value key, path.get(runtime, items[i], Value::missing(), !truthy(bound[0])));
    if (i > 0) {
      HEARTH_ASSIGN(const bool better,
                    kMax ? less_than(runtime, best_key, key) : less_than(runtime, key, best_key));
      if (!better) continue;
    }
    best = i;
    best_key = std::move(key);
  }
  return items[best];
}

Result<Value> filter_sum(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "sum", args, {"attribute", "start"}, 0));
  HEARTH_ASSIGN(const AttributePath path, AttributePath::create(runtime, bound[0]));
  HEARTH_ASSIGN(const std::vector<Value> items, items_from(runtime, value));
  Value total = bound[1].is(Kind::kMissing) ? Value::integer(0) : bound[1];
  if (total.is(Kind::kString)) return runtime.error("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value& item : items) {
    HEARTH_ASSIGN(const Value part, path.get(runtime, item));
    HEARTH_ASSIGN(total, binary_operation(runtime, Op::kAdd, total, part));
  }
  return total;
}

Result<Value> filter_unique(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "unique", args, {"case_sensitive", "attribute"}, 0));
  HEARTH_ASSIGN(const AttributePath path, AttributePath::create(runtime, bound[1]));
  HEARTH_ASSIGN(const std::vector<Value> items, items_from(runtime, value));
  const Value seen = make_dict(runtime.heap());
  std::vector<Value> out;
  for (const Value& item : items) {
    HEARTH_ASSIGN(const Value key, path.get(runtime, item, Value::missing(), !truthy(bound[0])));
    uint64_t hash = 0;
    if (!hash_value(key, hash)) return runtime.error("unhashable type: '", type_name(key), "'");
    if (seen.as<Dict>().find(key) != nullptr) continue;
    seen.as<Dict>().set(key, Value::none());
    out.push_back(item);
  }
  return make_iterator(runtime.heap(), std::move(out));
}

Result<Value> filter_groupby(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "groupby", args, {"attribute", "default", "case_sensitive"}, 1));
  HEARTH_ASSIGN(const AttributePath path, AttributePath::create(runtime, bound[0]));
  HEARTH_ASSIGN(std::vector<Value> items, items_from(runtime, value));
  std::vector<Value> keys;
  for (const Value& item : items) {
    HEARTH_ASSIGN(Value key, path.get(runtime, item, bound[1], !truthy(bound[2])));
    keys.push_back(std::move(key));
  }
  HEARTH_RETURN_IF_ERROR(sort_by_keys(runtime, items, keys, false));
  std::vector<Value> groups;
  for (size_t begin = 0; begin < items.size();) {
    size_t end = begin + 1;
    while (end < items.size() && equal_values(keys[end], keys[begin])) ++end;
    // The group is called by its first item's own spelling.
    HEARTH_ASSIGN(Value grouper, path.get(runtime, items[begin], bound[1], false));
    const auto at = [&](size_t i) { return items.begin() + static_cast<std::ptrdiff_t>(i); };
    Value group = make_tuple(runtime.heap(),
                             {grouper, make_list(runtime.heap(), std::vector<Value>(at(begin), at(end)))});
    group.as<List>().group = true;
    groups.push_back(std::move(group));
    begin = end;
  }
  return make_list(runtime.heap(), std::move(groups));
}

Result<Value> filter_batch(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "batch", args, {"linecount", "fill_with"}, 1));
  HEARTH_ASSIGN(const int64_t width, to_index(runtime, bound[0], "linecount"));
  HEARTH_ASSIGN(const std::vector<Value> items, items_from(runtime, value));
  std::vector<Value> rows;
  std::vector<Value> row;
  for (size_t i = 0; i < items.size(); ++i) {
    if (static_cast<int64_t>(row.size()) == width)
      rows.push_back(make_list(runtime.heap(), std::exchange(row, {})));
    row.push_back(items[i]);
    HEARTH_RETURN_IF_ERROR(runtime.step());
  }
  if (!row.empty()) {
    if (!or_none(bound[1]).is(Kind::kNone) && width > static_cast<int64_t>(row.size())) {
      if (width > runtime.limits().memory_bytes / static_cast<int64_t>(sizeof(Value)))
        return runtime.limit_error("memory");
      HEARTH_RETURN_IF_ERROR(runtime.reserve(width * static_cast<int64_t>(sizeof(Value))));
      row.resize(static_cast<size_t>(width), bound[1]);
    }
    rows.push_back(make_list(runtime.heap(), std::move(row)));
  }
  return make_iterator(runtime.heap(), std::move(rows));
}

Result<Value> filter_slice(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "slice", args, {"slices", "fill_with"}, 1));
  HEARTH_ASSIGN(const int64_t slices, to_index(runtime, bound[0], "slices"));
  HEARTH_ASSIGN(const std::vector<Value> items, items_from(runtime, value));
  if (slices == 0) return runtime.error("integer division or modulo by zero");
  if (slices > runtime.limits().memory_bytes / static_cast<int64_t>(sizeof(List)))
    return runtime.limit_error("memory");
  if (slices > 0) HEARTH_RETURN_IF_ERROR(runtime.reserve(slices * static_cast<int64_t>(sizeof(List))));
  std::vector<Value> out;
  size_t begin = 0;
  for (int64_t number = 0; number < slices; ++number) {
    const bool extra = number < static_cast<int64_t>(items.size()) % slices;
    const size_t size = items.size() / static_cast<size_t>(slices) + (extra ? 1 : 0);
    const auto first = items.begin() + static_cast<std::ptrdiff_t>(begin);
    std::vector<Value> column(first, first + static_cast<std::ptrdiff_t>(size));
    if (!or_none(bound[1]).is(Kind::kNone) && !extra) column.push_back(bound[1]);
    out.push_back(make_list(runtime.heap(), std::move(column)));
    begin += size;
  }
  return make_iterator(runtime.heap(), std::move(out));
}

constexpr FilterEntry kFilters[] = {
    {"length", filter_length},      {"count", filter_length},      {"list", filter_list},
    {"items", filter_items},        {"first", filter_first},       {"last", filter_last},
    {"reverse", filter_reverse},    {"sort", filter_sort},         {"dictsort", filter_dictsort},
    {"min", filter_extreme<false>}, {"max", filter_extreme<true>}, {"sum", filter_sum},
    {"unique", filter_unique},      {"groupby", filter_groupby},   {"batch", filter_batch},
    {"slice", filter_slice},
};

}  // namespace

std::span<const FilterEntry> sequence_filters() { return kFilters; }

}  // namespace hearth::text::jinja
