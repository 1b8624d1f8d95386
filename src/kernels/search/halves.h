// Eight floats in two registers of four, for processors without wider ones: GCC keeps wider vectors in memory
// there. Included once per ISA through compile.h; offers what whole.h offers.
#pragma once

namespace hearth::kernels::HEARTH_SEARCH_ISA {
namespace {

constexpr int kLanes = 8;

struct Floats {
  using Half = float __attribute__((vector_size(2 * kLanes)));
  Half low{};
  Half high{};

  constexpr Floats() = default;
  constexpr Floats(Half l, Half h) : low(l), high(h) {}
  constexpr Floats(float v)
      : low{v, v, v, v}, high{v, v, v, v} {}  // NOLINT: numbers mix as they do in whole.h
  constexpr Floats(float a, float b, float c, float d, float e, float f, float g, float h)
      : low{a, b, c, d}, high{e, f, g, h} {}

  HEARTH_SEARCH_INLINE float operator[](int lane) const { return lane < 4 ? low[lane] : high[lane - 4]; }
  HEARTH_SEARCH_INLINE Floats operator-() const { return {-low, -high}; }
  HEARTH_SEARCH_INLINE Floats& operator+=(const Floats& other) {
    low += other.low;
    high += other.high;
    return *this;
  }
};
static_assert(sizeof(Floats) == 4 * kLanes);

HEARTH_SEARCH_INLINE Floats operator+(Floats a, Floats b) { return {a.low + b.low, a.high + b.high}; }
HEARTH_SEARCH_INLINE Floats operator-(Floats a, Floats b) { return {a.low - b.low, a.high - b.high}; }
HEARTH_SEARCH_INLINE Floats operator*(Floats a, Floats b) { return {a.low * b.low, a.high * b.high}; }
HEARTH_SEARCH_INLINE Floats operator/(Floats a, Floats b) { return {a.low / b.low, a.high / b.high}; }

HEARTH_SEARCH_INLINE Floats load(const float* x) {
  Floats v;
  std::memcpy(&v.low, x, sizeof(v.low));
  std::memcpy(&v.high, x + kLanes / 2, sizeof(v.high));
  return v;
}

HEARTH_SEARCH_INLINE void store(float* x, Floats v) {
  std::memcpy(x, &v.low, sizeof(v.low));
  std::memcpy(x + kLanes / 2, &v.high, sizeof(v.high));
}

HEARTH_SEARCH_INLINE Floats same(float v) { return {v}; }

HEARTH_SEARCH_INLINE Floats where_less(Floats a, Floats b, Floats yes, Floats no) {
  return {a.low < b.low ? yes.low : no.low, a.high < b.high ? yes.high : no.high};
}

template <int kBy>
HEARTH_SEARCH_INLINE Floats turned(Floats v) {
  if constexpr (kBy == 4) return {v.high, v.low};
  if constexpr (kBy == 2) {
    return {__builtin_shufflevector(v.low, v.low, 2, 3, 0, 1),
            __builtin_shufflevector(v.high, v.high, 2, 3, 0, 1)};
  }
  return {__builtin_shufflevector(v.low, v.low, 1, 0, 3, 2),
          __builtin_shufflevector(v.high, v.high, 1, 0, 3, 2)};
}

HEARTH_SEARCH_INLINE void store_codes(int8_t* q, Floats codes) {
  for (int i = 0; i < kLanes; ++i) q[i] = static_cast<int8_t>(codes[i]);
}

}  // namespace
}  // namespace hearth::kernels::HEARTH_SEARCH_ISA
