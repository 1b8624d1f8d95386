// Finite automata over bytes and calls of rules: built by hand or from expressions as an Nfa, made
// deterministic, intersected and subtracted. Every regular question of the grammar compiler (patterns with
// lengths, keys that are not these, number ranges) is answered by these few operations. Must not know JSON,
// vocabularies or stacks.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::text::grammar {

/// Bytes low..high lead to a state.
struct ByteEdge {
  uint8_t low = 0;
  uint8_t high = 0;
  uint32_t to = 0;
};

/// A non-empty string of the rule leads to a state.
struct CallEdge {
  uint32_t rule = 0;
  uint32_t to = 0;
};

/// Deterministic: state 0 is the start; a state's byte edges are disjoint and ascending, its calls have
/// different rules. (With calls the string may still have several parses: only the alphabet of bytes *and*
/// rules is deterministic.) There is always a start; an automaton without accepting states matches nothing.
class Dfa {
 public:
  uint32_t size() const { return static_cast<uint32_t>(accepting_.size()); }
  bool accepting(uint32_t state) const { return accepting_[state] != 0; }
  std::span<const ByteEdge> edges(uint32_t state) const {
    return std::span(edges_).subspan(edges_begin_[state], edges_begin_[state + 1] - edges_begin_[state]);
  }
  std::span<const CallEdge> calls(uint32_t state) const {
    return std::span(calls_).subspan(calls_begin_[state], calls_begin_[state + 1] - calls_begin_[state]);
  }
  /// The state after `byte`, or kDead.
  uint32_t next(uint32_t state, uint8_t byte) const {
    for (const ByteEdge& edge : edges(state)) {
      if (byte <= edge.high) return byte >= edge.low ? edge.to : kDead;
    }
    return kDead;
  }
  /// Whether it matches; calls are never taken.
  bool matches(std::string_view bytes) const;
  /// True if no string is matched (calls count as matching something).
  bool empty() const;

  /// Appends the next state: its number is size() before. Edges must ascend.
  void add_state(bool accepting, std::span<const ByteEdge> edges, std::span<const CallEdge> calls);

  static constexpr uint32_t kDead = UINT32_MAX;

 private:
  std::vector<uint8_t> accepting_;
  std::vector<uint32_t> edges_begin_ = {0};
  std::vector<uint32_t> calls_begin_ = {0};
  std::vector<ByteEdge> edges_;
  std::vector<CallEdge> calls_;
};

/// Nondeterministic, with silent edges. Lists are chained in pools, so that hundreds of thousands of states
/// cost no allocation each.
class Nfa {
 public:
  /// A silent edge that may be taken anywhere, only at the very beginning of the text, or only at its end.
  enum class Silent : uint8_t { kAlways, kAtBegin, kAtEnd };

  uint32_t add_state();
  void add_bytes(uint32_t from, uint8_t low, uint8_t high, uint32_t to);
  void add_call(uint32_t from, uint32_t rule, uint32_t to);
  void add_silent(uint32_t from, uint32_t to, Silent when = Silent::kAlways);
  /// A chain of states for the bytes of `literal`; returns the last.
  uint32_t add_literal(uint32_t from, std::string_view literal);
  /// A copy of `dfa` whose start is `from` and whose accepting states lead silently to `to`. Calls are kept,
  /// those of nullable rules with a silent way around.
  void add_dfa(uint32_t from, const Dfa& dfa, uint32_t to, const std::vector<uint8_t>& nullable_rules);
  uint32_t size() const { return static_cast<uint32_t>(states_.size()); }

  struct Limits {
    uint32_t max_states = 1u << 18;    // of the result
    uint64_t max_work = 16u << 20;     // members of all sets looked at
    uint64_t max_memory = 128u << 20;  // bytes of the sets kept meanwhile
  };
  /// Subset construction from `start` to `accept`. The start of the result has no incoming edges. Errors:
  /// kTooLarge.
  Result<Dfa> determinize(uint32_t start, uint32_t accept, const Limits& limits) const;

 private:
  friend class SubsetConstruction;
  static constexpr uint32_t kNone = UINT32_MAX;
  struct State {
    uint32_t edges = kNone;
    uint32_t calls = kNone;
    uint32_t silents = kNone;
  };
  struct Edge {
    ByteEdge edge;
    uint32_t next = kNone;
  };
  struct Call {
    CallEdge call;
    uint32_t next = kNone;
  };
  struct SilentEdge {
    uint32_t to = 0;
    uint32_t next = kNone;
    Silent when = Silent::kAlways;
  };
  std::vector<State> states_;
  std::vector<Edge> edges_;
  std::vector<Call> calls_;
  std::vector<SilentEdge> silents_;
  bool anchored_ = false;  // there is a silent edge with a condition
};

/// Strings of both. Neither may have calls. Only states that lead to acceptance are kept. Errors: kTooLarge
/// above `max_states` pairs.
Result<Dfa> intersect(const Dfa& a, const Dfa& b, uint32_t max_states);
/// Strings of `a` that are not of `b`; the same conditions.
Result<Dfa> subtract(const Dfa& a, const Dfa& b, uint32_t max_states);

}  // namespace hearth::text::grammar
