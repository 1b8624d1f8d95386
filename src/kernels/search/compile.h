// Compiles the searches for one ISA: the including file says under which name (HEARTH_SEARCH_NAME), in which
// namespace (HEARTH_SEARCH_ISA), with which target attribute (HEARTH_SEARCH_FN) and whether eight floats fill
// two registers (HEARTH_SEARCH_HALVES). The attribute has to be on every function because GCC lowers vector
// operations before it inlines. Must not know block layouts.
#pragma once

#include "kernels/search/affine.h"
#include "kernels/search/symmetric.h"

namespace hearth::kernels {

const Search& HEARTH_SEARCH_NAME();

const Search& HEARTH_SEARCH_NAME() {
  using namespace HEARTH_SEARCH_ISA;
  static constexpr Search kSearch = {symmetric, affine, offset, exponent};
  return kSearch;
}

}  // namespace hearth::kernels
