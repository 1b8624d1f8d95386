// Closure of configurations over calls and returns, and the step over a byte.
#include "text/grammar/stacks.h"

#include <algorithm>
#include <bit>

namespace hearth::text::grammar {

uint32_t StackArena::push(const Grammar& grammar, uint32_t ret, uint32_t parent) {
  for (uint32_t child = nodes_[parent].first_child; child != 0; child = nodes_[child].sibling) {
    if (nodes_[child].ret == ret) return child;
  }
  Node node;
  node.ret = ret;
  node.parent = parent;
  node.depth = nodes_[parent].depth + 1;
  node.sibling = nodes_[parent].first_child;
  node.closing_cost = nodes_[parent].closing_cost + grammar.state(ret).closing_cost;
  node.hash = (nodes_[parent].hash ^ (ret + 1)) * 0x9E3779B97F4A7C15u;
  node.hash ^= node.hash >> 29;
  nodes_[parent].first_child = size();
  nodes_.push_back(node);
  return size() - 1;
}

void StackArena::truncate(uint32_t size) {
  while (nodes_.size() > size) {  // the newest child is always the first of its parent
    nodes_[nodes_.back().parent].first_child = nodes_.back().sibling;
    nodes_.pop_back();
  }
}

bool ConfigSet::insert(Config config) {
  constexpr size_t kFew = 12;
  if (configs.size() < kFew) {
    if (std::ranges::find(configs, config) != configs.end()) return false;
    configs.push_back(config);
    return true;
  }
  const auto slot_of = [&](Config c) -> uint32_t& {
    size_t slot = (c.state * 0x9E3779B1u ^ c.node * 0x85EBCA77u) & (table_.size() - 1);
    while (table_[slot] != 0 && configs[table_[slot] - 1] != c) slot = (slot + 1) & (table_.size() - 1);
    return table_[slot];
  };
  if (configs.size() == kFew || configs.size() * 2 >= table_.size()) {
    table_.assign(std::bit_ceil(configs.size() * 4), 0);
    for (uint32_t i = 0; i < configs.size(); ++i) slot_of(configs[i]) = i + 1;
  }
  uint32_t& slot = slot_of(config);
  if (slot != 0) return false;
  configs.push_back(config);
  slot = static_cast<uint32_t>(configs.size());
  return true;
}

bool add_config(const Grammar& grammar, StackArena& arena, const StepLimits& limits, Config config,
                ConfigSet& out) {
  const Grammar::State& state = grammar.state(config.state);
  const uint32_t depth = arena[config.node].depth + state.closing_depth;
  if (depth > limits.max_depth) return true;
  if (!out.insert(config)) return true;
  out.max_depth = std::max(out.max_depth, depth);
  if (out.configs.size() > limits.max_configs) return false;
  if (!state.accepting && !state.calling) return true;
  for (const CallEdge& call : grammar.calls(config.state)) {
    uint32_t node = config.node;
    if (!grammar.state(call.to).last) {  // a call at the very end of a rule returns to where that would
      const uint32_t frame_depth = arena[node].depth + grammar.state(call.to).closing_depth;
      if (frame_depth > limits.max_depth) continue;
      out.max_depth = std::max(out.max_depth, frame_depth);
      node = arena.push(grammar, call.to, node);
    }
    if (!add_config(grammar, arena, limits, {call.rule, node}, out)) return false;
  }
  if (!state.accepting) return true;
  if (config.node == 0) {
    out.ended = true;
    return true;
  }
  const StackArena::Node& frame = arena[config.node];
  return add_config(grammar, arena, limits, {frame.ret, frame.parent}, out);
}

bool step(const Grammar& grammar, StackArena& arena, const StepLimits& limits, const ConfigSet& in,
          uint8_t byte, ConfigSet& out) {
  out.clear();
  for (const Config& config : in.configs) {
    const uint32_t to = grammar.next(config.state, byte);
    if (to == Grammar::kDead) continue;
    if (!add_config(grammar, arena, limits, {to, config.node}, out)) {
      out.clear();
      return false;
    }
  }
  if (out.configs.size() > 1) {  // those that only opened and left others have done their part
    std::erase_if(out.configs, [&](const Config& config) { return grammar.edges(config.state).empty(); });
  }
  return true;
}

}  // namespace hearth::text::grammar
