// Request bodies of every protocol from hostile clients. The first byte picks the protocol, the rest is the
// body. What is accepted must be complete, and every encoder must answer it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "wire/answer_format.h"
#include "wire/response.h"

namespace {

using hearth::Result;
using hearth::wire::GenerationRequest;
using hearth::wire::Protocol;

void expect(bool holds) {
  if (!holds) std::abort();
}

void answer(Protocol protocol, const GenerationRequest& request) {
  using hearth::wire::AnswerEvent;
  hearth::wire::EncoderOptions options;
  options.ids = hearth::wire::random_ids(1);
  options.now_s = [] { return 1.7e9; };
  const auto encoder = hearth::wire::make_encoder(protocol, request, options);
  const AnswerEvent events[] = {{AnswerEvent::Kind::kReasoning, "r"},
                                {AnswerEvent::Kind::kContent, "c"},
                                {AnswerEvent::Kind::kToolCall, "", 0, "", "f"},
                                {AnswerEvent::Kind::kToolArguments, "{}", 0}};
  std::string out = encoder->begin();
  out += encoder->push(0, events, {});
  out += encoder->end(0, hearth::engine::FinishReason::kStop, {});
  out += encoder->finish();
  expect(!out.empty());
}

void check(Protocol protocol, const Result<GenerationRequest>& request) {
  if (!request.ok()) {
    expect(!request.error().message.empty());
    expect(hearth::wire::error_body(protocol, request.error()).status == 400);
    return;
  }
  expect(request->prompts.size() == request->prompt_ids.size());
  expect(request->load_only || !request->prompts.empty());
  for (const hearth::engine::CompletionRequest& prompt : request->prompts) {
    if (prompt.chat_json.empty()) continue;
    expect(hearth::io::parse_json(prompt.chat_json, "chat").ok());
    for (const hearth::wire::AnswerFormat& format : hearth::wire::answer_formats())
      hearth::wire::prepare_chat(prompt.chat_json, format, "");
  }
  if (!request->load_only) answer(protocol, *request);
}

void check(const Result<hearth::wire::EmbeddingRequest>& request) {
  if (!request.ok()) return expect(!request.error().message.empty());
  expect(request->inputs.size() == request->input_ids.size() && !request->inputs.empty());
  hearth::wire::EmbeddingAnswer answer;
  answer.vectors.resize(request->inputs.size(), {0.5F, -1e-30F});
  for (const auto encode : {hearth::wire::encode_openai_embeddings, hearth::wire::encode_ollama_embed,
                            hearth::wire::encode_ollama_embeddings}) {
    expect(hearth::io::parse_json(encode(*request, answer), "answer").ok());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const hearth::wire::SamplingDefaults defaults = hearth::wire::plain_defaults();
  switch (data[0] % 8) {
    case 0:
      check(Protocol::kOpenAiChat, hearth::wire::parse_openai_chat(body, defaults));
      break;
    case 1:
      check(Protocol::kOpenAiCompletion, hearth::wire::parse_openai_completion(body, defaults));
      break;
    case 2:
      check(Protocol::kOpenAiResponses, hearth::wire::parse_openai_responses(body, defaults));
      break;
    case 3:
      check(Protocol::kOllamaChat, hearth::wire::parse_ollama_chat(body, defaults));
      break;
    case 4:
      check(Protocol::kOllamaGenerate, hearth::wire::parse_ollama_generate(body, defaults));
      break;
    case 5:
      check(hearth::wire::parse_openai_embeddings(body));
      break;
    case 6:
      check(hearth::wire::parse_ollama_embed(body));
      break;
    default:
      check(hearth::wire::parse_ollama_embeddings(body));
      break;
  }
  return 0;
}
