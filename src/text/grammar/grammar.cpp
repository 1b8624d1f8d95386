// Compiling: reachable rules to automata, shortest ways to the end, removal of what leads nowhere, refusal of
// left recursion.
#include "text/grammar/grammar.h"

#include <algorithm>
#include <queue>

#include "text/grammar/byte_kind.h"

namespace hearth::text {

using grammar::ByteEdge;
using grammar::CallEdge;
using grammar::Dfa;
using grammar::Expr;
using grammar::ExprPtr;
using grammar::Nfa;

class GrammarCompiler {
 public:
  GrammarCompiler(const RuleSet& rules, const GrammarLimits& limits)
      : rules_(rules), limits_(limits), index_(rules.size(), kUnreached) {}

  Result<std::shared_ptr<const Grammar>> run(const ExprPtr& root) {
    bodies_.push_back(root.get());
    names_.push_back("root");
    HEARTH_RETURN_IF_ERROR(reach_rules());
    find_nullable();
    HEARTH_RETURN_IF_ERROR(build_automata());
    find_closings();
    if (cost_[0] == kNever && !root_nullable_) {
      return fail(ErrorCode::kUsage, "the grammar matches nothing: no finite text satisfies it");
    }
    assemble();
    HEARTH_RETURN_IF_ERROR(check_left_recursion());
    if (grammar_->states_[0].closing_depth > limits_.max_depth) {
      return fail(ErrorCode::kTooLarge, "the grammar's shortest text nests more than ", limits_.max_depth,
                  " rules");
    }
    return std::shared_ptr<const Grammar>(std::move(grammar_));
  }

 private:
  static constexpr uint32_t kUnreached = UINT32_MAX;
  static constexpr uint32_t kNever = UINT32_MAX;

  /// bodies_[0] is the root; the others are the rules it reaches, numbered by index_.
  Status reach_rules() {
    std::vector<const Expr*> work;
    std::vector<uint32_t> called;
    for (uint32_t caller = 0; caller < bodies_.size(); ++caller) {
      called.clear();
      work.assign(1, bodies_[caller]);
      while (!work.empty()) {
        const Expr& expr = *work.back();
        work.pop_back();
        if (expr.kind == Expr::Kind::kRule) called.push_back(expr.rule);
        if (expr.kind == Expr::Kind::kDfa) {
          for (uint32_t i = 0; i < expr.dfa->size(); ++i) {
            for (const CallEdge& call : expr.dfa->calls(i)) called.push_back(call.rule);
          }
        }
        for (const ExprPtr& part : expr.parts) work.push_back(part.get());
      }
      std::ranges::sort(called);
      called.erase(std::unique(called.begin(), called.end()), called.end());
      for (const uint32_t rule : called) {
        if (rule >= rules_.size() || rules_.body(rule) == nullptr) {
          return fail(ErrorCode::kUsage, "rule ", rule < rules_.size() ? rules_.name(rule) : std::string("?"),
                      " is used but not defined");
        }
        if (index_[rule] == kUnreached) {
          index_[rule] = static_cast<uint32_t>(bodies_.size());
          bodies_.push_back(rules_.body(rule).get());
          names_.push_back(rules_.name(rule));
          callers_.emplace_back();
          numbers_.push_back(rule);
        }
        callers_[index_[rule]].push_back(caller);
      }
    }
    return {};
  }

  void find_nullable() {
    nullable_.assign(rules_.size(), 0);
    std::vector<uint32_t> work;
    for (uint32_t i = 1; i < bodies_.size(); ++i) work.push_back(i);
    while (!work.empty()) {
      const uint32_t i = work.back();
      work.pop_back();
      if (nullable_[numbers_[i]] != 0 || !grammar::nullable(*bodies_[i], nullable_)) continue;
      nullable_[numbers_[i]] = 1;
      for (const uint32_t caller : callers_[i]) {
        if (caller != 0) work.push_back(caller);
      }
    }
    root_nullable_ = grammar::nullable(*bodies_[0], nullable_);
  }

  Status build_automata() {
    for (size_t i = 0; i < bodies_.size(); ++i) {
      if (finished(*bodies_[i])) {
        const Dfa& dfa = *bodies_[i]->dfa;
        if (dfa.size() > limits_.max_states - first_.back()) {
          return fail(ErrorCode::kTooLarge, "the grammar needs more than ", limits_.max_states, " states");
        }
        first_.push_back(first_.back() + dfa.size());
        automata_.push_back(dfa);
        continue;
      }
      Nfa nfa;
      const uint32_t start = nfa.add_state();
      const uint32_t accept = nfa.add_state();
      Status added = add_expr(nfa, *bodies_[i], start, accept, 4 * limits_.max_states, nullable_);
      if (!added) return fail(added.error().code, "rule ", names_[i], ' ', added.error().message);
      Nfa::Limits limits;
      limits.max_states = limits_.max_states - first_.back();
      Result<Dfa> dfa = nfa.determinize(start, accept, limits);
      if (!dfa) return fail(dfa.error().code, "rule ", names_[i], ' ', dfa.error().message);
      first_.push_back(first_.back() + dfa->size());
      automata_.push_back(std::move(*dfa));
    }
    return {};
  }

  /// The body is an automaton that can be taken as it is: nothing leads back to its start, no call is
  /// nullable.
  bool finished(const Expr& body) const {
    if (body.kind != Expr::Kind::kDfa) return false;
    for (uint32_t i = 0; i < body.dfa->size(); ++i) {
      if (std::ranges::any_of(body.dfa->edges(i), [](const ByteEdge& edge) { return edge.to == 0; }))
        return false;
      if (std::ranges::any_of(body.dfa->calls(i), [&](const CallEdge& call) {
            return call.to == 0 || nullable_[call.rule] != 0;
          })) {
        return false;
      }
    }
    return true;
  }

  /// Whether state i of rule r may end it. The start never does: calls never derive the empty string (there
  /// is a silent way around them instead), which keeps every call strictly longer than nothing.
  bool ends(size_t rule, uint32_t i) const { return i != 0 && automata_[rule].accepting(i); }

  /// cost_ and depth_: Knuth's generalisation of Dijkstra's algorithm to grammars. A state is settled from
  /// the cheapest way through settled states; a call waits until both the called rule and what follows are.
  void find_closings() {
    const uint32_t count = first_.back();
    cost_.assign(count, kNever);
    depth_.assign(count, 0);
    std::vector<Use> uses;
    for (size_t rule = 0; rule < automata_.size(); ++rule) {
      const uint32_t base = first_[rule];
      for (uint32_t i = 0; i < automata_[rule].size(); ++i) {
        for (const ByteEdge& edge : automata_[rule].edges(i)) {
          uses.push_back({base + i, kNever, base + edge.to});
        }
        for (const CallEdge& call : automata_[rule].calls(i)) {
          uses.push_back({base + i, first_[index_[call.rule]], base + call.to});
        }
      }
    }
    const auto [begin, used_by] = users(uses);
    using Item = std::tuple<uint32_t, uint32_t, uint32_t>;
    std::priority_queue<Item, std::vector<Item>, std::greater<>> queue;
    std::vector<std::pair<uint32_t, uint32_t>> best(count, {kNever, 0});  // offered so far
    const auto offer = [&](uint32_t cost, uint32_t depth, uint32_t state) {
      if (std::pair(cost, depth) >= best[state]) return;
      best[state] = {cost, depth};
      queue.emplace(cost, depth, state);
    };
    for (size_t rule = 0; rule < automata_.size(); ++rule) {
      for (uint32_t i = 0; i < automata_[rule].size(); ++i) {
        if (ends(rule, i)) offer(0, 0, first_[rule] + i);
      }
    }
    while (!queue.empty()) {
      const auto [cost, depth, state] = queue.top();
      queue.pop();
      if (cost_[state] != kNever) continue;
      cost_[state] = cost;
      depth_[state] = depth;
      for (uint32_t u = begin[state]; u < begin[state + 1]; ++u) {
        const Use& use = uses[used_by[u]];
        if (cost_[use.state] != kNever || cost_[use.to] == kNever) continue;
        if (use.start == kNever) {
          offer(saturated(cost_[use.to], 1), depth_[use.to], use.state);
        } else if (cost_[use.start] != kNever) {
          offer(saturated(cost_[use.start], cost_[use.to]), std::max(depth_[use.start] + 1, depth_[use.to]),
                use.state);
        }
      }
    }
  }

  /// An edge, or a call where `start` is that of the called rule, of `state` that leads to `to`.
  struct Use {
    uint32_t state = 0, start = kNever, to = 0;
  };
  /// By state: where its users begin in the second list, which has numbers of `uses`.
  std::pair<std::vector<uint32_t>, std::vector<uint32_t>> users(const std::vector<Use>& uses) const {
    std::vector<uint32_t> begin(first_.back() + 1);
    for (const Use& use : uses) {
      ++begin[use.to];
      if (use.start != kNever) ++begin[use.start];
    }
    uint32_t total = 0;
    for (uint32_t& entry : begin) entry = total += entry;  // ends, which filling turns into beginnings
    std::vector<uint32_t> used_by(total);
    for (uint32_t u = 0; u < uses.size(); ++u) {
      used_by[--begin[uses[u].to]] = u;
      if (uses[u].start != kNever) used_by[--begin[uses[u].start]] = u;
    }
    return {std::move(begin), std::move(used_by)};
  }

  static uint32_t saturated(uint32_t a, uint32_t b) {
    return static_cast<uint32_t>(std::min<uint64_t>(uint64_t{a} + b, kNever - 2));
  }

  static uint8_t stays_over(const Grammar& grammar, uint32_t edges_begin, uint32_t state) {
    uint8_t changes = 0;  // kinds of which a byte leads elsewhere or nowhere
    uint32_t next = 0;
    bool any = false;
    for (uint32_t e = edges_begin; e < grammar.edges_.size(); ++e) {
      const ByteEdge& edge = grammar.edges_[e];
      if (edge.to != state) continue;
      any = true;
      for (; next < edge.low; ++next) changes |= grammar::byte_kind(static_cast<uint8_t>(next));
      next = edge.high + 1u;
    }
    if (!any) return 0;
    for (; next < 256; ++next) changes |= grammar::byte_kind(static_cast<uint8_t>(next));
    return static_cast<uint8_t>(~changes);
  }

  /// The rules one after another, without what leads nowhere.
  void assemble() {
    grammar_.reset(new Grammar());
    Grammar& out = *grammar_;
    out.max_depth_ = limits_.max_depth;
    out.root_end_ = first_[1];
    out.nullable_ = root_nullable_;
    for (size_t rule = 0; rule < automata_.size(); ++rule) {
      const uint32_t base = first_[rule];
      for (uint32_t i = 0; i < automata_[rule].size(); ++i) {
        Grammar::State state;
        state.edges_begin = static_cast<uint32_t>(out.edges_.size());
        state.calls_begin = static_cast<uint32_t>(out.calls_.size());
        state.closing_cost = cost_[base + i];
        state.closing_depth = depth_[base + i];
        state.accepting = ends(rule, i);
        for (const ByteEdge& edge : automata_[rule].edges(i)) {
          const uint32_t to = base + edge.to;
          if (cost_[to] != kNever) out.edges_.push_back({edge.low, edge.high, to});
        }
        for (const CallEdge& call : automata_[rule].calls(i)) {
          const uint32_t start = first_[index_[call.rule]];
          const uint32_t to = base + call.to;
          if (cost_[to] != kNever && cost_[start] != kNever) out.calls_.push_back({start, to});
        }
        const bool no_edges = out.edges_.size() == state.edges_begin;
        const bool no_calls = out.calls_.size() == state.calls_begin;
        state.calling = !no_calls;
        state.last = state.accepting && no_edges && no_calls;
        if (no_calls) state.stays_over = stays_over(out, state.edges_begin, base + i);
        out.states_.push_back(state);
      }
      automata_[rule] = {};
    }
    Grammar::State end;
    end.edges_begin = static_cast<uint32_t>(out.edges_.size());
    end.calls_begin = static_cast<uint32_t>(out.calls_.size());
    out.states_.push_back(end);
  }

  /// A rule whose start calls, through starts, itself would be opened for ever. Also counts what a point
  /// opens.
  Status check_left_recursion() {
    std::vector<uint8_t> colour(names_.size());
    std::vector<std::pair<size_t, uint32_t>> path;  // rule, next call of its start
    std::vector<uint32_t> finished;                 // starts, those they open first
    for (size_t root = 0; root < names_.size(); ++root) {
      if (colour[root] == 0) path.emplace_back(root, 0);
      while (!path.empty()) {
        auto& [rule, next] = path.back();
        const auto calls = grammar_->calls(first_[rule]);
        colour[rule] = 1;
        if (next == calls.size()) {
          colour[rule] = 2;
          finished.push_back(first_[rule]);
          path.pop_back();
          continue;
        }
        const size_t called = rule_of(calls[next++].rule);
        if (colour[called] == 1) {
          return fail(ErrorCode::kUnsupported, "rule ", names_[called],
                      " is left-recursive: it begins with itself. Write it as a repetition");
        }
        if (colour[called] == 0) path.emplace_back(called, 0);
      }
    }
    return check_alternatives(finished);
  }

  size_t rule_of(uint32_t start) const {
    return static_cast<size_t>(std::ranges::lower_bound(first_, start) - first_.begin());
  }

  Status check_alternatives(const std::vector<uint32_t>& starts) {
    std::vector<uint32_t> opens(names_.size());  // configurations of a rule's start
    const auto count = [&](uint32_t state) {
      uint32_t total = 1;
      for (const CallEdge& call : grammar_->calls(state)) {
        total = std::min(total + opens[rule_of(call.rule)], limits_.max_alternatives + 1);
      }
      return total;
    };
    for (const uint32_t start : starts) opens[rule_of(start)] = count(start);
    for (size_t rule = 0; rule < names_.size(); ++rule) {
      for (uint32_t state = first_[rule]; state < first_[rule + 1]; ++state) {
        if (count(state) > limits_.max_alternatives) {
          return fail(ErrorCode::kTooLarge, "rule ", names_[rule], " opens more than ",
                      limits_.max_alternatives, " alternatives at one point");
        }
      }
    }
    return {};
  }

  const RuleSet& rules_;
  const GrammarLimits limits_;
  std::vector<uint32_t> index_;  // of RuleSet to ours
  std::vector<const Expr*> bodies_;
  std::vector<std::string> names_;
  std::vector<uint32_t> numbers_ = {0};  // in the RuleSet; the root has none
  std::vector<std::vector<uint32_t>> callers_ = {{}};
  std::vector<uint8_t> nullable_;  // by RuleSet's numbers
  bool root_nullable_ = false;
  std::vector<Dfa> automata_;
  std::vector<uint32_t> first_ = {0};  // state of each rule, and the end
  std::vector<uint32_t> cost_, depth_;
  std::unique_ptr<Grammar> grammar_;
};

Result<std::shared_ptr<const Grammar>> Grammar::compile(const RuleSet& rules, const ExprPtr& root,
                                                        const GrammarLimits& limits) {
  return GrammarCompiler(rules, limits).run(root);
}

}  // namespace hearth::text
