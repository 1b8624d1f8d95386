// Min-p: tokens at least this fraction as likely as the likeliest stay. Nguyen et al. 2024, arXiv:2407.01082.
#include <algorithm>
#include <cmath>

#include "runtime/sampler.h"

namespace hearth::runtime {
namespace {

class MinP : public Sampler {
 public:
  std::unique_ptr<Sampler> clone() const override { return std::make_unique<MinP>(*this); }
  void visit(OptionVisitor& v) override {
    v.option("min_p", p_, {0, 1}, "Keep tokens at least this fraction as likely as the likeliest; 0: all");
  }
  bool active() const override { return p_ > 0; }
  void apply(Candidates& candidates) const override {
    auto& items = candidates.items;
    float largest = items.front().logit;
    for (const Candidate& item : items) largest = std::max(largest, item.logit);
    const float least = largest + std::log(p_);  // p / p_max >= min_p in logits
    std::erase_if(items, [least](const Candidate& item) { return item.logit < least; });
  }

 private:
  float p_ = 0.05f;
};

}  // namespace

const SamplerRow& sampler_min_p() {
  static const SamplerRow kRow{"min_p", 50, [] { return std::unique_ptr<Sampler>(std::make_unique<MinP>()); }};
  return kRow;
}

}  // namespace hearth::runtime
