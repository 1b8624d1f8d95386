// Free text that watches for tags: an Aho-Corasick automaton as an Nfa without silent edges.
#include "text/grammar/compose.h"

#include <algorithm>
#include <array>

#include "io/utf8.h"

namespace hearth::text {

using grammar::Expr;
using grammar::ExprPtr;
using grammar::Nfa;

namespace {

constexpr uint32_t kMaxBlank = 16;

/// Aho and Corasick (1975): states of how much of which tag has been read. State 0 is the root.
struct TagAutomaton {
  std::vector<std::array<uint32_t, 256>> next;
  std::vector<int32_t> completes;  // tag, or -1
};

TagAutomaton make_tags(const std::vector<std::string_view>& tags) {
  constexpr uint32_t kNone = UINT32_MAX;
  TagAutomaton out;
  const auto add_state = [&] {
    out.next.emplace_back().fill(kNone);
    out.completes.push_back(-1);
    return static_cast<uint32_t>(out.next.size() - 1);
  };
  add_state();
  for (size_t tag = 0; tag < tags.size(); ++tag) {
    uint32_t state = 0;
    for (const char c : tags[tag]) {
      const auto byte = static_cast<uint8_t>(c);
      if (out.next[state][byte] == kNone) {
        const uint32_t made = add_state();
        out.next[state][byte] = made;
      }
      state = out.next[state][byte];
    }
    out.completes[state] = static_cast<int32_t>(tag);
  }
  std::vector<uint32_t> fallback(out.next.size());
  std::vector<uint32_t> order = {0};
  for (size_t i = 0; i < order.size(); ++i) {
    const uint32_t state = order[i];
    for (size_t byte = 0; byte < 256; ++byte) {
      uint32_t& to = out.next[state][byte];
      const uint32_t otherwise = state == 0 ? 0 : out.next[fallback[state]][byte];
      if (to == kNone) {
        to = otherwise;
      } else {
        fallback[to] = otherwise;
        order.push_back(to);
      }
    }
  }
  return out;
}

/// Adds the free text of `tags` to `nfa`; states[i] is that of tag state i. Bytes that complete a tag lead to
/// `completed[tag]`.
std::vector<uint32_t> add_free_text(Nfa& nfa, const TagAutomaton& tags,
                                    const std::vector<uint32_t>& completed) {
  std::vector<uint32_t> states;
  for (size_t i = 0; i < tags.next.size(); ++i) states.push_back(nfa.add_state());
  for (size_t i = 0; i < tags.next.size(); ++i) {
    if (tags.completes[i] >= 0) continue;
    for (uint32_t low = 0; low < 256;) {
      const uint32_t to = tags.next[i][low];
      uint32_t high = low;
      while (high < 255 && tags.next[i][high + 1] == to) ++high;
      const int32_t tag = tags.completes[to];
      nfa.add_bytes(states[i], static_cast<uint8_t>(low), static_cast<uint8_t>(high),
                    tag >= 0 ? completed[static_cast<size_t>(tag)] : states[to]);
      low = high + 1;
    }
  }
  return states;
}

Result<ExprPtr> finish(const Nfa& nfa, uint32_t start, uint32_t accept) {
  HEARTH_ASSIGN(grammar::Dfa dfa, nfa.determinize(start, accept, {}));
  return grammar::from_dfa(std::move(dfa));
}

}  // namespace

ExprPtr free_text() { return grammar::repeat(grammar::bytes_between(0, 255), 0, Expr::kUnbounded); }

Result<ExprPtr> free_until(std::string_view tag) {
  if (tag.empty()) return fail(ErrorCode::kUsage, "free text must end with a tag that is not empty");
  Nfa nfa;
  const uint32_t accept = nfa.add_state();
  const std::vector<uint32_t> states = add_free_text(nfa, make_tags({tag}), {accept});
  return finish(nfa, states[0], accept);
}

Result<ExprPtr> free_text_or_tagged(RuleSet& rules, const std::vector<TaggedBody>& bodies,
                                    const TaggedOptions& options) {
  std::vector<std::string_view> triggers;
  for (const TaggedBody& body : bodies) triggers.push_back(body.trigger);
  for (size_t a = 0; a < triggers.size(); ++a) {
    for (size_t b = 0; b < triggers.size(); ++b) {
      if (triggers[b].empty() || (a != b && triggers[a].find(triggers[b]) != std::string_view::npos)) {
        return fail(ErrorCode::kUsage, "trigger ", io::printable(triggers[a]), " must not contain ",
                    triggers[b].empty() ? std::string("an empty one") : io::printable(triggers[b]));
      }
    }
  }
  Nfa nfa;
  const uint32_t accept = nfa.add_state();
  const uint32_t before = nfa.add_state();  // outside, before the first body
  const uint32_t after = nfa.add_state();   // outside, after one
  const std::vector<uint8_t> nullable(rules.size());
  std::vector<uint32_t> completed;
  for (size_t i = 0; i < bodies.size(); ++i) {
    const uint32_t inside = nfa.add_state();
    completed.push_back(inside);
    const ExprPtr call = rules.add("body of " + bodies[i].trigger, bodies[i].body);
    const uint32_t ended = nfa.add_state();
    nfa.add_call(inside, call->rule, ended);
    nfa.add_silent(nfa.add_literal(ended, bodies[i].end), after);
  }
  const TagAutomaton tags = make_tags(triggers);
  const auto add_outside = [&](uint32_t from, bool may_end, bool may_trigger) -> Status {
    if (options.free_between) {
      std::vector<uint32_t> dead(triggers.size());
      for (uint32_t& state : dead) state = nfa.add_state();
      const std::vector<uint32_t> states = add_free_text(nfa, tags, may_trigger ? completed : dead);
      nfa.add_silent(from, states[0]);
      for (const uint32_t state : states) {
        if (may_end) nfa.add_silent(state, accept);
      }
      return {};
    }
    const ExprPtr space = grammar::choice({grammar::literal(" "), grammar::bytes_between('\t', '\r')});
    const uint32_t blank = nfa.add_state();
    HEARTH_RETURN_IF_ERROR(
        add_expr(nfa, *grammar::repeat(space, 0, kMaxBlank), from, blank, 1 << 20, nullable));
    if (may_end) nfa.add_silent(blank, accept);
    for (size_t i = 0; may_trigger && i < triggers.size(); ++i) {
      nfa.add_silent(nfa.add_literal(blank, triggers[i]), completed[i]);
    }
    return {};
  };
  HEARTH_RETURN_IF_ERROR(add_outside(before, options.min_bodies == 0, true));
  HEARTH_RETURN_IF_ERROR(add_outside(after, true, !options.one_body));
  return finish(nfa, before, accept);
}

}  // namespace hearth::text
