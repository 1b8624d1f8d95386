// The reference product: rows decoded to float32 and dotted with float32 activations. Works for any format,
// packed or not; the fast tiles are judged by it, and goldens are computed with it. Knows no tile.
#pragma once

#include <cstdint>

namespace hearth::kernels {

/// y[t * y_stride + r] for rows [row_begin, row_end) and all n tokens of x (n, cols). `buffer` holds
/// kReferenceRows * cols floats. Column k is added by fused multiply-add to partial sum k % 32, and the 32
/// are added as a tree, whatever n, ISA or split: |error| <= (cols / 32 + 5) * eps / 2 * sum |w x| to first
/// order.
inline constexpr int kReferenceRows = 8;
struct ReferenceJob {
  void (*decode_row)(const void* weights, int64_t row, float* out);
  const void* weights;
  int64_t cols;
  int64_t row_begin, row_end;
  const float* x;
  int64_t n;
  float* y;
  int64_t y_stride;
  float* buffer;
};
void multiply_reference(const ReferenceJob& job);

}  // namespace hearth::kernels
