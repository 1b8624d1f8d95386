// Embeddings, both ways: OpenAI's and Ollama's. Source: platform.openai.com/docs/api-reference/embeddings,
// ollama docs/api.md.
#include <bit>

#include "wire/request_parts.h"
#include "wire/response_parts.h"

namespace hearth::wire {
namespace {

constexpr int64_t kMaxDimensions = 1 << 20;

/// Little-endian float32, as clients decode it.
std::string base64_floats(std::span<const float> vector) {
  std::vector<unsigned char> bytes;
  bytes.reserve(4 * vector.size());
  for (const float value : vector) {
    const auto bits = std::bit_cast<uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<unsigned char>(bits >> shift));
  }
  return base64(bytes);
}

}  // namespace

Result<EmbeddingRequest> parse_openai_embeddings(std::string_view text) {
  HEARTH_ASSIGN(const io::Json json, parse_body(text));
  HEARTH_ASSIGN(const Members body, Members::of(json, ""));
  EmbeddingRequest request;
  HEARTH_ASSIGN(request.model, body.string_or_empty("model"));
  HEARTH_RETURN_IF_ERROR(read_inputs(body, "input", request.inputs, request.input_ids));
  HEARTH_ASSIGN(const std::string format, body.string_or_empty("encoding_format"));
  if (!format.empty() && format != "float" && format != "base64")
    return body.wrong("encoding_format", "must be float or base64");
  request.base64 = format == "base64";
  HEARTH_ASSIGN(request.dimensions, body.integer("dimensions", 1, kMaxDimensions));
  HEARTH_ASSIGN(request.user, body.string_or_empty("user"));
  return request;
}

Result<EmbeddingRequest> parse_ollama_embed(std::string_view text) {
  HEARTH_ASSIGN(const io::Json json, parse_body(text));
  HEARTH_ASSIGN(const Members body, Members::of(json, ""));
  EmbeddingRequest request;
  HEARTH_ASSIGN(request.model, body.required_string("model"));
  HEARTH_RETURN_IF_ERROR(
      read_inputs(body, body.has("input") ? "input" : "prompt", request.inputs, request.input_ids));
  HEARTH_ASSIGN(request.dimensions, body.integer("dimensions", 1, kMaxDimensions));
  return request;
}

std::string encode_embeddings(const EmbeddingRequest& request, std::span<const std::vector<float>> vectors,
                              int64_t prompt_tokens, std::string_view model) {
  io::Json data = io::Json::array();
  for (const std::vector<float>& vector : vectors) {
    io::Json embedding = request.base64 ? io::Json(base64_floats(vector)) : io::Json(vector);
    data.push_back({{"object", "embedding"}, {"index", data.size()}, {"embedding", std::move(embedding)}});
  }
  return io::dump_json({{"object", "list"},
                        {"data", std::move(data)},
                        {"model", model},
                        {"usage", {{"prompt_tokens", prompt_tokens}, {"total_tokens", prompt_tokens}}}});
}

std::string encode_ollama_embeddings(std::span<const std::vector<float>> vectors, int64_t prompt_tokens,
                                     std::string_view model, double duration_s) {
  io::Json embeddings = io::Json::array();
  for (const std::vector<float>& vector : vectors) embeddings.push_back(vector);
  return io::dump_json({{"model", model},
                        {"embeddings", std::move(embeddings)},
                        {"total_duration", static_cast<int64_t>(duration_s * 1e9)},
                        {"load_duration", 0},
                        {"prompt_eval_count", prompt_tokens}});
}

}  // namespace hearth::wire
