// Answers in each protocol's own shape, whole or as a stream: one encoder per request takes what the models
// write and gives the bytes to send. Ids and time are injected, so that the same answer is the same bytes.
// Knows no sockets; the HTTP status and headers are the caller's, but for errors see error_body.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/completer.h"
#include "wire/answer_parser.h"
#include "wire/request.h"

namespace hearth::wire {

enum class Protocol { kOpenAiChat, kOpenAiCompletion, kOpenAiResponses, kOllamaChat, kOllamaGenerate };

/// A new id that starts with the prefix: ids("call_").
using IdSource = std::function<std::string(std::string_view prefix)>;
/// Prefix and 24 letters and digits, drawn from the seed. For one request; not for several threads.
IdSource random_ids(uint64_t seed);

struct EncoderOptions {
  IdSource ids;
  std::function<double()> now_s;  // seconds since 1970
  /// Text of a token, for the alternatives of logprobs.
  std::function<std::string(int32_t id)> token_text;
  std::string model;               // as the answer shall name it
  std::string system_fingerprint;  // may be empty
  double load_s = 0;               // what loading the model took, if this request waited for it (Ollama)
};

/// Calls in this order: begin, then push for any choice, end once for each, finish; or fail at any time
/// after begin. Each returns bytes to send at once, in a stream; a whole answer comes from finish.
class ResponseEncoder {
 public:
  virtual ~ResponseEncoder() = default;
  virtual std::string begin() = 0;
  /// Events of one answer, and the tokens that were drawn for them; neither needs to match the other.
  virtual std::string push(int32_t choice, std::span<const AnswerEvent> events,
                           std::span<const engine::TokenSignal> tokens) = 0;
  /// `reasoning_tokens`: of the generated ones, if somebody counted.
  virtual std::string end(int32_t choice, engine::FinishReason reason, const engine::Usage& usage,
                          int64_t reasoning_tokens = 0) = 0;
  virtual std::string finish() = 0;
  /// A stream that cannot go on. (A whole answer that fails is an error_body.)
  virtual std::string fail(const Error& error) = 0;
  virtual std::string_view content_type() const = 0;
};

std::unique_ptr<ResponseEncoder> make_encoder(Protocol protocol, const GenerationRequest& request,
                                              EncoderOptions options);

/// An error in the protocol's shape with its HTTP status.
struct ErrorBody {
  int status = 500;
  std::string json;
};
ErrorBody error_body(Protocol protocol, const Error& error);
/// Errors of the server itself: 401, 404, 405, 413, 429, 503, ...
ErrorBody error_body(Protocol protocol, int status, std::string_view message);

struct EmbeddingAnswer {
  std::string model;                        // as the answer shall name it
  std::vector<std::vector<float>> vectors;  // of finite numbers, in the order of the inputs
  int64_t prompt_tokens = 0;
  double total_s = 0;
  double load_s = 0;  // of that
};
/// {"object": "list", "data": [{"embedding": [...] or base64}]}
std::string encode_openai_embeddings(const EmbeddingRequest& request, const EmbeddingAnswer& answer);
/// {"embeddings": [[...]]}
std::string encode_ollama_embed(const EmbeddingRequest& request, const EmbeddingAnswer& answer);
/// {"embedding": [...]}
std::string encode_ollama_embeddings(const EmbeddingRequest& request, const EmbeddingAnswer& answer);

/// What model lists show.
struct ModelInfo {
  std::string id;
  int64_t created_s = 0;  // since 1970
  int64_t size_bytes = 0;
  std::string digest;  // SHA-256 in hexadecimal, or ""
  std::string architecture;
  std::string parameter_size;  // "596M"
  std::string quantization;    // "Q4_K_M"
  int64_t parameters = 0;
  int64_t context_tokens = 0;
  int64_t embedding_length = 0;
  std::string chat_template;
  std::string license;
  bool chat = true;
  bool tools = false;
  bool thinking = false;
  bool embedding = false;
  // When loaded.
  bool loaded = false;
  int64_t resident_bytes = 0;
  double expires_s = 0;  // since 1970; 0: stays
};
std::string encode_models(std::span<const ModelInfo> models);       // GET /v1/models
std::string encode_model(const ModelInfo& model);                   // GET /v1/models/ID
std::string encode_ollama_tags(std::span<const ModelInfo> models);  // GET /api/tags
std::string encode_ollama_ps(std::span<const ModelInfo> models);    // GET /api/ps: the loaded ones
std::string encode_ollama_show(const ModelInfo& model);             // POST /api/show

}  // namespace hearth::wire
