// Parses in progress: an automaton state on top of a stack of states to return to, and sets of them, because
// an ambiguous grammar may be in several places at once. Stacks share their tails and equal stacks are one,
// so comparing two is comparing two numbers. Must not know vocabularies or masks.
#pragma once

#include <cstdint>
#include <vector>

#include "text/grammar/grammar.h"

namespace hearth::text::grammar {

/// All stacks of one matcher. Node 0 is the bottom.
class StackArena {
 public:
  struct Node {
    uint32_t ret = 0;     // state to go on from when the called rule ends
    uint32_t parent = 0;  // what lies below
    uint32_t depth = 0;
    uint32_t first_child = 0;
    uint32_t sibling = 0;
    uint64_t closing_cost = 0;  // bytes of the shortest way from `ret` and all below to the end
    uint64_t hash = 0;          // of all `ret`s below and this one
  };

  StackArena() : nodes_(1) {}
  const Node& operator[](uint32_t node) const { return nodes_[node]; }
  uint32_t size() const { return static_cast<uint32_t>(nodes_.size()); }
  /// The one node of `ret` above `parent`.
  uint32_t push(const Grammar& grammar, uint32_t ret, uint32_t parent);
  /// Forgets the nodes made since size() was `size`.
  void truncate(uint32_t size);

 private:
  std::vector<Node> nodes_;
};

struct Config {
  uint32_t state = 0;
  uint32_t node = 0;
  bool operator==(const Config&) const = default;
};

/// Where a text may be in the grammar. Calls are already opened and ended rules already left, so that only
/// the byte edges of the states matter.
struct ConfigSet {
  std::vector<Config> configs;
  bool ended = false;      // the bottom was left: the text may end here
  uint32_t max_depth = 0;  // of any stack here, with what its closing needs

  bool alive() const { return ended || !configs.empty(); }
  /// False if it was there.
  bool insert(Config config);
  void clear() {
    configs.clear();
    ended = false;
    max_depth = 0;
  }

 private:
  std::vector<uint32_t> table_;  // where there are many: hashed, index into configs plus 1
};

/// More configurations than this are not followed while making masks; what would need them is not offered.
constexpr size_t kMaxConfigs = 512;

struct StepLimits {
  uint32_t max_depth = 0;  // nested rules, the bottom of the arena being 0
  size_t max_configs = kMaxConfigs;
};

/// Adds (state, node), what it opens and what it leaves. Configurations that could not be closed within
/// `max_depth` are left out. False if there are too many.
bool add_config(const Grammar& grammar, StackArena& arena, const StepLimits& limits, Config config,
                ConfigSet& out);
/// Where `byte` leads from all of `in`. `out` is cleared first; false (and `out` dead) if there are too many.
bool step(const Grammar& grammar, StackArena& arena, const StepLimits& limits, const ConfigSet& in,
          uint8_t byte, ConfigSet& out);

}  // namespace hearth::text::grammar
