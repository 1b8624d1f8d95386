// Steps of an answer over the shared grammar and masks.
#include "text/grammar/matcher.h"

#include <algorithm>
#include <bitset>

namespace hearth::text {

using grammar::ByteEdge;
using grammar::CallEdge;
using grammar::Config;
using grammar::ConfigSet;
using grammar::kMaxConfigs;

GrammarMatcher::GrammarMatcher(std::shared_ptr<const GrammarMasks> masks) : masks_(std::move(masks)) {
  const Grammar& grammar = masks_->grammar();
  add_config(grammar, arena_, {grammar.max_depth()}, {grammar.start(), 0}, now_);
  now_.ended |= grammar.nullable();
}

void GrammarMatcher::fill_mask(std::span<uint64_t> mask) {
  HEARTH_CHECK(mask.size() >= masks_->trie().mask_words());
  std::ranges::fill(mask, 0);
  if (finished_) return;
  for (const Config& config : now_.configs) masks_->add_tokens(arena_, config, mask);
  if (!now_.ended) return;
  for (const TokenId id : masks_->trie().end_tokens()) {
    if (id >= 0 && id < masks_->trie().vocab_size())
      mask[static_cast<size_t>(id) / 64] |= uint64_t{1} << (id % 64);
  }
}

void GrammarMatcher::commit() {
  history_.push_back({past_.size(), now_.ended, finished_, limited_});
  past_.insert(past_.end(), now_.configs.begin(), now_.configs.end());
}

bool GrammarMatcher::accept(TokenId token) {
  if (masks_->trie().is_end_token(token)) {
    if (!can_end()) return false;
    commit();
    finished_ = true;
    return true;
  }
  return accept_bytes(masks_->trie().token_bytes(token));
}

bool GrammarMatcher::accept_bytes(std::string_view bytes) {
  if (finished_ || bytes.empty()) return false;
  bool together = true;
  next_.configs.assign(now_.configs.begin(), now_.configs.end());
  for (const char byte : bytes) {
    std::swap(next_, other_);
    together = step(masks_->grammar(), arena_, {masks_->grammar().max_depth()}, other_,
                    static_cast<uint8_t>(byte), next_);
    if (!next_.alive()) break;
  }
  const bool limited = !together;
  if (limited && !advance_separately(bytes)) return false;
  if (!next_.alive()) return false;
  commit();
  limited_ |= limited;
  std::swap(now_, next_);
  return true;
}

/// next_ from each configuration by itself, as the masks are made: a token that one of them allows must not
/// fail because all together are too many. Along a token each byte may leave the configuration's rule, and
/// the masks follow what comes of that separately, hence the bound.
bool GrammarMatcher::advance_separately(std::string_view bytes) {
  const grammar::StepLimits limits{masks_->grammar().max_depth(), kMaxConfigs * (bytes.size() + 1)};
  ConfigSet result;
  for (const Config& config : now_.configs) {
    next_.clear();
    next_.configs.push_back(config);
    for (const char byte : bytes) {
      std::swap(next_, other_);
      step(masks_->grammar(), arena_, limits, other_, static_cast<uint8_t>(byte), next_);
      if (!next_.alive()) break;
    }
    result.ended |= next_.ended;
    for (const Config& reached : next_.configs) {
      if (result.configs.size() >= kMaxConfigs) break;
      result.insert(reached);
    }
  }
  next_ = std::move(result);
  return next_.alive();
}

void GrammarMatcher::rollback(size_t steps) {
  HEARTH_CHECK(steps <= history_.size());
  if (steps == 0) return;
  const Step& step = history_[history_.size() - steps];
  const size_t end = steps == 1 ? past_.size() : history_[history_.size() - steps + 1].configs_begin;
  now_.configs.assign(past_.begin() + static_cast<std::ptrdiff_t>(step.configs_begin),
                      past_.begin() + static_cast<std::ptrdiff_t>(end));
  now_.ended = step.ended;
  finished_ = step.finished;
  limited_ = step.limited;
  past_.resize(step.configs_begin);
  history_.resize(history_.size() - steps);
}

std::string GrammarMatcher::forced_bytes(size_t max_bytes) {
  std::string out;
  if (finished_) return out;
  const Grammar& grammar = masks_->grammar();
  const uint32_t mark = arena_.size();
  next_.configs.assign(now_.configs.begin(), now_.configs.end());
  next_.ended = now_.ended;
  while (out.size() < max_bytes && !next_.ended) {
    int forced = -1;
    bool several = false;
    for (const Config& config : next_.configs) {
      for (const ByteEdge& edge : grammar.edges(config.state)) {
        several |= edge.low != edge.high || (forced >= 0 && forced != edge.low);
        forced = edge.low;
      }
      if (several) break;
    }
    if (several || forced < 0) break;
    std::swap(next_, other_);
    step(grammar, arena_, {grammar.max_depth()}, other_, static_cast<uint8_t>(forced), next_);
    if (!next_.alive()) break;
    out.push_back(static_cast<char>(forced));
  }
  arena_.truncate(mark);
  return out;
}

uint64_t GrammarMatcher::closing_length() const {
  if (finished_ || now_.ended) return 0;
  uint64_t best = UINT64_MAX;
  for (const Config& config : now_.configs) {
    best =
        std::min(best, masks_->grammar().state(config.state).closing_cost + arena_[config.node].closing_cost);
  }
  return best;
}

std::optional<std::string> GrammarMatcher::closing_bytes(size_t max_bytes) const {
  const uint64_t length = closing_length();
  if (length == 0) return std::string();
  if (length > max_bytes) return std::nullopt;
  const Grammar& grammar = masks_->grammar();
  const auto config = std::ranges::find_if(now_.configs, [&](const Config& c) {
    return grammar.state(c.state).closing_cost + arena_[c.node].closing_cost == length;
  });
  std::vector<uint32_t> frames;  // states to return to, opened on the way; below them config's own stack
  uint32_t state = config->state;
  uint32_t node = config->node;
  std::string out;
  const auto depth = [&](uint32_t s) { return grammar.state(s).closing_depth; };
  while (true) {
    const uint32_t cost = grammar.state(state).closing_cost;
    if (cost == 0) {
      if (!frames.empty()) {
        state = frames.back();
        frames.pop_back();
      } else if (node != 0) {
        state = arena_[node].ret;
        node = arena_[node].parent;
      } else {
        return out;
      }
      continue;
    }
    // The way by which the compiler found the cost: as cheap, and of those nesting no deeper.
    const auto edge = std::ranges::find_if(grammar.edges(state), [&](const ByteEdge& e) {
      return grammar.state(e.to).closing_cost + 1 == cost && depth(e.to) <= depth(state);
    });
    if (edge != grammar.edges(state).end()) {
      out.push_back(static_cast<char>(edge->low));
      state = edge->to;
      continue;
    }
    const auto call = std::ranges::find_if(grammar.calls(state), [&](const CallEdge& c) {
      return grammar.state(c.rule).closing_cost + grammar.state(c.to).closing_cost == cost &&
             std::max(depth(c.rule) + 1, depth(c.to)) <= depth(state);
    });
    HEARTH_CHECK(call != grammar.calls(state).end());
    frames.push_back(call->to);
    state = call->rule;
  }
}

}  // namespace hearth::text
