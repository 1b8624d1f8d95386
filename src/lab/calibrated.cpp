// Encoders are made tensor by tensor while the file is written, so that the factor of one input is in memory.
#include "lab/calibrated.h"

#include <algorithm>
#include <memory>
#include <utility>

namespace hearth::lab {

void use_error_feedback(QuantizePlan& plan, MomentsStream& moments, const FeedbackOptions& options,
                        ThreadPool& pool) {
  std::stable_sort(plan.tensors.begin(), plan.tensors.end(), [](const TensorPlan& a, const TensorPlan& b) {
    return layer_of(a.tensor->name).first < layer_of(b.tensor->name).first;
  });
  struct Last {  // projections that share an input share the factor
    std::shared_ptr<const Moments> moments;
    std::shared_ptr<const FeedbackFactor> factor;
  };
  const auto last = std::make_shared<Last>();
  for (TensorPlan& row : plan.tensors) {
    if (row.to == row.from || row.to == nullptr || row.to->recode == nullptr || row.tensor->shape.size() != 2)
      continue;
    if (layer_of(row.tensor->name).first < 0) continue;
    row.make_encoder = [&moments, &pool, options, last, tensor = row.tensor,
                        format = row.to]() -> Result<std::unique_ptr<RowsEncoder>> {
      HEARTH_ASSIGN(const std::shared_ptr<const Moments> own, moments.get(tensor->name));
      if (!own || own->columns() != columns_of(*tensor)) return std::unique_ptr<RowsEncoder>();
      if (last->moments != own) {
        *last = {};  // before the new one takes its memory
        HEARTH_ASSIGN(FeedbackFactor factor, FeedbackFactor::make(*own, options, pool));
        *last = {own, std::make_shared<const FeedbackFactor>(std::move(factor))};
      }
      return std::unique_ptr<RowsEncoder>(std::make_unique<FeedbackEncoder>(*format, last->factor));
    };
  }
}

}  // namespace hearth::lab
