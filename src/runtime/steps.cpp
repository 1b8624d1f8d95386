// Steps common to all layers. Small ones run on the caller when the batch is one token: waking a thread costs
// more.
#include "runtime/steps.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::runtime {

MultiplyStep::MultiplyStep(Slot from, std::initializer_list<Out> outs) : from_(from) {
  for (const Out& out : outs) {
    HEARTH_CHECK(count_ < outs_.size() && out.weights);
    outs_[count_++] = out;
  }
}

void MultiplyStep::run(Frame& frame) const {
  if (frame.rows == 0) return;
  std::array<kernels::Product, 3> products;
  for (size_t i = 0; i < count_; ++i) {
    products[i] = {outs_[i].weights, frame.at(outs_[i].to), outs_[i].weights->rows()};
  }
  if (frame.observer) {
    for (size_t i = 0; i < count_; ++i)
      frame.observer->product(*outs_[i].weights, frame.at(from_), frame.rows);
  }
  kernels::multiply({products.data(), count_}, frame.at(from_), frame.rows, frame.matmul, *frame.pool,
                    frame.priority);
}

void ResidualNormStep::run(Frame& frame) const {
  const kernels::Ops& ops = *frame.ops;
  float* residual = frame.at(Slot::kResidual);
  float* branch = frame.at(Slot::kBranch);
  float* normed = frame.at(Slot::kNormed);
  frame.for_rows(frame.rows, 3 * dim_, [&](int64_t row) {
    float* x = residual + row * dim_;
    if (norms_.has_branch) {
      float* y = branch + row * dim_;
      if (!norms_.bias.empty()) ops.add(y, norms_.bias.data(), dim_);
      if (!norms_.post.empty()) ops.rms_norm(y, norms_.post.data(), eps_, y, dim_);
      ops.add(x, y, dim_);
    }
    if (norms_.pre.empty()) {
      std::copy(x, x + dim_, normed + row * dim_);
    } else {
      ops.rms_norm(x, norms_.pre.data(), eps_, normed + row * dim_, dim_);
    }
  });
}

void ActivateStep::run(Frame& frame) const {
  const kernels::Ops& ops = *frame.ops;
  const auto act = activation_ == model::Activation::kSilu ? ops.silu_mul : ops.gelu_tanh_mul;
  frame.for_rows(frame.rows, 4 * width_, [&](int64_t row) {
    float* gate = frame.at(Slot::kGate) + row * width_;
    float* up = gated_ ? frame.at(Slot::kUp) + row * width_ : nullptr;
    if (!gate_bias_.empty()) ops.add(gate, gate_bias_.data(), width_);
    if (up && !up_bias_.empty()) ops.add(up, up_bias_.data(), width_);
    act(gate, up, gate, width_);
  });
}

void keep_rows(float* data, int64_t width, std::span<const int64_t> rows) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t row = rows[i];  // ascending, so row >= i: nothing is overwritten before it is read
    if (row != static_cast<int64_t>(i))
      std::copy(data + row * width, data + (row + 1) * width, data + static_cast<int64_t>(i) * width);
  }
}

void NarrowStep::run(Frame& frame) const {
  keep_rows(frame.at(Slot::kResidual), dim_, frame.output_rows);
  keep_rows(frame.at(Slot::kMixed), mixed_width_, frame.output_rows);
  frame.rows = static_cast<int64_t>(frame.output_rows.size());
}

}  // namespace hearth::runtime
