// Top-p (nucleus): the shortest run of likeliest tokens whose probabilities reach p stays. Holtzman et al.
// 2020.
#include <algorithm>
#include <cmath>

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
  void apply(Candidates& candidates) override {
    const auto size = static_cast<int64_t>(candidates.items.size());
    const float largest = candidates.largest_logit();
    const auto weight = [&](const Candidate& item) {
      return static_cast<double>(std::exp(item.logit - largest));
    };
    double total = 0;
    for (const Candidate& item : candidates.items) total += weight(item);
    // The run is nearly always short: sort a few, and more only when they do not reach p.
    double sum = 0;
    int64_t kept = 0;
    for (int64_t sorted = std::min(kFirst, size); kept < size; sorted = std::min(8 * sorted, size)) {
      candidates.sort_best(sorted);
      while (kept < sorted && (kept == 0 || sum < static_cast<double>(p_) * total)) {
        sum += weight(candidates.items[static_cast<size_t>(kept++)]);
      }
      if (kept < sorted || sum >= static_cast<double>(p_) * total) break;
    }
    candidates.keep(kept);
  }

 private:
  static constexpr int64_t kFirst = 128;
  float p_ = 0.95f;
};

}  // namespace

const SamplerRow& sampler_top_p() {
  static const SamplerRow kRow{"top_p", 40,
                               [] { return std::unique_ptr<Sampler>(std::make_unique<TopP>()); }};
  return kRow;
}

}  // namespace hearth::runtime
