// Option members of a request are those that no chat template knows: everything else is handed to the
// template.
#include "capi/request_options.h"

#include <charconv>

#include "base/config.h"
#include "io/json.h"

namespace hearth::capi {
namespace {

Result<int64_t> parse_int(std::string_view key, std::string_view value, int64_t min, int64_t max) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || number < min || number > max) {
    return fail(ErrorCode::kUsage, key, " = '", value, "' is not an integer from ", min, " to ", max);
  }
  return number;
}

Result<bool> parse_switch(std::string_view key, std::string_view value) {
  if (value != "on" && value != "off")
    return fail(ErrorCode::kUsage, key, " is 'on' or 'off', not '", value, "'");
  return value == "on";
}

bool is_template_variable(const std::string& key) {
  static const std::vector<std::string> kNames = {"messages",  "tools",           "add_generation_prompt",
                                                  "documents", "enable_thinking", "chat_template_kwargs"};
  return std::find(kNames.begin(), kNames.end(), key) != kNames.end();
}

Status set_member(engine::CompletionRequest& request, const std::string& key, const io::Json& value) {
  if (!value.is_array()) {
    return set_request_option(request, key, value.is_string() ? value.get<std::string>() : value.dump());
  }
  for (const io::Json& item : value) {
    if (!item.is_string())
      return fail(ErrorCode::kUsage, "'", key, "' must be a string or a list of strings");
    HEARTH_RETURN_IF_ERROR(set_request_option(request, key, item.get<std::string>()));
  }
  return {};
}

}  // namespace

Result<ModelOptions> model_options(const KeyValues& entries) {
  ModelOptions all;
  engine::LoadOptions& options = all.load;
  for (const auto& [key, value] : entries) {
    if (key == "threads") {
      HEARTH_ASSIGN(const int64_t threads, parse_int(key, value, 1, 1024));
      options.threads = static_cast<int32_t>(threads);
    } else if (key == "ctx") {
      options.context_tokens = 0;
      if (value != "auto") {
        HEARTH_ASSIGN(options.context_tokens, parse_int(key, value, 1, int64_t{1} << 24));
      }
    } else if (key == "max_sessions") {
      HEARTH_ASSIGN(const int64_t sessions, parse_int(key, value, 1, 1024));
      options.max_sequences = static_cast<int32_t>(sessions);
    } else if (key == "kv") {
      options.kv_format = value;
    } else if (key == "precision") {
      if (value != "fast" && value != "reference")
        return fail(ErrorCode::kUsage, "precision is 'fast' or 'reference', not '", value, "'");
      options.precision = value == "fast" ? kernels::Precision::kFast : kernels::Precision::kReference;
    } else if (key == "pack_cache") {
      HEARTH_ASSIGN(all.pack_cache, parse_switch(key, value));
    } else if (key == "check") {
      HEARTH_ASSIGN(all.heed_check, parse_switch(key, value));
    } else {
      return fail(ErrorCode::kUsage, "unknown model option '", key,
                  "'; there are threads, ctx, max_sessions, kv, precision, pack_cache, check");
    }
  }
  return all;
}

Status set_request_option(engine::CompletionRequest& request, std::string_view key,
                          const std::string& value) {
  if (key == "max_tokens") {
    HEARTH_ASSIGN(request.max_tokens, parse_int(key, value, 0, int64_t{1} << 30));
    return {};
  }
  if (key == "stop") {
    request.stop.push_back(value);
    return {};
  }
  return set_option(request.sampling, key, value);
}

Result<engine::CompletionRequest> read_request(std::string_view json,
                                               const engine::CompletionRequest& defaults) {
  HEARTH_ASSIGN(const io::Json body, io::parse_json(json, "request"));
  if (!body.is_object()) return fail(ErrorCode::kCorrupt, "the request is not a JSON object");
  engine::CompletionRequest request = defaults;
  io::Json variables = io::Json::object();
  for (const auto& [key, value] : body.items()) {
    if (key == "prompt") {
      if (!value.is_string()) return fail(ErrorCode::kUsage, "'prompt' is not a string");
      request.prompt = value.get<std::string>();
    } else if (is_template_variable(key)) {
      variables[key] = value;
    } else {
      HEARTH_RETURN_IF_ERROR(set_member(request, key, value));
    }
  }
  if (body.contains("prompt") == body.contains("messages")) {
    return fail(ErrorCode::kUsage, "the request needs either 'prompt' or 'messages'");
  }
  if (body.contains("messages")) request.chat_json = variables.dump();
  return request;
}

}  // namespace hearth::capi
