// Chooses a weight type for every tensor from measurements on the model itself: how much quantising a group
// of tensors moves the output (KL divergence over a text), shared out by the errors of its tensors; then the
// cheapest types within a budget. Must not know the command line or where the text comes from.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/imatrix.h"
#include "lab/calibration.h"
#include "lab/mixes.h"
#include "lab/quantize.h"

namespace hearth::lab {

/// One of the two budgets is given.
struct AutoBudget {
  uint64_t bytes = 0;  // of all tensors
  double kld = 0;      // mean KL divergence over the text, nats
};

/// What was measured of tensors of one role in a third of the layers.
struct GroupSensitivity {
  Role role = Role::kOther;
  int third = 0;     // 0..2
  double kld = 0;    // with these tensors alone in the probe type
  double error = 0;  // sum of their relative squared errors in it
};

struct AutoMix {
  std::vector<TensorChoice> choices;  // in file order
  std::vector<GroupSensitivity> groups;
  uint64_t bytes = 0;
  double predicted_kld = 0;
  double measured_kld = 0;  // of the choice, without error feedback
};

/// A type that a tensor could have.
struct Rung {
  const kernels::Format* format = nullptr;
  uint64_t bytes = 0;
  double cost = 0;  // its part of the KL divergence
};

/// Picks one rung for each tensor: the least sum of bytes within cost `kld`, or (kld 0) the least cost within
/// `bytes`, to the precision of one rung. Each ladder rises in bytes. Returns indices into the ladders; the
/// smallest rungs where nothing fits.
std::vector<size_t> climb(const std::vector<std::vector<Rung>>& ladders, const AutoBudget& budget);

/// `base` is the model of `source`, loaded. `importance` may lack tensors. `progress(fraction, what)` false
/// cancels. A divergence that is asked for holds as measured. Errors: kUsage (a budget below the smallest
/// types, or a divergence that no choice keeps), kCancelled, and those of loading.
Result<AutoMix> choose_auto_mix(const engine::OpenedModel& source, engine::LocalModel& base,
                                const CalibrationText& text, const io::ImportanceMatrix& importance,
                                const AutoBudget& budget,
                                const std::function<bool(double, const std::string&)>& progress);

/// Writes into the plan's metadata what was chosen and measured: file type of the type that most bytes have,
/// and the divergence.
void describe_auto(QuantizePlan& plan, const AutoMix& mix);

}  // namespace hearth::lab
