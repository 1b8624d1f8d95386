// Methods of dict, list, tuple and the loop helpers, and the table of all methods.
#include "text/jinja/methods.h"

#include <algorithm>

#include "text/jinja/frame.h"
#include "text/jinja/operations.h"

namespace hearth::text::jinja {

namespace {

Result<Value> dict_get(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound, bind_positional(runtime, "get", args, {"key", "default"}, 1));
  uint64_t hash = 0;
  if (!hash_value(bound[0], hash)) return runtime.error("unhashable type: '", type_name(bound[0]), "'");
  if (const Value* found = self.as<Dict>().find(bound[0]); found != nullptr) return *found;
  return bound[1].is(Kind::kMissing) ? Value::none() : bound[1];
}

template <ViewKind kPart>
Result<Value> dict_view(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_positional(runtime, "keys, values, items", args, {}, 0));
  return Value::object(new View(runtime.heap(), self, kPart));
}

Result<Value> dict_copy(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_positional(runtime, "copy", args, {}, 0));
  const auto& source = self.as<Dict>();
  HEARTH_RETURN_IF_ERROR(
      runtime.reserve(static_cast<int64_t>(source.entries().size() * sizeof(Dict::Entry))));
  Value out = make_dict(runtime.heap());
  for (const Dict::Entry& entry : source.entries()) out.as<Dict>().set(entry.key, entry.value);
  return out;
}

Result<Value> dict_fromkeys(Runtime& runtime, const Value&, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_positional(runtime, "fromkeys", args, {"iterable", "value"}, 1));
  HEARTH_ASSIGN(const std::vector<Value> keys, items_from(runtime, bound[0]));
  HEARTH_RETURN_IF_ERROR(runtime.reserve(static_cast<int64_t>(keys.size() * sizeof(Dict::Entry))));
  Value out = make_dict(runtime.heap());
  for (const Value& key : keys) {
    uint64_t hash = 0;
    if (!hash_value(key, hash)) return runtime.error("unhashable type: '", type_name(key), "'");
    out.as<Dict>().set(key, bound[1].is(Kind::kMissing) ? Value::none() : bound[1]);
  }
  return out;
}

Result<Value> list_count(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound, bind_positional(runtime, "count", args, {"value"}, 1));
  int64_t count = 0;
  for (const Value& item : items_of(self)) {
    HEARTH_RETURN_IF_ERROR(runtime.step());
    if (equal_values(item, bound[0])) ++count;
  }
  return Value::integer(count);
}

Result<Value> list_index(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_positional(runtime, "index", args, {"value", "start", "stop"}, 1));
  const std::vector<Value>& items = items_of(self);
  const auto length = static_cast<int64_t>(items.size());
  int64_t range[2] = {0, length};
  for (size_t i = 0; i < 2; ++i) {
    if (bound[i + 1].is(Kind::kMissing)) continue;
    HEARTH_ASSIGN(range[i], to_index(runtime, bound[i + 1], "index() bound"));
    if (range[i] < 0) range[i] = std::max<int64_t>(range[i] + length, 0);
    range[i] = std::min(range[i], length);
  }
  for (int64_t i = range[0]; i < range[1]; ++i) {
    HEARTH_RETURN_IF_ERROR(runtime.step());
    if (equal_values(items[static_cast<size_t>(i)], bound[0])) return Value::integer(i);
  }
  return runtime.error("the value is not in the list");
}

Result<Value> list_copy(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_positional(runtime, "copy", args, {}, 0));
  HEARTH_ASSIGN(std::vector<Value> items, items_from(runtime, self));
  return make_list(runtime.heap(), std::move(items));
}

Result<Value> loop_cycle(Runtime& runtime, const Value& self, const Args& args) {
  if (args.positional.empty() || !args.named.empty()) return runtime.error("loop.cycle() needs items");
  const auto count = static_cast<int64_t>(args.positional.size());
  return args.positional[static_cast<size_t>(std::max<int64_t>(self.as<Loop>().index0, 0) % count)];
}

Result<Value> loop_changed(Runtime& runtime, const Value& self, const Args& args) {
  auto& loop = self.as<Loop>();
  Value now = make_tuple(runtime.heap(), args.positional);
  const bool changed = !loop.has_changed || !equal_values(now, loop.changed);
  loop.has_changed = true;
  loop.changed = std::move(now);
  return Value::boolean(changed);
}

Result<Value> cycler_next(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_positional(runtime, "next", args, {}, 0));
  auto& cycler = self.as<Cycler>();
  Value item = cycler.items[cycler.position];
  cycler.position = (cycler.position + 1) % cycler.items.size();
  return item;
}

Result<Value> cycler_reset(Runtime& runtime, const Value& self, const Args& args) {
  HEARTH_RETURN_IF_ERROR(bind_positional(runtime, "reset", args, {}, 0));
  self.as<Cycler>().position = 0;
  return Value::none();
}

constexpr MethodEntry kDictMethods[] = {
    {"get", dict_get},
    {"items", dict_view<ViewKind::kItems>},
    {"keys", dict_view<ViewKind::kKeys>},
    {"copy", dict_copy},
    {"values", dict_view<ViewKind::kValues>},
    {"fromkeys", dict_fromkeys},
    {"pop", nullptr},
    {"update", nullptr},
    {"clear", nullptr},
    {"setdefault", nullptr},
    {"popitem", nullptr},
};
constexpr MethodEntry kListMethods[] = {
    {"index", list_index}, {"count", list_count}, {"copy", list_copy}, {"append", nullptr},
    {"pop", nullptr},      {"extend", nullptr},   {"insert", nullptr}, {"remove", nullptr},
    {"sort", nullptr},     {"reverse", nullptr},  {"clear", nullptr},
};
constexpr MethodEntry kTupleMethods[] = {{"index", list_index}, {"count", list_count}};
constexpr MethodEntry kLoopMethods[] = {{"cycle", loop_cycle}, {"changed", loop_changed}};
constexpr MethodEntry kCyclerMethods[] = {{"next", cycler_next}, {"reset", cycler_reset}};

}  // namespace

const MethodEntry* find_method(Kind kind, std::string_view name) {
  std::span<const MethodEntry> table;
  switch (kind) {
    case Kind::kString:
      table = string_methods();
      break;
    case Kind::kDict:
      table = kDictMethods;
      break;
    case Kind::kList:
      table = kListMethods;
      break;
    case Kind::kTuple:
      table = kTupleMethods;
      break;
    case Kind::kLoop:
      table = kLoopMethods;
      break;
    case Kind::kCycler:
      table = kCyclerMethods;
      break;
    default:
      return nullptr;
  }
  const auto it =
      std::find_if(table.begin(), table.end(), [name](const MethodEntry& row) { return row.name == name; });
  return it == table.end() ? nullptr : &*it;
}

}  // namespace hearth::text::jinja
