// The table of merge ranks.
#include "text/bpe.h"

#include <bit>

namespace hearth::text {

MergeTable::MergeTable(size_t count) : entries_(std::bit_ceil(count * 2 + 1)), mask_(entries_.size() - 1) {}

void MergeTable::insert(int32_t left, int32_t right, BpeMerge merge) {
  const uint64_t key = pack(left, right);
  size_t i = slot(key);
  while (entries_[i].key != kEmpty && entries_[i].key != key) i = (i + 1) & mask_;
  entries_[i] = {key, merge};
}

}  // namespace hearth::text
