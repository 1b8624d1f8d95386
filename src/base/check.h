// HEARTH_CHECK: aborts on a programmer error. Never reachable from bad input: that is what Result is for.
#pragma once

namespace hearth {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace hearth

#define HEARTH_CHECK(condition)                      \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? void(0)                                     \
       : ::hearth::check_failed(#condition, __FILE__, __LINE__))
