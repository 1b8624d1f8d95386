// Products are told apart by their matrices; everything else by its phase.
#include "lab/profile.h"

#include <algorithm>
#include <iterator>

#include "base/clock.h"
#include "lab/median.h"

namespace hearth::lab {
namespace {

enum Part : size_t {
  kEmbedding,
  kRope,
  kNorm,
  kQkv,
  kAttentionOut,
  kGateUp,
  kDown,
  kOtherProduct,
  kPrepareKv,
  kAttention,
  kActivation,
  kLogits,
};

constexpr std::string_view kNames[] = {
    "embedding", "rope angles",    "norms, residuals", "q, k, v",   "attention output", "gate, up",
    "down",      "other products", "rope, KV write",   "attention", "activation",       "logits"};

constexpr Part part_of(model::Weight weight) {
  switch (weight) {
    case model::Weight::kQ:
    case model::Weight::kK:
    case model::Weight::kV:
      return kQkv;
    case model::Weight::kO:
      return kAttentionOut;
    case model::Weight::kGate:
    case model::Weight::kUp:
      return kGateUp;
    case model::Weight::kDown:
      return kDown;
  }
  return kOtherProduct;
}

Part part_of(runtime::Phase phase, size_t product) {
  switch (phase) {
    case runtime::Phase::kEmbed:
      return kEmbedding;
    case runtime::Phase::kRopeAngles:
      return kRope;
    case runtime::Phase::kNorm:
      return kNorm;
    case runtime::Phase::kProduct:
      return static_cast<Part>(product);
    case runtime::Phase::kPrepareKv:
      return kPrepareKv;
    case runtime::Phase::kAttention:
      return kAttention;
    case runtime::Phase::kActivation:
      return kActivation;
    case runtime::Phase::kOutput:
      return kLogits;
  }
  return kOtherProduct;
}

}  // namespace

PassProfile::PassProfile(const model::Model& model) {
  static_assert(std::size(kNames) == kParts && kLogits + 1 == kParts);
  for (int64_t layer = 0; layer < model.n_layers(); ++layer) {
    for (int w = 0; w < model::kWeights; ++w) {
      const auto weight = static_cast<model::Weight>(w);
      if (const kernels::Matrix* matrix = model.layer(layer).matrix(weight)) {
        part_of_[matrix] = part_of(weight);
      }
    }
  }
  part_of_[&model.output()] = kLogits;
}

void PassProfile::start() {
  passes_.emplace_back();
  last_s_ = now_s();
}

void PassProfile::product(const kernels::Matrix& weights, const float* /*x*/, int64_t /*n*/) {
  const auto known = part_of_.find(&weights);
  product_part_ = known == part_of_.end() ? kOtherProduct : known->second;
  weight_bytes_[product_part_] += weights.read_bytes();
}

void PassProfile::finished(runtime::Phase phase) {
  const double now = now_s();
  passes_.back()[part_of(phase, product_part_)] += now - last_s_;
  last_s_ = now_s();
}

std::vector<ProfilePart> PassProfile::parts() const {
  std::vector<ProfilePart> parts;
  for (size_t i = 0; i < kParts; ++i) {
    std::vector<double> seconds;
    for (const Seconds& pass : passes_) seconds.push_back(pass[i]);
    const double middle = median(std::move(seconds));
    if (middle > 0) parts.push_back({kNames[i], middle, weight_bytes_[i] / std::ssize(passes_)});
  }
  std::sort(parts.begin(), parts.end(),
            [](const ProfilePart& a, const ProfilePart& b) { return a.seconds > b.seconds; });
  return parts;
}

}  // namespace hearth::lab
