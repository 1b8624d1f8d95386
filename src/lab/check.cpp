// Measure, then try remedies from the cheapest to the dearest: another KV cache, float32 for the worst
// tensors, float32 for all of them; and take back whatever did not help.
#include "lab/check.h"

#include <algorithm>
#include <cmath>

#include "lab/perplexity.h"
#include "model/tensors.h"

namespace hearth::lab {
namespace {

constexpr int64_t kErrorTokens = 16;  // rows on which single products are compared
constexpr int kMaxTakenBack = 12;     // measurements for finding tensors that need no float32

/// Compares each product of the reference's pass with what the fast model makes of the same input.
class ProductComparison : public runtime::ForwardObserver {
 public:
  ProductComparison(const model::Model& reference, const model::Model& fast, ThreadPool& pool,
                    Priority priority)
      : pool_(pool), priority_(priority) {
    const auto exact = reference.matrices(), other = fast.matrices();
    for (size_t i = 0; i < std::min(exact.size(), other.size()); ++i)
      pairs_.push_back({exact[i].matrix, other[i].matrix, exact[i].tensor, 0, 0});
  }

  void product(const kernels::Matrix& weights, const float* x, int64_t n) override {
    const auto pair =
        std::find_if(pairs_.begin(), pairs_.end(), [&](const Pair& p) { return p.reference == &weights; });
    if (pair == pairs_.end()) return;
    const std::vector<float> exact = multiply(*pair->reference, x, n), got = multiply(*pair->fast, x, n);
    for (size_t i = 0; i < exact.size(); ++i) {
      const double e = exact[i], d = static_cast<double>(got[i]) - e;
      pair->error += d * d;
      pair->size += e * e;
    }
  }

  /// Fused projections are one tensor: the worst of them counts.
  std::vector<TensorError> errors() const {
    std::vector<TensorError> out;
    for (const Pair& p : pairs_) {
      const double error = p.size > 0 ? std::sqrt(p.error / p.size) : 0;
      if (!out.empty() && out.back().tensor == p.tensor) {
        out.back().error = std::max(out.back().error, error);
      } else {
        out.push_back({p.tensor, error});
      }
    }
    return out;
  }

 private:
  struct Pair {
    const kernels::Matrix* reference;
    const kernels::Matrix* fast;
    std::string tensor;
    double error, size;  // sums of squares
  };

  std::vector<float> multiply(const kernels::Matrix& weights, const float* x, int64_t n) {
    std::vector<float> y(static_cast<size_t>(n * weights.rows()));
    const kernels::Product product = {&weights, y.data(), weights.rows()};
    kernels::multiply({&product, 1}, x, n, scratch_, pool_, priority_);
    return y;
  }

  ThreadPool& pool_;
  Priority priority_;
  kernels::MatmulScratch scratch_;
  std::vector<Pair> pairs_;
};

class Check {
 public:
  Check(const engine::LoadOptions& options, const CheckBounds& bounds, Priority priority,
        const CheckCalls& calls)
      : options_(options), bounds_(bounds), priority_(priority), calls_(calls) {}

  Result<CheckReport> run() {
    HEARTH_RETURN_IF_ERROR(load_reference());
    HEARTH_RETURN_IF_ERROR(load_fast());
    report_.kv_format = kv_ = fast_->kv_format();
    HEARTH_RETURN_IF_ERROR(say("comparing with float32"));
    HEARTH_ASSIGN(report_.fast, measure(fast_->runtime()));
    report_.chosen = report_.fast;
    HEARTH_RETURN_IF_ERROR(compare_products());
    HEARTH_RETURN_IF_ERROR(find_remedy());
    report_.within_bounds = good();
    return report_;
  }

 private:
  bool good() const { return report_.chosen.within(bounds_); }

  Status say(const std::string& what) const {
    if (calls_.progress && !calls_.progress(what)) return fail(ErrorCode::kCancelled, "stopped");
    return {};
  }

  Status load_reference() {
    HEARTH_RETURN_IF_ERROR(say("opening"));
    HEARTH_ASSIGN(engine::OpenedModel opened, calls_.open_reference());
    HEARTH_ASSIGN(const auto tokenizer, engine::make_tokenizer(opened.file.metadata));
    if (!tokenizer) return fail(ErrorCode::kUnsupported, opened.name, " has no tokenizer to check it with");
    ids_ = tokenizer->encode(check_text(), {});
    if (tokenizer->adds_bos()) window_.bos = tokenizer->bos();
    HEARTH_ASSIGN(const model::ModelSpec spec, model::spec_of(opened.file));
    int64_t context = static_cast<int64_t>(ids_.size()) + 1;
    if (spec.hp.context_length > 1) context = std::min(context, spec.hp.context_length);
    window_.context_tokens = context;
    window_.stride = context / 2;
    window_.priority = priority_;
    engine::LoadOptions options = options_;
    options.context_tokens = options_.context_tokens = context;
    options.precision = kernels::Precision::kReference;
    options.float32_tensors.clear();
    options.kv_format = "f32";
    options.ignore_memory = true;  // its weights are the mapped file
    HEARTH_ASSIGN(reference_, engine::LocalModel::load(std::move(opened), options));
    return {};
  }

  Status load_fast() {
    fast_.reset();  // never two of them
    HEARTH_ASSIGN(engine::OpenedModel opened, calls_.open_fast());
    options_.precision = kernels::Precision::kFast;
    HEARTH_ASSIGN(fast_, engine::LocalModel::load(std::move(opened), options_));
    return {};
  }

  Result<Agreement> measure(runtime::Runtime& runtime) {
    std::vector<TokenScore> scores;
    PerplexityCalls calls;
    calls.scored = [&](std::span<const TokenScore> some) {
      scores.insert(scores.end(), some.begin(), some.end());
      return Status();
    };
    calls.go_on = [this] { return say("comparing with float32").ok(); };
    HEARTH_RETURN_IF_ERROR(
        score_text(ids_, window_, 0, runtime, &reference_->runtime(), reference_->pool(), calls));
    const PerplexityReport result = summarise(scores);
    report_.tokens = result.tokens;
    return Agreement{result.kld_mean, result.kld_max, result.top1_agreement};
  }

  Status compare_products() {
    HEARTH_RETURN_IF_ERROR(say("comparing single products"));
    ProductComparison comparison(reference_->model(), fast_->model(), reference_->pool(), priority_);
    runtime::Runtime& runtime = reference_->runtime();
    HEARTH_ASSIGN(const runtime::SeqId sequence, runtime.open_sequence());
    runtime.observe(&comparison);
    const auto tokens = std::span<const int32_t>(ids_).first(
        std::min(ids_.size(), static_cast<size_t>(std::min(kErrorTokens, window_.context_tokens))));
    const runtime::SequenceChunk chunk{sequence, tokens, runtime::LogitsWanted::kAll};
    const Status done = runtime.forward({&chunk, 1}, {.priority = priority_, .progress = {}});
    runtime.observe(nullptr);
    runtime.close_sequence(sequence);
    report_.errors = comparison.errors();
    return done;
  }

  Status find_remedy() {
    if (good()) return {};
    // The cache first: no tensor helps where a format cannot hold what is in it.
    for (const char* format : {"int8", "f16", "f32"}) {
      if (!good()) HEARTH_RETURN_IF_ERROR(try_kv(format, 0.5));
    }
    std::vector<TensorError> worst = report_.errors;
    std::stable_sort(worst.begin(), worst.end(),
                     [](const TensorError& a, const TensorError& b) { return a.error > b.error; });
    std::vector<std::string> names;
    for (size_t count = 1; !good() && names.size() < worst.size(); count *= 2) {
      for (size_t i = names.size(); i < std::min(count, worst.size()); ++i) names.push_back(worst[i].tensor);
      HEARTH_ASSIGN(report_.chosen, try_float32(names));
      report_.float32_tensors = names;
    }
    size_t group = names.size() / 2;
    if (!good() && kv_ != "f32") {
      HEARTH_RETURN_IF_ERROR(try_kv("f32", 0.9));  // with exact products it may be what is left
      group = names.size();
    }
    return take_back(group);
  }

  /// Kept where it suffices, or leaves at most `share` of the difference.
  Status try_kv(const std::string& format, double share) {
    if (format == kv_ || format == report_.kv_format) return {};
    HEARTH_RETURN_IF_ERROR(say(concat("trying a KV cache of ", format)));
    runtime::RuntimeOptions options = fast_->runtime().options();
    options.kv_format = format;
    HEARTH_ASSIGN(const auto runtime, runtime::Runtime::create(fast_->model(), fast_->pool(), options));
    const auto got = measure(*runtime);
    if (!got && got.error().code == ErrorCode::kCorrupt) return {};  // not finite: no remedy
    HEARTH_RETURN_IF_ERROR(got);
    if (!got->within(bounds_) && !(got->kld_mean <= report_.chosen.kld_mean * share)) return {};
    report_.chosen = *got;
    report_.kv_fallback = options_.kv_format = kv_ = format;
    return {};
  }

  Result<Agreement> try_float32(const std::vector<std::string>& names) {
    HEARTH_RETURN_IF_ERROR(
        say(concat("trying float32 for ", names.size(), names.size() == 1 ? " tensor" : " tensors")));
    options_.float32_tensors = names;
    HEARTH_RETURN_IF_ERROR(load_fast());
    return measure(fast_->runtime());
  }

  /// Groups of tensors, ever smaller, without which the result is as good go back to the fast path.
  Status take_back(size_t group) {
    int left = kMaxTakenBack;
    const double best = report_.chosen.kld_mean;
    std::vector<std::string>& kept = report_.float32_tensors;
    for (; group > 0 && left > 0; group /= 2) {
      for (size_t begin = 0; begin < kept.size() && left > 0; --left) {
        std::vector<std::string> fewer = kept;
        const size_t end = std::min(begin + group, fewer.size());
        fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(begin),
                    fewer.begin() + static_cast<ptrdiff_t>(end));
        HEARTH_ASSIGN(const Agreement got, try_float32(fewer));
        if (good() ? got.within(bounds_) : got.kld_mean <= best * 1.1) {
          report_.chosen = got;
          kept = std::move(fewer);
        } else {
          begin = end;
        }
      }
    }
    return {};
  }

  engine::LoadOptions options_;
  const CheckBounds& bounds_;
  Priority priority_;
  const CheckCalls& calls_;
  PerplexityOptions window_;
  std::vector<int32_t> ids_;
  std::unique_ptr<engine::LocalModel> reference_, fast_;
  std::string kv_;  // the format in use
  CheckReport report_;
};

}  // namespace

Result<CheckReport> check_model(const engine::LoadOptions& options, const CheckBounds& bounds,
                                Priority priority, const CheckCalls& calls) {
  return Check(options, bounds, priority, calls).run();
}

bool fails_every_time(ErrorCode code) {
  return code == ErrorCode::kUnsupported || code == ErrorCode::kCorrupt || code == ErrorCode::kUsage;
}

}  // namespace hearth::lab
