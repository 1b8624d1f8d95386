// Top-p (nucleus): the shortest run of likeliest tokens whose probabilities reach p stays. Holtzman et al. 2020.
#include "runtime/sampler.h"

namespace hearth::runtime {
namespace {

class TopP : public Sampler {
 public:
  std::unique_ptr<Sampler> clone() const override { return std::make_unique<TopP>(*this); }
  void visit(OptionVisitor& v) override {
    v.option("top_p", p_, {0, 1}, "Keep the likeliest tokens that together reach this probability; 1: all");
  }
  bool active() const override { return p_ < 1; }
  void apply(Candidates& candidates) const override {
    candidates.sort();
    candidates.softmax();
    double sum = 0;
    size_t kept = 0;
    while (kept < candidates.items.size()) {
      sum += static_cast<double>(candidates.scratch[kept++]);
      if (sum >= static_cast<double>(p_)) break;
    }
    candidates.items.resize(kept);
  }

 private:
  float p_ = 0.95f;
};

}  // namespace

const SamplerRow& sampler_top_p() {
  static const SamplerRow kRow{"top_p", 40, [] { return std::unique_ptr<Sampler>(std::make_unique<TopP>()); }};
  return kRow;
}

}  // namespace hearth::runtime
