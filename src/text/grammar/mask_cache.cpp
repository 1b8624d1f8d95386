// The trie walk, and the two tables of what it found.
#include "text/grammar/mask_cache.h"

#include <algorithm>

namespace hearth::text {

using grammar::Config;
using grammar::ConfigSet;
using grammar::StackArena;

namespace {

constexpr size_t kStackSlots = 1 << 13;
constexpr size_t kProbes = 16;

uint64_t hash_of(const StackArena& arena, Config config) {
  uint64_t hash = (arena[config.node].hash ^ config.state) * 0xD6E8FEB86659FD93u;
  return hash ^ hash >> 32;
}

}  // namespace

/// Of one thread, so that a warm walk allocates nothing.
struct GrammarMasks::Scratch {
  std::vector<ConfigSet> sets = std::vector<ConfigSet>(1);  // by depth below where the walk began
  std::vector<TokenId> ids;
  std::vector<uint32_t> leaves;
  uint32_t max_depth = 0;
  StackArena arena;  // above the unknown stack
  StateMask uncached;
};

GrammarMasks::Scratch& GrammarMasks::scratch() {
  thread_local Scratch scratch;
  return scratch;
}

GrammarMasks::GrammarMasks(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const VocabularyTrie> trie,
                           size_t max_cache_bytes)
    : grammar_(std::move(grammar)),
      trie_(std::move(trie)),
      max_bytes_(max_cache_bytes),
      by_state_(grammar_->size()),
      by_stack_(kStackSlots) {}

GrammarMasks::~GrammarMasks() {
  for (const auto& entry : by_state_) delete entry.load();
  for (const auto& entry : by_stack_) delete entry.load();
}

void GrammarMasks::TokenSet::add_to(std::span<uint64_t> mask) const {
  for (size_t i = 0; i < bits.size(); ++i) mask[i] |= bits[i];
  for (const TokenId id : ids) mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
}

GrammarMasks::TokenSet GrammarMasks::make_set(const std::vector<TokenId>& ids) const {
  TokenSet set;
  if (ids.size() * sizeof(TokenId) < trie_->mask_words() * sizeof(uint64_t)) {
    set.ids = ids;
  } else {
    set.bits.resize(trie_->mask_words());
    for (const TokenId id : ids) set.bits[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
  }
  return set;
}

bool GrammarMasks::reserve_bytes(size_t bytes) const {
  size_t used = used_bytes_.load(std::memory_order_relaxed);
  do {
    if (bytes > max_bytes_ - std::min(used, max_bytes_)) return false;
  } while (!used_bytes_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

void GrammarMasks::walk(StackArena& arena, uint32_t node, Scratch& scratch) const {
  const auto nodes = trie_->nodes();
  const Grammar& grammar = *grammar_;
  const grammar::StepLimits limits{grammar.max_depth()};
  const uint32_t top = nodes[node].depth;
  const uint32_t end = nodes[node].subtree_end;
  if (scratch.sets.size() < trie_->max_token_bytes() + 1) scratch.sets.resize(trie_->max_token_bytes() + 1);
  for (uint32_t i = node + 1; i < end;) {
    const VocabularyTrie::Node& here = nodes[i];
    const ConfigSet& before = scratch.sets[here.depth - top - 1];
    ConfigSet& after = scratch.sets[here.depth - top];
    if (before.configs.size() == 1) {  // step() in the common case, without its generality
      const Config from = before.configs[0];
      const uint32_t to = grammar.next(from.state, here.byte);
      if (to == Grammar::kDead) {
        i = here.subtree_end;
        continue;
      }
      const uint32_t depth = arena[from.node].depth + grammar.state(to).closing_depth;
      if (grammar.state(to).plain && depth <= limits.max_depth) {
        after.configs.assign(1, {to, from.node});
        after.ended = false;
        after.max_depth = depth;
      } else {
        step(grammar, arena, limits, before, here.byte, after);
      }
    } else {
      step(grammar, arena, limits, before, here.byte, after);
    }
    if (!after.alive()) {
      i = here.subtree_end;
      continue;
    }
    scratch.max_depth = std::max(scratch.max_depth, after.max_depth);
    const auto tokens = trie_->tokens(i);
    scratch.ids.insert(scratch.ids.end(), tokens.begin(), tokens.end());
    if (after.ended && here.subtree_end > i + 1) scratch.leaves.push_back(i);
    i = after.configs.empty() ? here.subtree_end : i + 1;
  }
}

void GrammarMasks::compute_state_mask(uint32_t state, Scratch& scratch) const {
  scratch.arena.truncate(1);
  scratch.ids.clear();
  scratch.leaves.clear();
  scratch.max_depth = grammar_->state(state).closing_depth;
  scratch.sets[0].clear();
  scratch.sets[0].configs.push_back({state, 0});
  walk(scratch.arena, 0, scratch);
  scratch.uncached.tokens = make_set(scratch.ids);
  scratch.uncached.leaves.assign(scratch.leaves.begin(), scratch.leaves.end());
  scratch.uncached.max_depth = scratch.max_depth;
}

const GrammarMasks::StateMask& GrammarMasks::state_mask(uint32_t state, Scratch& scratch) const {
  std::atomic<const StateMask*>& slot = by_state_[state];
  if (const StateMask* kept = slot.load(std::memory_order_acquire)) return *kept;
  compute_state_mask(state, scratch);
  const StateMask& made = scratch.uncached;
  if (!reserve_bytes(sizeof(StateMask) + made.tokens.bytes() + made.leaves.size() * sizeof(uint32_t))) {
    return made;
  }
  auto entry = std::make_unique<StateMask>(made);
  const StateMask* expected = nullptr;
  if (!slot.compare_exchange_strong(expected, entry.get(), std::memory_order_acq_rel)) return *expected;
  return *entry.release();
}

void GrammarMasks::keep_stack_mask(const StackArena& arena, Config config, uint64_t hash,
                                   const std::vector<TokenId>& ids) const {
  const size_t depth = arena[config.node].depth;
  if (!reserve_bytes(sizeof(StackMask) + depth * sizeof(uint32_t) + ids.size() * sizeof(TokenId))) return;
  auto entry = std::make_unique<StackMask>();
  entry->hash = hash;
  entry->state = config.state;
  for (uint32_t node = config.node; node != 0; node = arena[node].parent) {
    entry->stack.push_back(arena[node].ret);
  }
  entry->ids = ids;
  for (size_t i = 0; i < kProbes; ++i) {
    const StackMask* expected = nullptr;
    if (by_stack_[(hash + i) % kStackSlots].compare_exchange_strong(expected, entry.get(),
                                                                     std::memory_order_acq_rel)) {
      entry.release();
      return;
    }
  }
}

void GrammarMasks::add_leaving(StackArena& arena, Config config, const StateMask& state_mask, Scratch& scratch,
                               std::span<uint64_t> mask) const {
  const uint64_t hash = hash_of(arena, config);
  const auto same_stack = [&](const StackMask& entry) {
    uint32_t node = config.node;
    for (const uint32_t ret : entry.stack) {
      if (node == 0 || arena[node].ret != ret) return false;
      node = arena[node].parent;
    }
    return node == 0;
  };
  for (size_t i = 0; i < kProbes; ++i) {
    const StackMask* entry = by_stack_[(hash + i) % kStackSlots].load(std::memory_order_acquire);
    if (entry == nullptr) break;
    if (entry->hash != hash || entry->state != config.state || !same_stack(*entry)) continue;
    for (const TokenId id : entry->ids) mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
    return;
  }
  const uint32_t mark = arena.size();
  const StackArena::Node frame = arena[config.node];
  scratch.ids.clear();
  scratch.sets[0].clear();
  if (add_config(*grammar_, arena, {grammar_->max_depth()}, {frame.ret, frame.parent}, scratch.sets[0])) {
    for (const uint32_t leaf : state_mask.leaves) walk(arena, leaf, scratch);
  }
  arena.truncate(mark);
  for (const TokenId id : scratch.ids) mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
  keep_stack_mask(arena, config, hash, scratch.ids);
}

void GrammarMasks::add_tokens(StackArena& arena, Config config, std::span<uint64_t> mask) const {
  if (grammar_->edges(config.state).empty()) return;
  Scratch& scratch = GrammarMasks::scratch();
  const StateMask& known = state_mask(config.state, scratch);
  if (arena[config.node].depth + known.max_depth > grammar_->max_depth()) {
    // Near the depth limit what the state alone would allow may not fit any more: look at this very stack.
    const uint32_t mark = arena.size();
    scratch.ids.clear();
    scratch.leaves.clear();
    scratch.sets[0].clear();
    scratch.sets[0].configs.push_back(config);
    walk(arena, 0, scratch);
    arena.truncate(mark);
    make_set(scratch.ids).add_to(mask);
    return;
  }
  known.tokens.add_to(mask);
  if (!known.leaves.empty() && config.node != 0) add_leaving(arena, config, known, scratch, mask);
}

}  // namespace hearth::text
