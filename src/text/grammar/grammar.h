// A compiled grammar: one deterministic automaton per rule, joined by calls, with what is known about every
// state (the shortest way to the end, the nesting it takes). Immutable and thread-safe; a matcher runs it.
// Must not know vocabularies, JSON or where its rules came from.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/grammar/expr.h"

namespace hearth::text {

struct GrammarLimits {
  uint32_t max_states = 1u << 19;
  /// Of nested rules while matching; deeper nesting is not offered. Below what JSON parsers accept.
  uint32_t max_depth = 100;
  /// Of alternatives that a point of the grammar opens by calling rules.
  uint32_t max_alternatives = 400;
};

/// Context-free, over bytes. Every state leads to the end of the text within the depth limit: what leads
/// nowhere is removed at compile time.
class Grammar {
 public:
  /// Compiles the rules that `root` reaches. Errors: kTooLarge (a limit, with the rule's name); kUnsupported
  /// for a left-recursive rule, by name; kUsage when nothing matches `root`, or a rule is not defined.
  static Result<std::shared_ptr<const Grammar>> compile(const RuleSet& rules, const grammar::ExprPtr& root,
                                                        const GrammarLimits& limits = {});

  struct State {
    uint32_t edges_begin = 0;
    uint32_t calls_begin = 0;
    uint32_t closing_cost = 0;   // bytes of the shortest way to the end of this rule
    uint32_t closing_depth = 0;  // nested rules on that way
    bool accepting = false;      // the rule may end here; never set for a rule's start
    bool calling = false;        // a rule may be called here
    bool last = false;           // the rule must end here
    uint8_t stays_over = 0;  // kinds of bytes (byte_kind) over all of which nothing but this state follows
  };

  uint32_t size() const { return static_cast<uint32_t>(states_.size()) - 1; }
  const State& state(uint32_t state) const { return states_[state]; }
  std::span<const grammar::ByteEdge> edges(uint32_t state) const {
    return {edges_.data() + states_[state].edges_begin, edges_.data() + states_[state + 1].edges_begin};
  }
  /// `rule` of a call is the start state of the called rule.
  std::span<const grammar::CallEdge> calls(uint32_t state) const {
    return {calls_.data() + states_[state].calls_begin, calls_.data() + states_[state + 1].calls_begin};
  }
  static constexpr uint32_t kDead = UINT32_MAX;
  /// The state after `byte` within the rule, or kDead.
  uint32_t next(uint32_t state, uint8_t byte) const {
    const uint32_t end = states_[state + 1].edges_begin;
    for (uint32_t e = states_[state].edges_begin; e < end; ++e) {
      if (byte <= edges_[e].high) return byte >= edges_[e].low ? edges_[e].to : kDead;
    }
    return kDead;
  }
  uint32_t start() const { return start_; }
  /// Of the root, which nothing calls: its stack is always empty.
  bool in_root(uint32_t state) const { return state < root_end_; }
  /// The empty text matches.
  bool nullable() const { return nullable_; }
  uint32_t max_depth() const { return max_depth_; }
  size_t bytes() const {
    return states_.size() * sizeof(State) + edges_.size() * sizeof(grammar::ByteEdge) +
           calls_.size() * sizeof(grammar::CallEdge);
  }

 private:
  friend class GrammarCompiler;
  Grammar() = default;

  std::vector<State> states_;  // and one more, which ends the last one's edges
  std::vector<grammar::ByteEdge> edges_;
  std::vector<grammar::CallEdge> calls_;
  uint32_t start_ = 0;
  uint32_t root_end_ = 0;
  uint32_t max_depth_ = 0;
  bool nullable_ = false;
};

}  // namespace hearth::text
