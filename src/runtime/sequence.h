// What the layers of the runtime must agree on about a sequence: its name while it is open, and which pages
// it holds where somebody keeps them elsewhere. Knows nothing of caches or models.
#pragma once

#include <cstdint>
#include <vector>

namespace hearth::runtime {

/// Small, and reused after the sequence is closed.
using SeqId = int32_t;

/// Which pages a sequence holds: with their bytes, all that is needed to go on from it.
struct SequenceImage {
  int64_t tokens = 0;
  std::vector<int64_t> first_pages;  // per group of layers with the same window: pages before are forgotten

  bool operator==(const SequenceImage&) const = default;
};

/// Pages of keys and values in use.
struct KvPageCounts {
  int64_t pages = 0;
  int64_t shared = 0;  // of those, held by more than one sequence
};

}  // namespace hearth::runtime
