// The one face of a language model for everything above the engine: the command line, the server, the router,
// the generator. A local model, a cloud endpoint and a scripted fake are all Completers. Must not know who
// calls.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "runtime/sampler.h"

namespace hearth::text {
class GrammarMasks;
}

namespace hearth::engine {

/// What to complete: `prompt_ids` or `prompt` as it stands, or a chat to be rendered by the model's own
/// template.
struct CompletionRequest {
  std::vector<int32_t> prompt_ids;  // used when not empty
  std::string prompt;               // raw text, or the finished prompt; used when chat_json is empty
  std::string
      chat_json;  // {"messages": [...], "tools": [...], ...}: template variables; empty for a raw prompt
  bool parse_special =
      true;  // control tokens written in `prompt` are meant as such (always true for a rendered chat)
  runtime::SamplingParams sampling;
  std::shared_ptr<const text::GrammarMasks> grammar;  // what the answer must be; nullptr: any text
  int64_t max_tokens = -1;                            // -1: until the model ends or the context is full
  std::vector<std::string> stop;
  std::vector<std::string> shown_tokens;      // control tokens, by their text, that appear in the answer
  bool ignore_end = false;                    // go on past end-of-generation tokens (benchmarks)
  const std::atomic<bool>* cancel = nullptr;  // looked at between tokens and prefill steps; may be nullptr
};

enum class FinishReason { kStop, kLength, kContextFull, kCancelled };
std::string_view to_string(FinishReason reason);

/// One generated token and what the model thought of it.
struct TokenSignal {
  int32_t id = 0;
  std::string text;  // its bytes, possibly part of a character
  float logprob = 0;
  std::vector<std::pair<int32_t, float>> top;  // (id, logprob), best first; as many as sampling.top_logprobs
};

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;  // of the prompt, found in the live KV cache
  int64_t generated_tokens = 0;
  int64_t context_tokens = 0;  // capacity
  double first_token_s = 0;    // from the call to the first token
  double prefill_s = 0;
  double decode_s = 0;
};

struct Completion {
  std::string text;
  FinishReason finish = FinishReason::kStop;
  std::vector<TokenSignal> tokens;
  std::vector<float> embedding;  // of the prompt, of length 1, where that was asked for (see Submission)
  Usage usage;
};

/// {"text", "finish_reason", "usage": {...}} as JSON text, with "tokens": [...] when asked for.
std::string completion_json(const Completion& completion, bool with_tokens);

/// Gets text as it becomes final (whole UTF-8 characters, stop strings held back). Returning false cancels.
using TextSink = std::function<bool(std::string_view text)>;

class Completer {
 public:
  virtual ~Completer() = default;
  /// Blocks until done. Errors: kTooLarge when the prompt does not fit the context (with the numbers),
  /// kUnsupported (no chat template, no tokenizer), kCorrupt (template or request broken). `sink` may be
  /// empty.
  virtual Result<Completion> complete(const CompletionRequest& request, const TextSink& sink) = 0;
};

}  // namespace hearth::engine
