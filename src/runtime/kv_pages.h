// How tokens become pages, and when a sliding window lets a page go. Internal to the cache; must not know
// sequences.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/attention/kv_format.h"

namespace hearth::runtime {

constexpr int64_t pages_for(int64_t tokens) {
  return (tokens + kernels::kPageTokens - 1) / kernels::kPageTokens;
}

/// Leading pages that no query at position `length` or later can see, with `slack` tokens to spare.
constexpr int64_t forgettable_pages(int64_t window, int64_t length, int64_t slack) {
  return window > 0 ? std::max<int64_t>(0, length - window + 1 - slack) / kernels::kPageTokens : 0;
}

}  // namespace hearth::runtime
