// Judgements about schemas at compile time: is this value valid (for enum and const), can no value be valid
// under both (for oneOf). "Cannot tell" always falls on the safe side.
#include <algorithm>

#include "text/grammar/schema_compiler.h"

namespace hearth::text::grammar {
namespace {

constexpr int kMaxDepth = 16;
constexpr uint64_t kMaxWork = 4'000'000;  // about nanoseconds times ten

uint8_t type_of(const io::Json& value) {
  if (value.is_null()) return kNull;
  if (value.is_boolean()) return kBoolean;
  if (value.is_string()) return kString;
  if (value.is_array()) return kArray;
  if (value.is_object()) return kObject;
  const std::string decimal = decimal_of(value);
  const size_t point = decimal.find('.');
  const bool whole =
      point == std::string::npos || decimal.find_first_not_of('0', point + 1) == std::string::npos;
  return whole ? kInteger : kFraction;
}

}  // namespace

bool same_json(const io::Json& a, const io::Json& b) {
  if (a.is_number() && b.is_number()) return a == b;
  if (a.type() != b.type() || a.size() != b.size()) return false;
  if (a.is_array()) {
    return std::equal(a.begin(), a.end(), b.begin(), same_json);
  }
  if (!a.is_object()) return a == b;
  return std::all_of(a.items().begin(), a.items().end(), [&](const auto& item) {
    const auto other = b.find(item.key());
    return other != b.end() && same_json(item.value(), *other);
  });
}

Result<bool> SchemaCompiler::conforms(const io::Json& value, const Conjunction& schemas, int depth) {
  HEARTH_ASSIGN(const std::vector<Alternative> alternatives, tree_.expand(schemas));
  for (const Alternative& parts : alternatives) {
    HEARTH_ASSIGN(const bool valid, conforms_to(value, parts, depth));
    if (valid) return true;
  }
  return false;
}

Status SchemaCompiler::count_work(size_t work) {
  if ((work_ += work) <= kMaxWork) return {};
  return fail(ErrorCode::kTooLarge,
              "JSON schema: its alternatives and enumerations take too long to compare");
}

Result<bool> SchemaCompiler::conforms_to(const io::Json& value, const Alternative& parts, int depth) {
  for (const io::Json* part : parts) {
    if (const auto fixed = part->find("const"); fixed != part->end() && !same_json(value, *fixed))
      return false;
    const auto list = part->find("enum");
    if (list == part->end()) continue;
    HEARTH_RETURN_IF_ERROR(count_work(list->size()));
    const auto same = [&](const io::Json& other) { return same_json(value, other); };
    if (std::none_of(list->begin(), list->end(), same)) return false;
  }
  return conforms_otherwise(value, parts, depth);
}

Result<bool> SchemaCompiler::conforms_otherwise(const io::Json& value, const Alternative& parts, int depth) {
  HEARTH_RETURN_IF_ERROR(count_work(64));
  if (depth > kMaxDepth) {
    return fail(ErrorCode::kTooLarge, "JSON schema: a value of enum or const is nested too deeply");
  }
  HEARTH_ASSIGN(const uint8_t allowed, types(parts));
  const uint8_t type = type_of(value);
  if ((allowed & type) == 0) return false;
  if ((type & (kInteger | kFraction)) != 0) {
    HEARTH_ASSIGN(const NumberBounds limits, bounds(parts, false));
    if (limits.free()) return true;
    HEARTH_ASSIGN(const Dfa* language,
                  known_language("all " + key_of(limits), parts, [&] { return all_numbers(limits); }));
    return in_language(*language, decimal_of(value));
  }
  if (type == kString) {
    HEARTH_ASSIGN(const Dfa* language, texts(parts, true));
    return language == nullptr || language->matches(value.get_ref<const std::string&>());
  }
  return structure_conforms(value, parts, depth);
}

Result<bool> SchemaCompiler::structure_conforms(const io::Json& value, const Alternative& parts, int depth) {
  if (value.is_array()) {
    HEARTH_ASSIGN(const Range length, range(parts, "minItems", "maxItems"));
    if (value.size() < length.min || value.size() > length.max) return false;
    for (size_t i = 0; i < value.size(); ++i) {
      HEARTH_ASSIGN(const Conjunction schemas, item(parts, i));
      HEARTH_ASSIGN(const bool valid, conforms(value[i], schemas, depth + 1));
      if (!valid) return false;
    }
  }
  if (value.is_object()) {
    HEARTH_ASSIGN(const Objects known, members(parts));
    for (size_t i = 0; i < known.names.size(); ++i) {
      if (known.required[i] != 0 && !value.contains(known.names[i])) return false;
    }
    for (const auto& [name, member] : value.items()) {
      const bool named = std::ranges::find(known.names, name) != known.names.end();
      // Listed values are what they are: strict mode closes only objects that are to be made up.
      if (!named && refuses_additional(parts)) return false;
      HEARTH_ASSIGN(const Conjunction schemas, property(parts, name));
      HEARTH_ASSIGN(const bool valid, conforms(member, schemas, depth + 1));
      if (!valid) return false;
    }
  }
  return true;
}

Result<bool> SchemaCompiler::disjoint_schemas(const Conjunction& a, const Conjunction& b, int depth) {
  if (depth > kMaxDepth) return false;
  HEARTH_ASSIGN(const std::vector<Alternative> all_a, tree_.expand(a));
  HEARTH_ASSIGN(const std::vector<Alternative> all_b, tree_.expand(b));
  for (const Alternative& one_a : all_a) {
    for (const Alternative& one_b : all_b) {
      HEARTH_ASSIGN(const bool apart, disjoint(one_a, one_b, depth));
      if (!apart) return false;
    }
  }
  return true;
}

Result<bool> SchemaCompiler::disjoint(const Alternative& a, const Alternative& b, int depth) {
  HEARTH_RETURN_IF_ERROR(count_work(64));
  for (const auto& [one, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    HEARTH_ASSIGN(const std::optional<std::vector<io::Json>> values, candidates(*one));
    if (!values) continue;
    for (const io::Json& value : *values) {
      HEARTH_ASSIGN(const bool valid_here, conforms_otherwise(value, *one, depth));
      HEARTH_ASSIGN(const bool valid_there, conforms_to(value, *other, depth));
      if (valid_here && valid_there) return false;
    }
    return true;
  }
  HEARTH_ASSIGN(const uint8_t types_a, types(a));
  HEARTH_ASSIGN(const uint8_t types_b, types(b));
  const uint8_t common = types_a & types_b;
  if ((common & (kNull | kBoolean)) != 0) return false;
  Alternative both = a;
  both.insert(both.end(), b.begin(), b.end());
  if ((common & (kInteger | kFraction)) != 0) {
    for (const Alternative* side : {&a, &b, static_cast<const Alternative*>(&both)}) {
      HEARTH_ASSIGN(const NumberBounds limits, bounds(*side, (common & kFraction) == 0));
      HEARTH_ASSIGN(const Dfa* language,
                    known_language(key_of(limits), *side, [&] { return numbers(limits); }));
      // A side of which no number can be written may still hold numbers that the other writes.
      if (language->empty() != (side == &both)) return false;
    }
  }
  if ((common & kString) != 0) {
    HEARTH_ASSIGN(const Dfa* language, texts(both, false));  // without formats, of which we write only a part
    if (language == nullptr || !language->empty()) return false;
  }
  if ((common & kArray) != 0) {
    HEARTH_ASSIGN(const bool apart, disjoint_arrays(a, b, depth));
    if (!apart) return false;
  }
  if ((common & kObject) != 0) {
    HEARTH_ASSIGN(const bool apart, disjoint_objects(a, b, depth));
    if (!apart) return false;
  }
  return true;
}

Result<bool> SchemaCompiler::disjoint_arrays(const Alternative& a, const Alternative& b, int depth) {
  HEARTH_ASSIGN(const Range length_a, range(a, "minItems", "maxItems"));
  HEARTH_ASSIGN(const Range length_b, range(b, "minItems", "maxItems"));
  if (length_a.max < length_b.min || length_b.max < length_a.min) return true;
  const uint32_t sure = std::min({std::max(length_a.min, length_b.min), 64u});
  for (uint32_t i = 0; i < sure; ++i) {
    HEARTH_ASSIGN(const Conjunction item_a, item(a, i));
    HEARTH_ASSIGN(const Conjunction item_b, item(b, i));
    HEARTH_ASSIGN(const bool apart, disjoint_schemas(item_a, item_b, depth + 1));
    if (apart) return true;
  }
  return false;
}

Result<bool> SchemaCompiler::disjoint_objects(const Alternative& a, const Alternative& b, int depth) {
  for (const auto& [one, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    HEARTH_ASSIGN(const Objects known, members(*one));
    for (size_t i = 0; i < known.names.size(); ++i) {
      if (known.required[i] == 0) continue;  // a value under both has this member
      HEARTH_ASSIGN(const Conjunction here, property(*one, known.names[i]));
      HEARTH_ASSIGN(const Conjunction there, property(*other, known.names[i]));
      HEARTH_ASSIGN(const bool apart, disjoint_schemas(here, there, depth + 1));
      if (apart) return true;
    }
  }
  return false;
}

}  // namespace hearth::text::grammar
