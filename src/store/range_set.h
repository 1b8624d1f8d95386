// Which bytes of a file have arrived: sorted, disjoint, non-touching half-open ranges.
// Why not a bitmap of chunks: the chunk size may change between a cut and its resumption. Knows no files.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace hearth::store {

struct Range {
  uint64_t begin = 0;
  uint64_t end = 0;  // exclusive
  uint64_t size() const { return end - begin; }
  bool operator==(const Range&) const = default;
};

class RangeSet {
 public:
  void add(Range range) {
    if (range.begin >= range.end) return;
    auto first = std::lower_bound(ranges_.begin(), ranges_.end(), range.begin,
                                  [](const Range& r, uint64_t begin) { return r.end < begin; });
    auto last = first;
    while (last != ranges_.end() && last->begin <= range.end) {
      range.begin = std::min(range.begin, last->begin);
      range.end = std::max(range.end, last->end);
      ++last;
    }
    first = ranges_.erase(first, last);
    ranges_.insert(first, range);
  }
  void clear() { ranges_.clear(); }

  uint64_t covered() const {
    uint64_t total = 0;
    for (const Range& range : ranges_) total += range.size();
    return total;
  }
  /// Length of the part without holes at the beginning.
  uint64_t prefix() const { return !ranges_.empty() && ranges_.front().begin == 0 ? ranges_.front().end : 0; }
  /// What is missing of [0, size), in pieces of at most `piece` bytes.
  std::vector<Range> missing(uint64_t size, uint64_t piece) const {
    std::vector<Range> out;
    uint64_t at = 0;
    auto cut = [&](uint64_t end) {
      while (at < end) {
        const uint64_t stop = end - at > piece ? at + piece : end;
        out.push_back({at, stop});
        at = stop;
      }
    };
    for (const Range& range : ranges_) {
      cut(std::min(range.begin, size));
      at = std::max(at, range.end);
    }
    cut(size);
    return out;
  }
  const std::vector<Range>& ranges() const { return ranges_; }

 private:
  std::vector<Range> ranges_;
};

}  // namespace hearth::store
