// Filters that pick: map, select and their kin, default, attr; and the table of all filters.
#include <algorithm>
#include <charconv>

#include "text/jinja/filters.h"
#include "text/jinja/operations.h"
#include "text/jinja/tests.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

void add_path(Runtime& runtime, std::string_view dotted, std::vector<Value>& path) {
  while (true) {
    const size_t dot = dotted.find('.');
    const std::string_view part = dotted.substr(0, dot);
    int64_t number = 0;
    const auto parsed = std::from_chars(part.data(), part.data() + part.size(), number);
    const bool is_number = !part.empty() && part[0] != '-' && parsed.ec == std::errc() &&
                           parsed.ptr == part.data() + part.size();
    path.push_back(is_number ? Value::integer(number) : runtime.string(std::string(part)));
    if (dot == std::string_view::npos) return;
    dotted.remove_prefix(dot + 1);
  }
}

}  // namespace

Result<AttributePath> AttributePath::create(Runtime& runtime, const Value& attribute, bool comma_separated) {
  AttributePath out;
  if (attribute.is(Kind::kMissing) || attribute.is(Kind::kNone)) {
    out.paths_.emplace_back();
  } else if (!attribute.is(Kind::kString)) {
    out.paths_.push_back({attribute});
  } else {
    std::string_view rest = text_of(attribute);
    out.is_list_ = comma_separated && rest.find(',') != std::string_view::npos;
    while (true) {
      const size_t comma = comma_separated ? rest.find(',') : std::string_view::npos;
      out.paths_.emplace_back();
      add_path(runtime, rest.substr(0, comma), out.paths_.back());
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  return out;
}

Result<Value> AttributePath::get(Runtime& runtime, const Value& item, const Value& fallback,
                                 bool lower_case) const {
  const bool has_fallback = !fallback.is(Kind::kMissing) && !fallback.is(Kind::kNone);
  std::vector<Value> values;
  for (const std::vector<Value>& path : paths_) {
    HEARTH_RETURN_IF_ERROR(runtime.step());
    Value value = item;
    for (const Value& part : path) {
      HEARTH_ASSIGN(value, get_item(runtime, value, part));
      if (has_fallback && value.is(Kind::kUndefined)) value = fallback;
    }
    if (lower_case && value.is(Kind::kString)) {
      HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(text_of(value).size())));
      value = runtime.string(to_lower(text_of(value)));
    }
    values.push_back(std::move(value));
  }
  if (!is_list_) return std::move(values.front());
  return make_list(runtime.heap(), std::move(values));
}

namespace {

Result<Value> filter_default(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "default", args, {"default_value", "boolean"}, 0));
  const bool replaced = value.is(Kind::kUndefined) || (truthy(bound[1]) && !truthy(value));
  if (!replaced) return value;
  return bound[0].is(Kind::kMissing) ? runtime.string("") : bound[0];
}

Result<Value> filter_attr(Runtime& runtime, const Value& value, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound, bind_arguments(runtime, "attr", args, {"name"}, 1));
  if (!bound[0].is(Kind::kString)) return runtime.error("attr: the name must be text");
  // Attributes only: an item of a dict is not one.
  if (value.is(Kind::kDict) && value.as<Dict>().find(bound[0]) != nullptr) {
    return get_attribute(runtime, make_dict(runtime.heap()), bound[0]);
  }
  return get_attribute(runtime, value, bound[0]);
}

Result<Value> filter_map(Runtime& runtime, const Value& value, const Args& args) {
  if (!truthy(value)) return make_iterator(runtime.heap(), {});
  HEARTH_ASSIGN(const std::vector<Value> items, items_from(runtime, value));
  std::vector<Value> out;
  out.reserve(items.size());
  if (args.positional.empty()) {
    HEARTH_ASSIGN(const std::vector<Value> bound,
                  bind_arguments(runtime, "map", args, {"attribute", "default"}, 1));
    HEARTH_ASSIGN(const AttributePath path, AttributePath::create(runtime, bound[0]));
    for (const Value& item : items) {
      HEARTH_ASSIGN(Value mapped, path.get(runtime, item, bound[1]));
      out.push_back(std::move(mapped));
    }
    return make_iterator(runtime.heap(), std::move(out));
  }
  const Value& name = args.positional.front();
  const FilterEntry* filter = name.is(Kind::kString) ? find_filter(text_of(name)) : nullptr;
  if (filter == nullptr) return runtime.error("map: no such filter");
  const Args rest{{args.positional.begin() + 1, args.positional.end()}, args.named};
  for (const Value& item : items) {
    HEARTH_RETURN_IF_ERROR(runtime.step());
    HEARTH_ASSIGN(Value mapped, filter->apply(runtime, item, rest));
    out.push_back(std::move(mapped));
  }
  return make_iterator(runtime.heap(), std::move(out));
}

template <bool kWanted, bool kByAttribute>
Result<Value> filter_select(Runtime& runtime, const Value& value, const Args& args) {
  if (!truthy(value)) return make_iterator(runtime.heap(), {});
  size_t used = 0;
  Value attribute = Value::missing();
  if (kByAttribute) {
    if (args.positional.empty()) return runtime.error("selectattr: missing parameter for attribute name");
    attribute = args.positional[used++];
  }
  HEARTH_ASSIGN(const AttributePath path, AttributePath::create(runtime, attribute));
  const TestEntry* test = nullptr;
  Args rest{{}, args.named};
  if (used < args.positional.size()) {
    const Value& name = args.positional[used++];
    test = name.is(Kind::kString) ? find_test(text_of(name)) : nullptr;
    if (test == nullptr) return runtime.error("select: no such test");
    rest.positional.assign(args.positional.begin() + static_cast<std::ptrdiff_t>(used),
                           args.positional.end());
  }
  HEARTH_ASSIGN(const std::vector<Value> items, items_from(runtime, value));
  std::vector<Value> out;
  for (const Value& item : items) {
    HEARTH_ASSIGN(const Value tested, path.get(runtime, item));
    bool passes = truthy(tested);
    if (test != nullptr) {
      HEARTH_ASSIGN(passes, run_test(runtime, *test, tested, rest));
    }
    if (passes == kWanted) out.push_back(item);
  }
  return make_iterator(runtime.heap(), std::move(out));
}

constexpr FilterEntry kFilters[] = {
    {"default", filter_default},
    {"d", filter_default},
    {"attr", filter_attr},
    {"map", filter_map},
    {"select", filter_select<true, false>},
    {"reject", filter_select<false, false>},
    {"selectattr", filter_select<true, true>},
    {"rejectattr", filter_select<false, true>},
};

}  // namespace

std::span<const FilterEntry> select_filters() { return kFilters; }

const FilterEntry* find_filter(std::string_view name) {
  for (const auto table : {text_filters(), sequence_filters(), select_filters()}) {
    const auto it =
        std::find_if(table.begin(), table.end(), [name](const FilterEntry& row) { return row.name == name; });
    if (it != table.end()) return &*it;
  }
  return nullptr;
}

bool is_unsupported_filter(std::string_view name) {
  static constexpr std::string_view kNames[] = {"filesizeformat", "pprint",   "random", "striptags",
                                                "urlize",         "wordwrap", "xmlattr"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

}  // namespace hearth::text::jinja
