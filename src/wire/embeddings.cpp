// Embeddings, both ways: OpenAI's and Ollama's. Source: platform.openai.com/docs/api-reference/embeddings,
// ollama docs/api.md. Answers are megabytes of numbers, so they are written down as they stand.
#include <bit>
#include <charconv>

#include "wire/request_parts.h"
#include "wire/response_parts.h"

namespace hearth::wire {
namespace {

constexpr int64_t kMaxDimensions = 1 << 20;
constexpr int64_t kMaxInputs = 2048;  // OpenAI's

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

/// The shortest numbers that read as these floats.
void append_numbers(std::string& out, std::span<const float> vector) {
  out += '[';
  for (const float value : vector) {
    char buffer[32];
    if (out.back() != '[') out += ',';
    out.append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr);
  }
  out += ']';
}

/// Inputs without a token have no hidden states.
Status refuse_empty(const EmbeddingRequest& request, std::string_view key) {
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    if (!request.inputs[i].empty() || !request.input_ids[i].empty()) continue;
    return request.inputs.size() == 1 ? fail(ErrorCode::kUsage, key, ": is empty")
                                      : fail(ErrorCode::kUsage, key, "[", i, "]: is empty");
  }
  return {};
}

}  // namespace

Result<EmbeddingRequest> parse_openai_embeddings(std::string_view text) {
  HEARTH_ASSIGN(const io::Json json, parse_body(text));
  HEARTH_ASSIGN(const Members body, Members::of(json, ""));
  EmbeddingRequest request;
  HEARTH_ASSIGN(request.model, body.string_or_empty("model"));
  HEARTH_RETURN_IF_ERROR(read_inputs(body, "input", kMaxInputs, request.inputs, request.input_ids));
  HEARTH_RETURN_IF_ERROR(refuse_empty(request, "input"));
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
  HEARTH_RETURN_IF_ERROR(read_inputs(body, "input", kMaxInputs, request.inputs, request.input_ids));
  HEARTH_RETURN_IF_ERROR(refuse_empty(request, "input"));
  HEARTH_ASSIGN(request.dimensions, body.integer("dimensions", 1, kMaxDimensions));
  HEARTH_ASSIGN(request.keep_alive_s, read_keep_alive(body));
  return request;
}

Result<EmbeddingRequest> parse_ollama_embeddings(std::string_view text) {
  HEARTH_ASSIGN(const io::Json json, parse_body(text));
  HEARTH_ASSIGN(const Members body, Members::of(json, ""));
  EmbeddingRequest request;
  HEARTH_ASSIGN(request.model, body.required_string("model"));
  HEARTH_ASSIGN(request.inputs.emplace_back(), body.required_string("prompt"));
  request.input_ids.emplace_back();
  HEARTH_RETURN_IF_ERROR(refuse_empty(request, "prompt"));
  HEARTH_ASSIGN(request.keep_alive_s, read_keep_alive(body));
  return request;
}

std::string encode_openai_embeddings(const EmbeddingRequest& request, const EmbeddingAnswer& answer) {
  std::string out = R"({"object":"list","data":[)";
  for (size_t i = 0; i < answer.vectors.size(); ++i) {
    out += concat(i > 0 ? "," : "", R"({"object":"embedding","index":)", i, R"(,"embedding":)");
    if (request.base64) {
      out += concat('"', base64_floats(answer.vectors[i]), '"');
    } else {
      append_numbers(out, answer.vectors[i]);
    }
    out += '}';
  }
  out += concat(R"(],"model":)", io::dump_json(answer.model), R"(,"usage":{"prompt_tokens":)",
                answer.prompt_tokens, R"(,"total_tokens":)", answer.prompt_tokens, "}}");
  return out;
}

std::string encode_ollama_embed(const EmbeddingRequest& /*request*/, const EmbeddingAnswer& answer) {
  std::string out = concat(R"({"model":)", io::dump_json(answer.model), R"(,"embeddings":[)");
  for (size_t i = 0; i < answer.vectors.size(); ++i) {
    if (i > 0) out += ',';
    append_numbers(out, answer.vectors[i]);
  }
  out += concat(R"(],"total_duration":)", static_cast<int64_t>(answer.total_s * 1e9), R"(,"load_duration":)",
                static_cast<int64_t>(answer.load_s * 1e9), R"(,"prompt_eval_count":)", answer.prompt_tokens,
                "}");
  return out;
}

std::string encode_ollama_embeddings(const EmbeddingRequest& /*request*/, const EmbeddingAnswer& answer) {
  std::string out = R"({"embedding":)";
  append_numbers(out, answer.vectors.empty() ? std::span<const float>() : answer.vectors[0]);
  return out + "}";
}

}  // namespace hearth::wire
