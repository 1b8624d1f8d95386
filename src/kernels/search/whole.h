// Eight floats in one register: the compiler's vector type, and what it does not spell itself. Included once
// per ISA through compile.h; offers what halves.h offers.
#pragma once

namespace hearth::kernels::HEARTH_SEARCH_ISA {
namespace {

constexpr int kLanes = 8;
using Floats = float __attribute__((vector_size(4 * kLanes)));

HEARTH_SEARCH_INLINE Floats load(const float* x) {
  Floats v;
  std::memcpy(&v, x, sizeof(v));
  return v;
}

HEARTH_SEARCH_INLINE void store(float* x, Floats v) { std::memcpy(x, &v, sizeof(v)); }

HEARTH_SEARCH_INLINE Floats same(float v) { return Floats{v, v, v, v, v, v, v, v}; }

/// a < b ? yes : no, lane by lane.
HEARTH_SEARCH_INLINE Floats where_less(Floats a, Floats b, Floats yes, Floats no) { return a < b ? yes : no; }

/// Lanes moved around by kBy places.
template <int kBy>
HEARTH_SEARCH_INLINE Floats turned(Floats v) {
  if constexpr (kBy == 4) return __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
  if constexpr (kBy == 2) return __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5);
  return __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6);
}

/// Eight small integers as bytes.
HEARTH_SEARCH_INLINE void store_codes(int8_t* q, Floats codes) {
  using Ints = int32_t __attribute__((vector_size(4 * kLanes)));
  using Bytes = int8_t __attribute__((vector_size(kLanes)));
  const Bytes bytes = __builtin_convertvector(__builtin_convertvector(codes, Ints), Bytes);
  std::memcpy(q, &bytes, sizeof(bytes));
}

}  // namespace
}  // namespace hearth::kernels::HEARTH_SEARCH_ISA
