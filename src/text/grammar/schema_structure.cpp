// Arrays and objects of a schema: which schemas apply to an item or a member, and the order they are written
// in.
#include <algorithm>

#include "text/grammar/schema_compiler.h"

namespace hearth::text::grammar {
namespace {

constexpr uint32_t kMaxItems = 1 << 14;
/// With more optional members than this, keys are not merged into one automaton (which would grow with their
/// square) but called one by one.
constexpr size_t kMaxMergedOptional = 12;

}  // namespace

Result<SchemaCompiler::Range> SchemaCompiler::range(const Alternative& parts, std::string_view min,
                                                    std::string_view max) const {
  Range out;
  for (const io::Json* part : parts) {
    for (const std::string_view keyword : {min, max}) {
      const auto it = part->find(keyword);
      if (it == part->end()) continue;
      const bool whole = it->is_number() && it->get<double>() >= 0 &&
                         decimal_of(*it).find_first_not_of("0123456789") == std::string::npos;
      if (!whole) return tree_.error(ErrorCode::kCorrupt, part, keyword, "must be an integer of at least 0");
      const auto value = static_cast<uint32_t>(std::min(it->get<double>(), 4e9));
      if (keyword == min)
        out.min = std::max(out.min, value);
      else
        out.max = std::min(out.max, value);
    }
  }
  return out;
}

uint32_t SchemaCompiler::prefix_length(const Alternative& parts) const {
  size_t out = 0;
  for (const io::Json* part : parts) {
    const auto prefix = part->find("prefixItems");
    if (prefix != part->end()) out = std::max(out, prefix->size());
  }
  return static_cast<uint32_t>(out);
}

Result<Conjunction> SchemaCompiler::item(const Alternative& parts, size_t index) {
  Conjunction out;
  for (const io::Json* part : parts) {
    const auto prefix = part->find("prefixItems");
    const auto items = part->find("items");
    if (prefix != part->end() && !prefix->is_array()) {
      return tree_.error(ErrorCode::kCorrupt, part, "prefixItems", "must be a list of schemas");
    }
    if (prefix != part->end() && index < prefix->size()) {
      out.push_back(tree_.child(part, "prefixItems", std::to_string(index), (*prefix)[index]));
    } else if (items != part->end()) {
      if (items->is_array()) {
        return tree_.error(ErrorCode::kUnsupported, part, "items",
                           "a list here is prefixItems since draft 2020-12");
      }
      out.push_back(tree_.child(part, "items", "", *items));
    }
  }
  return out;
}

Result<ExprPtr> SchemaCompiler::arrays(const Alternative& parts) {
  HEARTH_ASSIGN(Range length, range(parts, "minItems", "maxItems"));
  const uint32_t prefix = prefix_length(parts);
  if (length.min > kMaxItems || (length.max != Expr::kUnbounded && length.max > kMaxItems)) {
    return tree_.error(ErrorCode::kTooLarge, parts[0], length.min > kMaxItems ? "minItems" : "maxItems",
                       concat("above ", kMaxItems));
  }
  if (length.max < length.min) return choice({});
  std::vector<ExprPtr> items;  // the prefix, then what repeats
  for (uint32_t i = 0; i <= prefix; ++i) {
    HEARTH_ASSIGN(const Conjunction schemas, item(parts, i));
    HEARTH_ASSIGN(ExprPtr one, value(schemas));
    items.push_back(std::move(one));
  }
  // From the end: what may follow once i items stand there.
  const auto more = [&](uint32_t i, uint32_t at_least, uint32_t at_most) {
    return repeat(sequence({json_.comma(), items[i]}), at_least, at_most);
  };
  const auto less = [](uint32_t a, uint32_t b) { return a > b ? a - b : 0; };
  const uint32_t fixed_count = std::max(prefix, 1u);  // the first has no comma before it
  const uint32_t rest_max = length.max == Expr::kUnbounded ? length.max : less(length.max, fixed_count);
  ExprPtr tail = more(prefix, less(length.min, fixed_count), rest_max);
  for (uint32_t i = fixed_count; i-- > 0;) {
    const ExprPtr& one = items[std::min(i, prefix)];
    ExprPtr with = i == 0 ? sequence({one, tail}) : sequence({json_.comma(), one, tail});
    if (i >= length.max)
      tail = literal("");
    else
      tail = i < length.min ? with : optional(std::move(with));
  }
  return sequence({json_.open('['), std::move(tail), json_.close(']')});
}

Result<Conjunction> SchemaCompiler::property(const Alternative& parts, const std::string& name) {
  Conjunction out;
  for (const io::Json* part : parts) {
    const auto properties = part->find("properties");
    const auto additional = part->find("additionalProperties");
    if (properties != part->end() && properties->contains(name)) {
      out.push_back(tree_.child(part, "properties", name, (*properties)[name]));
    } else if (additional != part->end()) {
      out.push_back(tree_.child(part, "additionalProperties", "", *additional));
    }
  }
  return out;
}

Result<Conjunction> SchemaCompiler::additional(const Alternative& parts) {
  Conjunction out;
  for (const io::Json* part : parts) {
    const auto additional = part->find("additionalProperties");
    if (additional != part->end()) out.push_back(tree_.child(part, "additionalProperties", "", *additional));
  }
  return out;
}

bool SchemaCompiler::refuses_additional(const Alternative& parts) {
  return std::ranges::any_of(parts, [](const io::Json* part) {
    const auto additional = part->find("additionalProperties");
    return additional != part->end() && *additional == false;
  });
}

bool SchemaCompiler::takes_additional(const Alternative& parts) const {
  if (refuses_additional(parts)) return false;
  const auto says = [](const io::Json* part) { return part->contains("additionalProperties"); };
  return !options_.strict || std::ranges::any_of(parts, says);
}

Result<SchemaCompiler::Objects> SchemaCompiler::members(const Alternative& parts) const {
  Objects out;
  std::map<std::string, size_t> index;
  const auto add = [&](const std::string& name) {
    const auto [it, added] = index.emplace(name, out.names.size());
    if (added) {
      out.names.push_back(name);
      out.required.push_back(0);
    }
    return it->second;
  };
  for (const io::Json* part : parts) {
    const auto properties = part->find("properties");
    if (properties == part->end()) continue;
    if (!properties->is_object())
      return tree_.error(ErrorCode::kCorrupt, part, "properties", "must be an object");
    for (const auto& [name, schema] : properties->items()) add(name);
  }
  for (const io::Json* part : parts) {
    const auto required = part->find("required");
    if (required == part->end()) continue;
    const bool names =
        required->is_array() && std::all_of(required->begin(), required->end(),
                                            [](const io::Json& name) { return name.is_string(); });
    if (!names) return tree_.error(ErrorCode::kCorrupt, part, "required", "must be a list of strings");
    for (const io::Json& name : *required) out.required[add(name.get<std::string>())] = 1;
  }
  return out;
}

Result<ExprPtr> SchemaCompiler::key_besides(const std::vector<std::string>& names) {
  if (names.empty()) return json_.any_string();
  std::string key("key besides");
  for (const std::string& name : names) key += concat(' ', io::dump_json(name));
  ExprPtr& made = scalars_[key];
  if (made != nullptr) return made;
  std::vector<ExprPtr> known;
  for (const std::string& name : names) known.push_back(literal(name));
  HEARTH_ASSIGN(const Dfa taken, to_dfa(*choice(std::move(known)), {}));
  HEARTH_ASSIGN(const Dfa any, texts_of_length(0, Expr::kUnbounded));
  HEARTH_ASSIGN(const Dfa others, subtract(any, taken, 1 << 18));
  made = rules_.add(key, from_dfa(quoted(others)));
  return made;
}

Result<ExprPtr> SchemaCompiler::objects(const Alternative& parts) {
  HEARTH_ASSIGN(const Objects known, members(parts));
  if (known.names.empty() && takes_additional(parts)) {
    HEARTH_ASSIGN(const Conjunction schemas, additional(parts));
    if (schemas.empty()) return json_.any_object();
  }
  std::vector<ExprPtr> pairs;
  for (const std::string& name : known.names) {
    HEARTH_ASSIGN(const Conjunction schemas, property(parts, name));
    HEARTH_ASSIGN(ExprPtr one, value(schemas));
    pairs.push_back(sequence({literal(io::dump_json(name)), json_.colon(), std::move(one)}));
  }
  const auto optional_count = static_cast<size_t>(std::ranges::count(known.required, 0));
  if (optional_count > kMaxMergedOptional) {
    for (size_t i = 0; i < pairs.size(); ++i) pairs[i] = rules_.add("member " + known.names[i], pairs[i]);
  }
  ExprPtr other;
  if (takes_additional(parts)) {
    HEARTH_ASSIGN(const Conjunction schemas, additional(parts));
    HEARTH_ASSIGN(ExprPtr key, key_besides(known.names));
    HEARTH_ASSIGN(ExprPtr one, value(schemas));
    other = sequence({std::move(key), json_.colon(), std::move(one)});
  }
  // Two states before each member: nothing is written yet, or something is and a comma comes first.
  Nfa nfa;
  const std::vector<uint8_t> nullable(rules_.size());
  const auto add = [&](const ExprPtr& expr, uint32_t from, uint32_t to) {
    return add_expr(nfa, *expr, from, to, 1 << 20, nullable);
  };
  const uint32_t start = nfa.add_state();
  uint32_t none = nfa.add_state();
  uint32_t some = nfa.add_state();
  HEARTH_RETURN_IF_ERROR(add(json_.open('{'), start, none));
  for (size_t i = 0; i < pairs.size(); ++i) {
    const uint32_t pair = nfa.add_state();
    const uint32_t next_none = nfa.add_state();
    const uint32_t next_some = nfa.add_state();
    nfa.add_silent(none, pair);
    HEARTH_RETURN_IF_ERROR(add(json_.comma(), some, pair));
    HEARTH_RETURN_IF_ERROR(add(pairs[i], pair, next_some));
    if (known.required[i] == 0) {
      nfa.add_silent(none, next_none);
      nfa.add_silent(some, next_some);
    }
    none = next_none;
    some = next_some;
  }
  if (other != nullptr) {
    const uint32_t pair = nfa.add_state();
    nfa.add_silent(none, pair);
    HEARTH_RETURN_IF_ERROR(add(json_.comma(), some, pair));
    HEARTH_RETURN_IF_ERROR(add(other, pair, some));
  }
  const uint32_t end = nfa.add_state();
  HEARTH_RETURN_IF_ERROR(add(json_.close('}'), none, end));
  HEARTH_RETURN_IF_ERROR(add(json_.close('}'), some, end));
  Result<Dfa> dfa = nfa.determinize(start, end, {});
  if (!dfa) return tree_.error(dfa.error().code, parts[0], "properties", dfa.error().message);
  return from_dfa(std::move(*dfa));
}

}  // namespace hearth::text::grammar
