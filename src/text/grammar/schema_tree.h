// A schema as conjunctions: references resolved, allOf joined, anyOf and oneOf multiplied out, every keyword
// checked against the list of those known. What is left are lists of schema objects that all apply, of which
// only the direct keywords matter. Must not know how instances are written.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/json.h"

namespace hearth::text::grammar {

/// Schemas that all apply to one value. As a Conjunction of whole schemas (applicators and all) or, as an
/// Alternative, of objects whose references and combinators have been dealt with.
using Conjunction = std::vector<const io::Json*>;
using Alternative = Conjunction;

class SchemaTree {
 public:
  /// `disjoint` says whether no value is valid under both alternatives (or that it cannot tell: false).
  using Disjoint = std::function<Result<bool>(const Alternative&, const Alternative&)>;
  SchemaTree(const io::Json& root, Disjoint disjoint) : root_(root), disjoint_(std::move(disjoint)) {}

  /// A value is valid under all of `schemas` exactly if it is under the direct keywords of one of the
  /// alternatives. Each is sorted, so that equal ones are equal.
  Result<std::vector<Alternative>> expand(const Conjunction& schemas);
  /// The schema that `schema` is nothing but a reference to, or itself.
  Result<const io::Json*> follow(const io::Json* schema);
  /// JSON pointer of a schema, for messages and rule names.
  std::string place(const io::Json* schema) const;
  /// Of the first, "#" if there is none.
  std::string place(const Conjunction& schemas) const {
    return place(schemas.empty() ? nullptr : schemas[0]);
  }
  /// "PLACE/keyword: message".
  Error error(ErrorCode code, const io::Json* schema, std::string_view keyword,
              std::string_view message) const;
  /// Remembers where a subschema is.
  const io::Json* child(const io::Json* schema, std::string_view keyword, std::string_view key,
                        const io::Json& value);

 private:
  using Chain = std::vector<const io::Json*>;
  Result<std::vector<Alternative>> expand_one(const io::Json* schema, Chain& chain);
  Status multiply(std::vector<Alternative>& into, const std::vector<Alternative>& by, const io::Json* schema,
                  std::string_view keyword) const;
  Result<std::vector<Alternative>> expand_any(const io::Json* schema, std::string_view keyword, Chain& chain);
  Status check_keywords(const io::Json* schema);
  Result<const io::Json*> resolve(const io::Json* schema, const io::Json& reference);

  const io::Json& root_;
  Disjoint disjoint_;
  std::map<const io::Json*, std::string> places_;  // but the root's
  std::map<const io::Json*, bool> checked_;
  int32_t nested_ids_ = -1;  // unknown
  uint64_t work_ = 0;
};

}  // namespace hearth::text::grammar
