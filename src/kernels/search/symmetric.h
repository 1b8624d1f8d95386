// Searches for formats without minima: one scale for a group, or a binary16 scale for a block and an integer
// for each group, over linear levels or a table of them. Included once per ISA through compile.h. Must not
// know block layouts.
#pragma once

#include "kernels/search/lanes.h"

namespace hearth::kernels::HEARTH_SEARCH_ISA {
namespace {

/// Every integer of a range.
struct Linear {
  Floats low, high;

  HEARTH_SEARCH_INLINE explicit Linear(const Levels& levels)
      : low(same(levels.low)), high(same(levels.high)) {}
  HEARTH_SEARCH_INLINE Floats level(Floats v) const { return rounded(clamped(v, low, high)); }
  HEARTH_SEARCH_INLINE Floats code(Floats v) const { return level(v); }
};

/// Any rising values: the nearest is found by counting the midpoints below.
struct Table {
  int steps;
  float base;
  float middle[kMostLevels - 1];
  float step[kMostLevels - 1];

  HEARTH_SEARCH_INLINE explicit Table(const Levels& levels)
      : steps(levels.count - 1), base(levels.values[0]) {
    for (int i = 0; i < steps; ++i) {
      middle[i] = 0.5f * static_cast<float>(levels.values[i] + levels.values[i + 1]);
      step[i] = static_cast<float>(levels.values[i + 1] - levels.values[i]);
    }
  }
  HEARTH_SEARCH_INLINE Floats level(Floats v) const {
    Floats sum = same(base);
    for (int i = 0; i < steps; ++i) sum += where_less(same(middle[i]), v, same(step[i]), Floats{});
    return sum;
  }
  HEARTH_SEARCH_INLINE Floats code(Floats v) const {
    Floats sum{};
    for (int i = 0; i < steps; ++i) sum += where_less(same(middle[i]), v, same(1), Floats{});
    return sum;
  }
};

/// The error that each of kVectors * 8 steps leaves, every value at its nearest level.
template <int kVectors, class Grid>
HEARTH_SEARCH_INLINE void step_errors(const Grid& grid, const float* x, const float* w, int n,
                                      const Floats* step, Floats* error) {
  Floats inverse[kVectors];
  HEARTH_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    inverse[v] = reciprocal(step[v]);
    error[v] = Floats{};
  }
  for (int k = 0; k < n; ++k) {
    HEARTH_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const Floats miss = x[k] - step[v] * grid.level(x[k] * inverse[v]);
      error[v] += w[k] * (miss * miss);
    }
  }
}

/// For each of kVectors * 8 inverse steps, the step of least squares for the levels it leads to, and the
/// error left less sum w x^2.
template <int kVectors, class Grid>
HEARTH_SEARCH_INLINE void refit_steps(const Grid& grid, const float* x, const float* w, int n,
                                      const Floats* inverse, Floats* step, Floats* loss) {
  Floats xq[kVectors], qq[kVectors];
  HEARTH_UNROLL
  for (int v = 0; v < kVectors; ++v) xq[v] = qq[v] = Floats{};
  for (int k = 0; k < n; ++k) {
    HEARTH_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const Floats q = grid.level(x[k] * inverse[v]);
      const Floats wq = w[k] * q;
      xq[v] += x[k] * wq;
      qq[v] += q * wq;
    }
  }
  HEARTH_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    step[v] = xq[v] * reciprocal(qq[v]);
    loss[v] = -(xq[v] * step[v]);
  }
}

/// A good step for one group on its own; 0 when all values are. The value furthest from 0 is put at either
/// end of the levels, short of it and beyond; `fine` looks once more around the best.
template <class Grid>
HEARTH_SEARCH_INLINE float group_step(const Grid& grid, const Levels& levels, const float* x, const float* w,
                                      int n, bool fine) {
  const Range range = range_of(x, n);
  const float extreme = range.high > -range.low ? range.high : range.low;
  if (!(std::fabs(extreme) > kTiny)) return 0;
  const float low = levels.count != 0 ? levels.values[0] : levels.low;
  const float high = levels.count != 0 ? levels.values[levels.count - 1] : levels.high;
  // Ends that differ by their sign alone would try everything twice.
  const float other = high == -low ? 0.98f * high : high;
  const Floats end = Floats{low, low, low, low, other, other, other, other} * (1.0f / extreme);
  constexpr Floats kReach[2] = {{0.8f, 0.85f, 0.9f, 0.94f, 0.8f, 0.85f, 0.9f, 0.94f},
                                {0.97f, 1.0f, 1.04f, 1.08f, 0.97f, 1.0f, 1.04f, 1.08f}};
  const Floats inverse[2] = {end * kReach[0], end * kReach[1]};
  Floats step[2], loss[2];
  refit_steps<2>(grid, x, w, n, inverse, step, loss);
  pick<2>(loss, step);
  if (!fine || step[0][0] == 0) return step[0][0];
  const float apart =
      high > 64 ? 0.004f : 0.01f;  // with more levels a smaller change moves the furthest codes
  const Floats around = (1.0f / step[0][0]) * (1.0f + apart * (kLaneIndex - 3.5f));
  refit_steps<1>(grid, x, w, n, &around, step + 1, loss + 1);
  // Lane 0 alone of the first search is a candidate here; its other lanes are worse or equal.
  pick<2>(loss, step);
  return step[0][0];
}

/// The integer scales that lose least for `d`, tried around those nearest to the steps that the groups want.
/// Returns the error left.
template <int kVectors, class Grid>
HEARTH_SEARCH_INLINE float choose_scales(const Grid& grid, const SymmetricSpec& spec, const Values& values,
                                         float d, const float* wanted, int16_t* scale) {
  const float inverse = reciprocal_of(d);
  const Floats low = same(static_cast<float>(spec.scale_low));
  const Floats high = same(static_cast<float>(spec.scale_high));
  float total = 0;
  for (int g = 0; g < spec.groups; ++g) {
    const Floats nearest = rounded(clamped(same(wanted[g] * inverse), low, high));
    Floats candidate[kVectors], step[kVectors], error[kVectors];
    HEARTH_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      candidate[v] =
          clamped(nearest + (kLaneIndex + static_cast<float>(kLanes * v - 4 * kVectors)), low, high);
      step[v] = candidate[v] * d;
    }
    step_errors<kVectors>(grid, values.x + g * spec.group, values.w + g * spec.group, spec.group, step,
                          error);
    pick<kVectors>(error, candidate);
    scale[g] = static_cast<int16_t>(candidate[0][0]);
    total += error[0][0];
  }
  return total;
}

/// The d of least squares for the levels that `d` and `scale` lead to.
template <class Grid>
HEARTH_SEARCH_INLINE float refit_d(const Grid& grid, const SymmetricSpec& spec, const Values& values, float d,
                                   const int16_t* scale) {
  Floats xq{};
  Floats qq{};
  for (int g = 0; g < spec.groups; ++g) {
    const auto factor = static_cast<float>(scale[g]);
    const float inverse = reciprocal_of(d * factor);
    for (int k = g * spec.group; k < (g + 1) * spec.group; k += kLanes) {
      const Floats x = load(values.x + k);
      const Floats q = grid.level(x * inverse) * factor;
      const Floats wq = load(values.w + k) * q;
      xq += x * wq;
      qq += q * wq;
    }
  }
  return sum_of_lanes(xq) * reciprocal_of(sum_of_lanes(qq));
}

template <class Grid>
HEARTH_SEARCH_INLINE void put_codes(const Grid& grid, const float* x, int n, float step, int8_t* q) {
  const float inverse = reciprocal_of(step);
  for (int k = 0; k < n; k += kLanes) store_codes(q + k, grid.code(load(x + k) * inverse));
}

/// kVectors * 8 integer scales are tried for each group.
template <int kVectors, class Grid>
HEARTH_SEARCH_INLINE void symmetric_on(const Grid& grid, const SymmetricSpec& spec, const Values& values,
                                       SymmetricCode& code) {
  float wanted[kSearchGroups];
  float extreme = 0;
  for (int g = 0; g < spec.groups; ++g) {
    wanted[g] = group_step(grid, spec.levels, values.x + g * spec.group, values.w + g * spec.group,
                           spec.group, spec.groups == 1);
    if (std::fabs(wanted[g]) > std::fabs(extreme)) extreme = wanted[g];
  }
  if (spec.groups == 1) {
    code.d = saturated_half(extreme);
    put_codes(grid, values.x, spec.group, half_to_float(code.d), code.q);
    return;
  }
  code.d = saturated_half(extreme / static_cast<float>(spec.scale_low));
  const float error = choose_scales<kVectors>(grid, spec, values, half_to_float(code.d), wanted, code.scale);
  const uint16_t refitted = saturated_half(refit_d(grid, spec, values, half_to_float(code.d), code.scale));
  int16_t scale[kSearchGroups];
  if (choose_scales<kVectors>(grid, spec, values, half_to_float(refitted), wanted, scale) < error) {
    code.d = refitted;
    std::memcpy(code.scale, scale, sizeof(scale[0]) * static_cast<size_t>(spec.groups));
  }
  for (int g = 0; g < spec.groups; ++g) {
    const float step = half_to_float(code.d) * static_cast<float>(code.scale[g]);
    put_codes(grid, values.x + g * spec.group, spec.group, step, code.q + g * spec.group);
  }
}

HEARTH_SEARCH_FN void symmetric(const SymmetricSpec& spec, const float* x, const float* importance,
                                SymmetricCode& code) {
  Values values;
  prepare(x, importance, spec.group * spec.groups, values);
  if (spec.levels.count != 0) {
    symmetric_on<1>(Table(spec.levels), spec, values, code);
  } else if (spec.scale_high <= 31) {  // coarse scales with few levels: worth more tries
    symmetric_on<2>(Linear(spec.levels), spec, values, code);
  } else {
    symmetric_on<1>(Linear(spec.levels), spec, values, code);
  }
}

HEARTH_SEARCH_FN int exponent(const Levels& levels, int lowest, int highest, const float* x,
                              const float* importance, int8_t* q) {
  constexpr int kCount = 32;
  const Table grid(levels);
  const Range range = range_of(x, kCount);
  const float extreme = std::max(range.high, -range.low);
  if (!std::isnormal(extreme)) {
    for (int k = 0; k < kCount; k += kLanes) store_codes(q + k, grid.code(Floats{}));
    return lowest;
  }
  // Scaled by a power of two, exactly, so that the largest lies in [1, 2).
  const int top = std::ilogb(extreme);
  float normal[kCount];
  const float down = std::ldexp(1.0f, -top);
  for (int k = 0; k < kCount; ++k) normal[k] = x[k] * down;
  Values values;
  prepare(normal, importance, kCount, values);
  float exponents[kLanes], steps[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    const int e = std::clamp(top - kLanes + 1 + i, lowest, highest);
    exponents[i] = static_cast<float>(e);
    steps[i] = std::ldexp(1.0f, e - top);
  }
  const Floats step = load(steps);
  Floats candidate = load(exponents);
  Floats error;
  step_errors<1>(grid, values.x, values.w, kCount, &step, &error);
  pick<1>(&error, &candidate);
  const int best = static_cast<int>(candidate[0]);
  put_codes(grid, values.x, kCount, std::ldexp(1.0f, best - top), q);
  return best;
}

}  // namespace
}  // namespace hearth::kernels::HEARTH_SEARCH_ISA
