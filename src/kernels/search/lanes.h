// Eight floats as a portable vector, and what both families of searches do with them. Eight candidates are
// tried side by side, one a lane, so every sum runs over the values in order and no ISA changes a bit of it.
// Included once per ISA through compile.h. Must not know formats.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/half.h"
#include "kernels/isa.h"
#include "kernels/search/search.h"

#define HEARTH_SEARCH_INLINE HEARTH_SEARCH_FN __attribute__((always_inline)) inline
#if HEARTH_SEARCH_HALVES
#include "kernels/search/halves.h"
#else
#include "kernels/search/whole.h"
#endif

namespace hearth::kernels::HEARTH_SEARCH_ISA {
namespace {

constexpr Floats kLaneIndex = {0, 1, 2, 3, 4, 5, 6, 7};
constexpr float kTiny = 1e-30f;  // nothing: no binary16 scale is near it, and its square is no normal number
constexpr float kHuge = 1e15f;   // beyond what binary16 scales can reach; sums of its squares stay finite
constexpr float kNever = 3e38f;  // loss of a candidate that cannot be used

/// The second where they do not compare: NaN never wins against a number there.
HEARTH_SEARCH_INLINE Floats lesser(Floats a, Floats b) { return where_less(a, b, a, b); }
HEARTH_SEARCH_INLINE Floats greater(Floats a, Floats b) { return where_less(b, a, a, b); }

HEARTH_SEARCH_INLINE Floats clamped(Floats v, Floats low, Floats high) {
  return lesser(greater(v, low), high);
}

/// To the nearest integer, ties to even, for |v| < 2^22: the sum has no room for a fraction.
HEARTH_SEARCH_INLINE Floats rounded(Floats v) { return (v + 0x1.8p23f) - 0x1.8p23f; }

/// 1 / v; 0 where v is 0.
HEARTH_SEARCH_INLINE Floats reciprocal(Floats v) {
  return where_less(Floats{}, greater(v, -v), 1.0f / v, Floats{});
}

HEARTH_SEARCH_INLINE float reciprocal_of(float v) { return v != 0 ? 1.0f / v : 0.0f; }

HEARTH_SEARCH_INLINE float largest_lane(Floats v) {
  v = greater(v, turned<4>(v));
  v = greater(v, turned<2>(v));
  return greater(v, turned<1>(v))[0];
}

HEARTH_SEARCH_INLINE float sum_of_lanes(Floats v) {
  v += turned<4>(v);
  v += turned<2>(v);
  return (v + turned<1>(v))[0];
}

/// Takes over loss and pair where the other loss is less.
HEARTH_SEARCH_INLINE void keep_less(Floats& loss, Floats& a, Floats& b, Floats other_loss, Floats other_a,
                                    Floats other_b) {
  a = where_less(other_loss, loss, other_a, a);
  b = where_less(other_loss, loss, other_b, b);
  loss = lesser(other_loss, loss);
}

/// Brings the least loss of kVectors * 8 candidates, and the pair that has it, into lane 0 of the first.
template <int kVectors>
HEARTH_SEARCH_INLINE void pick(Floats* loss, Floats* a, Floats* b) {
  HEARTH_UNROLL
  for (int v = 1; v < kVectors; ++v) keep_less(loss[0], a[0], b[0], loss[v], a[v], b[v]);
  keep_less(loss[0], a[0], b[0], turned<4>(loss[0]), turned<4>(a[0]), turned<4>(b[0]));
  keep_less(loss[0], a[0], b[0], turned<2>(loss[0]), turned<2>(a[0]), turned<2>(b[0]));
  keep_less(loss[0], a[0], b[0], turned<1>(loss[0]), turned<1>(a[0]), turned<1>(b[0]));
}

/// The same where one value is all that matters.
template <int kVectors>
HEARTH_SEARCH_INLINE void pick(Floats* loss, Floats* a) {
  pick<kVectors>(loss, a, a);
}

/// Saturates instead of becoming infinite; never -0.
HEARTH_SEARCH_INLINE uint16_t saturated_half(float v) {
  return float_to_half(std::clamp(v, -65504.0f, 65504.0f) + 0.0f);
}

/// Values and the weights of their errors, tamed: no square becomes infinite, and no weight is so small that
/// a group of them sums to nothing.
struct Values {
  alignas(32) float x[kSearchValues];
  alignas(32) float w[kSearchValues];
};

HEARTH_SEARCH_INLINE void prepare(const float* x, const float* importance, int n, Values& values) {
  for (int k = 0; k < n; k += kLanes) {
    store(values.x + k, clamped(load(x + k), same(-kHuge), same(kHuge)));
    store(values.w + k, same(1));
  }
  if (importance == nullptr) return;
  Floats most{};
  for (int k = 0; k < n; k += kLanes) most = greater(load(importance + k), most);
  const float largest = largest_lane(most);
  if (!(largest > kTiny && largest < 1e30f)) return;
  const float scale = 1.0f / largest;
  for (int k = 0; k < n; k += kLanes) {
    store(values.w + k, greater(load(importance + k) * scale, Floats{}) + 1e-6f);
  }
}

/// The group's least and greatest value.
struct Range {
  float low, high;
};

HEARTH_SEARCH_INLINE Range range_of(const float* x, int n) {
  Floats most = load(x);
  Floats least = most;
  for (int k = kLanes; k < n; k += kLanes) {
    most = greater(load(x + k), most);
    least = lesser(load(x + k), least);
  }
  return {-largest_lane(-least), largest_lane(most)};
}

}  // namespace
}  // namespace hearth::kernels::HEARTH_SEARCH_ISA
