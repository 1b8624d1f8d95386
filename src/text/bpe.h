// The merge loop of byte-pair encoding (Sennrich et al. 2016): repeatedly join the neighbouring pair of
// lowest key, leftmost first. One loop serves merge ranks and SentencePiece scores; the rule that gives a
// pair its key is the caller's. Must not know text, vocabularies or files.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace hearth::text {

constexpr uint32_t kNoMerge = UINT32_MAX;

/// A stretch of the word with the token it is so far (-1: none). Symbols of one word touch each other.
struct BpeSymbol {
  int32_t id = -1;
  uint32_t begin = 0;  // bytes into the word
  uint32_t end = 0;
};

/// What joining a pair gives. Lower keys are joined first; kNoMerge means never.
struct BpeMerge {
  uint32_t key = kNoMerge;
  int32_t id = -1;
};

/// Buffers of merge_symbols, kept by the caller between words.
struct BpeScratch {
  std::vector<BpeSymbol> symbols;  // in: the word's characters; out: its tokens
  std::vector<BpeMerge> pairs;     // pairs[i]: what symbol i and its right neighbour would become
  std::vector<uint32_t> previous;
  std::vector<uint32_t> next;
  std::vector<uint64_t> queue;
};

/// Merge ranks by pair of token ids: open addressing, built once.
class MergeTable {
 public:
  /// Room for `count` pairs; ids and ranks are below 2^31.
  explicit MergeTable(size_t count = 0);
  /// A later insert of the same pair replaces the earlier one, as the reference implementation's map does.
  void insert(int32_t left, int32_t right, BpeMerge merge);
  BpeMerge find(int32_t left, int32_t right) const {
    const uint64_t key = pack(left, right);
    for (size_t i = slot(key);; i = (i + 1) & mask_) {
      if (entries_[i].key == key) return entries_[i].merge;
      if (entries_[i].key == kEmpty) return {};
    }
  }

 private:
  struct Entry {
    uint64_t key = kEmpty;
    BpeMerge merge;
  };
  static constexpr uint64_t kEmpty = UINT64_MAX;
  static uint64_t pack(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t slot(uint64_t key) const {
    key *= 0x9E3779B97F4A7C15u;
    return static_cast<size_t>(key ^ key >> 32) & mask_;
  }

  std::vector<Entry> entries_;
  size_t mask_ = 0;
};

namespace internal {

/// For short words: a linear search for the best pair costs less than a queue.
template <typename Rule>
void merge_by_scan(const Rule& rule, BpeScratch& scratch) {
  auto& symbols = scratch.symbols;
  auto& pairs = scratch.pairs;
  pairs.resize(symbols.size());
  for (size_t i = 0; i + 1 < symbols.size(); ++i) pairs[i] = rule(symbols[i], symbols[i + 1]);
  size_t count = symbols.size();
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].key < pairs[best].key) best = i;
    }
    if (pairs[best].key == kNoMerge) break;
    symbols[best] = {pairs[best].id, symbols[best].begin, symbols[best + 1].end};
    for (size_t i = best + 1; i + 1 < count; ++i) {
      symbols[i] = symbols[i + 1];
      pairs[i] = pairs[i + 1];
    }
    --count;
    if (best > 0) pairs[best - 1] = rule(symbols[best - 1], symbols[best]);
    if (best + 1 < count) pairs[best] = rule(symbols[best], symbols[best + 1]);
  }
  symbols.resize(count);
}

/// For long words: a linked list of symbols and a queue of (key, position), so a megabyte without a space
/// takes n log n steps.
template <typename Rule>
void merge_by_queue(const Rule& rule, BpeScratch& scratch) {
  auto& symbols = scratch.symbols;
  auto& pairs = scratch.pairs;
  auto& previous = scratch.previous;
  auto& next = scratch.next;
  auto& queue = scratch.queue;
  const auto count = static_cast<uint32_t>(symbols.size());
  constexpr uint32_t kNone = UINT32_MAX;
  pairs.assign(count, {});
  previous.resize(count);
  next.resize(count);
  queue.clear();
  for (uint32_t i = 0; i < count; ++i) {
    previous[i] = i == 0 ? kNone : i - 1;
    next[i] = i + 1 == count ? kNone : i + 1;
    if (next[i] == kNone) continue;
    pairs[i] = rule(symbols[i], symbols[i + 1]);
    if (pairs[i].key != kNoMerge) queue.push_back(static_cast<uint64_t>(pairs[i].key) << 32 | i);
  }
  const auto refresh = [&](uint32_t i) {
    pairs[i] = next[i] == kNone ? BpeMerge{} : rule(symbols[i], symbols[next[i]]);
    if (pairs[i].key == kNoMerge) return;
    queue.push_back(static_cast<uint64_t>(pairs[i].key) << 32 | i);
    std::push_heap(queue.begin(), queue.end(), std::greater<>());
  };
  std::make_heap(queue.begin(), queue.end(), std::greater<>());
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), std::greater<>());
    const auto i = static_cast<uint32_t>(queue.back());
    const auto key = static_cast<uint32_t>(queue.back() >> 32);
    queue.pop_back();
    if (pairs[i].key != key) continue;  // the pair that this entry spoke of is gone
    const uint32_t right = next[i];
    symbols[i] = {pairs[i].id, symbols[i].begin, symbols[right].end};
    pairs[right] = {};
    next[i] = next[right];
    if (next[i] != kNone) previous[next[i]] = i;
    refresh(i);
    if (previous[i] != kNone) refresh(previous[i]);
  }
  uint32_t kept = 0;
  for (uint32_t i = count == 0 ? kNone : 0; i != kNone; i = next[i]) symbols[kept++] = symbols[i];
  symbols.resize(kept);
}

}  // namespace internal

/// Merges scratch.symbols in place. `rule(left, right)` returns the BpeMerge of two touching symbols. O(n log
/// n) calls.
template <typename Rule>
void merge_symbols(const Rule& rule, BpeScratch& scratch) {
  constexpr size_t kScanAtMost = 48;
  if (scratch.symbols.size() <= kScanAtMost) {
    internal::merge_by_scan(rule, scratch);
  } else {
    internal::merge_by_queue(rule, scratch);
  }
}

}  // namespace hearth::text
