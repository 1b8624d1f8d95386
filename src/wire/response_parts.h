// What the encoders of several protocols share.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"
#include "wire/response.h"

namespace hearth::wire {

/// "data: JSON\n\n"
std::string sse(const io::Json& json);
/// "event: NAME\ndata: JSON\n\n"
std::string sse(std::string_view event, const io::Json& json);
/// "2026-01-02T03:04:05.678901Z" of seconds since 1970.
std::string iso_time(double time_s);
std::string base64(std::span<const unsigned char> bytes);
/// The bytes of a text as a JSON list of numbers.
io::Json byte_list(std::string_view text);
/// {"token", "logprob", "bytes"}
io::Json logprob_entry(std::string_view text, float logprob);
/// A log-probability that JSON can say: -inf becomes the lowest float that OpenAI uses, -9999.
double finite_logprob(float logprob);
/// OpenAI's "content" list of logprobs.
io::Json chat_logprobs(std::span<const engine::TokenSignal> tokens, const EncoderOptions& options);

/// A call put together from its events.
struct CallText {
  std::string id;
  std::string name;
  std::string arguments;
};

/// An answer put together from its events.
struct AnswerText {
  std::string content;
  std::string reasoning;
  std::vector<CallText> calls;
  std::vector<engine::TokenSignal> tokens;
  engine::FinishReason reason = engine::FinishReason::kStop;
  bool ended = false;

  /// Ids that the model did not write come from `ids`.
  void add(const AnswerEvent& event, const IdSource& ids);
};

/// Of all answers of a request. The prompt counts once, however many answers it gets.
struct UsageSum {
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t generated_tokens = 0;
  int64_t reasoning_tokens = 0;
  void add(int32_t choice, int32_t answers_per_prompt, const engine::Usage& usage, int64_t reasoning);
  /// {"prompt_tokens", "completion_tokens", "total_tokens", ...}
  io::Json openai() const;
  /// {"input_tokens", "output_tokens", ...}
  io::Json responses() const;
};

/// "stop", "length" or "tool_calls".
std::string_view openai_finish_reason(engine::FinishReason reason, bool calls);

std::unique_ptr<ResponseEncoder> make_openai_chat_encoder(const GenerationRequest& request,
                                                          EncoderOptions options);
std::unique_ptr<ResponseEncoder> make_openai_completion_encoder(const GenerationRequest& request,
                                                                EncoderOptions options);
std::unique_ptr<ResponseEncoder> make_openai_responses_encoder(const GenerationRequest& request,
                                                               EncoderOptions options);
std::unique_ptr<ResponseEncoder> make_ollama_encoder(Protocol protocol, const GenerationRequest& request,
                                                     EncoderOptions options);

}  // namespace hearth::wire
