// GBNF, the grammar text format of llama.cpp: rules of quoted strings, character classes, groups,
// alternatives and repetitions. Must not know JSON.
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/grammar/expr.h"

namespace hearth::text {

/// Adds the rules of `text` to `rules`; the result calls its rule `root`. `.` and negated classes stand for
/// any UTF-8 character, as in the format's own documentation. Errors: kCorrupt with the line; kNotFound for a
/// missing rule; kTooLarge. (Left recursion is refused when compiling, by name.)
Result<grammar::ExprPtr> gbnf_grammar(RuleSet& rules, std::string_view text);

}  // namespace hearth::text
