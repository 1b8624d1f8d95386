// Second moments of what matrices are multiplied with: the sum of x x^T over the inputs x of a calibration
// text, which is the Hessian of a matrix's squared output error. Must not know files or formats.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "lab/calibration.h"
#include "runtime/observer.h"

namespace hearth::lab {

/// (columns, columns), symmetric.
class Moments {
 public:
  Moments(int64_t columns, ThreadPool& pool);
  /// Adds n inputs, (n, columns).
  void add(const float* x, int64_t n);
  /// Call before reading: inputs are multiplied many at a time.
  void flush();

  int64_t columns() const { return columns_; }
  int64_t count() const { return count_; }
  const float* row(int64_t i) const { return sums_.data() + i * columns_; }

 private:
  int64_t columns_;
  ThreadPool* pool_;
  int64_t count_ = 0;
  std::vector<float> pending_;  // (at most kPendingRows, columns)
  std::vector<float> sums_;
};

/// Collects the moments of some tensors' inputs during a pass; tensors that share an input share the moments.
class MomentsCollector : public runtime::ForwardObserver {
 public:
  MomentsCollector(const model::Model& model, const std::set<std::string>& tensors, ThreadPool& pool);
  void product(const kernels::Matrix& weights, const float* x, int64_t n) override;
  void finished(runtime::Phase phase) override;
  /// By tensor name; complete.
  std::map<std::string, std::shared_ptr<const Moments>> take();

 private:
  struct Wanted {
    std::string tensor;
    std::shared_ptr<Moments> moments;  // null until its first product
  };
  ThreadPool& pool_;
  std::map<const kernels::Matrix*, Wanted> wanted_;
  const float* shared_x_ = nullptr;  // input of the products told since the last part ended
  std::shared_ptr<Moments> shared_;
};

/// Moments tensor by tensor in the order of a file, with as many layers in memory as `max_bytes` allow: each
/// group of layers is one pass of the model over the text.
class MomentsStream {
 public:
  /// `progress(fraction of all passes)` false cancels. `model` and `text` must outlive it.
  MomentsStream(engine::LocalModel& model, const CalibrationText& text, uint64_t max_bytes,
                std::function<bool(double)> progress);
  /// Null for a tensor that is no matrix of a layer. Errors: kCancelled, and those of the model.
  Result<std::shared_ptr<const Moments>> get(const std::string& tensor);
  int64_t passes() const { return static_cast<int64_t>(groups_.size()); }

 private:
  Status run(size_t group);

  engine::LocalModel& model_;
  const CalibrationText& text_;
  std::function<bool(double)> progress_;
  std::vector<std::set<std::string>> groups_;
  std::map<std::string, size_t> group_of_;
  size_t current_ = SIZE_MAX;
  std::map<std::string, std::shared_ptr<const Moments>> moments_;
};

}  // namespace hearth::lab
