// The chain, the draw, and log-probabilities of the unmodified distribution.
#include "runtime/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "kernels/ops/ops.h"

namespace hearth::runtime {
namespace {

struct Likelier {  // a type and no function, so that sorting calls nothing
  bool operator()(const Candidate& a, const Candidate& b) const {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  }
};

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// A seed nobody chose; not 0, which would mean another one when it is given again.
uint64_t fresh_seed() {
  std::random_device device;
  return ((static_cast<uint64_t>(device()) << 32) | device()) | 1;
}

/// Index of a candidate drawn by softmax of the logits.
size_t draw(Candidates& candidates, Rng& rng) {
  const auto& items = candidates.items;
  candidates.scratch.resize(items.size());
  for (size_t i = 0; i < items.size(); ++i) candidates.scratch[i] = items[i].logit;
  kernels::ops().softmax(candidates.scratch.data(), candidates.scratch.data(),
                         static_cast<int64_t>(items.size()));
  double target = rng.uniform();
  size_t last = 0;  // the last one possible: rounding may leave a rest of `target`
  for (size_t i = 0; i < items.size(); ++i) {
    if (candidates.scratch[i] <= 0) continue;
    last = i;
    target -= static_cast<double>(candidates.scratch[i]);
    if (target < 0) break;
  }
  return last;
}

}  // namespace

void Candidates::sort_best(int64_t count) {
  HEARTH_CHECK(count <= static_cast<int64_t>(items.size()));
  if (count <= sorted) return;
  std::partial_sort(items.begin() + sorted, items.begin() + count, items.end(), Likelier());
  sorted = count;
}

void Candidates::keep(int64_t count) {
  HEARTH_CHECK(count >= 1 && count <= static_cast<int64_t>(items.size()));
  items.resize(static_cast<size_t>(count));
  sorted = std::min(sorted, count);
}

float Candidates::largest_logit() const {
  if (sorted > 0) return items.front().logit;
  float largest = -kInfinity;
  for (const Candidate& item : items) largest = std::max(largest, item.logit);
  return largest;
}

Status Sampler::prepare(int64_t) { return {}; }

void Sampler::accept(int32_t) {}

bool Sampler::takes_likeliest() const { return false; }

SamplingParams::SamplingParams() {
  std::vector<const SamplerRow*> rows(sampler_registry().begin(), sampler_registry().end());
  std::sort(rows.begin(), rows.end(),
            [](const SamplerRow* a, const SamplerRow* b) { return a->order < b->order; });
  for (const SamplerRow* row : rows) {
    samplers_.push_back(row->make());
    orders_.push_back(row->order);
  }
}

SamplingParams::SamplingParams(const SamplingParams& other)
    : seed(other.seed), top_logprobs(other.top_logprobs), orders_(other.orders_) {
  for (const auto& sampler : other.samplers_) samplers_.push_back(sampler->clone());
}

SamplingParams& SamplingParams::operator=(const SamplingParams& other) {
  if (this != &other) *this = SamplingParams(other);
  return *this;
}

void SamplingParams::visit(OptionVisitor& visitor) {
  for (const auto& sampler : samplers_) sampler->visit(visitor);
  visitor.option("seed", seed, {}, "Seed: the same seed gives the same answer; 0: a new one each time");
  visitor.option("logprobs", top_logprobs, {0, 100},
                 "Report log-probabilities of this many of the likeliest tokens");
}

SamplingParams SamplingParams::greedy() {
  SamplingParams params;
  const Status set = set_option(params, "temp", "0");
  HEARTH_CHECK(set.ok());
  return params;
}

SamplerChain::SamplerChain(SamplingParams params, int64_t vocabulary, uint64_t seed)
    : params_(std::move(params)), vocabulary_(vocabulary), seed_(seed), rng_(seed) {
  top_.reserve(static_cast<size_t>(params_.top_logprobs));
}

Result<SamplerChain> SamplerChain::create(const SamplingParams& params, int64_t vocabulary) {
  if (vocabulary <= 0)
    return fail(ErrorCode::kUsage, "sampling needs a vocabulary, not one of ", vocabulary, " tokens");
  if (params.top_logprobs < 0)
    return fail(ErrorCode::kUsage, "logprobs must not be negative, as ", params.top_logprobs, " is");
  SamplerChain chain(params, vocabulary, params.seed != 0 ? params.seed : fresh_seed());
  for (size_t i = 0; i < chain.params_.samplers_.size(); ++i) {
    Sampler& sampler = *chain.params_.samplers_[i];
    HEARTH_RETURN_IF_ERROR(sampler.prepare(vocabulary));
    if (sampler.active())
      chain.active_.emplace_back(&sampler, chain.params_.orders_[i] >= kFirstShapingOrder);
  }
  return chain;
}

Status SamplerChain::check(std::span<const float> logits) const {
  if (static_cast<int64_t>(logits.size()) != vocabulary_) {
    return fail(ErrorCode::kUsage, "sampling: ", logits.size(), " logits for a vocabulary of ", vocabulary_);
  }
  unsigned broken = 0, possible = 0;  // whole passes without a branch: the compiler makes vectors of them
  for (const float logit : logits) {
    broken |= static_cast<unsigned>(!(logit < kInfinity));
    possible |= static_cast<unsigned>(logit > -kInfinity);
  }
  if (broken != 0) {
    const auto bad = std::find_if(logits.begin(), logits.end(), [](float x) { return !(x < kInfinity); });
    return fail(ErrorCode::kCorrupt, "the logit of token ", bad - logits.begin(), " is ",
                std::isnan(*bad) ? "not a number" : "infinite", "; the weights are broken");
  }
  if (possible == 0) return fail(ErrorCode::kCorrupt, "every logit is -inf; the weights are broken");
  return {};
}

void SamplerChain::load(std::span<const float> logits) {
  candidates_.items.resize(logits.size());
  candidates_.scratch.reserve(logits.size());
  candidates_.sorted = 0;
  for (size_t i = 0; i < logits.size(); ++i) candidates_.items[i] = {static_cast<int32_t>(i), logits[i]};
}

Status SamplerChain::apply_samplers() {
  size_t next = 0;
  for (; next < active_.size() && !active_[next].second; ++next) active_[next].first->apply(candidates_);
  // Looked at only when something could have changed it: load() found a token.
  if (next > 0 && !std::isfinite(candidates_.largest_logit())) {
    return fail(ErrorCode::kUsage, "logit_bias and the penalties leave no token; loosen them");
  }
  for (; next < active_.size(); ++next) active_[next].first->apply(candidates_);
  return {};
}

Result<int32_t> SamplerChain::choose(std::span<const float> logits, std::span<const int32_t> history) {
  if (!active_.empty() && active_.front().first->takes_likeliest()) {  // needs no list of candidates
    const float largest = kernels::ops().max(logits.data(), static_cast<int64_t>(logits.size()));
    return static_cast<int32_t>(std::find(logits.begin(), logits.end(), largest) - logits.begin());
  }
  load(logits);
  candidates_.history = history;
  HEARTH_RETURN_IF_ERROR(apply_samplers());
  return candidates_.items[candidates_.items.size() == 1 ? 0 : draw(candidates_, rng_)].id;
}

Result<SampledToken> SamplerChain::sample(std::span<const float> logits, std::span<const int32_t> history) {
  HEARTH_RETURN_IF_ERROR(check(logits));
  SampledToken token;
  HEARTH_ASSIGN(token.id, choose(logits, history));
  for (const auto& [sampler, shapes] : active_) sampler->accept(token.id);
  report(logits, token);
  return token;
}

void SamplerChain::report(std::span<const float> logits, SampledToken& token) {
  const double log_sum = kernels::ops().log_sum_exp(logits.data(), static_cast<int64_t>(logits.size()));
  const auto logprob = [&](int32_t id) {
    return static_cast<float>(static_cast<double>(logits[static_cast<size_t>(id)]) - log_sum);
  };
  token.logprob = logprob(token.id);
  top_.clear();
  if (params_.top_logprobs <= 0) return;
  // A short list kept in order beats sorting the vocabulary.
  const auto count = std::min(logits.size(), static_cast<size_t>(params_.top_logprobs));
  for (size_t i = 0; i < logits.size(); ++i) {
    if (top_.size() == count && !(logits[i] > top_.back().logprob)) continue;
    if (top_.size() == count) top_.pop_back();
    const auto at =
        std::upper_bound(top_.begin(), top_.end(), logits[i],
                         [](float logit, const TokenLogprob& row) { return logit > row.logprob; });
    top_.insert(at, {static_cast<int32_t>(i), logits[i]});
  }
  for (TokenLogprob& row : top_) row.logprob = logprob(row.id);
  token.top = top_;
}

}  // namespace hearth::runtime
