// Picks the compiled copy of the searches. Knows no format.
#include "kernels/search/search.h"

#include "kernels/isa.h"

namespace hearth::kernels {

const Search& search_scalar();
#if defined(__x86_64__)
const Search& search_avx2();
#endif

const Search& search() {
#if defined(__x86_64__)
  if (active_isa() >= Isa::kAvx2) return search_avx2();
#endif
  return search_scalar();
}

}  // namespace hearth::kernels
