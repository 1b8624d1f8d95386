// Schemas to rules: types, fixed values, strings and numbers.
#include "text/grammar/json_schema.h"

#include <algorithm>

#include "text/grammar/schema_compiler.h"

namespace hearth::text {
namespace grammar {
namespace {

constexpr uint32_t kMaxTextStates = 1 << 17;
constexpr int kMaxNesting = 200;
constexpr size_t kMaxRules = 20'000;

struct TypeRow {
  std::string_view name;
  uint8_t types;
};
constexpr TypeRow kTypeRows[] = {
    {"null", kNull},     {"boolean", kBoolean}, {"integer", kInteger}, {"number", kInteger | kFraction},
    {"string", kString}, {"array", kArray},     {"object", kObject}};

uint8_t type_named(const io::Json& name) {
  for (const TypeRow& row : kTypeRows) {
    if (name.is_string() && name.get_ref<const std::string&>() == row.name) return row.types;
  }
  return 0;
}

}  // namespace

ExprPtr JsonRules::blank() const {
  if (options_.max_whitespace == 0) return literal("");
  return repeat(choice({literal(" "), literal("\n"), literal("\t"), literal("\r")}), 0,
                options_.max_whitespace);
}
ExprPtr JsonRules::comma() const { return sequence({blank(), literal(","), blank()}); }
ExprPtr JsonRules::colon() const { return sequence({blank(), literal(":"), blank()}); }
ExprPtr JsonRules::open(char bracket) const { return sequence({literal({&bracket, 1}), blank()}); }
ExprPtr JsonRules::close(char bracket) const { return sequence({blank(), literal({&bracket, 1})}); }

ExprPtr JsonRules::list_of(const ExprPtr& first, const ExprPtr& item, char open_bracket,
                           char close_bracket) const {
  const ExprPtr more = repeat(sequence({comma(), item}), 0, Expr::kUnbounded);
  return sequence({open(open_bracket), optional(sequence({first, more})), close(close_bracket)});
}

ExprPtr JsonRules::any_string() {
  if (string_ == nullptr) {
    Result<Dfa> texts = texts_of_length(0, Expr::kUnbounded);
    string_ = rules_.add("string", from_dfa(quoted(*texts)));
  }
  return string_;
}

Result<ExprPtr> JsonRules::any_number() {
  if (number_ == nullptr) {
    HEARTH_ASSIGN(Dfa language, numbers({}));
    number_ = rules_.add("number", from_dfa(std::move(language)));
  }
  return number_;
}

ExprPtr JsonRules::any_value() {
  if (value_ == nullptr) {
    const uint32_t value = rules_.declare("value");
    value_ = call_rule(value);
    const ExprPtr array = rules_.add("array", list_of(value_, value_, '[', ']'));
    const ExprPtr number = *any_number();
    rules_.define(value, choice({any_object(), array, any_string(), number, literal("true"), literal("false"),
                                 literal("null")}));
  }
  return value_;
}

ExprPtr JsonRules::any_object() {
  if (object_ == nullptr) {
    const uint32_t object = rules_.declare("object");
    object_ = call_rule(object);
    const ExprPtr member = sequence({any_string(), colon(), any_value()});
    rules_.define(object, list_of(member, member, '{', '}'));
  }
  return object_;
}

SchemaCompiler::SchemaCompiler(RuleSet& rules, const io::Json& root, const JsonOptions& options)
    : rules_(rules),
      options_(options),
      json_(rules, options),
      tree_(root, [this](const Alternative& a, const Alternative& b) { return disjoint(a, b, 0); }) {}

Result<ExprPtr> SchemaCompiler::value(Conjunction schemas) {
  for (const io::Json*& schema : schemas) {
    HEARTH_ASSIGN(schema, tree_.follow(schema));
  }
  std::erase_if(schemas, [](const io::Json* schema) { return *schema == true; });
  std::ranges::sort(schemas);
  schemas.erase(std::unique(schemas.begin(), schemas.end()), schemas.end());
  if (schemas.empty() && !options_.strict) return json_.any_value();
  if (const auto it = values_.find(schemas); it != values_.end()) return call_rule(it->second);
  if (nesting_ >= kMaxNesting || rules_.size() > kMaxRules) {
    return fail(ErrorCode::kTooLarge, "JSON schema ", tree_.place(schemas), ": more than ", kMaxNesting,
                " schemas within each other, or too many in all");
  }
  HEARTH_ASSIGN(const std::vector<Alternative> alternatives, tree_.expand(schemas));
  const uint32_t rule = rules_.declare(tree_.place(schemas));
  values_[schemas] = rule;
  ++nesting_;
  std::vector<ExprPtr> parts;
  for (const Alternative& parts_of_one : alternatives) {
    HEARTH_ASSIGN(ExprPtr part, alternative(parts_of_one));
    parts.push_back(std::move(part));
  }
  --nesting_;
  ExprPtr body = choice(std::move(parts));
  rules_.define(rule, body);
  const bool call = body->kind == Expr::Kind::kRule;  // of a shared rule: no need of one around it
  return call ? body : call_rule(rule);
}

Result<uint8_t> SchemaCompiler::types(const Alternative& parts) const {
  uint8_t out = kAllTypes;
  for (const io::Json* part : parts) {
    const auto type = part->find("type");
    if (type == part->end()) continue;
    uint8_t some = type_named(*type);
    if (type->is_array()) {
      for (const io::Json& name : *type) {
        const uint8_t one = type_named(name);
        if (one == 0)
          return tree_.error(ErrorCode::kCorrupt, part, "type", "names a type that does not exist");
        some |= one;
      }
    }
    if (some == 0)
      return tree_.error(ErrorCode::kCorrupt, part, "type", "must be a type's name or a list of them");
    out &= some;
  }
  return out;
}

Result<std::optional<std::vector<io::Json>>> SchemaCompiler::candidates(const Alternative& parts) {
  std::optional<std::vector<io::Json>> out;
  for (const io::Json* part : parts) {
    for (const std::string_view keyword : {"const", "enum"}) {
      const auto it = part->find(keyword);
      if (it == part->end()) continue;
      if (keyword == "enum" && !it->is_array())
        return tree_.error(ErrorCode::kCorrupt, part, "enum", "must be a list");
      const std::vector<io::Json> here =
          keyword == "const" ? std::vector<io::Json>{*it} : std::vector<io::Json>(it->begin(), it->end());
      const auto listed = [&](const io::Json& value) {
        return std::ranges::any_of(here, [&](const io::Json& other) { return same_json(value, other); });
      };
      if (!out)
        out = here;
      else
        std::erase_if(*out, [&](const io::Json& value) { return !listed(value); });
    }
  }
  return out;
}

ExprPtr SchemaCompiler::fixed(const io::Json& value) const {
  if (!value.is_structured() || options_.max_whitespace == 0) return literal(io::dump_json(value));
  std::vector<ExprPtr> parts;
  for (const auto& [key, item] : value.items()) {
    if (!parts.empty()) parts.push_back(json_.comma());
    if (value.is_object()) {
      parts.push_back(literal(io::dump_json(key)));
      parts.push_back(json_.colon());
    }
    parts.push_back(fixed(item));
  }
  parts.insert(parts.begin(), json_.open(value.is_object() ? '{' : '['));
  parts.push_back(json_.close(value.is_object() ? '}' : ']'));
  return sequence(std::move(parts));
}

Result<ExprPtr> SchemaCompiler::alternative(const Alternative& parts) {
  HEARTH_ASSIGN(const std::optional<std::vector<io::Json>> values, candidates(parts));
  std::vector<ExprPtr> out;
  if (values) {
    for (const io::Json& value : *values) {
      HEARTH_ASSIGN(const bool valid, conforms_otherwise(value, parts, 0));
      if (valid) out.push_back(fixed(value));
    }
    return choice(std::move(out));
  }
  HEARTH_ASSIGN(const uint8_t allowed, types(parts));
  if ((allowed & kNull) != 0) out.push_back(literal("null"));
  if ((allowed & kBoolean) != 0) {
    out.push_back(literal("true"));
    out.push_back(literal("false"));
  }
  if ((allowed & kInteger) != 0) {
    HEARTH_ASSIGN(ExprPtr some, numbers_of(parts, (allowed & kFraction) == 0));
    out.push_back(std::move(some));
  }
  if ((allowed & kString) != 0) {
    HEARTH_ASSIGN(ExprPtr some, strings(parts));
    out.push_back(std::move(some));
  }
  if ((allowed & kArray) != 0) {
    HEARTH_ASSIGN(ExprPtr some, arrays(parts));
    out.push_back(std::move(some));
  }
  if ((allowed & kObject) != 0) {
    HEARTH_ASSIGN(ExprPtr some, objects(parts));
    out.push_back(std::move(some));
  }
  return choice(std::move(out));
}

Result<NumberBounds> SchemaCompiler::bounds(const Alternative& parts, bool integer) const {
  NumberBounds out;
  out.integer = integer;
  for (const io::Json* part : parts) {
    for (const std::string_view keyword :
         {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"}) {
      const auto it = part->find(keyword);
      if (it == part->end()) continue;
      if (!it->is_number()) return tree_.error(ErrorCode::kCorrupt, part, keyword, "must be a number");
      std::string decimal = decimal_of(*it);
      const bool exclusive = keyword.starts_with("exclusive");
      if (keyword == "multipleOf") {
        if (it->get<double>() <= 0) return tree_.error(ErrorCode::kCorrupt, part, keyword, "must be above 0");
        out.multiples_of.push_back(std::move(decimal));
      } else if (keyword == "minimum" || keyword == "exclusiveMinimum") {
        out.at_least.push_back({std::move(decimal), exclusive});
      } else {
        out.at_most.push_back({std::move(decimal), exclusive});
      }
    }
  }
  return out;
}

Result<const Dfa*> SchemaCompiler::known_language(const std::string& key, const Alternative& parts,
                                                  const std::function<Result<Dfa>()>& make) {
  const auto it = languages_.find(key);
  if (it != languages_.end()) return &it->second;
  Result<Dfa> made = make();
  if (!made) {
    const std::string& message = made.error().message;
    if (message.starts_with("JSON schema ")) return made.error();
    return fail(made.error().code, "JSON schema ", tree_.place(parts), ": ", message);
  }
  return &languages_.emplace(key, std::move(*made)).first->second;
}

std::string SchemaCompiler::key_of(const NumberBounds& limits) {
  std::string key;
  key += limits.integer ? "integer" : "number";
  for (const auto& bound : limits.at_least) key += concat(bound.exclusive ? " >" : " >=", bound.decimal);
  for (const auto& bound : limits.at_most) key += concat(bound.exclusive ? " <" : " <=", bound.decimal);
  for (const auto& multiple : limits.multiples_of) key += concat(" *", multiple);
  return key;
}

Result<ExprPtr> SchemaCompiler::numbers_of(const Alternative& parts, bool integer) {
  HEARTH_ASSIGN(const NumberBounds limits, bounds(parts, integer));
  if (!integer && limits.free()) return json_.any_number();
  const std::string key = key_of(limits);
  HEARTH_ASSIGN(const Dfa* language, known_language(key, parts, [&] { return numbers(limits); }));
  ExprPtr& made = scalars_[key];
  if (made == nullptr) made = rules_.add(key, from_dfa(*language));
  return made;
}

Result<const Dfa*> SchemaCompiler::texts(const Alternative& parts, bool with_formats) {
  std::string key = string_key(parts, with_formats);
  if (key.empty()) return nullptr;
  return known_language(key, parts, [&]() -> Result<Dfa> {
    HEARTH_ASSIGN(const Range length, range(parts, "minLength", "maxLength"));
    std::optional<Dfa> out;
    const auto narrow = [&](const io::Json* part, std::string_view keyword, Result<Dfa> by) -> Status {
      if (by && out) by = intersect(*out, *by, kMaxTextStates);
      if (!by) return tree_.error(by.error().code, part, keyword, by.error().message);
      out = std::move(*by);
      return {};
    };
    if (length.min > 0 || length.max != Expr::kUnbounded) {
      HEARTH_RETURN_IF_ERROR(narrow(parts[0], "maxLength", texts_of_length(length.min, length.max)));
    }
    for (const io::Json* part : parts) {
      for (const std::string_view keyword : {"pattern", "format"}) {
        const auto it = part->find(keyword);
        if (it == part->end() || (keyword == "format" && !with_formats)) continue;
        if (!it->is_string()) return tree_.error(ErrorCode::kCorrupt, part, keyword, "must be a string");
        const auto& text = it->get_ref<const std::string&>();
        Nfa::Limits limits;
        limits.max_states = kMaxTextStates;
        limits.max_work = 4 << 20;
        HEARTH_RETURN_IF_ERROR(narrow(part, keyword,
                                      keyword == "format"
                                          ? texts_of_format(text)
                                          : regex_automaton(text, RegexMatch::kSearch, limits)));
      }
    }
    if (!out) return texts_of_length(0, Expr::kUnbounded);
    return std::move(*out);
  });
}

std::string SchemaCompiler::string_key(const Alternative& parts, bool with_formats) {
  std::string key;
  for (const io::Json* part : parts) {
    for (const std::string_view keyword : {"minLength", "maxLength", "pattern", "format"}) {
      const auto it = part->find(keyword);
      if (it == part->end() || (keyword == "format" && !with_formats)) continue;
      key += concat("string ", keyword, ' ', io::dump_json(*it), ' ');
    }
  }
  return key;
}

Result<ExprPtr> SchemaCompiler::strings(const Alternative& parts) {
  HEARTH_ASSIGN(const Dfa* language, texts(parts, true));
  if (language == nullptr) return json_.any_string();
  const std::string key = string_key(parts, true);
  ExprPtr& made = scalars_[key];
  if (made == nullptr) made = rules_.add(key, from_dfa(quoted(*language)));
  return made;
}

}  // namespace grammar

Result<grammar::ExprPtr> json_schema_grammar(RuleSet& rules, const io::Json& schema,
                                             const JsonOptions& options) {
  return grammar::SchemaCompiler(rules, schema, options).value({&schema});
}

grammar::ExprPtr json_object_grammar(RuleSet& rules, const JsonOptions& options) {
  return grammar::JsonRules(rules, options).any_object();
}

}  // namespace hearth::text
