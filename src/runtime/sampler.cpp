// The chain, the draw, and log-probabilities of the unmodified distribution.
#include "runtime/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace hearth::runtime {
namespace {

bool likelier(const Candidate& a, const Candidate& b) { return a.logit != b.logit ? a.logit > b.logit : a.id < b.id; }

/// A seed nobody chose.
uint64_t fresh_seed() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

/// Index of a candidate drawn by softmax of the logits.
size_t draw(Candidates& candidates, Rng& rng) {
  const auto& items = candidates.items;
  const auto best = std::min_element(items.begin(), items.end(), likelier);  // the first in order is the likeliest
  double sum = 0;
  candidates.scratch.resize(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    candidates.scratch[i] = std::exp(items[i].logit - best->logit);
    sum += static_cast<double>(candidates.scratch[i]);
  }
  double target = rng.uniform() * sum;
  for (size_t i = 0; i < items.size(); ++i) {
    target -= static_cast<double>(candidates.scratch[i]);
    if (target < 0 && candidates.scratch[i] > 0) return i;
  }
  return static_cast<size_t>(best - items.begin());  // rounding left nothing
}

}  // namespace

void Candidates::sort() {
  if (sorted) return;
  std::sort(items.begin(), items.end(), likelier);
  sorted = true;
}

void Candidates::softmax() {
  scratch.resize(items.size());
  double sum = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    scratch[i] = std::exp(items[i].logit - items[0].logit);
    sum += static_cast<double>(scratch[i]);
  }
  for (size_t i = 0; i < items.size(); ++i) scratch[i] = static_cast<float>(static_cast<double>(scratch[i]) / sum);
}

Status Sampler::prepare(int64_t) { return {}; }

SamplingParams::SamplingParams() {
  std::vector<const SamplerRow*> rows(sampler_registry().begin(), sampler_registry().end());
  std::sort(rows.begin(), rows.end(), [](const SamplerRow* a, const SamplerRow* b) { return a->order < b->order; });
  for (const SamplerRow* row : rows) samplers_.push_back(row->make());
}

SamplingParams::SamplingParams(const SamplingParams& other) : seed(other.seed), top_logprobs(other.top_logprobs) {
  for (const auto& sampler : other.samplers_) samplers_.push_back(sampler->clone());
}

SamplingParams& SamplingParams::operator=(const SamplingParams& other) {
  if (this != &other) *this = SamplingParams(other);
  return *this;
}

void SamplingParams::visit(OptionVisitor& visitor) {
  for (const auto& sampler : samplers_) sampler->visit(visitor);
  visitor.option("seed", seed, {}, "Seed: the same seed gives the same answer; 0: a new one each time");
  visitor.option("logprobs", top_logprobs, {0, 100}, "Report log-probabilities of this many of the likeliest tokens");
}

SamplingParams SamplingParams::greedy() {
  SamplingParams params;
  const Status set = set_option(params, "temp", "0");
  HEARTH_CHECK(set.ok());
  return params;
}

Result<SamplerChain> SamplerChain::create(const SamplingParams& params, int64_t vocabulary) {
  SamplerChain chain(params, params.seed != 0 ? params.seed : fresh_seed());
  for (const auto& sampler : chain.params_.samplers_) HEARTH_RETURN_IF_ERROR(sampler->prepare(vocabulary));
  chain.candidates_.items.reserve(static_cast<size_t>(vocabulary));
  chain.candidates_.scratch.reserve(static_cast<size_t>(vocabulary));
  chain.top_.reserve(static_cast<size_t>(params.top_logprobs));
  return chain;
}

Result<SampledToken> SamplerChain::sample(std::span<const float> logits, std::span<const int32_t> history) {
  candidates_.items.clear();
  candidates_.sorted = false;
  candidates_.history = history;
  bool any = false;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) return fail(ErrorCode::kCorrupt, "the logit of token ", i, " is not a number; the weights are broken");
    any |= logits[i] > -std::numeric_limits<float>::infinity();
    candidates_.items.push_back({static_cast<int32_t>(i), logits[i]});
  }
  if (!any) return fail(ErrorCode::kCorrupt, "every logit is -inf; the weights are broken");
  for (const auto& sampler : params_.samplers_) {
    if (sampler->active()) sampler->apply(candidates_);
  }
  const auto forbidden = [](const Candidate& item) { return item.logit == -std::numeric_limits<float>::infinity(); };
  if (std::all_of(candidates_.items.begin(), candidates_.items.end(), forbidden)) {
    return fail(ErrorCode::kUsage, "logit_bias forbids every token that is left");
  }
  SampledToken token;
  token.id = candidates_.items[candidates_.items.size() == 1 ? 0 : draw(candidates_, rng_)].id;
  report(logits, token);
  return token;
}

void SamplerChain::report(std::span<const float> logits, SampledToken& token) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += static_cast<double>(std::exp(logit - largest));
  const double log_sum = static_cast<double>(largest) + std::log(sum);
  const auto logprob = [&](int32_t id) {
    return static_cast<float>(static_cast<double>(logits[static_cast<size_t>(id)]) - log_sum);
  };
  token.logprob = logprob(token.id);
  top_.clear();
  if (params_.top_logprobs <= 0) return;
  auto& items = candidates_.items;
  items.clear();
  for (size_t i = 0; i < logits.size(); ++i) items.push_back({static_cast<int32_t>(i), logits[i]});
  const auto count = std::min(items.size(), static_cast<size_t>(params_.top_logprobs));
  std::partial_sort(items.begin(), items.begin() + static_cast<int64_t>(count), items.end(), likelier);
  for (size_t i = 0; i < count; ++i) top_.push_back({items[i].id, logprob(items[i].id)});
  token.top = top_;
}

}  // namespace hearth::runtime
