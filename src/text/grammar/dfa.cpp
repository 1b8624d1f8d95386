// Subset construction, and products of deterministic automata. Sets are kept end to end in one pool and
// looked up by hash; nothing here is clever beyond that.
#include "text/grammar/dfa.h"

#include <algorithm>
#include <unordered_map>

#include "base/xxhash64.h"

namespace hearth::text::grammar {

void Dfa::add_state(bool accepting, std::span<const ByteEdge> edges, std::span<const CallEdge> calls) {
  accepting_.push_back(accepting ? 1 : 0);
  for (const ByteEdge& edge : edges) {  // neighbours that lead to the same state are one edge
    const bool first = edges_.size() == edges_begin_.back();
    if (!first && edges_.back().to == edge.to && edges_.back().high + 1 == edge.low) {
      edges_.back().high = edge.high;
    } else {
      edges_.push_back(edge);
    }
  }
  calls_.insert(calls_.end(), calls.begin(), calls.end());
  edges_begin_.push_back(static_cast<uint32_t>(edges_.size()));
  calls_begin_.push_back(static_cast<uint32_t>(calls_.size()));
}

bool Dfa::matches(std::string_view bytes) const {
  uint32_t state = 0;
  for (const char byte : bytes) {
    state = next(state, static_cast<uint8_t>(byte));
    if (state == kDead) return false;
  }
  return accepting(state);
}

bool Dfa::empty() const {
  std::vector<uint8_t> seen(size());
  std::vector<uint32_t> work = {0};
  seen[0] = 1;
  const auto reach = [&](uint32_t to) {
    if (seen[to] == 0) {
      seen[to] = 1;
      work.push_back(to);
    }
  };
  while (!work.empty()) {
    const uint32_t state = work.back();
    work.pop_back();
    if (accepting(state)) return false;
    for (const ByteEdge& edge : edges(state)) reach(edge.to);
    for (const CallEdge& call : calls(state)) reach(call.to);
  }
  return true;
}

uint32_t Nfa::add_state() {
  states_.emplace_back();
  return size() - 1;
}

void Nfa::add_bytes(uint32_t from, uint8_t low, uint8_t high, uint32_t to) {
  edges_.push_back({{low, high, to}, states_[from].edges});
  states_[from].edges = static_cast<uint32_t>(edges_.size() - 1);
}

void Nfa::add_call(uint32_t from, uint32_t rule, uint32_t to) {
  calls_.push_back({{rule, to}, states_[from].calls});
  states_[from].calls = static_cast<uint32_t>(calls_.size() - 1);
}

void Nfa::add_silent(uint32_t from, uint32_t to, Silent when) {
  anchored_ |= when != Silent::kAlways;
  silents_.push_back({to, states_[from].silents, when});
  states_[from].silents = static_cast<uint32_t>(silents_.size() - 1);
}

uint32_t Nfa::add_literal(uint32_t from, std::string_view literal) {
  for (const char c : literal) {
    const uint32_t to = add_state();
    add_bytes(from, static_cast<uint8_t>(c), static_cast<uint8_t>(c), to);
    from = to;
  }
  return from;
}

void Nfa::add_dfa(uint32_t from, const Dfa& dfa, uint32_t to, const std::vector<uint8_t>& nullable_rules) {
  const uint32_t base = size();
  for (uint32_t i = 0; i < dfa.size(); ++i) add_state();
  for (uint32_t i = 0; i < dfa.size(); ++i) {
    for (const ByteEdge& edge : dfa.edges(i)) add_bytes(base + i, edge.low, edge.high, base + edge.to);
    for (const CallEdge& call : dfa.calls(i)) {
      add_call(base + i, call.rule, base + call.to);
      if (nullable_rules[call.rule] != 0) add_silent(base + i, base + call.to);
    }
    if (dfa.accepting(i)) add_silent(base + i, to);
  }
  add_silent(from, base);
}

/// One run of Nfa::determinize.
class SubsetConstruction {
 public:
  SubsetConstruction(const Nfa& nfa, uint32_t accept, const Nfa::Limits& limits)
      : nfa_(nfa), accept_(accept), limits_(limits), mark_(nfa.size()) {}

  Result<Dfa> run(uint32_t start) {
    targets_ = {start};
    close(true);
    begin_.push_back(0);
    push_set();  // not in the table: nothing leads back to the start
    for (uint32_t i = 0; i + 1 < begin_.size(); ++i) {
      if (begin_.size() > limits_.max_states || work_ > limits_.max_work ||
          pool_.size() * sizeof(uint32_t) > limits_.max_memory) {
        return fail(ErrorCode::kTooLarge, "needs more than ", limits_.max_states, " states or ",
                    limits_.max_work, " steps to make deterministic");
      }
      expand(i);
    }
    return std::move(out_);
  }

 private:
  /// targets_ becomes the sorted closure over silent edges.
  void close(bool at_begin, bool at_end = false) {
    ++epoch_;
    size_t kept = 0;
    for (const uint32_t state : targets_) {
      if (mark_[state] != epoch_) {
        mark_[state] = epoch_;
        targets_[kept++] = state;
      }
    }
    targets_.resize(kept);
    for (size_t i = 0; i < targets_.size(); ++i) {
      for (uint32_t e = nfa_.states_[targets_[i]].silents; e != Nfa::kNone; e = nfa_.silents_[e].next) {
        const Nfa::SilentEdge& edge = nfa_.silents_[e];
        const bool open =
            edge.when == Nfa::Silent::kAlways || (edge.when == Nfa::Silent::kAtBegin ? at_begin : at_end);
        if (open && mark_[edge.to] != epoch_) {
          mark_[edge.to] = epoch_;
          targets_.push_back(edge.to);
        }
      }
    }
    work_ += targets_.size();
    std::sort(targets_.begin(), targets_.end());
  }

  void push_set() {
    pool_.insert(pool_.end(), targets_.begin(), targets_.end());
    begin_.push_back(pool_.size());
  }

  std::span<const uint32_t> members(uint32_t set) const {
    return std::span(pool_).subspan(begin_[set], begin_[set + 1] - begin_[set]);
  }

  /// The number of the set of targets_, after closing it.
  uint32_t intern() {
    close(false);
    const uint64_t hash = xxhash64(std::as_bytes(std::span(targets_)));
    const auto [first, last] = table_.equal_range(hash);
    for (auto it = first; it != last; ++it) {
      if (std::ranges::equal(members(it->second), targets_)) return it->second;
    }
    const auto number = static_cast<uint32_t>(begin_.size() - 1);
    table_.emplace(hash, number);
    push_set();
    return number;
  }

  bool accepts(uint32_t set) {
    if (!nfa_.anchored_) return std::ranges::binary_search(members(set), accept_);
    targets_.assign(members(set).begin(), members(set).end());
    close(set == 0, true);
    return mark_[accept_] == epoch_;
  }

  void gather(uint32_t set) {
    edges_.clear();
    calls_.clear();
    for (const uint32_t member : members(set)) {
      for (uint32_t e = nfa_.states_[member].edges; e != Nfa::kNone; e = nfa_.edges_[e].next) {
        edges_.push_back(nfa_.edges_[e].edge);
      }
      for (uint32_t c = nfa_.states_[member].calls; c != Nfa::kNone; c = nfa_.calls_[c].next) {
        calls_.push_back(nfa_.calls_[c].call);
      }
    }
  }

  void expand(uint32_t set) {
    const bool accepting = accepts(set);
    gather(set);
    std::ranges::sort(edges_, {}, &ByteEdge::low);
    out_edges_.clear();
    active_.clear();
    size_t taken = 0;
    // A sweep over the bytes: active_ are the edges over the present one, and each run of bytes over which
    // they stay the same becomes one edge.
    for (uint32_t low = 0; taken < edges_.size() || !active_.empty();) {
      if (active_.empty()) low = edges_[taken].low;
      while (taken < edges_.size() && edges_[taken].low == low) active_.push_back(edges_[taken++]);
      uint32_t high = taken < edges_.size() ? edges_[taken].low - 1u : 255u;
      targets_.clear();
      for (const ByteEdge& edge : active_) {
        high = std::min<uint32_t>(high, edge.high);
        targets_.push_back(edge.to);
      }
      work_ += active_.size();
      out_edges_.push_back({static_cast<uint8_t>(low), static_cast<uint8_t>(high), intern()});
      std::erase_if(active_, [&](const ByteEdge& edge) { return edge.high <= high; });
      low = high + 1;
    }
    std::ranges::sort(calls_, {}, &CallEdge::rule);
    out_calls_.clear();
    for (size_t i = 0; i < calls_.size();) {
      const uint32_t rule = calls_[i].rule;
      targets_.clear();
      for (; i < calls_.size() && calls_[i].rule == rule; ++i) targets_.push_back(calls_[i].to);
      out_calls_.push_back({rule, intern()});
    }
    out_.add_state(accepting, out_edges_, out_calls_);
  }

  const Nfa& nfa_;
  const uint32_t accept_;
  const Nfa::Limits limits_;
  std::vector<uint32_t> mark_;
  uint32_t epoch_ = 0;
  uint64_t work_ = 0;
  std::vector<uint32_t> pool_;
  std::vector<size_t> begin_;
  std::unordered_multimap<uint64_t, uint32_t> table_;
  std::vector<uint32_t> targets_;
  std::vector<ByteEdge> edges_, active_, out_edges_;
  std::vector<CallEdge> calls_, out_calls_;
  Dfa out_;
};

Result<Dfa> Nfa::determinize(uint32_t start, uint32_t accept, const Limits& limits) const {
  return SubsetConstruction(*this, accept, limits).run(start);
}

namespace {

/// States of `dfa` that lead to acceptance, renumbered in order; the start always stays.
Dfa trim(const Dfa& dfa) {
  std::vector<std::vector<uint32_t>> from(dfa.size());
  std::vector<uint8_t> live(dfa.size());
  std::vector<uint32_t> work;
  for (uint32_t i = 0; i < dfa.size(); ++i) {
    for (const ByteEdge& edge : dfa.edges(i)) from[edge.to].push_back(i);
    if (dfa.accepting(i)) {
      live[i] = 1;
      work.push_back(i);
    }
  }
  while (!work.empty()) {
    const uint32_t state = work.back();
    work.pop_back();
    for (const uint32_t before : from[state]) {
      if (live[before] == 0) {
        live[before] = 1;
        work.push_back(before);
      }
    }
  }
  live[0] = 1;
  std::vector<uint32_t> number(dfa.size());
  uint32_t count = 0;
  for (uint32_t i = 0; i < dfa.size(); ++i) number[i] = live[i] != 0 ? count++ : Dfa::kDead;
  Dfa out;
  std::vector<ByteEdge> edges;
  for (uint32_t i = 0; i < dfa.size(); ++i) {
    if (live[i] == 0) continue;
    edges.clear();
    for (const ByteEdge& edge : dfa.edges(i)) {
      if (live[edge.to] != 0) edges.push_back({edge.low, edge.high, number[edge.to]});
    }
    out.add_state(dfa.accepting(i), edges, {});
  }
  return out;
}

/// Pairs of states reached by the same string; the second is kDead where only `subtract` goes on.
Result<Dfa> product(const Dfa& a, const Dfa& b, bool want_b, uint32_t max_states) {
  std::vector<std::pair<uint32_t, uint32_t>> pairs = {{0, 0}};
  std::unordered_map<uint64_t, uint32_t> table;
  table.emplace(0, 0);
  Dfa out;
  std::vector<ByteEdge> edges;
  const auto lead = [&](uint8_t low, uint8_t high, uint32_t to_a, uint32_t to_b) {
    if (want_b && to_b == Dfa::kDead) return;
    const auto [it, added] = table.emplace(uint64_t{to_a} << 32 | to_b, static_cast<uint32_t>(pairs.size()));
    if (added) pairs.emplace_back(to_a, to_b);
    edges.push_back({low, high, it->second});
  };
  for (uint32_t i = 0; i < pairs.size(); ++i) {
    if (pairs.size() > max_states) {
      return fail(ErrorCode::kTooLarge, "needs more than ", max_states, " states");
    }
    const auto [in_a, in_b] = pairs[i];
    edges.clear();
    for (const ByteEdge& edge : a.edges(in_a)) {
      uint32_t low = edge.low;
      if (in_b != Dfa::kDead) {
        for (const ByteEdge& other : b.edges(in_b)) {
          if (other.high < low) continue;
          if (other.low > edge.high) break;
          if (other.low > low) {
            lead(static_cast<uint8_t>(low), static_cast<uint8_t>(other.low - 1), edge.to, Dfa::kDead);
            low = other.low;
          }
          const uint8_t high = std::min(edge.high, other.high);
          lead(static_cast<uint8_t>(low), high, edge.to, other.to);
          low = high + 1u;
        }
      }
      if (low <= edge.high) lead(static_cast<uint8_t>(low), edge.high, edge.to, Dfa::kDead);
    }
    const bool accept_b = in_b != Dfa::kDead && b.accepting(in_b);
    out.add_state(a.accepting(in_a) && accept_b == want_b, edges, {});
  }
  return trim(out);
}

}  // namespace

Result<Dfa> intersect(const Dfa& a, const Dfa& b, uint32_t max_states) {
  return product(a, b, true, max_states);
}

Result<Dfa> subtract(const Dfa& a, const Dfa& b, uint32_t max_states) {
  return product(a, b, false, max_states);
}

}  // namespace hearth::text::grammar
