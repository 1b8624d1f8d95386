// The steps that every kind of layer is made of: products, norms with residuals, gates, and narrowing to the
// wanted rows. Must not know mixers or architectures.
#pragma once

#include <array>

#include "model/spec.h"
#include "runtime/frame.h"

namespace hearth::runtime {

/// Up to three products of the same input in one pass over the pool.
class MultiplyStep final : public Step {
 public:
  struct Out {
    const kernels::Matrix* weights;
    Slot to;
  };
  MultiplyStep(Slot from, std::initializer_list<Out> outs);
  void run(Frame& frame) const override;
  Phase phase() const override { return Phase::kProduct; }

 private:
  Slot from_;
  std::array<Out, 3> outs_{};
  size_t count_ = 0;
};

/// x += post(branch + bias); normed = pre(x), pre being the norm of what comes next. Empty norms and bias are
/// skipped; without `has_branch` x is only normed (before the first layer). Runs one row at a time, so x is
/// read once.
class ResidualNormStep final : public Step {
 public:
  struct Norms {
    bool has_branch = true;
    std::span<const float> bias = {};  // of the projection that made the branch
    std::span<const float> post = {};
    std::span<const float> pre = {};
  };
  ResidualNormStep(int64_t dim, float eps, Norms norms) : dim_(dim), eps_(eps), norms_(norms) {}
  void run(Frame& frame) const override;
  Phase phase() const override { return Phase::kNorm; }

 private:
  int64_t dim_;
  float eps_;
  Norms norms_;
};

/// gate = act(gate + bias) * (up + bias), or gate = act(gate + bias) where the FFN is not gated.
class ActivateStep final : public Step {
 public:
  ActivateStep(int64_t width, model::Activation activation, bool gated, std::span<const float> gate_bias,
               std::span<const float> up_bias)
      : width_(width), activation_(activation), gated_(gated), gate_bias_(gate_bias), up_bias_(up_bias) {}
  void run(Frame& frame) const override;
  Phase phase() const override { return Phase::kActivation; }

 private:
  int64_t width_;
  model::Activation activation_;
  bool gated_;
  std::span<const float> gate_bias_;
  std::span<const float> up_bias_;
};

/// Moves the named rows (ascending) of (rows, width) to the front.
void keep_rows(float* data, int64_t width, std::span<const int64_t> rows);

/// Keeps only the output rows of the residual and of `mixed`: after the last mixer nothing else is needed.
class NarrowStep final : public Step {
 public:
  NarrowStep(int64_t dim, int64_t mixed_width) : dim_(dim), mixed_width_(mixed_width) {}
  void run(Frame& frame) const override;
  Phase phase() const override { return Phase::kNorm; }

 private:
  int64_t dim_;
  int64_t mixed_width_;
};

}  // namespace hearth::runtime
