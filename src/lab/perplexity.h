// Perplexity of a text, and against a base model what a change of weights or numerics costs: KL divergence
// over the whole vocabulary and agreement of the first choices, token by token. Must not know files,
// terminals or how the models were loaded.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "runtime/session.h"

namespace hearth::lab {

/// One scored token of the text; the last three only with a base.
struct TokenScore {
  int64_t index = 0;  // in the text
  int32_t id = 0;
  double log_prob = 0;       // nats
  double base_log_prob = 0;  // nats
  double kld = 0;            // KL(base || model) of the distributions that this token was drawn from, nats
  bool same_top1 = false;
};

/// The text is cut into windows of `context_tokens`, each beginning `stride` tokens after the one before; a
/// window scores only what none before it has. So every token is scored exactly once (without BOS not the
/// first, which has nothing before it), and all but those of the first window see at least context_tokens -
/// stride tokens before them. With a `bos`, it stands before each window and takes a place of the context.
struct PerplexityOptions {
  int64_t context_tokens = 512;
  int64_t stride = 256;
  std::optional<int32_t> bos;
  Priority priority = Priority::kPrefill;
};

/// A piece of the text that goes through the model at once: tokens [begin, end), of which [scored, end)
/// count.
struct TextWindow {
  int64_t begin = 0;
  int64_t scored = 0;
  int64_t end = 0;
};
std::vector<TextWindow> text_windows(int64_t tokens, const PerplexityOptions& options);

struct PerplexityCalls {
  /// The scores of each window as soon as it is done. May be empty.
  std::function<Status(std::span<const TokenScore>)> scored;
  /// Asked often; false stops with kCancelled. What was told to `scored` stays valid. May be empty.
  std::function<bool()> go_on;
};

/// Scores ids from window `first_window` on. `base` may be null. Each runtime needs a free sequence and room
/// for context_tokens. Errors: kUsage (ids of another vocabulary, a context or stride out of range), kCorrupt
/// (logits that are not finite), kCancelled, and those of Runtime::forward.
Status score_text(std::span<const int32_t> ids, const PerplexityOptions& options, size_t first_window,
                  runtime::Runtime& model, runtime::Runtime* base, ThreadPool& pool,
                  const PerplexityCalls& calls);

struct PerplexityReport {
  int64_t tokens = 0;  // scored
  double ppl = 0;
  double ppl_error = 0;  // standard error
  // Against the base:
  double base_ppl = 0;
  double kld_mean = 0;
  double kld_error = 0;  // standard error
  double kld_median = 0;
  double kld_p99 = 0;
  double kld_p999 = 0;
  double kld_max = 0;
  double top1_agreement = 0;  // 0 to 1
};
PerplexityReport summarise(std::span<const TokenScore> scores);

}  // namespace hearth::lab
