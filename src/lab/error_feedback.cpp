// With M = R^T, lower triangular, the squared output error of a row with errors d is |M d|^2, and row j of M
// d vanishes when d_j = -sum_{k<j} R[k][j] d_k / R[j][j]: that is where column j should go, and only its
// rounding from there costs R[j][j]^2.
#include "lab/error_feedback.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"

namespace hearth::lab {
namespace {

constexpr int64_t kMaxBlock = 256;  // columns of a format's block
constexpr int kMaxTable = 16;       // codes of a format whose values do not rise by equal steps
constexpr int64_t kPanel = 64;      // columns factored at a time
constexpr int64_t kTileColumns =
    512;  // columns that take errors over at a time: their feedback stays in the cache
constexpr int64_t kMinStretch = 128;  // columns whose errors are handed on together

/// Columns [first, first + width) of the lower Cholesky factor of `a` (n, n), in place; false: not positive.
bool factor_panel(double* a, int64_t n, int64_t first, int64_t width) {
  for (int64_t j = first; j < first + width; ++j) {
    double* row = a + j * n;
    for (int64_t k = first; k < j; ++k) row[j] -= row[k] * row[k];
    if (!(row[j] > 0) || !std::isfinite(row[j])) return false;
    row[j] = std::sqrt(row[j]);
    for (int64_t i = j + 1; i < first + width; ++i) {
      double* below = a + i * n;
      for (int64_t k = first; k < j; ++k) below[j] -= below[k] * row[k];
      below[j] /= row[j];
    }
  }
  return true;
}

/// Lower Cholesky factor in place (the upper triangle is left as it was).
bool cholesky(double* a, int64_t n, ThreadPool& pool) {
  std::vector<double> panel_transposed;
  for (int64_t first = 0; first < n; first += kPanel) {
    const int64_t width = std::min(kPanel, n - first);
    const int64_t rest = first + width;
    if (!factor_panel(a, n, first, width)) return false;
    pool.parallel_for(
        n - rest,
        [&](int64_t r) {
          double* row = a + (rest + r) * n;
          for (int64_t j = first; j < rest; ++j) {
            const double* pivot = a + j * n;
            for (int64_t k = first; k < j; ++k) row[j] -= row[k] * pivot[k];
            row[j] /= pivot[j];
          }
        },
        Priority::kBackground);
    const int64_t m = n - rest;
    panel_transposed.resize(static_cast<size_t>(width * m));  // (width, m)
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t k = 0; k < width; ++k)
        panel_transposed[static_cast<size_t>(k * m + i)] = a[(rest + i) * n + first + k];
    }
    pool.parallel_for(
        m,
        [&](int64_t i) {
          double* row = a + (rest + i) * n + rest;
          for (int64_t k = 0; k < width; ++k) {
            const double factor = a[(rest + i) * n + first + k];
            const double* other = panel_transposed.data() + k * m;
            for (int64_t j = 0; j <= i; ++j) row[j] -= factor * other[j];
          }
        },
        Priority::kBackground);
  }
  return true;
}

/// Moves columns [first, last) to where they make up for the error of an earlier one.
void hand_on(float error, const float* feedback, float* target, int64_t first, int64_t last) {
  for (int64_t k = first; k < last; ++k) target[k] -= error * feedback[k];
}

}  // namespace

Result<FeedbackFactor> FeedbackFactor::make(const Moments& moments, const FeedbackOptions& options,
                                            ThreadPool& pool) {
  const int64_t n = moments.columns();
  FeedbackFactor out;
  out.columns_ = n;
  double trace = 0;
  for (int64_t i = 0; i < n; ++i) {
    trace += static_cast<double>(moments.row(i)[i]);
  }
  if (!std::isfinite(trace))
    return fail(ErrorCode::kUnsupported, "the calibration text gives inputs that are not finite");
  const double damping = trace > 0 ? options.damping * trace / static_cast<double>(n) : 1.0;
  // R R^T = H is the usual factor of H with rows and columns in reverse.
  std::vector<double> reversed(static_cast<size_t>(n * n));
  pool.parallel_for(n, [&](int64_t i) {
    const float* row = moments.row(n - 1 - i);
    double* to = reversed.data() + i * n;
    for (int64_t j = 0; j <= i; ++j) to[j] = static_cast<double>(row[n - 1 - j]);
    to[i] += damping;
  });
  if (!cholesky(reversed.data(), n, pool)) {
    return fail(ErrorCode::kUnsupported,
                "the inputs of the calibration text are too much alike; give a longer text");
  }
  out.feedback_.assign(static_cast<size_t>(n * n), 0.0f);
  out.residual_.resize(static_cast<size_t>(n));
  std::vector<double> pivots(static_cast<size_t>(n));
  for (int64_t j = 0; j < n; ++j) {
    const double pivot = reversed[static_cast<size_t>((n - 1 - j) * n + n - 1 - j)];
    pivots[static_cast<size_t>(j)] = pivot;
    out.residual_[static_cast<size_t>(j)] = static_cast<float>(pivot * pivot);
  }
  pool.parallel_for(n, [&](int64_t k) {
    float* to = out.feedback_.data() + k * n;
    for (int64_t j = k + 1; j < n; ++j) {
      const double r = reversed[static_cast<size_t>((n - 1 - k) * n + n - 1 - j)];
      to[j] = static_cast<float>(r / pivots[static_cast<size_t>(j)]);
    }
  });
  return out;
}

/// One row on its way: what it was, where the feedback has moved it, and what it became.
struct FeedbackEncoder::RowState {
  const float* original;
  float* target;  // columns not reached yet, moved by the feedback
  float* error;   // of the columns done
  int8_t* codes;
  std::byte* out;
};

FeedbackEncoder::FeedbackEncoder(const kernels::Format& format, std::shared_ptr<const FeedbackFactor> factor)
    : format_(&format), factor_(std::move(factor)) {
  std::vector<float> ramp(static_cast<size_t>(format.block_elems));
  for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<float>(i) - 7.5f;
  std::vector<std::byte> block(static_cast<size_t>(format.block_bytes));
  format.encode(ramp.data(), block.data(), format.block_elems, nullptr);
  auto value_of = [&](int code) {
    const std::vector<int8_t> codes(ramp.size(), static_cast<int8_t>(code));
    std::vector<float> values(ramp.size());
    format.recode(block.data(), format.block_elems, codes.data());
    format.decode(block.data(), values.data(), format.block_elems);
    return values.back();
  };
  const float step = value_of(1) - value_of(0);
  const int last = format.code_count - 1;
  const float straight = value_of(0) + step * static_cast<float>(last);
  linear_ = std::fabs(value_of(last) - straight) <= 1e-3f * std::fabs(step);
  HEARTH_CHECK(format.block_elems <= kMaxBlock && (linear_ || format.code_count <= kMaxTable));
}

/// Chooses scales and codes of the block of columns [begin, end), handing errors on inside it.
void FeedbackEncoder::encode_block(RowState& row, int64_t begin, int64_t end) const {
  const int64_t n = end - begin;
  const int levels = linear_ ? 2 : format_->code_count;
  const int last = format_->code_count - 1;
  std::byte* out = row.out + begin / format_->block_elems * format_->block_bytes;
  float values[kMaxBlock * kMaxTable];  // (levels, n)
  // Where the columns would go if none of the block were rounded: what the scales are for.
  float free[kMaxBlock];
  std::copy(row.target + begin, row.target + end, free);
  for (int64_t j = 0; j < n; ++j) {
    hand_on(free[j] - row.original[begin + j], factor_->feedback(begin + j) + begin, free, j + 1, n);
  }
  format_->encode(free, out, n, factor_->residual().data() + begin);
  for (int level = 0; level < levels; ++level) {
    std::fill(row.codes + begin, row.codes + end, static_cast<int8_t>(level));
    format_->recode(out, n, row.codes + begin);
    format_->decode(out, values + level * n, n);
  }
  for (int64_t j = begin; j < end; ++j) {
    const float* value = values + (j - begin);
    const float target = row.target[j];
    int code = 0;
    float reached = value[0];
    if (linear_) {
      const float step = value[n] - value[0];
      code = step != 0 ? static_cast<int>(std::clamp(std::nearbyintf((target - value[0]) / step), 0.0f,
                                                     static_cast<float>(last)))
                       : 0;
      reached = value[0] + step * static_cast<float>(code);
    } else {
      for (int level = 1; level <= last; ++level) {
        if (std::fabs(value[level * n] - target) < std::fabs(reached - target)) {
          code = level;
          reached = value[level * n];
        }
      }
    }
    row.codes[j] = static_cast<int8_t>(code);
    row.error[j] = reached - row.original[j];
    hand_on(row.error[j], factor_->feedback(j), row.target, j + 1, end);
  }
  format_->recode(out, n, row.codes + begin);
}

void FeedbackEncoder::encode(float* values, std::byte* out, int64_t count) const {
  const int64_t columns = factor_->columns();
  const auto row_size = columns / format_->block_elems * format_->block_bytes;
  const auto all = static_cast<size_t>(count * columns);
  const std::vector<float> original(values, values + all);
  std::vector<float> errors(all);
  std::vector<int8_t> codes(all);
  const int64_t stretch = std::max<int64_t>(kMinStretch / format_->block_elems, 1) * format_->block_elems;
  for (int64_t begin = 0; begin < columns; begin += stretch) {
    const int64_t end = std::min(columns, begin + stretch);
    for (int64_t r = 0; r < count; ++r) {
      RowState row{original.data() + r * columns, values + r * columns, errors.data() + r * columns,
                   codes.data() + r * columns, out + r * row_size};
      for (int64_t block = begin; block < end; block += format_->block_elems) {
        encode_block(row, block, block + format_->block_elems);
        for (int64_t j = block; j < block + format_->block_elems; ++j) {
          hand_on(row.error[j], factor_->feedback(j), row.target, block + format_->block_elems, end);
        }
      }
    }
    for (int64_t first = end; first < columns; first += kTileColumns) {
      const int64_t last = std::min(columns, first + kTileColumns);
      for (int64_t r = 0; r < count; ++r) {
        for (int64_t j = begin; j < end; ++j)
          hand_on(errors[static_cast<size_t>(r * columns + j)], factor_->feedback(j), values + r * columns,
                  first, last);
      }
    }
  }
}

}  // namespace hearth::lab
