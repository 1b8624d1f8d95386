// Processor time of the calling thread, for tests of time bounds: what else the machine does hardly changes
// it. Must not be included outside tests.
#pragma once

#include <time.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEARTH_SLOW_BUILD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEARTH_SLOW_BUILD 1
#endif
#endif

namespace hearth::text {

#ifdef HEARTH_SLOW_BUILD
inline constexpr double kBuildSlowness = 10;  // bounds are multiplied by this: sanitizers check every access
#else
inline constexpr double kBuildSlowness = 1;
#endif

inline double thread_cpu_s() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace hearth::text
