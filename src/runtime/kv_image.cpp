// Sequences of the cache as images: which pages are held and where they lie, so that somebody else may keep
// their bytes and fill the pages of another sequence with them. Must not know files.
#include <algorithm>

#include "base/check.h"
#include "runtime/kv_cache.h"
#include "runtime/kv_pages.h"

namespace hearth::runtime {

SequenceImage KvCache::image(SeqId sequence) const {
  HEARTH_CHECK(is_open(sequence));
  const Sequence& from = sequences_[static_cast<size_t>(sequence)];
  return {from.length, from.forgotten};
}

std::vector<std::span<std::byte>> KvCache::image_pieces(SeqId sequence) const {
  HEARTH_CHECK(is_open(sequence));
  std::vector<std::span<std::byte>> pieces;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (const int32_t block : sequences_[static_cast<size_t>(sequence)].tables[g]) {
      if (block < 0) continue;
      for (const size_t layer : groups_[g].layers) {
        const LayerStore& store = layers_[layer];
        pieces.emplace_back(store.bytes.get() + block * store.block_bytes,
                            static_cast<size_t>(store.block_bytes));
      }
    }
  }
  return pieces;
}

Result<SeqId> KvCache::open_image(const SequenceImage& image) {
  bool fits = image.first_pages.size() == groups_.size() && image.tokens >= 1 &&
              image.tokens <= options_.context_tokens;
  for (size_t g = 0; fits && g < groups_.size(); ++g) {
    const int64_t window = groups_[g].window;
    fits = image.first_pages[g] >= forgettable_pages(window, image.tokens, kWindowSlack) &&
           image.first_pages[g] <= forgettable_pages(window, image.tokens, 0);
  }
  if (!fits) {
    return fail(ErrorCode::kCorrupt, "an image of ", image.tokens,
                " tokens is not one that this cache can hold");
  }
  const int64_t pages = pages_for(image.tokens);
  for (size_t g = 0; g < groups_.size(); ++g) {
    const auto free = static_cast<int64_t>(groups_[g].free.size());
    if (pages - image.first_pages[g] > free) {
      return fail(ErrorCode::kTooLarge, "KV cache full: ", image.tokens, " tokens need ",
                  pages - image.first_pages[g], " pages, but only ", free, " are free");
    }
  }
  HEARTH_ASSIGN(const SeqId made, open());
  Sequence& sequence = sequences_[static_cast<size_t>(made)];
  sequence.length = image.tokens;
  sequence.forgotten = image.first_pages;
  for (size_t g = 0; g < groups_.size(); ++g) {
    auto& table = sequence.tables[g];
    table.assign(static_cast<size_t>(image.first_pages[g]), -1);
    while (static_cast<int64_t>(table.size()) < pages) table.push_back(take_block(groups_[g]));
  }
  return made;
}

int64_t KvCache::bytes_held(std::span<const SeqId> sequences) const {
  int64_t bytes = 0;
  std::vector<bool> seen;
  for (size_t g = 0; g < groups_.size(); ++g) {
    seen.assign(groups_[g].references.size(), false);
    for (const SeqId sequence : sequences) {
      for (const int32_t block : sequences_[static_cast<size_t>(sequence)].tables[g]) {
        if (block < 0 || seen[static_cast<size_t>(block)]) continue;
        seen[static_cast<size_t>(block)] = true;
        bytes += groups_[g].block_bytes;
      }
    }
  }
  return bytes;
}

}  // namespace hearth::runtime
