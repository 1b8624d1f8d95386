// Importance of a model's inputs: the mean squares of what each matrix is multiplied with, over a text. Must
// not know files or formats.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "base/result.h"
#include "io/imatrix.h"
#include "lab/calibration.h"
#include "runtime/observer.h"

namespace hearth::lab {

/// Sums squares of the inputs of every matrix. A tensor that fuses several projections is summed once.
class ImportanceCollector : public runtime::ForwardObserver {
 public:
  /// `with_output`: the output matrix too, which is usually quantised so finely that it does not matter.
  ImportanceCollector(const model::Model& model, bool with_output);
  void product(const kernels::Matrix& weights, const float* x, int64_t n) override;
  /// Adds what was seen since the last call to `matrix` and starts anew.
  void move_into(io::ImportanceMatrix& matrix);

 private:
  struct Sums {
    std::string tensor;
    std::vector<double> squares;  // (columns)
    double count = 0;
  };
  std::map<const kernels::Matrix*, Sums> sums_;
};

/// Runs the chunks that `matrix` does not hold yet (matrix.chunks of them are done) and adds each to it when
/// it is complete. `progress(done_chunks, total_chunks)` is asked between pieces of a chunk; false cancels
/// (kCancelled; the complete chunks stay in `matrix`). `after_chunk` may be empty. Errors: kUsage (`matrix`
/// was made with other chunks or of another model).
Status collect_importance(engine::LocalModel& model, const CalibrationText& text, bool with_output,
                          io::ImportanceMatrix& matrix, const std::function<bool(int64_t, int64_t)>& progress,
                          const std::function<Status()>& after_chunk);

}  // namespace hearth::lab
