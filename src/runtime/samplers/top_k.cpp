// Top-k: the k likeliest tokens stay. Fan et al. 2018.
#include <algorithm>

#include "runtime/sampler.h"

namespace hearth::runtime {
namespace {

class TopK : public Sampler {
 public:
  std::unique_ptr<Sampler> clone() const override { return std::make_unique<TopK>(*this); }
  void visit(OptionVisitor& v) override { v.option("top_k", k_, {0, 1 << 24}, "Keep the k likeliest tokens; 0: all"); }
  bool active() const override { return k_ > 0; }
  void apply(Candidates& candidates) const override {
    auto& items = candidates.items;
    const auto k = static_cast<size_t>(k_);
    if (k >= items.size()) return;
    if (!candidates.sorted) {  // select first: sorting the whole vocabulary would cost more than a small model's step
      std::nth_element(items.begin(), items.begin() + (k_ - 1), items.end(), [](const Candidate& a, const Candidate& b) {
        return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
      });
    }
    items.resize(k);
    candidates.sort();
  }

 private:
  int32_t k_ = 40;
};

}  // namespace

const SamplerRow& sampler_top_k() {
  static const SamplerRow kRow{"top_k", 30, [] { return std::unique_ptr<Sampler>(std::make_unique<TopK>()); }};
  return kRow;
}

}  // namespace hearth::runtime
