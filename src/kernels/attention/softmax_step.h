// The format-independent middle of attention: one page of scores joins the running softmax of its row.
// Internal to attention/. One variant per ISA.
#pragma once

#include <cstdint>

#include "kernels/attention/kv_format.h"

namespace hearth::kernels {

/// Running softmax of one query row over the pages of a segment, relative to `max`.
struct RowState {
  float max;  // of the scores so far; -infinity before any
  float sum;  // of exp(score - max)
};

/// Turns the scores of rows that see the same slots, (rows, 64), into weights exp(score - max) in place: caps
/// them, sets slots outside [first, end) to 0, raises each row's state.max, rescales its sum and its acc
/// (rows, dim) when it rose, and adds the new weights to the sum. With first >= end nothing changes but the
/// scores, which become 0. A row's result does not depend on the other rows.
using SoftmaxStep = void (*)(float* scores, int32_t rows, int32_t first, int32_t end, float softcap,
                             RowState* state, float* acc, int32_t dim);

SoftmaxStep softmax_step(Isa isa);

}  // namespace hearth::kernels
