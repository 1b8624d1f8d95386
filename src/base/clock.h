// Monotonic time for measurements and limits.
#pragma once

#include <chrono>

namespace hearth {

/// Seconds on a monotonic clock with an arbitrary origin.
inline double now_s() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace hearth
