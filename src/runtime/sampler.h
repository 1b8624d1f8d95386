// Choosing the next token: samplers applied in order to the candidates, then a draw. A sampler is one file in
// samplers/ holding its options, their visitor and its step; flags, JSON members, help and the C API follow
// from it. Must not know text.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
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
  std::vector<Candidate> items;      // by id until a sampler sorts them
  int64_t sorted = 0;                // so many of the first are the likeliest, in order
  std::span<const int32_t> history;  // tokens so far, the prompt's included, oldest first
  std::vector<float> scratch;        // (at least as many as items) for whoever needs one

  /// Puts the `count` likeliest first, by falling logit (ties: by id, so that no library's sort shows in the
  /// result).
  void sort_best(int64_t count);
  /// Keeps the first `count` >= 1.
  void keep(int64_t count);
  float largest_logit() const;
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
  /// Whether apply keeps the likeliest candidate alone (of equal ones that with the least id).
  virtual bool takes_likeliest() const;
  virtual void apply(Candidates& candidates) = 0;
  /// Told of every token drawn (active samplers only).
  virtual void accept(int32_t id);
};

/// Samplers run by rising `order`, as in the Hugging Face implementation: what changes the logits of single
/// tokens (below this; candidate i is token i there, and may be -inf), then the temperature, then what cuts
/// the tail.
inline constexpr int kFirstShapingOrder = 25;

/// A row of the registry, generated from src/runtime/samplers/*.cpp.
struct SamplerRow {
  std::string_view name;
  int order;
  std::unique_ptr<Sampler> (*make)();
};
std::span<const SamplerRow* const> sampler_registry();

/// Everything about how tokens are chosen: the options of all samplers, the seed, and what to report. A
/// value.
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
  std::vector<int> orders_;
};

struct TokenLogprob {
  int32_t id = 0;
  float logprob = 0;
};

struct SampledToken {
  int32_t id = 0;
  float logprob = 0;                  // of the unmodified distribution: log-softmax of the raw logits
  std::span<const TokenLogprob> top;  // of the same, likeliest first; valid until the next sample
};

/// Of one answer, on one thread.
class SamplerChain {
 public:
  /// Errors: kUsage (an option that does not fit the vocabulary).
  static Result<SamplerChain> create(const SamplingParams& params, int64_t vocabulary);
  SamplerChain(SamplerChain&&) noexcept = default;
  SamplerChain& operator=(SamplerChain&&) noexcept = default;
  SamplerChain(const SamplerChain&) = delete;
  SamplerChain& operator=(const SamplerChain&) = delete;

  /// `logits`: (vocabulary), -inf for tokens that must not come; `history`: the tokens so far, the prompt's
  /// included; ids outside the vocabulary are passed over. Allocates in its first call only. Errors: kCorrupt
  /// when a logit is NaN or +inf (the token is named) or all are -inf; kUsage when the options leave no
  /// token, or for a wrong number of logits.
  Result<SampledToken> sample(std::span<const float> logits, std::span<const int32_t> history);

  /// What the draws come from: to repeat an answer whose seed was 0.
  uint64_t seed() const { return seed_; }

 private:
  SamplerChain(SamplingParams params, int64_t vocabulary, uint64_t seed);
  Status check(std::span<const float> logits) const;
  void load(std::span<const float> logits);
  Status apply_samplers();
  Result<int32_t> choose(std::span<const float> logits, std::span<const int32_t> history);
  void report(std::span<const float> logits, SampledToken& token);

  SamplingParams params_;
  int64_t vocabulary_;
  uint64_t seed_;
  Rng rng_;
  std::vector<std::pair<Sampler*, bool>>
      active_;  // in order; true: shapes the distribution, so needs a likeliest token
  Candidates candidates_;
  std::vector<TokenLogprob> top_;
};

}  // namespace hearth::runtime
