// The product of the inputs with themselves goes through the runtime's own float32 multiplication.
#include "lab/moments.h"

#include <algorithm>
#include <limits>

#include "kernels/matrix.h"
#include "lab/mixes.h"

namespace hearth::lab {
namespace {

constexpr int64_t kPendingRows = 512;  // inputs multiplied at a time
constexpr int64_t kOutputRows = 256;   // rows of the sums updated at a time
constexpr uint32_t kFloat32Type = 0;

}  // namespace

Moments::Moments(int64_t columns, ThreadPool& pool)
    : columns_(columns), pool_(&pool), sums_(static_cast<size_t>(columns * columns)) {}

void Moments::add(const float* x, int64_t n) {
  count_ += n;
  while (n > 0) {
    const int64_t held = static_cast<int64_t>(pending_.size()) / columns_;
    const int64_t take = std::min(n, kPendingRows - held);
    pending_.insert(pending_.end(), x, x + take * columns_);
    x += take * columns_;
    n -= take;
    if (held + take == kPendingRows) flush();
  }
}

void Moments::flush() {
  const int64_t n = static_cast<int64_t>(pending_.size()) / columns_;
  if (n == 0) return;
  std::vector<float> transposed(pending_.size());  // (columns, n)
  pool_->parallel_for(columns_, [&](int64_t c) {
    for (int64_t t = 0; t < n; ++t)
      transposed[static_cast<size_t>(c * n + t)] = pending_[static_cast<size_t>(t * columns_ + c)];
  });
  pending_.clear();
  auto weights =
      kernels::Matrix::create(*kernels::find_format(kFloat32Type), columns_, n,
                              std::as_bytes(std::span(transposed)), kernels::Precision::kFast, *pool_);
  if (!weights) {  // a value that is not finite: the sums shall say so
    std::fill(sums_.begin(), sums_.end(), std::numeric_limits<float>::quiet_NaN());
    return;
  }
  kernels::MatmulScratch scratch;
  std::vector<float> product(static_cast<size_t>(kOutputRows * columns_));
  for (int64_t first = 0; first < columns_; first += kOutputRows) {
    const int64_t rows = std::min(kOutputRows, columns_ - first);
    const kernels::Product into{&*weights, product.data(), columns_};
    kernels::multiply({&into, 1}, transposed.data() + first * n, rows, scratch, *pool_,
                      Priority::kBackground);
    float* sums = sums_.data() + first * columns_;
    for (int64_t i = 0; i < rows * columns_; ++i) sums[i] += product[static_cast<size_t>(i)];
  }
}

MomentsCollector::MomentsCollector(const model::Model& model, const std::set<std::string>& tensors,
                                   ThreadPool& pool)
    : pool_(pool) {
  std::string previous;  // a tensor that fuses projections has one input
  for (const model::NamedMatrix& named : model.matrices()) {
    if (tensors.contains(named.tensor) && named.tensor != previous)
      wanted_[named.matrix] = {named.tensor, nullptr};
    previous = named.tensor;
  }
}

void MomentsCollector::product(const kernels::Matrix& weights, const float* x, int64_t n) {
  const auto found = wanted_.find(&weights);
  if (found == wanted_.end()) return;
  std::shared_ptr<Moments>& moments = found->second.moments;
  if (shared_x_ == x && shared_ && (!moments || moments == shared_)) {
    moments = shared_;
    return;
  }
  if (!moments) moments = std::make_shared<Moments>(weights.cols(), pool_);
  moments->add(x, n);
  shared_x_ = x;
  shared_ = moments;
}

void MomentsCollector::finished(runtime::Phase) { shared_x_ = nullptr; }

std::map<std::string, std::shared_ptr<const Moments>> MomentsCollector::take() {
  std::map<std::string, std::shared_ptr<const Moments>> out;
  for (auto& [weights, wanted] : wanted_) {
    if (!wanted.moments) continue;
    wanted.moments->flush();
    out[wanted.tensor] = std::move(wanted.moments);
  }
  return out;
}

MomentsStream::MomentsStream(engine::LocalModel& model, const CalibrationText& text, uint64_t max_bytes,
                             std::function<bool(double)> progress)
    : model_(model), text_(text), progress_(std::move(progress)) {
  uint64_t held = max_bytes;
  int64_t layer = -1;
  for (const model::NamedMatrix& named : model.model().matrices()) {
    if (layer_of(named.tensor).first < 0) continue;
    if (layer_of(named.tensor).first != layer) {
      layer = layer_of(named.tensor).first;
      // An upper bound: inputs that are shared count for each.
      uint64_t need = 0;
      for (const model::NamedMatrix& other : model.model().matrices()) {
        const auto columns = static_cast<uint64_t>(other.matrix->cols());
        if (layer_of(other.tensor).first == layer) need += columns * columns * sizeof(float);
      }
      if (held + need > max_bytes) {
        groups_.emplace_back();
        held = 0;
      }
      held += need;
    }
    groups_.back().insert(named.tensor);
    group_of_[named.tensor] = groups_.size() - 1;
  }
}

Status MomentsStream::run(size_t group) {
  moments_.clear();  // before others take their place
  MomentsCollector collector(model_.model(), groups_[group], model_.pool());
  model_.runtime().observe(&collector);
  Status status;
  const auto chunks = static_cast<double>(text_.chunks.size());
  for (size_t i = 0; i < text_.chunks.size() && status.ok(); ++i) {
    const auto go_on = [&] {
      const double done =
          (static_cast<double>(group) + static_cast<double>(i) / chunks) / static_cast<double>(passes());
      return !progress_ || progress_(done);
    };
    status = run_chunk(model_.runtime(), text_.chunks[i], nullptr, go_on);
  }
  model_.runtime().observe(nullptr);
  HEARTH_RETURN_IF_ERROR(status);
  moments_ = collector.take();
  current_ = group;
  return {};
}

Result<std::shared_ptr<const Moments>> MomentsStream::get(const std::string& tensor) {
  const auto found = group_of_.find(tensor);
  if (found == group_of_.end()) return std::shared_ptr<const Moments>();
  if (found->second != current_) HEARTH_RETURN_IF_ERROR(run(found->second));
  const auto moments = moments_.find(tensor);
  return moments == moments_.end() ? std::shared_ptr<const Moments>() : moments->second;
}

}  // namespace hearth::lab
