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
  bool takes_likeliest() const override { return temperature_ == 0; }
  void apply(Candidates& candidates) override {
    if (temperature_ == 0) {
      candidates.sort_best(1);
      candidates.keep(1);
      return;
    }
    // Relative to the likeliest, so that a tiny temperature overflows only where the probability is 0 anyway.
    const float largest = candidates.largest_logit();
    for (Candidate& item : candidates.items)
      item.logit = std::max((item.logit - largest) / temperature_, kLowest);
  }

 private:
  static constexpr float kLowest = -1e30f;
  float temperature_ = 0.8f;
};

}  // namespace

const SamplerRow& sampler_temperature() {
  static const SamplerRow kRow{"temperature", kFirstShapingOrder,
                               [] { return std::unique_ptr<Sampler>(std::make_unique<Temperature>()); }};
  return kRow;
}

}  // namespace hearth::runtime
