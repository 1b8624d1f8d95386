// References, combinators and the list of keywords.
#include "text/grammar/schema_tree.h"

#include <algorithm>

#include "io/utf8.h"

namespace hearth::text::grammar {
namespace {

constexpr size_t kMaxAlternatives = 128;
constexpr size_t kMaxChain = 64;
constexpr uint64_t kMaxWork = 100'000;

constexpr std::string_view kAnnotations[] = {"$schema",     "$id",        "$comment", "$defs",
                                             "definitions", "title",      "default",  "description",
                                             "examples",    "deprecated", "readOnly", "writeOnly"};
constexpr std::string_view kKeywords[] = {"$ref",
                                          "allOf",
                                          "anyOf",
                                          "oneOf",
                                          "type",
                                          "enum",
                                          "const",
                                          "properties",
                                          "required",
                                          "additionalProperties",
                                          "items",
                                          "prefixItems",
                                          "minItems",
                                          "maxItems",
                                          "pattern",
                                          "format",
                                          "minLength",
                                          "maxLength",
                                          "minimum",
                                          "maximum",
                                          "exclusiveMinimum",
                                          "exclusiveMaximum",
                                          "multipleOf"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string escape_pointer(std::string_view token) {
  std::string out;
  for (const char c : token) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out.push_back(c);
  }
  return out;
}

/// %XX and ~0, ~1 of a pointer's token in a URI fragment; nullopt if broken.
std::optional<std::string> unescape_pointer(std::string_view token) {
  std::string out;
  for (size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~') {
      if (i + 1 >= token.size() || (token[i + 1] != '0' && token[i + 1] != '1')) return std::nullopt;
      out.push_back(token[++i] == '0' ? '~' : '/');
    } else if (token[i] == '%') {
      const auto hex = [&](size_t at) {
        constexpr std::string_view kHex = "0123456789abcdef";
        return at < token.size() ? kHex.find(static_cast<char>(token[at] | 32)) : std::string_view::npos;
      };
      const size_t high = hex(i + 1);
      const size_t low = hex(i + 2);
      if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(token[i]);
    }
  }
  return out;
}

/// Whether a schema below the root has an $id (which would change what references mean).
bool has_nested_id(const io::Json& value, bool root) {
  if (value.is_object() && !root && value.contains("$id")) return true;
  return value.is_structured() && std::any_of(value.begin(), value.end(), [](const io::Json& item) {
           return has_nested_id(item, false);
         });
}

}  // namespace

std::string SchemaTree::place(const io::Json* schema) const {
  const auto it = places_.find(schema);
  return it == places_.end() ? "#" : it->second;
}

Error SchemaTree::error(ErrorCode code, const io::Json* schema, std::string_view keyword,
                        std::string_view message) const {
  return fail(code, "JSON schema ", io::printable(concat(place(schema), '/', keyword), 200), ": ", message);
}

const io::Json* SchemaTree::child(const io::Json* schema, std::string_view keyword, std::string_view key,
                                  const io::Json& value) {
  if (!places_.contains(&value)) {
    places_[&value] = concat(place(schema), '/', keyword, key.empty() ? "" : "/", escape_pointer(key));
  }
  return &value;
}

Status SchemaTree::check_keywords(const io::Json* schema) {
  if (!schema->is_object()) {
    return fail(ErrorCode::kCorrupt, "JSON schema ", place(schema),
                ": a schema must be an object or a boolean");
  }
  if (checked_[schema]) return {};
  for (const auto& [key, value] : schema->items()) {
    if (contains(kAnnotations, key) || contains(kKeywords, key)) continue;
    if (key == "uniqueItems" && value.is_boolean() && !value.get<bool>()) continue;
    return error(ErrorCode::kUnsupported, schema, key, "this keyword is not supported");
  }
  checked_[schema] = true;
  return {};
}

Result<const io::Json*> SchemaTree::resolve(const io::Json* schema, const io::Json& reference) {
  if (!reference.is_string()) return error(ErrorCode::kCorrupt, schema, "$ref", "must be a string");
  const std::string text = reference.get<std::string>();
  if (text != "#" && !text.starts_with("#/")) {
    return error(
        ErrorCode::kUnsupported, schema, "$ref",
        concat("only references within the schema (#, #/...) are supported, not ", io::printable(text)));
  }
  if (nested_ids_ < 0) nested_ids_ = has_nested_id(root_, true) ? 1 : 0;
  if (nested_ids_ > 0) {
    return error(ErrorCode::kUnsupported, schema, "$ref", "not supported beside an $id below the root");
  }
  const io::Json* target = &root_;
  for (size_t at = 1; at < text.size();) {
    const size_t end = std::min(text.find('/', at + 1), text.size());
    const std::optional<std::string> key =
        unescape_pointer(std::string_view(text).substr(at + 1, end - at - 1));
    at = end;
    const io::Json* next = nullptr;
    if (key && target->is_object() && target->contains(*key)) next = &(*target)[*key];
    if (key && target->is_array() && !key->empty() && key->size() < 9 &&
        std::ranges::all_of(*key, [](char c) { return c >= '0' && c <= '9'; })) {
      const auto i = static_cast<size_t>(std::stoul(*key));
      if (i < target->size()) next = &(*target)[i];
    }
    if (next == nullptr) {
      return error(ErrorCode::kCorrupt, schema, "$ref", concat("nothing is at ", io::printable(text)));
    }
    target = next;
  }
  if (!places_.contains(target)) places_[target] = text;
  return target;
}

Result<const io::Json*> SchemaTree::follow(const io::Json* schema) {
  for (size_t steps = 0; schema->is_object(); ++steps) {
    const auto reference = schema->find("$ref");
    const bool alone = reference != schema->end() &&
                       std::all_of(schema->items().begin(), schema->items().end(), [](const auto& item) {
                         return item.key() == "$ref" || contains(kAnnotations, item.key());
                       });
    if (!alone) break;
    if (steps > kMaxChain) return error(ErrorCode::kUnsupported, schema, "$ref", "refers to itself");
    HEARTH_ASSIGN(schema, resolve(schema, *reference));
  }
  return schema;
}

Status SchemaTree::multiply(std::vector<Alternative>& into, const std::vector<Alternative>& by,
                            const io::Json* schema, std::string_view keyword) const {
  if (into.size() * by.size() > kMaxAlternatives) {
    return error(ErrorCode::kTooLarge, schema, keyword,
                 concat("more than ", kMaxAlternatives, " combinations"));
  }
  std::vector<Alternative> out;
  for (const Alternative& a : into) {
    for (const Alternative& b : by) {
      Alternative both = a;
      both.insert(both.end(), b.begin(), b.end());
      std::ranges::sort(both);
      both.erase(std::unique(both.begin(), both.end()), both.end());
      if (std::ranges::find(out, both) == out.end()) out.push_back(std::move(both));
    }
  }
  into = std::move(out);
  return {};
}

Result<std::vector<Alternative>> SchemaTree::expand_any(const io::Json* schema, std::string_view keyword,
                                                        Chain& chain) {
  const io::Json& list = (*schema)[std::string(keyword)];
  if (!list.is_array() || list.empty()) {
    return error(ErrorCode::kCorrupt, schema, keyword, "must be a list of schemas, not empty");
  }
  std::vector<Alternative> all;
  std::vector<size_t> origin;
  for (size_t i = 0; i < list.size(); ++i) {
    HEARTH_ASSIGN(const std::vector<Alternative> some,
                  expand_one(child(schema, keyword, std::to_string(i), list[i]), chain));
    all.insert(all.end(), some.begin(), some.end());
    origin.resize(all.size(), i);
    if (all.size() > kMaxAlternatives) {
      return error(ErrorCode::kTooLarge, schema, keyword,
                   concat("more than ", kMaxAlternatives, " alternatives"));
    }
  }
  if (keyword != "oneOf") return all;
  for (size_t a = 0; a < all.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      if (origin[a] == origin[b]) continue;
      std::vector<Alternative> with_a = {all[a]};  // what stands beside oneOf may tell them apart
      std::vector<Alternative> with_b = {all[b]};
      HEARTH_RETURN_IF_ERROR(multiply(with_a, {{schema}}, schema, keyword));
      HEARTH_RETURN_IF_ERROR(multiply(with_b, {{schema}}, schema, keyword));
      HEARTH_ASSIGN(const bool apart, disjoint_(with_a[0], with_b[0]));
      if (!apart) {
        return error(
            ErrorCode::kUnsupported, schema, keyword,
            concat("alternatives ", origin[b], " and ", origin[a],
                   " cannot be told apart (by type, const, enum, range or a required property); anyOf "
                   "allows overlaps"));
      }
    }
  }
  return all;
}

Result<std::vector<Alternative>> SchemaTree::expand_one(const io::Json* schema, Chain& chain) {
  using Alternatives = std::vector<Alternative>;
  if (schema->is_boolean()) return schema->get<bool>() ? Alternatives{{}} : Alternatives{};
  HEARTH_RETURN_IF_ERROR(check_keywords(schema));
  if (++work_ > kMaxWork) return fail(ErrorCode::kTooLarge, "JSON schema: its combinations take too long");
  if (std::ranges::find(chain, schema) != chain.end() || chain.size() > kMaxChain) {
    return fail(ErrorCode::kUnsupported, "JSON schema ", place(schema), ": refers to itself without end");
  }
  chain.push_back(schema);
  Alternatives out = {{schema}};
  if (const auto reference = schema->find("$ref"); reference != schema->end()) {
    HEARTH_ASSIGN(const io::Json* target, resolve(schema, *reference));
    HEARTH_ASSIGN(const Alternatives some, expand_one(target, chain));
    HEARTH_RETURN_IF_ERROR(multiply(out, some, schema, "$ref"));
  }
  if (const auto all = schema->find("allOf"); all != schema->end()) {
    if (!all->is_array() || all->empty()) {
      return error(ErrorCode::kCorrupt, schema, "allOf", "must be a list of schemas, not empty");
    }
    for (size_t i = 0; i < all->size(); ++i) {
      HEARTH_ASSIGN(const Alternatives some,
                    expand_one(child(schema, "allOf", std::to_string(i), (*all)[i]), chain));
      HEARTH_RETURN_IF_ERROR(multiply(out, some, schema, "allOf"));
    }
  }
  for (const std::string_view keyword : {"anyOf", "oneOf"}) {
    if (!schema->contains(keyword)) continue;
    HEARTH_ASSIGN(const Alternatives some, expand_any(schema, keyword, chain));
    HEARTH_RETURN_IF_ERROR(multiply(out, some, schema, keyword));
  }
  chain.pop_back();
  return out;
}

Result<std::vector<Alternative>> SchemaTree::expand(const Conjunction& schemas) {
  std::vector<Alternative> out = {{}};
  for (const io::Json* schema : schemas) {
    Chain chain;
    HEARTH_ASSIGN(const std::vector<Alternative> some, expand_one(schema, chain));
    HEARTH_RETURN_IF_ERROR(multiply(out, some, schema, "allOf"));
  }
  return out;
}

}  // namespace hearth::text::grammar
