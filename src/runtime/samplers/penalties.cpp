// Penalties on tokens of the recent past: repetition (Keskar et al. 2019: positive logits divided, negative multiplied), frequency
// (per occurrence) and presence (once), as OpenAI's API defines the latter two.
#include <algorithm>

#include "runtime/sampler.h"

namespace hearth::runtime {
namespace {

class Penalties : public Sampler {
 public:
  std::unique_ptr<Sampler> clone() const override { return std::make_unique<Penalties>(*this); }
  void visit(OptionVisitor& v) override {
    v.option("repetition_penalty", repetition_, {0.01f, 100}, "Divide positive and multiply negative logits of recent tokens; 1: off");
    v.option("frequency_penalty", frequency_, {-100, 100}, "Subtract this from a logit for each recent occurrence");
    v.option("presence_penalty", presence_, {-100, 100}, "Subtract this once from the logit of each recent token");
    v.option("penalty_window", window_, {0, 1 << 24}, "How many recent tokens the penalties look at; 0: all");
  }
  bool active() const override { return repetition_ != 1 || frequency_ != 0 || presence_ != 0; }

  Status prepare(int64_t vocabulary) override {
    counts_.assign(static_cast<size_t>(vocabulary), 0);
    return {};
  }

  void apply(Candidates& candidates) const override {
    auto history = candidates.history;
    if (window_ > 0 && history.size() > static_cast<size_t>(window_)) history = history.last(static_cast<size_t>(window_));
    for (const int32_t id : history) ++counts_[static_cast<size_t>(id)];
    for (Candidate& item : candidates.items) {
      const int32_t count = counts_[static_cast<size_t>(item.id)];
      if (count == 0) continue;
      item.logit = item.logit > 0 ? item.logit / repetition_ : item.logit * repetition_;
      item.logit -= static_cast<float>(count) * frequency_ + presence_;
    }
    for (const int32_t id : history) counts_[static_cast<size_t>(id)] = 0;
  }

 private:
  float repetition_ = 1;
  float frequency_ = 0;
  float presence_ = 0;
  int32_t window_ = 64;
  mutable std::vector<int32_t> counts_;  // (vocabulary) all zero between calls
};

}  // namespace

const SamplerRow& sampler_penalties() {
  static const SamplerRow kRow{"penalties", 10, [] { return std::unique_ptr<Sampler>(std::make_unique<Penalties>()); }};
  return kRow;
}

}  // namespace hearth::runtime
