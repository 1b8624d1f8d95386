// Errors in each protocol's own shape. OpenAI: {"error": {"message", "type", "param", "code"}}; Ollama:
// {"error": "..."}. See response.h.
#include <string>

#include "io/json.h"
#include "wire/response.h"

namespace hearth::wire {
namespace {

struct Kind {
  int status;
  std::string_view type;
  std::string_view code;  // "": null
};

Kind kind_of_error(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUsage:
    case ErrorCode::kCorrupt:
      return {400, "invalid_request_error", ""};
    case ErrorCode::kUnsupported:
      return {400, "invalid_request_error", "unsupported_value"};
    case ErrorCode::kNotFound:
      return {404, "invalid_request_error", "model_not_found"};
    case ErrorCode::kTooLarge:
      return {400, "invalid_request_error", "context_length_exceeded"};
    case ErrorCode::kBusy:
      return {429, "rate_limit_error", "queue_full"};
    case ErrorCode::kNoMemory:
    case ErrorCode::kUnavailable:
      return {503, "server_error", "overloaded"};
    case ErrorCode::kCancelled:
      return {503, "server_error", "cancelled"};
    case ErrorCode::kNetwork:
      return {502, "server_error", "upstream_error"};
    default:
      return {500, "server_error", "internal_error"};
  }
}

Kind kind_of_status(int status) {
  switch (status) {
    case 401:
      return {status, "authentication_error", "invalid_api_key"};
    case 403:
      return {status, "permission_error", "forbidden"};
    case 404:
      return {status, "invalid_request_error", "not_found"};
    case 405:
      return {status, "invalid_request_error", "method_not_allowed"};
    case 413:
      return {status, "invalid_request_error", "request_too_large"};
    case 429:
      return {status, "rate_limit_error", "rate_limit_exceeded"};
    case 503:
      return {status, "server_error", "overloaded"};
    default:
      return {status, status < 500 ? "invalid_request_error" : "server_error", ""};
  }
}

bool is_path_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '[' || c == ']';
}

/// The member that a message of a parser begins with ("messages[2].content: ..."); "" when it has none.
std::string_view member_of(const Error& error) {
  if (error.code != ErrorCode::kUsage && error.code != ErrorCode::kUnsupported) return {};
  const std::string_view message = error.message;
  const size_t colon = message.find(": ");
  if (colon == std::string_view::npos) return {};
  for (const char c : message.substr(0, colon)) {
    if (!is_path_byte(c)) return {};
  }
  return message.substr(0, colon);
}

ErrorBody body_of(Protocol protocol, const Kind& kind, std::string_view message, std::string_view param) {
  if (protocol == Protocol::kOllamaChat || protocol == Protocol::kOllamaGenerate)
    return {kind.status, io::dump_json({{"error", message}})};
  const auto or_null = [](std::string_view text) {
    return text.empty() ? io::Json(nullptr) : io::Json(text);
  };
  io::Json error = {
      {"message", message}, {"type", kind.type}, {"param", or_null(param)}, {"code", or_null(kind.code)}};
  return {kind.status, io::dump_json({{"error", std::move(error)}})};
}

}  // namespace

ErrorBody error_body(Protocol protocol, const Error& error) {
  return body_of(protocol, kind_of_error(error.code), error.message, member_of(error));
}

ErrorBody error_body(Protocol protocol, int status, std::string_view message) {
  return body_of(protocol, kind_of_status(status), message, "");
}

}  // namespace hearth::wire
