// Logit bias: a number added to the logits of given tokens, before anything is cut away. -inf forbids a
// token.
#include <cmath>
#include <cstdlib>
#include <utility>

#include "runtime/sampler.h"

namespace hearth::runtime {
namespace {

class LogitBias : public Sampler {
 public:
  std::unique_ptr<Sampler> clone() const override { return std::make_unique<LogitBias>(*this); }
  void visit(OptionVisitor& v) override {
    v.option("logit_bias", text_,
             "Numbers added to logits: ID:VALUE,ID:VALUE; a VALUE of -inf forbids the token");
  }
  bool active() const override { return !biases_.empty(); }

  Status prepare(int64_t vocabulary) override {
    biases_.clear();
    const char* cursor = text_.c_str();
    while (*cursor != '\0') {
      char* end = nullptr;
      const long long id = std::strtoll(cursor, &end, 10);
      if (end == cursor || *end != ':') return malformed();
      cursor = end + 1;
      const float value = std::strtof(cursor, &end);
      if (end == cursor || (*end != ',' && *end != '\0') || std::isnan(value) || value > kLargest)
        return malformed();
      if (id < 0 || id >= vocabulary) {
        return fail(ErrorCode::kUsage, "logit_bias names token ", id, " but the vocabulary has ", vocabulary,
                    " tokens");
      }
      biases_.emplace_back(static_cast<int32_t>(id), value);
      cursor = *end == ',' ? end + 1 : end;
    }
    return {};
  }

  void apply(Candidates& candidates) override {
    // Runs before anything reorders the candidates: item i is token i.
    for (const auto& [id, value] : biases_) candidates.items[static_cast<size_t>(id)].logit += value;
  }

 private:
  static constexpr float kLargest = 1e6f;
  Status malformed() const {
    return fail(ErrorCode::kUsage, "logit_bias '", text_,
                "' is not ID:VALUE,ID:VALUE with values up to 1000000");
  }

  std::string text_;
  std::vector<std::pair<int32_t, float>> biases_;
};

}  // namespace

const SamplerRow& sampler_logit_bias() {
  static const SamplerRow kRow{"logit_bias", 20,
                               [] { return std::unique_ptr<Sampler>(std::make_unique<LogitBias>()); }};
  return kRow;
}

}  // namespace hearth::runtime
