// Regular expressions of the ECMA-262 kind as automata over UTF-8: alternatives, groups, classes,
// quantifiers, anchors. Look-around, back references and word boundaries are refused by name, for they are
// not (plainly) regular. Must not know JSON.
#pragma once

#include <string_view>

#include "base/result.h"
#include "text/grammar/expr.h"

namespace hearth::text {

enum class RegexMatch : uint8_t {
  kWhole,   // the pattern describes the whole text
  kSearch,  // the text contains a match, as `pattern` of JSON Schema means it
};

namespace grammar {

/// The texts (valid UTF-8) that match. Characters are code points, as with the flags "us" less dotall: `.` is
/// anything but a line terminator; \d \w are ASCII, \s as in ECMA-262; ^ and $ are the ends of the text.
/// Errors: kCorrupt with the position; kUnsupported names the construct; kTooLarge.
Result<Dfa> regex_automaton(std::string_view pattern, RegexMatch match, const Nfa::Limits& limits = {});

}  // namespace grammar

/// A grammar of the texts that match as a whole (anchors allowed).
Result<grammar::ExprPtr> regex_grammar(std::string_view pattern, RegexMatch match = RegexMatch::kWhole);

}  // namespace hearth::text
