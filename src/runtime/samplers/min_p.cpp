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
  void apply(Candidates& candidates) override {
    // p / p_max >= min_p in logits; the likeliest always stays, and the order is kept.
    const float least = candidates.largest_logit() + std::log(p_);
    auto& items = candidates.items;
    const auto end = std::remove_if(items.begin(), items.end(),
                                    [least](const Candidate& item) { return item.logit < least; });
    candidates.keep(end - items.begin());
  }

 private:
  float p_ = 0.05f;
};

}  // namespace

const SamplerRow& sampler_min_p() {
  static const SamplerRow kRow{"min_p", 50,
                               [] { return std::unique_ptr<Sampler>(std::make_unique<MinP>()); }};
  return kRow;
}

}  // namespace hearth::runtime
