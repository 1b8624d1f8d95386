// Which tokens may come next, computed once per automaton state and shared by all answers of one grammar and
// vocabulary. A token is judged by a walk of the vocabulary's trie; what stays within the rules opened since
// the state depends on the state alone and is kept with it, what leaves the rule depends on the stack and is
// kept by (state, stack). A state that resembles one already known is judged only where the two may differ.
// Thread-safe without locks: entries are published once and live as long as the cache.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "text/grammar/grammar.h"
#include "text/grammar/stacks.h"
#include "text/grammar/vocabulary_trie.h"

namespace hearth::text {

class GrammarMasks {
 public:
  /// Entries are kept until they take `max_cache_bytes`; later ones are computed each time.
  GrammarMasks(std::shared_ptr<const Grammar> grammar, std::shared_ptr<const VocabularyTrie> trie,
               size_t max_cache_bytes = size_t{64} << 20);
  ~GrammarMasks();
  GrammarMasks(const GrammarMasks&) = delete;
  GrammarMasks& operator=(const GrammarMasks&) = delete;

  const Grammar& grammar() const { return *grammar_; }
  const VocabularyTrie& trie() const { return *trie_; }
  size_t cache_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }

  /// Adds to `mask` the bits of the tokens that may follow `config`, whose stack is in `arena` (which grows
  /// meanwhile and is restored).
  void add_tokens(grammar::StackArena& arena, grammar::Config config, std::span<uint64_t> mask) const;

 private:
  /// From one state above an unknown stack: tokens as bits where there are many, as ids where there are few,
  /// or as what differs from `base`.
  struct StateMask {
    const StateMask* base = nullptr;  // has bits
    std::vector<uint64_t> bits;
    std::vector<TokenId> ids;      // allowed, beside base
    std::vector<TokenId> removed;  // of base
    std::vector<uint32_t>
        leaves;              // trie nodes with children at which the state's rule may have ended; ascending
    uint32_t max_depth = 0;  // of stacks seen, with what they need to close
    size_t bytes() const;
  };
  /// The tokens that go on below StateMask::leaves.
  struct StackMask {
    uint64_t hash = 0;
    uint32_t state = 0;
    std::vector<uint32_t> stack;  // states to return to, top first
    std::vector<TokenId> ids;
  };
  struct Scratch;
  static Scratch& scratch();

  const StateMask& state_mask(uint32_t state, Scratch& scratch) const;
  void compute_state_mask(uint32_t state, Scratch& scratch) const;
  bool compute_from_similar(uint32_t state, Scratch& scratch) const;
  void walk_differences(uint32_t state, uint32_t similar, uint32_t alike, Scratch& scratch) const;
  void use_differences(uint32_t state, const StateMask& base, Scratch& scratch) const;
  /// How many bytes two states certainly treat alike: tokens that long are allowed by both or neither.
  uint32_t alike_bytes(uint32_t a, uint32_t b, Scratch& scratch) const;
  void add_state_tokens(const StateMask& state_mask, Scratch& scratch, std::span<uint64_t> mask) const;
  void add_leaving(grammar::StackArena& arena, grammar::Config config, const StateMask& state_mask,
                   Scratch& scratch, std::span<uint64_t> mask) const;
  void keep_stack_mask(const grammar::StackArena& arena, grammar::Config config, uint64_t hash,
                       const std::vector<TokenId>& ids) const;
  /// Walks the trie below `node` from scratch.levels[0]; accepted tokens go to scratch.ids, inner nodes at
  /// which the bottom was left to scratch.leaves.
  void walk(grammar::StackArena& arena, uint32_t node, Scratch& scratch) const;
  /// From one level to the next over a byte; false if it leads nowhere.
  bool descend(grammar::StackArena& arena, size_t depth, uint8_t byte, Scratch& scratch) const;
  bool reserve_bytes(size_t bytes) const;

  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const VocabularyTrie> trie_;
  const size_t max_bytes_;
  mutable std::atomic<size_t> used_bytes_ = 0;
  mutable std::vector<std::atomic<const StateMask*>> by_state_;
  mutable std::vector<std::atomic<const StackMask*>> by_stack_;
  // Some states whose entries have bits, to compare others with.
  static constexpr size_t kExamples = 16;
  static constexpr uint32_t kNone = UINT32_MAX;
  mutable std::array<std::atomic<uint32_t>, kExamples> examples_;
  mutable std::atomic<uint32_t> next_example_ = 0;
};

}  // namespace hearth::text
