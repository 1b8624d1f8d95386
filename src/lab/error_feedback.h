// Quantisation with error feedback: columns are rounded one after the other, and what the rounding of one did
// to the output is taken back by the columns after it, as far as their inputs go together. The method of GPTQ
// (Frantar et al. 2022, arXiv 2210.17323) in the form of one triangular factor. Must not know models or
// files.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "kernels/format.h"
#include "lab/moments.h"
#include "lab/reencode.h"

namespace hearth::lab {

struct FeedbackOptions {
  /// Added to the diagonal of the moments, as a part of its mean: keeps columns that the text hardly moves
  /// where they are.
  double damping = 0.01;
};

/// R with H = R R^T for the damped moments H, upper triangular, as the feedback needs it.
class FeedbackFactor {
 public:
  /// Errors: kUnsupported (moments that are not finite).
  static Result<FeedbackFactor> make(const Moments& moments, const FeedbackOptions& options,
                                     ThreadPool& pool);

  int64_t columns() const { return columns_; }
  /// feedback(k)[j] = R[k][j] / R[j][j] for j > k: an error e of column k is made up for by -e * feedback in
  /// column j.
  const float* feedback(int64_t k) const { return feedback_.data() + k * columns_; }
  /// R[j][j]^2: what an error of column j costs that later columns cannot take back. (columns)
  const std::vector<float>& residual() const { return residual_; }

 private:
  int64_t columns_ = 0;
  std::vector<float> feedback_;
  std::vector<float> residual_;
};

/// Encodes rows in a format that can recode. A block's scales are searched when its first column is reached,
/// for the weights as the feedback has left them.
class FeedbackEncoder : public RowsEncoder {
 public:
  FeedbackEncoder(const kernels::Format& format, std::shared_ptr<const FeedbackFactor> factor);
  void encode(float* values, std::byte* out, int64_t count) const override;

 private:
  struct RowState;
  void encode_block(RowState& row, int64_t begin, int64_t end) const;

  const kernels::Format* format_;
  std::shared_ptr<const FeedbackFactor> factor_;
  bool linear_ = true;  // values of a code rise by equal steps
};

}  // namespace hearth::lab
