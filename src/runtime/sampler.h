// Choosing the next token: samplers applied in order to the candidates, then a draw. A sampler is one file in samplers/ holding
// its options, their visitor and its step; flags, JSON members, help and the C API follow from it. Must not know text.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/result.h"
#include "base/rng.h"

namespace hearth::runtime {

struct Candidate {
  int32_t id = 0;
  float logit = 0;
};

/// The tokens still in the running. Buffers are reused, so a warm step does not allocate.
struct Candidates {
  std::vector<Candidate> items;  // by id until a sampler sorts them, then by falling logit (ties: by id)
  bool sorted = false;
  std::span<const int32_t> history;  // tokens so far, oldest first
  std::vector<float> scratch;        // (at least as many as items) for whoever needs one

  /// Sorts all items by falling logit.
  void sort();
  /// scratch[i] = softmax of the items' logits; the items must be sorted.
  void softmax();
};

/// One sampler with its options. apply() must leave at least one candidate.
class Sampler {
 public:
  virtual ~Sampler() = default;
  virtual std::unique_ptr<Sampler> clone() const = 0;
  virtual void visit(OptionVisitor& visitor) = 0;
  /// Checks options against each other and the vocabulary, and prepares; once, before the first apply.
  virtual Status prepare(int64_t vocabulary);
  /// False: apply would change nothing.
  virtual bool active() const = 0;
  virtual void apply(Candidates& candidates) const = 0;
};

/// A row of the registry, generated from src/runtime/samplers/*.cpp. Samplers run by rising `order`.
struct SamplerRow {
  std::string_view name;
  int order;
  std::unique_ptr<Sampler> (*make)();
};
std::span<const SamplerRow* const> sampler_registry();

/// Everything about how tokens are chosen: the options of all samplers, the seed, and what to report. A value.
class SamplingParams {
 public:
  SamplingParams();
  SamplingParams(const SamplingParams& other);
  SamplingParams& operator=(const SamplingParams& other);
  SamplingParams(SamplingParams&&) noexcept = default;
  SamplingParams& operator=(SamplingParams&&) noexcept = default;

  uint64_t seed = 0;         // 0: a new one each time
  int32_t top_logprobs = 0;  // report log-probabilities of this many of the likeliest tokens

  void visit(OptionVisitor& visitor);
  /// Greedy decoding: temperature 0.
  static SamplingParams greedy();

 private:
  friend class SamplerChain;
  std::vector<std::unique_ptr<Sampler>> samplers_;  // by order
};

struct TokenLogprob {
  int32_t id = 0;
  float logprob = 0;
};

struct SampledToken {
  int32_t id = 0;
  float logprob = 0;                 // of the unmodified distribution: log-softmax of the raw logits
  std::span<const TokenLogprob> top;  // of the same, likeliest first; valid until the next sample
};

class SamplerChain {
 public:
  /// Errors: kUsage (an option that does not fit the vocabulary).
  static Result<SamplerChain> create(const SamplingParams& params, int64_t vocabulary);

  /// `logits`: (vocabulary); `history`: the tokens so far. Errors: kCorrupt when a logit is NaN or all are -inf.
  Result<SampledToken> sample(std::span<const float> logits, std::span<const int32_t> history);

 private:
  SamplerChain(SamplingParams params, uint64_t seed) : params_(std::move(params)), rng_(seed) {}
  void report(std::span<const float> logits, SampledToken& token);

  SamplingParams params_;
  Rng rng_;
  Candidates candidates_;
  std::vector<TokenLogprob> top_;
};

}  // namespace hearth::runtime
