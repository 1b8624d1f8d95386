// Sequences that nobody computes any more, kept because another prompt may begin as they do. A prompt is
// matched by its tokens alone, whoever sent the earlier one. Pages are shared with those who go on from them
// (Runtime::fork), so an entry costs only what is its own. Must not know requests.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <vector>

#include "runtime/session.h"

namespace hearth::engine {

/// Tokens that two lists begin with.
int64_t common_prefix(std::span<const int32_t> a, std::span<const int32_t> b);

/// A sequence to go on from: a fork that holds the first `tokens` of the prompt.
struct PrefixFork {
  runtime::SeqId sequence = 0;
  int64_t tokens = 0;
};

/// Not thread-safe; used by whoever drives the runtime.
class PrefixCache {
 public:
  struct Entry {
    runtime::SeqId sequence = 0;
    std::vector<int32_t> tokens;
  };

  /// `runtime` must outlive the cache. `entries`: sequences kept at most; `bytes`: of keys and values that
  /// they hold together, shared pages counted once (0: as many as there is room for); `cuts`: whether a
  /// sequence can be shortened to any length (a model without sliding windows).
  PrefixCache(runtime::Runtime& runtime, int64_t entries, int64_t bytes, bool cuts);
  ~PrefixCache();
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  /// Takes over an open sequence that holds `tokens`. Entries that it makes superfluous go.
  void keep(runtime::SeqId sequence, std::vector<int32_t> tokens);
  /// The tokens of `prompt` that the best entry shares with it, whether or not it can be cut to them.
  int64_t longest(std::span<const int32_t> prompt) const;
  /// A fork of the entry that shares most with `prompt`, cut to at most `limit` tokens; nullopt where none
  /// shares `least` or no sequence is left.
  std::optional<PrefixFork> fork(std::span<const int32_t> prompt, int64_t least, int64_t limit);
  /// Gives the entry that was used longest ago back. False when there is none.
  bool evict();

  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  /// Of keys and values, shared pages counted once.
  int64_t bytes() const;
  /// The last used first.
  const std::list<Entry>& entries() const { return entries_; }
  int64_t evicted() const { return evicted_; }

 private:
  void drop(std::list<Entry>::iterator entry);

  runtime::Runtime* runtime_;
  int64_t most_entries_;
  int64_t most_bytes_;
  bool cuts_;
  std::list<Entry> entries_;   // the last used first
  mutable int64_t bytes_ = 0;  // counted when asked for; -1: to be counted again
  int64_t evicted_ = 0;
};

}  // namespace hearth::engine
