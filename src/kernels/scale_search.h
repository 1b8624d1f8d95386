// Search for the scale (and minimum) with which rounding to a few integer levels loses least, in the mean
// square sense. Shared by the reference encoders; method: try step sizes around the obvious one, round, refit
// by least squares, keep the best. Knows no block layout.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace hearth::kernels {

inline int round_to(float value, int low, int high) {
  const float clamped = std::clamp(value, static_cast<float>(low), static_cast<float>(high));
  return static_cast<int>(std::nearbyintf(clamped));
}

/// The s that minimises sum_k (x[k] - s * q[k])^2 with q[k] = round(x[k] / s) in [low, high]; 0 when all x
/// are 0. s may be negative where that puts the largest value at the longer end of the range.
inline float search_scale(const float* x, int n, int low, int high) {
  float extreme = 0;
  for (int k = 0; k < n; ++k) {
    if (std::fabs(x[k]) > std::fabs(extreme)) extreme = x[k];
  }
  if (!(std::fabs(extreme) > 1e-30f)) return 0;
  float best_scale = 0;
  float best_gain = -1;
  auto consider = [&](float inverse) {
    float xq = 0;
    float qq = 0;
    for (int k = 0; k < n; ++k) {
      const auto q = static_cast<float>(round_to(x[k] * inverse, low, high));
      xq += x[k] * q;
      qq += q * q;
    }
    if (qq > 0 && xq * xq > best_gain * qq) {
      best_gain = xq * xq / qq;
      best_scale = xq / qq;
    }
  };
  for (int end : {low, high}) {
    for (int step = -9; step <= 9; ++step) {
      consider((static_cast<float>(end) + 0.1f * static_cast<float>(step)) / extreme);
    }
  }
  return best_scale;
}

struct ScaleMin {
  float scale = 0;
  float min = 0;  // subtracted: x is about scale * q - min, min >= 0
};

/// The scale and minimum that minimise sum_k (x[k] - (scale * q[k] - min))^2 with q in [0, levels].
inline ScaleMin search_scale_min(const float* x, int n, int levels) {
  const auto [low_at, high_at] = std::minmax_element(x, x + n);
  const float low = std::min(*low_at, 0.0f);
  const float range = *high_at - low;
  if (!(range > 1e-30f)) return {0, -low};
  ScaleMin best{range / static_cast<float>(levels), -low};
  float best_error = INFINITY;
  float sum_x = 0;
  for (int k = 0; k < n; ++k) sum_x += x[k];
  for (int step = -12; step <= 12; ++step) {
    const float inverse = (static_cast<float>(levels) + 0.125f * static_cast<float>(step)) / range;
    float sum_q = 0;
    float sum_qq = 0;
    float sum_xq = 0;
    for (int k = 0; k < n; ++k) {
      const auto q = static_cast<float>(round_to((x[k] - low) * inverse, 0, levels));
      sum_q += q;
      sum_qq += q * q;
      sum_xq += x[k] * q;
    }
    const auto count = static_cast<float>(n);
    const float determinant = count * sum_qq - sum_q * sum_q;
    if (!(determinant > 0)) continue;
    ScaleMin fit{(count * sum_xq - sum_x * sum_q) / determinant, 0};
    fit.min = (fit.scale * sum_q - sum_x) / count;
    if (fit.min < 0) fit = {sum_xq / sum_qq, 0};
    if (!(fit.scale > 0)) continue;
    float error = 0;
    for (int k = 0; k < n; ++k) {
      const auto q = static_cast<float>(round_to((x[k] + fit.min) / fit.scale, 0, levels));
      const float miss = x[k] - (fit.scale * q - fit.min);
      error += miss * miss;
    }
    if (error < best_error) {
      best_error = error;
      best = fit;
    }
  }
  return best;
}

/// The index of the nearest of sixteen rising values.
inline int nearest_value(const int8_t* values, float v) {
  int best = 0;
  for (int q = 1; q < 16; ++q) {
    if (v > 0.5f * static_cast<float>(values[q - 1] + values[q])) best = q;
  }
  return best;
}

/// The s that minimises sum_k (x[k] - s * values[q[k]])^2, q[k] being the nearest; 0 when all x are 0.
inline float search_table_scale(const float* x, int n, const int8_t* values) {
  float extreme = 0;
  for (int k = 0; k < n; ++k) {
    if (std::fabs(x[k]) > std::fabs(extreme)) extreme = x[k];
  }
  if (!(std::fabs(extreme) > 1e-30f)) return 0;
  float best_scale = 0;
  float best_gain = -1;
  for (int end : {0, 15}) {
    for (int step = -9; step <= 9; ++step) {
      const float inverse =
          static_cast<float>(values[end]) * (1 + 0.02f * static_cast<float>(step)) / extreme;
      float xq = 0;
      float qq = 0;
      for (int k = 0; k < n; ++k) {
        const float v = values[nearest_value(values, x[k] * inverse)];
        xq += x[k] * v;
        qq += v * v;
      }
      if (qq > 0 && xq * xq > best_gain * qq) {
        best_gain = xq * xq / qq;
        best_scale = xq / qq;
      }
    }
  }
  return best_scale;
}

}  // namespace hearth::kernels
