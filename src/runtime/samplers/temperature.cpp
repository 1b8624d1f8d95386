// Temperature: logits divided by it; 0 keeps the likeliest token alone (greedy). Ackley et al. 1985.
#include <algorithm>

#include "runtime/sampler.h"

namespace hearth::runtime {
namespace {

class Temperature : public Sampler {
 public:
  std::unique_ptr<Sampler> clone() const override { return std::make_unique<Temperature>(*this); }
  void visit(OptionVisitor& v) override {
    v.option("temp", temperature_, {0, 100}, "Temperature; 0 always takes the likeliest token");
  }
  bool active() const override { return temperature_ != 1.0f; }
  void apply(Candidates& candidates) const override {
    auto& items = candidates.items;
    if (temperature_ > 0) {
      for (Candidate& item : items) item.logit /= temperature_;
      return;
    }
    const auto best = std::min_element(items.begin(), items.end(), [](const Candidate& a, const Candidate& b) {
      return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
    });
    items.front() = *best;
    items.resize(1);
  }

 private:
  float temperature_ = 0.8f;
};

}  // namespace

const SamplerRow& sampler_temperature() {
  static const SamplerRow kRow{"temperature", 60, [] { return std::unique_ptr<Sampler>(std::make_unique<Temperature>()); }};
  return kRow;
}

}  // namespace hearth::runtime
