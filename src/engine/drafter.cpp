// The latest of the longest earlier occurrences of the last tokens, found by going back through the history.
#include "engine/drafter.h"

#include <algorithm>

namespace hearth::engine {
namespace {

constexpr int64_t kShortest = 2;  // tokens in common before a proposal is made
constexpr int64_t kLongest = 12;  // more says nothing more
constexpr int64_t kLongestPause = 128;

/// Tokens that the history up to `end` has in common with the whole one, from their ends backwards.
int64_t common_suffix(std::span<const int32_t> history, int64_t end) {
  const auto n = static_cast<int64_t>(history.size());
  int64_t length = 0;
  while (length < kLongest && length < end &&
         history[static_cast<size_t>(end - 1 - length)] == history[static_cast<size_t>(n - 1 - length)]) {
    ++length;
  }
  return length;
}

}  // namespace

std::span<const int32_t> Drafter::propose(std::span<const int32_t> history, int64_t most) const {
  if (pause_ > 0 || most <= 0) return {};
  const auto n = static_cast<int64_t>(history.size());
  int64_t best = 0, best_end = 0;
  for (int64_t end = n - 1; end > 0 && best < kLongest; --end) {
    const int64_t length = common_suffix(history, end);
    if (length > best) best = length, best_end = end;
  }
  if (best < kShortest) return {};
  const int64_t length = std::min({length_, most, n - best_end});
  return history.subspan(static_cast<size_t>(best_end), static_cast<size_t>(length));
}

void Drafter::learn(int64_t proposed, int64_t accepted) {
  if (proposed == 0) {
    pause_ = std::max<int64_t>(0, pause_ - 1);
    return;
  }
  if (accepted == proposed) {
    length_ = std::min(length_ + 2, kMostTokens);
    patience_ = 4;
  } else if (accepted > 0) {
    length_ = std::max<int64_t>(2, accepted + 1);
  } else {
    length_ = 2;
    pause_ = patience_;
    patience_ = std::min(2 * patience_, kLongestPause);
  }
}

}  // namespace hearth::engine
