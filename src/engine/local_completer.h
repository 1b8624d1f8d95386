// A Completer over one sequence of a local model. The KV cache stays between calls, and the next prompt
// computes only what it does not share with the last: a chat pays for its new turn alone. Must not know
// protocols or terminals.
#pragma once

#include <memory>
#include <vector>

#include "engine/completer.h"
#include "engine/local_model.h"
#include "runtime/sampler.h"

namespace hearth::engine {

class Generation;

class LocalCompleter : public Completer {
 public:
  /// `model` must outlive the completer. Errors: kTooLarge when the model's runtime has no sequence left.
  static Result<std::unique_ptr<LocalCompleter>> create(LocalModel& model);
  ~LocalCompleter() override;

  Result<Completion> complete(const CompletionRequest& request, const TextSink& sink) override;

  /// Tokens now in the KV cache.
  int64_t context_used() const { return static_cast<int64_t>(live_.size()); }
  std::span<const int32_t> live_tokens() const { return live_; }
  /// Evaluates more tokens after those in the cache; logits() is then the last one's.
  Status step(std::span<const int32_t> ids);
  /// Errors: kUsage when nothing was evaluated since the last reset or truncation.
  Result<std::span<const float>> logits() const;
  /// Forgets all tokens from position `tokens` on.
  Status truncate(int64_t tokens);
  /// Forgets everything.
  Status reset();

 private:
  /// reset() for who holds the turn already.
  Status start_over();
  explicit LocalCompleter(LocalModel& model, runtime::SeqId sequence) : model_(&model), sequence_(sequence) {}

  /// Cuts the live sequence to what it shares with `ids` (at most all but the last); returns the shared
  /// length.
  Result<int64_t> reuse_prefix(const std::vector<int32_t>& ids);
  Status feed(std::span<const int32_t> ids, const CompletionRequest& request);
  Status generate(const CompletionRequest& request, const TextSink& sink, Generation& generation);

  LocalModel* model_;
  runtime::SeqId sequence_;
  std::vector<int32_t> live_;  // the tokens whose keys and values are in the cache
  std::vector<float>
      step_logits_;  // of the last step(); copied, because other sequences share the runtime's buffer
};

}  // namespace hearth::engine
