// JSON Schema (draft 2020-12, the part that can be decided while writing) as rules of a grammar. What is
// supported, and in which form instances are written, is in docs/structured-output.md; every keyword outside
// it is an error that names it and its place, never ignored. Must not know vocabularies.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "io/json.h"
#include "text/grammar/expr.h"

namespace hearth::text {

struct JsonOptions {
  /// Objects without `additionalProperties` take no keys but the named ones (OpenAI's strict mode). Otherwise
  /// any, as the standard says.
  bool strict = false;
  /// Blanks, tabs and line ends allowed between two tokens of JSON; 0: compact.
  uint32_t max_whitespace = 0;
};

/// The instances of a schema: members in the order of `properties`, then required ones not named there, then
/// additional ones; strings and numbers in one canonical form (json_text.h). Rules are added to `rules`.
/// Errors: kUnsupported and kCorrupt with the JSON pointer of the keyword; kTooLarge.
Result<grammar::ExprPtr> json_schema_grammar(RuleSet& rules, const io::Json& schema,
                                             const JsonOptions& options = {});
/// Any JSON object.
grammar::ExprPtr json_object_grammar(RuleSet& rules, const JsonOptions& options = {});

}  // namespace hearth::text
