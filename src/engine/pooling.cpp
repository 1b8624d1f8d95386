// Sums in double: the mean of a long text is as exact as that of a short one.
#include "engine/pooling.h"

#include <algorithm>
#include <cmath>

namespace hearth::engine {
namespace {

double length_of(std::span<const double> vector) {
  double squares = 0;
  for (const double x : vector) squares += x * x;
  return std::sqrt(squares);
}

/// The vector with length 1; one of zeros stays.
std::vector<float> unit(std::span<const double> vector) {
  const double length = length_of(vector);
  std::vector<float> out;
  out.reserve(vector.size());
  for (const double x : vector) out.push_back(static_cast<float>(length > 0 ? x / length : 0));
  return out;
}

}  // namespace

Result<Pooling> pooling_of(const model::Model& model) {
  enum { kNone, kMean, kFirst, kLast };  // GGUF's numbers
  const std::string key = concat(model.spec().hp.architecture, ".pooling_type");
  HEARTH_ASSIGN(const std::optional<int64_t> type, model.metadata().get_int(key));
  switch (type.value_or(kNone)) {
    case kNone:
    case kMean:
      return Pooling::kMean;
    case kFirst:
      return Pooling::kFirst;
    case kLast:
      return Pooling::kLast;
    default:
      return fail(ErrorCode::kUnsupported, "this model makes no embeddings: its ", key, " is ", *type);
  }
}

runtime::HiddenWanted Pooler::wanted(bool begins, bool ends) const {
  using runtime::HiddenWanted;
  switch (pooling_) {
    case Pooling::kMean:
      return HiddenWanted::kAll;
    case Pooling::kFirst:
      return begins ? HiddenWanted::kAll : HiddenWanted::kNone;
    case Pooling::kLast:
      return ends ? HiddenWanted::kLast : HiddenWanted::kNone;
  }
  return HiddenWanted::kNone;
}

void Pooler::add(std::span<const float> hidden) {
  const size_t width = sum_.size();
  for (; hidden.size() >= width; hidden = hidden.subspan(width)) {
    if (pooling_ == Pooling::kFirst && rows_ > 0) return;
    if (pooling_ == Pooling::kLast) clear();
    for (size_t i = 0; i < width; ++i) sum_[i] += static_cast<double>(hidden[i]);
    ++rows_;
  }
}

void Pooler::clear() {
  std::fill(sum_.begin(), sum_.end(), 0.0);
  rows_ = 0;
}

Result<std::vector<float>> Pooler::pooled() const {
  if (!std::isfinite(length_of(sum_)))
    return fail(ErrorCode::kInternal, "the model's hidden states are not numbers");
  return unit(sum_);  // the mean differs from the sum in length only
}

void shorten(std::vector<float>& embedding, int64_t dimensions) {
  const auto kept = std::min(embedding.size(), static_cast<size_t>(std::max<int64_t>(0, dimensions)));
  if (kept == embedding.size()) return;
  embedding =
      unit(std::vector<double>(embedding.begin(), embedding.begin() + static_cast<std::ptrdiff_t>(kept)));
}

}  // namespace hearth::engine
