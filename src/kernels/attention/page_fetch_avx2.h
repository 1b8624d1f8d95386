// Software prefetch of page halves during decode. Internal to attention/. Must not know page formats.
#pragma once

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/isa.h"

namespace hearth::kernels::avx2 {

/// With more query rows a page is used so often that its fetching does not matter.
inline constexpr int32_t kFetchRows = 12;

/// Fetches a range of memory line by line while something else is computed. Decoding is bound by memory, and
/// the hardware does not see that the values of a page follow its keys, nor which page is next.
struct Fetch {
  const std::byte* at = nullptr;
  const std::byte* end = nullptr;

  template <int Lines>
  HEARTH_INLINE_AVX2 void step() {
    if (at >= end) return;
    HEARTH_UNROLL
    for (int i = 0; i < Lines; ++i) _mm_prefetch(reinterpret_cast<const char*>(at + 64 * i), _MM_HINT_T0);
    at += 64 * Lines;
  }
};

}  // namespace hearth::kernels::avx2

#endif  // defined(__x86_64__)
