// The global functions of jinja2's sandbox with the ones transformers adds or replaces.
#include <algorithm>

#include "text/jinja/interpreter.h"
#include "text/jinja/operations.h"

namespace hearth::text::jinja {

namespace {

constexpr int64_t kMaxRange = 100000;  // MAX_RANGE of jinja2.sandbox

constexpr std::pair<std::string_view, GlobalFunction> kGlobals[] = {
    {"range", GlobalFunction::kRange},
    {"dict", GlobalFunction::kDict},
    {"namespace", GlobalFunction::kNamespace},
    {"cycler", GlobalFunction::kCycler},
    {"joiner", GlobalFunction::kJoiner},
    {"raise_exception", GlobalFunction::kRaiseException},
    {"strftime_now", GlobalFunction::kStrftimeNow},
};

Result<Value> make_range(Runtime& runtime, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "range", args, {"start", "stop", "step"}, 1));
  int64_t numbers[3] = {0, 0, 1};
  for (size_t i = 0; i < 3; ++i) {
    if (bound[i].is(Kind::kMissing)) continue;
    HEARTH_ASSIGN(numbers[i], to_index(runtime, bound[i], "range() argument"));
  }
  if (bound[1].is(Kind::kMissing)) std::swap(numbers[0], numbers[1]);
  if (numbers[2] == 0) return runtime.error("range() arg 3 must not be zero");
  auto* range = new Range(runtime.heap(), numbers[0], numbers[1], numbers[2]);
  Value out = Value::object(range);
  if (range->size() > kMaxRange || range->size() < 0) {
    return runtime.error("range too big: the sandbox blocks ranges larger than ", kMaxRange);
  }
  return out;
}

/// dict(mapping or pairs, **named)
Result<Value> make_dict_value(Runtime& runtime, const Args& args) {
  Value out = make_dict(runtime.heap());
  auto& dict = out.as<Dict>();
  if (args.positional.size() > 1) return runtime.error("dict expected at most 1 argument");
  if (!args.positional.empty()) {
    const Value& source = args.positional.front();
    const Value pairs =
        source.is(Kind::kDict) ? Value::object(new View(runtime.heap(), source, ViewKind::kItems)) : source;
    HEARTH_ASSIGN(const std::vector<Value> items, items_from(runtime, pairs));
    for (const Value& item : items) {
      HEARTH_ASSIGN(const std::vector<Value> pair, items_from(runtime, item));
      if (pair.size() != 2) return runtime.error("dict needs pairs of a key and a value");
      uint64_t hash = 0;
      if (!hash_value(pair[0], hash)) return runtime.error("unhashable type: '", type_name(pair[0]), "'");
      dict.set(pair[0], pair[1]);
    }
  }
  for (const auto& [name, value] : args.named) dict.set(runtime.string(name), value);
  return out;
}

Result<Value> make_namespace(Runtime& runtime, const Args& args) {
  HEARTH_ASSIGN(const Value dict, make_dict_value(runtime, args));
  auto* space = new Namespace(runtime.heap());
  Value out = Value::object(space);
  for (const Dict::Entry& entry : dict.as<Dict>().entries()) {
    if (!entry.key.is(Kind::kString)) return runtime.error("namespace attributes must be text");
    if (text_of(entry.key).starts_with('_')) {
      return runtime.error("namespace attributes must not begin with an underscore: '", text_of(entry.key),
                           "'");
    }
    runtime.heap().account(*space,
                           static_cast<int64_t>(text_of(entry.key).size() + sizeof(space->attributes[0])));
    space->attributes.emplace_back(text_of(entry.key), entry.value);
  }
  return out;
}

Result<Value> raise_exception(Runtime& runtime, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound,
                bind_arguments(runtime, "raise_exception", args, {"message"}, 1));
  HEARTH_ASSIGN(const std::string message, to_text(runtime, bound[0]));
  return runtime.error("the template refuses this conversation: ", message);
}

Result<Value> strftime_now(Runtime& runtime, const Args& args) {
  HEARTH_ASSIGN(const std::vector<Value> bound, bind_arguments(runtime, "strftime_now", args, {"format"}, 1));
  if (!bound[0].is(Kind::kString)) return runtime.error("strftime_now() needs a text");
  HEARTH_RETURN_IF_ERROR(runtime.reserve(32 * static_cast<int64_t>(text_of(bound[0]).size())));
  HEARTH_ASSIGN(std::string text, format_time(runtime, text_of(bound[0]), runtime.local_time_s()));
  return runtime.string(std::move(text));
}

}  // namespace

Value find_global(std::string_view name) {
  for (const auto& [global, function] : kGlobals) {
    if (global == name) return Value::function(static_cast<int64_t>(function));
  }
  return Value::missing();
}

Result<Value> call_global(Runtime& runtime, GlobalFunction function, const Args& args) {
  switch (function) {
    case GlobalFunction::kRange:
      return make_range(runtime, args);
    case GlobalFunction::kDict:
      return make_dict_value(runtime, args);
    case GlobalFunction::kNamespace:
      return make_namespace(runtime, args);
    case GlobalFunction::kCycler:
      if (args.positional.empty() || !args.named.empty())
        return runtime.error("at least one item has to be provided");
      return Value::object(new Cycler(runtime.heap(), args.positional));
    case GlobalFunction::kJoiner: {
      HEARTH_ASSIGN(const std::vector<Value> bound, bind_arguments(runtime, "joiner", args, {"sep"}, 0));
      const Value separator = bound[0].is(Kind::kMissing) ? runtime.string(", ") : bound[0];
      return Value::object(new Joiner(runtime.heap(), separator));
    }
    case GlobalFunction::kRaiseException:
      return raise_exception(runtime, args);
    case GlobalFunction::kStrftimeNow:
      return strftime_now(runtime, args);
  }
  return runtime.error("not a function");
}

}  // namespace hearth::text::jinja
