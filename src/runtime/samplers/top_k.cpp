// Top-k: the k likeliest tokens stay; at a tie the lower ids, so always exactly k. Fan et al. 2018.
#include "runtime/sampler.h"

namespace hearth::runtime {
namespace {

class TopK : public Sampler {
 public:
  std::unique_ptr<Sampler> clone() const override { return std::make_unique<TopK>(*this); }
  void visit(OptionVisitor& v) override {
    v.option("top_k", k_, {0, 1 << 24}, "Keep the k likeliest tokens; 0: all");
  }
  bool active() const override { return k_ > 0; }
  void apply(Candidates& candidates) override {
    const int64_t count = k_;
    if (count >= static_cast<int64_t>(candidates.items.size())) return;
    candidates.sort_best(count);
    candidates.keep(count);
  }

 private:
  int32_t k_ = 40;
};

}  // namespace

const SamplerRow& sampler_top_k() {
  static const SamplerRow kRow{"top_k", 30,
                               [] { return std::unique_ptr<Sampler>(std::make_unique<TopK>()); }};
  return kRow;
}

}  // namespace hearth::runtime
