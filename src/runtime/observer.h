// Eyes on a forward pass: the input of every matrix product (importance statistics, calibration, error per
// layer) and the parts of a step in the order in which they end (profiles). Must not know who looks.
#pragma once

#include <cstdint>

#include "kernels/matrix.h"

namespace hearth::runtime {

/// What a part of the pass does.
enum class Phase : uint8_t { kEmbed, kRopeAngles, kNorm, kProduct, kPrepareKv, kAttention, kActivation, kOutput };
inline constexpr int kPhases = 8;

/// Called on the thread that runs the pass, between its parts. Default methods do nothing.
class ForwardObserver {
 public:
  virtual ~ForwardObserver() = default;
  /// Before each product of a matrix with x (n, weights.cols()), in the order of the pass; products that share
  /// an input are told one after the other with the same x.
  virtual void product(const kernels::Matrix& /*weights*/, const float* /*x*/, int64_t /*n*/) {}
  /// After each part.
  virtual void finished(Phase /*phase*/) {}
};

}  // namespace hearth::runtime
