// From conjunctions of schemas to rules: the direct keywords of an Alternative decide the types, and each
// type has its language. Also answers, for enum and oneOf, whether a given value is valid and whether two
// alternatives exclude each other. Internal to json_schema.h.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "text/grammar/json_schema.h"
#include "text/grammar/json_text.h"
#include "text/grammar/regex.h"
#include "text/grammar/schema_tree.h"

namespace hearth::text::grammar {

enum JsonType : uint8_t {
  kNull = 1 << 0,
  kBoolean = 1 << 1,
  kInteger = 1 << 2,   // numbers without fraction
  kFraction = 1 << 3,  // all others; "number" is both
  kString = 1 << 4,
  kArray = 1 << 5,
  kObject = 1 << 6,
  kAllTypes = 0x7F,
};

/// Rules for the parts of JSON that every schema shares, made when first asked for.
class JsonRules {
 public:
  JsonRules(RuleSet& rules, const JsonOptions& options) : rules_(rules), options_(options) {}

  ExprPtr blank() const;  // white space between tokens
  ExprPtr comma() const;
  ExprPtr colon() const;
  ExprPtr open(char bracket) const;
  ExprPtr close(char bracket) const;
  ExprPtr any_value();
  ExprPtr any_object();
  ExprPtr any_string();
  Result<ExprPtr> any_number();
  ExprPtr list_of(const ExprPtr& first, const ExprPtr& item, char open_bracket, char close_bracket) const;

 private:
  RuleSet& rules_;
  const JsonOptions options_;
  ExprPtr value_, object_, string_, number_;
};

class SchemaCompiler {
 public:
  SchemaCompiler(RuleSet& rules, const io::Json& root, const JsonOptions& options);

  /// Values that are valid under all of `schemas`.
  Result<ExprPtr> value(Conjunction schemas);

 private:
  // Types, scalars and fixed values (json_schema.cpp).
  Result<ExprPtr> alternative(const Alternative& parts);
  Result<uint8_t> types(const Alternative& parts) const;
  /// The values that enum and const leave, if any part has one.
  Result<std::optional<std::vector<io::Json>>> candidates(const Alternative& parts);
  Result<ExprPtr> strings(const Alternative& parts);
  Result<ExprPtr> numbers_of(const Alternative& parts, bool integer);
  /// Decoded texts; nullptr: any.
  Result<const Dfa*> texts(const Alternative& parts, bool with_formats);
  /// `make()` once per key.
  Result<const Dfa*> known_language(const std::string& key, const Alternative& parts,
                                    const std::function<Result<Dfa>()>& make);
  static std::string key_of(const NumberBounds& limits);
  static std::string string_key(const Alternative& parts, bool with_formats);
  Result<NumberBounds> bounds(const Alternative& parts, bool integer) const;
  ExprPtr fixed(const io::Json& value) const;

  // Arrays and objects (schema_structure.cpp).
  struct Range {
    uint32_t min = 0;
    uint32_t max = Expr::kUnbounded;
  };
  struct Objects {
    std::vector<std::string> names;  // in writing order
    std::vector<uint8_t> required;
  };
  Result<ExprPtr> arrays(const Alternative& parts);
  Result<ExprPtr> objects(const Alternative& parts);
  Result<ExprPtr> key_besides(const std::vector<std::string>& names);
  Result<Range> range(const Alternative& parts, std::string_view min, std::string_view max) const;
  uint32_t prefix_length(const Alternative& parts) const;
  Result<Conjunction> item(const Alternative& parts, size_t index);
  Result<Conjunction> property(const Alternative& parts, const std::string& name);
  Result<Conjunction> additional(const Alternative& parts);
  Result<Objects> members(const Alternative& parts) const;
  static bool refuses_additional(const Alternative& parts);
  bool takes_additional(const Alternative& parts) const;

  // Judgements (schema_judge.cpp).
  Status count_work(size_t work);
  Result<bool> conforms(const io::Json& value, const Conjunction& schemas, int depth);
  Result<bool> conforms_to(const io::Json& value, const Alternative& parts, int depth);
  /// The same, enum and const aside.
  Result<bool> conforms_otherwise(const io::Json& value, const Alternative& parts, int depth);
  Result<bool> structure_conforms(const io::Json& value, const Alternative& parts, int depth);
  Result<bool> disjoint(const Alternative& a, const Alternative& b, int depth);
  Result<bool> disjoint_schemas(const Conjunction& a, const Conjunction& b, int depth);
  Result<bool> disjoint_arrays(const Alternative& a, const Alternative& b, int depth);
  Result<bool> disjoint_objects(const Alternative& a, const Alternative& b, int depth);

  RuleSet& rules_;
  const JsonOptions options_;
  JsonRules json_;
  SchemaTree tree_;
  std::map<Conjunction, uint32_t> values_;  // rules made for values
  std::map<std::string, ExprPtr> scalars_;  // and for strings, numbers and keys, by what they say
  std::map<std::string, Dfa> languages_;    // of scalars, before they are rules
  int nesting_ = 0;
  uint64_t work_ = 0;
};

/// Equal as JSON Schema means it: numbers by value, objects whatever their order.
bool same_json(const io::Json& a, const io::Json& b);

}  // namespace hearth::text::grammar
