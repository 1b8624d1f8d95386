// The trie walk, and the two tables of what it found.
#include "text/grammar/mask_cache.h"

#include <algorithm>

#include "text/grammar/mask_scratch.h"

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

void set_bits(const std::vector<TokenId>& ids, std::span<uint64_t> mask) {
  for (const TokenId id : ids) mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
}

}  // namespace

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
      by_stack_(kStackSlots) {
  for (auto& example : examples_) example.store(kNone, std::memory_order_relaxed);
}

GrammarMasks::~GrammarMasks() {
  for (const auto& entry : by_state_) delete entry.load();
  for (const auto& entry : by_stack_) delete entry.load();
}

size_t GrammarMasks::StateMask::bytes() const {
  return sizeof(StateMask) + bits.size() * sizeof(uint64_t) +
         (ids.size() + removed.size()) * sizeof(TokenId) + leaves.size() * sizeof(uint32_t);
}

bool GrammarMasks::reserve_bytes(size_t bytes) const {
  size_t used = used_bytes_.load(std::memory_order_relaxed);
  do {
    if (bytes > max_bytes_ - std::min(used, max_bytes_)) return false;
  } while (!used_bytes_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

bool GrammarMasks::descend(StackArena& arena, size_t depth, uint8_t byte, Scratch& scratch) const {
  const grammar::StepLimits limits{grammar_->max_depth()};
  const Level& before = scratch.levels[depth];
  Level& after = scratch.levels[depth + 1];
  if (before.state == kNone) {
    step(*grammar_, arena, limits, before.set, byte, after.set);
  } else {
    const uint32_t to = grammar_->next(before.state, byte);
    if (to == Grammar::kDead) return false;
    const Grammar::State& state = grammar_->state(to);
    const uint32_t nested = arena[before.node].depth + state.closing_depth;
    const bool leaves_frame = state.accepting && before.node != 0;
    if (!state.calling && !leaves_frame && !state.last && nested <= limits.max_depth) {
      after.state = to;  // the common case: one configuration leads to one
      after.node = before.node;
      after.ended = state.accepting;
      scratch.max_depth = std::max(scratch.max_depth, nested);
      return true;
    }
    after.set.clear();
    if (!add_config(*grammar_, arena, limits, {to, before.node}, after.set)) after.set.clear();
    std::erase_if(after.set.configs, [&](const Config& c) { return grammar_->edges(c.state).empty(); });
  }
  after.state = kNone;
  after.ended = after.set.ended;
  if (after.set.configs.size() == 1) {
    after.state = after.set.configs[0].state;
    after.node = after.set.configs[0].node;
  }
  scratch.max_depth = std::max(scratch.max_depth, after.set.max_depth);
  return after.set.alive();
}

void GrammarMasks::walk(StackArena& arena, uint32_t node, Scratch& scratch) const {
  const auto nodes = trie_->nodes();
  const uint32_t top = nodes[node].depth;
  const uint32_t end = nodes[node].subtree_end;
  scratch.make_levels(trie_->max_token_bytes() + 1);
  for (uint32_t i = node + 1; i < end;) {
    const VocabularyTrie::Node& here = nodes[i];
    if (!descend(arena, here.depth - top - 1, here.byte, scratch)) {
      i = here.subtree_end;
      continue;
    }
    const Level& after = scratch.levels[here.depth - top];
    if (after.state != kNone && !after.ended && here.subtree_end > i + 1 &&
        (here.below & ~grammar_->state(after.state).stays_over) == 0) {
      const auto all = trie_->tokens_between(i, here.subtree_end);
      scratch.ids.insert(scratch.ids.end(), all.begin(), all.end());
      i = here.subtree_end;
      continue;
    }
    for (const TokenId id : trie_->tokens(i)) scratch.ids.push_back(id);
    if (after.ended && here.subtree_end > i + 1) scratch.leaves.push_back(i);
    i = after.open() ? i + 1 : here.subtree_end;
  }
}

void GrammarMasks::compute_state_mask(uint32_t state, Scratch& scratch) const {
  scratch.start({state, 0});
  scratch.arena.truncate(1);
  scratch.max_depth = grammar_->state(state).closing_depth;
  StateMask& out = scratch.made;
  out = {};
  if (compute_from_similar(state, scratch)) return;
  scratch.start({state, 0});
  scratch.max_depth = grammar_->state(state).closing_depth;
  walk(scratch.arena, 0, scratch);
  if (scratch.ids.size() * sizeof(TokenId) < trie_->mask_words() * sizeof(uint64_t)) {
    out.ids.assign(scratch.ids.begin(), scratch.ids.end());
  } else {
    out.bits.assign(trie_->mask_words(), 0);
    set_bits(scratch.ids, out.bits);
  }
  if (!grammar_->in_root(state)) out.leaves.assign(scratch.leaves.begin(), scratch.leaves.end());
  out.max_depth = scratch.max_depth;
}

const GrammarMasks::StateMask& GrammarMasks::state_mask(uint32_t state, Scratch& scratch) const {
  std::atomic<const StateMask*>& slot = by_state_[state];
  if (const StateMask* kept = slot.load(std::memory_order_acquire)) return *kept;
  compute_state_mask(state, scratch);
  const StateMask& made = scratch.made;
  if (!reserve_bytes(made.bytes())) return made;
  auto entry = std::make_unique<StateMask>(made);
  const StateMask* expected = nullptr;
  if (!slot.compare_exchange_strong(expected, entry.get(), std::memory_order_acq_rel)) return *expected;
  if (!made.bits.empty()) {
    examples_[next_example_.fetch_add(1, std::memory_order_relaxed) % kExamples].store(
        state, std::memory_order_release);
  }
  return *entry.release();
}

void GrammarMasks::add_state_tokens(const StateMask& state_mask, Scratch& scratch,
                                    std::span<uint64_t> mask) const {
  if (state_mask.base != nullptr) {
    // Bits that other configurations have set stay, also where this one's base is wrong.
    scratch.kept.clear();
    for (const TokenId id : state_mask.removed) {
      if ((mask[static_cast<size_t>(id) / 64] >> (id % 64) & 1) != 0) scratch.kept.push_back(id);
    }
    for (size_t i = 0; i < state_mask.base->bits.size(); ++i) mask[i] |= state_mask.base->bits[i];
    for (const TokenId id : state_mask.removed)
      mask[static_cast<size_t>(id) / 64] &= ~(uint64_t{1} << (id % 64));
    set_bits(scratch.kept, mask);
  }
  for (size_t i = 0; i < state_mask.bits.size(); ++i) mask[i] |= state_mask.bits[i];
  set_bits(state_mask.ids, mask);
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

void GrammarMasks::add_leaving(StackArena& arena, Config config, const StateMask& state_mask,
                               Scratch& scratch, std::span<uint64_t> mask) const {
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
    set_bits(entry->ids, mask);
    return;
  }
  const uint32_t mark = arena.size();
  const StackArena::Node frame = arena[config.node];
  scratch.start({0, 0});
  ConfigSet& set = scratch.levels[0].set;
  set.clear();
  if (add_config(*grammar_, arena, {grammar_->max_depth()}, {frame.ret, frame.parent}, set)) {
    scratch.levels[0].state = kNone;
    for (const uint32_t leaf : state_mask.leaves) walk(arena, leaf, scratch);
  }
  arena.truncate(mark);
  set_bits(scratch.ids, mask);
  keep_stack_mask(arena, config, hash, scratch.ids);
}

void GrammarMasks::add_tokens(StackArena& arena, Config config, std::span<uint64_t> mask) const {
  if (grammar_->edges(config.state).empty()) return;
  Scratch& scratch = GrammarMasks::scratch();
  const StateMask& known = state_mask(config.state, scratch);
  if (arena[config.node].depth + known.max_depth > grammar_->max_depth()) {
    // Near the depth limit what the state alone would allow may not fit any more: look at this very stack.
    const uint32_t mark = arena.size();
    scratch.start(config);
    walk(arena, 0, scratch);
    arena.truncate(mark);
    set_bits(scratch.ids, mask);
    return;
  }
  add_state_tokens(known, scratch, mask);
  if (!known.leaves.empty() && config.node != 0) add_leaving(arena, config, known, scratch, mask);
}

}  // namespace hearth::text
