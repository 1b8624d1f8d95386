// A list in order of use: a few dozen entries, whose comparison with a prompt takes microseconds.
#include "engine/prefix_cache.h"

#include <algorithm>
#include <utility>

namespace hearth::engine {

int64_t common_prefix(std::span<const int32_t> a, std::span<const int32_t> b) {
  const size_t limit = std::min(a.size(), b.size());
  return std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(limit), b.begin()).first -
         a.begin();
}

PrefixCache::PrefixCache(runtime::Runtime& runtime, int64_t entries, int64_t bytes, bool cuts)
    : runtime_(&runtime), most_entries_(entries), most_bytes_(bytes), cuts_(cuts) {}

PrefixCache::~PrefixCache() {
  for (const Entry& entry : entries_) runtime_->close_sequence(entry.sequence);
}

void PrefixCache::drop(std::list<Entry>::iterator entry) {
  runtime_->close_sequence(entry->sequence);
  entries_.erase(entry);
  bytes_ = -1;
}

void PrefixCache::keep(runtime::SeqId sequence, std::vector<int32_t> tokens) {
  if (tokens.empty() || most_entries_ == 0) {
    runtime_->close_sequence(sequence);
    return;
  }
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto shared = static_cast<size_t>(common_prefix(it->tokens, tokens));
    const auto next = std::next(it);
    if (shared == tokens.size() && (cuts_ || shared == it->tokens.size())) {  // there already, or more
      entries_.splice(entries_.begin(), entries_, it);
      runtime_->close_sequence(sequence);
      return;
    }
    if (cuts_ && shared == it->tokens.size()) drop(it);
    it = next;
  }
  while (size() >= most_entries_) evict();
  entries_.push_front({sequence, std::move(tokens)});
  bytes_ = -1;
  while (most_bytes_ > 0 && bytes() > most_bytes_) evict();
}

int64_t PrefixCache::bytes() const {
  if (bytes_ >= 0) return bytes_;
  std::vector<runtime::SeqId> sequences;
  for (const Entry& entry : entries_) sequences.push_back(entry.sequence);
  return bytes_ = runtime_->kv_bytes_held(sequences);
}

int64_t PrefixCache::longest(std::span<const int32_t> prompt) const {
  int64_t longest = 0;
  for (const Entry& entry : entries_) longest = std::max(longest, common_prefix(entry.tokens, prompt));
  return longest;
}

std::optional<PrefixFork> PrefixCache::fork(std::span<const int32_t> prompt, int64_t least, int64_t limit) {
  std::vector<std::pair<int64_t, std::list<Entry>::iterator>> matches;
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    const int64_t shared = std::min(common_prefix(it->tokens, prompt), limit);
    if (shared >= least) matches.emplace_back(shared, it);
  }
  std::stable_sort(matches.begin(), matches.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [shared, entry] : matches) {
    auto made = runtime_->fork(entry->sequence);
    if (!made) return std::nullopt;
    if (runtime_->truncate(*made, shared)) {
      entries_.splice(entries_.begin(), entries_, entry);
      return PrefixFork{*made, shared};
    }
    runtime_->close_sequence(*made);  // a window has forgotten; another entry may be shorter
  }
  return std::nullopt;
}

bool PrefixCache::evict() {
  if (entries_.empty()) return false;
  drop(std::prev(entries_.end()));
  ++evicted_;
  return true;
}

}  // namespace hearth::engine
