// The searches for AVX2. Without fused multiply-add (this module contracts nothing), so the bits are those of
// search_scalar.cpp.
#include "kernels/isa.h"

#if defined(__x86_64__)
#define HEARTH_SEARCH_NAME search_avx2
#define HEARTH_SEARCH_ISA avx2
#define HEARTH_SEARCH_FN HEARTH_TARGET_AVX2
#define HEARTH_SEARCH_HALVES 0
#include "kernels/search/compile.h"
#endif
