// Rules before they are compiled: expressions over bytes that may call rules. The front ends (JSON Schema,
// regular expressions, GBNF) and callers that compose grammars all build these; grammar.h compiles them.
// Expressions are immutable and shared freely. Must not know where they came from.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/grammar/dfa.h"

namespace hearth::text {

namespace grammar {

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

/// First and last code point, both included.
using CodePointRange = std::pair<char32_t, char32_t>;

struct Expr {
  enum class Kind : uint8_t {
    kLiteral,   // bytes
    kBytes,     // one byte low..high
    kSequence,  // parts, in order; none: the empty string
    kChoice,    // one of parts; none: nothing matches
    kRepeat,    // parts[0], min to max times
    kRule,      // a rule of the set
    kDfa,       // a finished automaton (which may call rules)
    kBegin,     // only at the very beginning of the text; only where compiled by to_dfa
    kEnd,       // only at its end; likewise
  };
  static constexpr uint32_t kUnbounded = UINT32_MAX;

  Kind kind = Kind::kSequence;
  uint8_t low = 0;
  uint8_t high = 0;
  uint32_t min = 0;
  uint32_t max = 0;
  uint32_t rule = 0;
  std::string bytes;
  std::vector<ExprPtr> parts;
  std::shared_ptr<const Dfa> dfa;
};

ExprPtr literal(std::string_view bytes);
ExprPtr bytes_between(uint8_t low, uint8_t high);
ExprPtr sequence(std::vector<ExprPtr> parts);
ExprPtr choice(std::vector<ExprPtr> parts);
/// `max` may be Expr::kUnbounded.
ExprPtr repeat(ExprPtr part, uint32_t min, uint32_t max);
ExprPtr optional(ExprPtr part);
ExprPtr call_rule(uint32_t rule);
ExprPtr from_dfa(Dfa dfa);
ExprPtr anchor(Expr::Kind kind);
/// UTF-8 of one character in any of the ranges; surrogates are left out.
ExprPtr characters(const std::vector<CodePointRange>& ranges);
/// Those not in `ranges`, sorted and joined.
std::vector<CodePointRange> complement(std::vector<CodePointRange> ranges);

/// Appends `expr` between two states. Calls of rules that may be empty get a silent way around. Errors:
/// kTooLarge above `max_states`.
Status add_expr(Nfa& nfa, const Expr& expr, uint32_t from, uint32_t to, uint32_t max_states,
                const std::vector<uint8_t>& nullable_rules);
/// Whether the empty string matches.
bool nullable(const Expr& expr, const std::vector<uint8_t>& nullable_rules);
/// The automaton of an expression that calls no rule.
Result<Dfa> to_dfa(const Expr& expr, const Nfa::Limits& limits);

}  // namespace grammar

/// Named rules under construction. Declare before use, so that rules may be recursive; each must be defined
/// before compiling.
class RuleSet {
 public:
  uint32_t declare(std::string name);
  void define(uint32_t rule, grammar::ExprPtr body);
  /// declare and define, and a call of it.
  grammar::ExprPtr add(std::string name, grammar::ExprPtr body);

  uint32_t size() const { return static_cast<uint32_t>(rules_.size()); }
  const std::string& name(uint32_t rule) const { return rules_[rule].first; }
  const grammar::ExprPtr& body(uint32_t rule) const { return rules_[rule].second; }

 private:
  std::vector<std::pair<std::string, grammar::ExprPtr>> rules_;
};

}  // namespace hearth::text
