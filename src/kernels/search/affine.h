// Searches for formats with minima: a scale and minimum for each group, stored as integers over two binary16
// numbers, or as binary16 themselves. Included once per ISA through compile.h. Must not know block layouts.
#pragma once

#include "kernels/search/lanes.h"

namespace hearth::kernels::HEARTH_SEARCH_ISA {
namespace {

/// w is about scale * q - min.
struct ScaleMin {
  float scale = 0;
  float min = 0;
};

/// One group, and the sums over it that no candidate changes.
struct Group {
  const float* x;
  const float* w;
  int n;
  float sum_w;
  float sum_wx;
};

HEARTH_SEARCH_INLINE Group group_of(const float* x, const float* w, int n) {
  Floats sum_w{};
  Floats sum_wx{};
  for (int k = 0; k < n; k += kLanes) {
    sum_w += load(w + k);
    sum_wx += load(w + k) * load(x + k);
  }
  return {x, w, n, sum_of_lanes(sum_w), sum_of_lanes(sum_wx)};
}

HEARTH_SEARCH_INLINE Floats code_of(Floats above, Floats inverse, Floats high) {
  return rounded(clamped(above * inverse, Floats{}, high));
}

/// For each of kVectors * 8 pairs of lowest value and inverse scale, the scale and minimum of least squares
/// for the codes they lead to, and the error left less sum w x^2. The minimum is not negative unless
/// kAnySign.
template <int kVectors, bool kAnySign>
HEARTH_SEARCH_INLINE void refit_pairs(const Group& group, Floats high, const Floats* low,
                                      const Floats* inverse, Floats* scale, Floats* min, Floats* loss) {
  Floats sum_q[kVectors], sum_qq[kVectors], sum_xq[kVectors];
  HEARTH_UNROLL
  for (int v = 0; v < kVectors; ++v) sum_q[v] = sum_qq[v] = sum_xq[v] = Floats{};
  for (int k = 0; k < group.n; ++k) {
    HEARTH_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const Floats q = code_of(group.x[k] - low[v], inverse[v], high);
      const Floats wq = group.w[k] * q;
      sum_q[v] += wq;
      sum_qq[v] += q * wq;
      sum_xq[v] += group.x[k] * wq;
    }
  }
  HEARTH_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    const Floats determinant = group.sum_w * sum_qq[v] - sum_q[v] * sum_q[v];
    const Floats least = 1e-6f * group.sum_w * sum_qq[v];
    const Floats usable = where_less(least, determinant, determinant, Floats{});
    scale[v] = (group.sum_w * sum_xq[v] - group.sum_wx * sum_q[v]) * reciprocal(usable);
    min[v] = (scale[v] * sum_q[v] - group.sum_wx) * (1.0f / group.sum_w);
    if constexpr (!kAnySign) {
      scale[v] = where_less(min[v], Floats{}, sum_xq[v] * reciprocal(sum_qq[v]), scale[v]);
      min[v] = greater(min[v], Floats{});
    }
    loss[v] = scale[v] * (scale[v] * sum_qq[v] - 2.0f * sum_xq[v]) +
              min[v] * (2.0f * (group.sum_wx - scale[v] * sum_q[v]) + min[v] * group.sum_w);
    loss[v] = where_less(scale[v], Floats{}, same(kNever), loss[v]);
  }
}

/// A good scale and minimum for one group on its own: the range is cut by up to 7 percent at either end, or
/// widened by 2. kAnySign (a group whose pair is stored as it is) also looks twice more around the best.
template <bool kAnySign>
HEARTH_SEARCH_INLINE ScaleMin group_pair(const float* x, const float* w, int n, int levels) {
  Range range = range_of(x, n);
  if (!kAnySign) range.low = std::min(range.low, 0.0f);
  const float width = range.high - range.low;
  if (!(width > kTiny)) return {0, -range.low};
  const Group group = group_of(x, w, n);
  const Floats high = same(static_cast<float>(levels));
  constexpr Floats kLowCut = {-0.02f, -0.02f, 0.01f, 0.01f, 0.04f, 0.04f, 0.07f, 0.07f};
  constexpr Floats kHighCut[2] = {{-0.02f, 0.01f, -0.02f, 0.01f, -0.02f, 0.01f, -0.02f, 0.01f},
                                  {0.04f, 0.07f, 0.04f, 0.07f, 0.04f, 0.07f, 0.04f, 0.07f}};
  Floats low[2], inverse[2], scale[2], min[2], loss[2];
  HEARTH_UNROLL
  for (int v = 0; v < 2; ++v) {
    low[v] = range.low + width * kLowCut;
    inverse[v] = high / (width * (1.0f - kLowCut - kHighCut[v]));
  }
  refit_pairs<2, kAnySign>(group, high, low, inverse, scale, min, loss);
  pick<2>(loss, scale, min);
  if (!kAnySign || !(scale[0][0] > 0)) return {scale[0][0], min[0][0]};
  constexpr Floats kStretch = {-0.03f, -0.03f, -0.01f, -0.01f, 0.01f, 0.01f, 0.03f, 0.03f};
  constexpr Floats kShift = {-0.1f, 0.1f, -0.1f, 0.1f, -0.1f, 0.1f, -0.1f, 0.1f};
  for (const float apart : {1.0f, 0.5f}) {
    low[0] = apart * kShift * scale[0][0] - min[0][0];
    inverse[0] = 1.0f / (scale[0][0] * (1.0f + apart * kStretch));
    refit_pairs<1, kAnySign>(group, high, low, inverse, scale + 1, min + 1, loss + 1);
    pick<2>(loss, scale, min);
  }
  return {scale[0][0], min[0][0]};
}

/// The error that each of kVectors * 8 pairs leaves, every value at its nearest level.
template <int kVectors>
HEARTH_SEARCH_INLINE void pair_errors(Floats high, const float* x, const float* w, int n, const Floats* scale,
                                      const Floats* min, Floats* error) {
  Floats inverse[kVectors];
  HEARTH_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    inverse[v] = reciprocal(scale[v]);
    error[v] = Floats{};
  }
  for (int k = 0; k < n; ++k) {
    HEARTH_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const Floats above = x[k] + min[v];
      const Floats miss = above - scale[v] * code_of(above, inverse[v], high);
      error[v] += w[k] * (miss * miss);
    }
  }
}

/// What a block stores besides its codes, and the error that this leaves.
struct Stored {
  uint16_t d;
  uint16_t m;
  float scale[kSearchGroups];
  float min[kSearchGroups];
  float error;
};

/// For d and m: the sixteen pairs of integers around what each group wants, and the one that loses least.
HEARTH_SEARCH_INLINE void choose_integers(const AffineSpec& spec, const Values& values,
                                          const ScaleMin* wanted, Stored& stored) {
  const float d = half_to_float(stored.d);
  const float m = half_to_float(stored.m);
  const float inverse_d = reciprocal_of(d);
  const float inverse_m = reciprocal_of(m);
  const Floats most = same(static_cast<float>(spec.scale_high));
  const Floats high = same(static_cast<float>(spec.high));
  constexpr Floats kScaleStep[2] = {{-1, -1, -1, -1, 0, 0, 0, 0}, {1, 1, 1, 1, 2, 2, 2, 2}};
  constexpr Floats kMinStep = {-1, 0, 1, 2, -1, 0, 1, 2};
  stored.error = 0;
  for (int g = 0; g < spec.groups; ++g) {
    // About the integers below what is wanted.
    const Floats scale_below = rounded(clamped(same(wanted[g].scale * inverse_d - 0.5f), Floats{}, most));
    const Floats min_below = rounded(clamped(same(wanted[g].min * inverse_m - 0.5f), Floats{}, most));
    Floats sc[2], mn[2], scale[2], min[2], error[2];
    HEARTH_UNROLL
    for (int v = 0; v < 2; ++v) {
      sc[v] = clamped(scale_below + kScaleStep[v], Floats{}, most);
      mn[v] = clamped(min_below + kMinStep, Floats{}, most);
      scale[v] = sc[v] * d;
      min[v] = mn[v] * m;
    }
    const int at = g * spec.group;
    pair_errors<2>(high, values.x + at, values.w + at, spec.group, scale, min, error);
    pick<2>(error, sc, mn);
    stored.scale[g] = sc[0][0];
    stored.min[g] = mn[0][0];
    stored.error += error[0][0];
  }
}

/// Gives `stored` the d and m of least squares for the codes it leads to; leaves them where that is no pair
/// of positive numbers.
HEARTH_SEARCH_INLINE void refit_block(const AffineSpec& spec, const Values& values, Stored& stored) {
  const float d = half_to_float(stored.d);
  const float m = half_to_float(stored.m);
  const Floats high = same(static_cast<float>(spec.high));
  Floats aa{}, ab{}, bb{}, xa{}, xb{};  // w is about d * a - m * b
  for (int g = 0; g < spec.groups; ++g) {
    const Floats inverse = same(reciprocal_of(d * stored.scale[g]));
    const float b = stored.min[g];
    for (int k = g * spec.group; k < (g + 1) * spec.group; k += kLanes) {
      const Floats x = load(values.x + k);
      const Floats w = load(values.w + k);
      const Floats a = stored.scale[g] * code_of(x + m * b, inverse, high);
      aa += w * a * a;
      ab += w * a * b;
      bb += w * (b * b);
      xa += w * a * x;
      xb += w * b * x;
    }
  }
  const float sum_aa = sum_of_lanes(aa);
  const float sum_ab = sum_of_lanes(ab);
  const float sum_bb = sum_of_lanes(bb);
  const float sum_xa = sum_of_lanes(xa);
  const float sum_xb = sum_of_lanes(xb);
  const float determinant = sum_aa * sum_bb - sum_ab * sum_ab;
  ScaleMin fit = {sum_xa * reciprocal_of(sum_aa), 0};
  if (determinant > 1e-6f * sum_aa * sum_bb) {
    fit = {(sum_xa * sum_bb - sum_xb * sum_ab) / determinant,
           (sum_xa * sum_ab - sum_xb * sum_aa) / determinant};
  }
  if (!(fit.scale >= 0 && fit.min >= 0)) return;
  stored.d = saturated_half(fit.scale);
  stored.m = saturated_half(fit.min);
}

HEARTH_SEARCH_FN void affine(const AffineSpec& spec, const float* x, const float* importance,
                             AffineCode& code) {
  Values values;
  prepare(x, importance, spec.group * spec.groups, values);
  ScaleMin wanted[kSearchGroups];
  ScaleMin largest;
  for (int g = 0; g < spec.groups; ++g) {
    const int at = g * spec.group;
    wanted[g] = group_pair<false>(values.x + at, values.w + at, spec.group, spec.high);
    largest = {std::max(largest.scale, wanted[g].scale), std::max(largest.min, wanted[g].min)};
  }
  Stored best;
  best.d = saturated_half(largest.scale / static_cast<float>(spec.scale_high));
  best.m = saturated_half(largest.min / static_cast<float>(spec.scale_high));
  choose_integers(spec, values, wanted, best);
  Stored next = best;
  refit_block(spec, values, next);
  choose_integers(spec, values, wanted, next);
  if (next.error < best.error) best = next;

  code.d = best.d;
  code.m = best.m;
  const Floats high = same(static_cast<float>(spec.high));
  for (int g = 0; g < spec.groups; ++g) {
    code.scale[g] = static_cast<uint8_t>(best.scale[g]);
    code.min[g] = static_cast<uint8_t>(best.min[g]);
    const Floats inverse = same(reciprocal_of(half_to_float(best.d) * best.scale[g]));
    const float min = half_to_float(best.m) * best.min[g];
    for (int k = g * spec.group; k < (g + 1) * spec.group; k += kLanes) {
      store_codes(code.q + k, code_of(load(values.x + k) + min, inverse, high));
    }
  }
}

HEARTH_SEARCH_FN void offset(int high, const float* x, const float* importance, OffsetCode& code) {
  constexpr int kCount = sizeof(code.q);
  Values values;
  prepare(x, importance, kCount, values);
  const ScaleMin fit = group_pair<true>(values.x, values.w, kCount, high);
  code.d = saturated_half(fit.scale);
  code.m = saturated_half(-fit.min);
  const Floats inverse = same(reciprocal_of(half_to_float(code.d)));
  const float m = half_to_float(code.m);
  for (int k = 0; k < kCount; k += kLanes) {
    store_codes(code.q + k, code_of(load(values.x + k) - m, inverse, same(static_cast<float>(high))));
  }
}

}  // namespace
}  // namespace hearth::kernels::HEARTH_SEARCH_ISA
