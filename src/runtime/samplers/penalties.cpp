// Penalties on tokens that came before: repetition (Keskar et al. 2019: positive logits divided, negative
// multiplied, once for each token of the prompt or the answer), and frequency and presence as OpenAI's API
// defines them: for each time, and once if ever, a token was sampled; the prompt does not count.
#include <algorithm>
#include <cmath>

#include "runtime/sampler.h"

namespace hearth::runtime {
namespace {

class Penalties : public Sampler {
 public:
  std::unique_ptr<Sampler> clone() const override { return std::make_unique<Penalties>(*this); }
  void visit(OptionVisitor& v) override {
    v.option("repetition_penalty", repetition_, {0.01f, 100},
             "Divide positive and multiply negative logits of recent tokens; 1: off");
    v.option("frequency_penalty", frequency_, {-100, 100},
             "Subtract this from a logit for each time the token was generated");
    v.option("presence_penalty", presence_, {-100, 100},
             "Subtract this from the logit of a token that was generated before");
    v.option("penalty_window", window_, {0, 1 << 24},
             "How many recent tokens repetition_penalty looks at; 0: all");
  }
  bool active() const override { return repetition_ != 1 || frequency_ != 0 || presence_ != 0; }

  Status prepare(int64_t vocabulary) override {
    sampled_.assign(static_cast<size_t>(vocabulary), 0);
    seen_.assign(static_cast<size_t>(vocabulary), 0);
    return {};
  }

  void apply(Candidates& candidates) override {
    auto& items = candidates.items;  // item i is token i here
    auto history = candidates.history;
    if (window_ > 0 && history.size() > static_cast<size_t>(window_))
      history = history.last(static_cast<size_t>(window_));
    if (repetition_ != 1) {
      for (const int32_t id : history) {
        if (!known(id) || seen_[static_cast<size_t>(id)] != 0) continue;
        seen_[static_cast<size_t>(id)] = 1;
        float& logit = items[static_cast<size_t>(id)].logit;
        const float changed = logit > 0 ? logit / repetition_ : logit * repetition_;
        if (std::isfinite(logit)) logit = std::clamp(changed, -kLargest, kLargest);
      }
      for (const int32_t id : history) {
        if (known(id)) seen_[static_cast<size_t>(id)] = 0;
      }
    }
    if (frequency_ == 0 && presence_ == 0) return;
    for (size_t i = 0; i < items.size(); ++i) {
      if (sampled_[i] != 0) items[i].logit -= static_cast<float>(sampled_[i]) * frequency_ + presence_;
    }
  }
  void accept(int32_t id) override { ++sampled_[static_cast<size_t>(id)]; }

 private:
  static constexpr float kLargest = 1e30f;  // of a changed logit: stays inside float
  bool known(int32_t id) const { return id >= 0 && static_cast<size_t>(id) < seen_.size(); }

  float repetition_ = 1;
  float frequency_ = 0;
  float presence_ = 0;
  int32_t window_ = 64;
  std::vector<int32_t> sampled_;  // (vocabulary) how often each was drawn
  std::vector<uint8_t> seen_;     // (vocabulary) all zero between calls
};

}  // namespace

const SamplerRow& sampler_penalties() {
  static const SamplerRow kRow{"penalties", 10,
                               [] { return std::unique_ptr<Sampler>(std::make_unique<Penalties>()); }};
  return kRow;
}

}  // namespace hearth::runtime
