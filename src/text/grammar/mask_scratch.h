// Working memory of GrammarMasks, one per thread so that a warm walk allocates nothing. Internal to
// mask_cache.cpp and mask_similar.cpp.
#pragma once

#include <cstdint>
#include <unordered_set>
#include <utility>
#include <vector>

#include "text/grammar/mask_cache.h"

namespace hearth::text {

/// Where a walk is after some bytes: one configuration, or a set.
struct Level {
  uint32_t state = UINT32_MAX;  // none: the set counts
  uint32_t node = 0;
  bool ended = false;
  grammar::ConfigSet set;
  bool open() const { return state != UINT32_MAX || !set.configs.empty(); }
};

struct GrammarMasks::Scratch {
  std::vector<Level> levels = std::vector<Level>(1);  // by depth below where the walk began
  std::vector<TokenId> ids;
  std::vector<uint32_t> leaves;
  uint32_t max_depth = 0;
  grammar::StackArena arena;  // above the unknown stack
  StateMask made;
  std::vector<TokenId> kept;
  // For comparing states.
  std::vector<std::pair<uint32_t, uint32_t>> pairs, next_pairs;
  std::unordered_set<uint64_t> seen_pairs;
  std::vector<uint32_t> other_states;  // by depth: where the similar state would be
  std::vector<TokenId> removed;

  void start(grammar::Config config) {
    levels[0].state = config.state;
    levels[0].node = config.node;
    levels[0].ended = false;
    ids.clear();
    leaves.clear();
    removed.clear();
  }
  void make_levels(size_t count) {
    if (levels.size() < count) levels.resize(count);
    if (other_states.size() < count) other_states.resize(count);
  }
};

}  // namespace hearth::text
