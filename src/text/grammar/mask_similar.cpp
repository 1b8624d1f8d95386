// Masks from similar states. Two places of a counted string ("at most 100 characters", {1,64}) treat all
// short tokens alike, and two places of a tag being watched for differ in a byte or two: only tokens that can
// tell the states apart are walked, and only what differs is kept.
#include <algorithm>

#include "text/grammar/mask_cache.h"
#include "text/grammar/mask_scratch.h"

namespace hearth::text {

using grammar::ByteEdge;
using grammar::CallEdge;

namespace {

constexpr uint32_t kFarEnough = 64;   // bytes beyond which states are not compared
constexpr size_t kMaxPairs = 4096;    // looked at in one comparison
constexpr uint32_t kWorthwhile = 6;   // bytes that must be alike
constexpr size_t kSameTargets = 200;  // or first bytes that lead to the same state
constexpr size_t kMaxDifferences = 2048;

/// First bytes after which both states are one.
size_t same_targets(const Grammar& grammar, uint32_t a, uint32_t b) {
  size_t same = 0;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const uint32_t to = grammar.next(a, static_cast<uint8_t>(byte));
    same += to != Grammar::kDead && to == grammar.next(b, static_cast<uint8_t>(byte)) ? 1 : 0;
  }
  return same;
}

}  // namespace

uint32_t GrammarMasks::alike_bytes(uint32_t a, uint32_t b, Scratch& scratch) const {
  const Grammar& grammar = *grammar_;
  scratch.pairs.assign(1, {a, b});
  scratch.seen_pairs.clear();
  scratch.seen_pairs.insert(uint64_t{a} << 32 | b);
  for (uint32_t depth = 0; depth < kFarEnough; ++depth) {
    scratch.next_pairs.clear();
    const auto follow = [&](uint32_t to_a, uint32_t to_b) {
      if (to_a != to_b && scratch.seen_pairs.insert(uint64_t{to_a} << 32 | to_b).second) {
        scratch.next_pairs.emplace_back(to_a, to_b);
      }
    };
    for (const auto& [one, other] : scratch.pairs) {
      const Grammar::State& x = grammar.state(one);
      const Grammar::State& y = grammar.state(other);
      const auto edges_x = grammar.edges(one);
      const auto edges_y = grammar.edges(other);
      const auto calls_x = grammar.calls(one);
      const auto calls_y = grammar.calls(other);
      if (x.accepting != y.accepting || x.last != y.last || x.closing_depth != y.closing_depth ||
          edges_x.size() != edges_y.size() || calls_x.size() != calls_y.size()) {
        return depth;
      }
      for (size_t i = 0; i < edges_x.size(); ++i) {
        if (edges_x[i].low != edges_y[i].low || edges_x[i].high != edges_y[i].high) return depth;
        follow(edges_x[i].to, edges_y[i].to);
      }
      for (size_t i = 0; i < calls_x.size(); ++i) {
        if (calls_x[i].rule != calls_y[i].rule) return depth;
        follow(calls_x[i].to, calls_y[i].to);
      }
    }
    if (scratch.seen_pairs.size() > kMaxPairs) return depth + 1;
    if (scratch.next_pairs.empty()) return UINT32_MAX;
    std::swap(scratch.pairs, scratch.next_pairs);
  }
  return kFarEnough;
}

bool GrammarMasks::compute_from_similar(uint32_t state, Scratch& scratch) const {
  uint32_t best = kNone;
  uint32_t best_alike = 0;
  for (const auto& example : examples_) {
    const uint32_t other = example.load(std::memory_order_acquire);
    if (other == kNone || grammar_->in_root(other) != grammar_->in_root(state))
      continue;  // leaves are not kept of the root
    const uint32_t alike = alike_bytes(state, other, scratch);
    if (best == kNone || alike > best_alike) {
      best = other;
      best_alike = alike;
    }
    if (alike < kWorthwhile && same_targets(*grammar_, state, other) >= kSameTargets) {
      best = other;
      best_alike = alike;
      break;
    }
  }
  if (best == kNone) return false;
  if (best_alike < kWorthwhile && same_targets(*grammar_, state, best) < kSameTargets) return false;
  walk_differences(state, best, best_alike, scratch);
  return true;
}

/// Visits the nodes where the states may differ: not those whose tokens are all short enough, nor those where
/// both are in the same state again. There `similar` is right, elsewhere scratch collects what is not.
void GrammarMasks::walk_differences(uint32_t state, uint32_t similar, uint32_t alike,
                                    Scratch& scratch) const {
  const StateMask& base = *by_state_[similar].load(std::memory_order_acquire);
  const auto nodes = trie_->nodes();
  const uint32_t end = nodes[0].subtree_end;
  scratch.start({state, 0});
  scratch.max_depth = std::max(grammar_->state(state).closing_depth, base.max_depth);
  scratch.make_levels(trie_->max_token_bytes() + 1);
  scratch.other_states[0] = similar;
  const auto in_base = [&](TokenId id) {
    return (base.bits[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0;
  };
  auto leaf = base.leaves.begin();
  const auto pass_leaves = [&](uint32_t until, bool keep) {
    for (; leaf != base.leaves.end() && *leaf < until; ++leaf) {
      if (keep) scratch.leaves.push_back(*leaf);
    }
  };
  const auto remove = [&](uint32_t first, uint32_t until) {
    for (const TokenId id : trie_->tokens_between(first, until)) {
      if (in_base(id)) scratch.removed.push_back(id);
    }
    pass_leaves(until, false);
  };
  for (uint32_t i = 1; i < end;) {
    const VocabularyTrie::Node& here = nodes[i];
    if (here.deepest <= alike) {
      pass_leaves(here.subtree_end, true);
      i = here.subtree_end;
      continue;
    }
    if (!descend(scratch.arena, here.depth - 1u, here.byte, scratch)) {
      remove(i, here.subtree_end);
      i = here.subtree_end;
      continue;
    }
    const Level& after = scratch.levels[here.depth];
    const uint32_t before_other = scratch.other_states[here.depth - 1u];
    uint32_t& other = scratch.other_states[here.depth];
    other = before_other == kNone ? kNone : grammar_->next(before_other, here.byte);
    if (other != kNone && grammar_->state(other).calling) other = kNone;
    if (other != kNone && other == after.state && after.node == 0) {
      pass_leaves(here.subtree_end, true);
      i = here.subtree_end;
      continue;
    }
    for (const TokenId id : trie_->tokens(i)) {
      if (!in_base(id)) scratch.ids.push_back(id);
    }
    pass_leaves(i + 1, false);
    if (after.ended && here.subtree_end > i + 1) scratch.leaves.push_back(i);
    if (!after.open()) remove(i + 1, here.subtree_end);
    i = after.open() ? i + 1 : here.subtree_end;
  }
  use_differences(state, base, scratch);
}

void GrammarMasks::use_differences(uint32_t state, const StateMask& base, Scratch& scratch) const {
  StateMask& out = scratch.made;
  if (!grammar_->in_root(state)) out.leaves.assign(scratch.leaves.begin(), scratch.leaves.end());
  out.max_depth = scratch.max_depth;
  if (scratch.ids.size() + scratch.removed.size() <= kMaxDifferences) {
    out.base = &base;
    out.ids.assign(scratch.ids.begin(), scratch.ids.end());
    out.removed.assign(scratch.removed.begin(), scratch.removed.end());
    return;
  }
  out.bits = base.bits;
  for (const TokenId id : scratch.removed)
    out.bits[static_cast<size_t>(id) / 64] &= ~(uint64_t{1} << (id % 64));
  for (const TokenId id : scratch.ids) out.bits[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
}

}  // namespace hearth::text
