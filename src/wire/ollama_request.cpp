// Requests of Ollama: /api/chat and /api/generate. Source: ollama docs/api.md and its types.go.
#include <array>

#include "wire/request_parts.h"

namespace hearth::wire {
namespace {

std::span<const SamplingMember> ollama_sampling_members() {
  static constexpr std::array<SamplingMember, 8> kMembers = {{
      {"temperature", "temp"},
      {"top_p", "top_p"},
      {"top_k", "top_k"},
      {"min_p", "min_p"},
      {"frequency_penalty", "frequency_penalty"},
      {"presence_penalty", "presence_penalty"},
      {"repeat_penalty", "repetition_penalty"},
      {"repeat_last_n", "penalty_window"},
  }};
  return kMembers;
}

/// "format": "json", a schema, or "".
Status read_format(const Members& body, GenerationRequest& request) {
  const io::Json* format = body.find("format");
  if (format == nullptr || *format == "") return {};
  if (*format == "json") {
    request.format = ResponseFormat::kJsonObject;
    return {};
  }
  if (!format->is_object()) return body.wrong("format", "must be \"json\" or a JSON Schema");
  request.format = ResponseFormat::kJsonSchema;
  request.response_schema = *format;
  request.strict = true;
  return {};
}

Status read_options(const Members& body, engine::CompletionRequest& prompt) {
  HEARTH_ASSIGN(const std::optional<Members> options, body.members("options"));
  if (!options) return {};
  HEARTH_RETURN_IF_ERROR(refuse_foreign_options(*options));
  HEARTH_RETURN_IF_ERROR(read_sampling(*options, ollama_sampling_members(), prompt.sampling));
  const io::Json* seed = options->find("seed");
  if (seed != nullptr && as_integer(*seed) != -1)
    HEARTH_RETURN_IF_ERROR(read_seed(*options, prompt.sampling));
  HEARTH_ASSIGN(prompt.stop, read_stop(*options));
  // -1: no end; -2: to the end of the context. Both end with the context here.
  HEARTH_ASSIGN(const std::optional<int64_t> predict, options->integer("num_predict", -2, kMaxTokens));
  if (predict) prompt.max_tokens = *predict < 0 ? -1 : *predict;
  return {};
}

/// What both endpoints have.
Status read_common(const Members& body, const SamplingDefaults& defaults, GenerationRequest& request,
                   engine::CompletionRequest& prompt) {
  HEARTH_ASSIGN(request.model, body.required_string("model"));
  HEARTH_ASSIGN(prompt.sampling, defaults(request.model));
  HEARTH_RETURN_IF_ERROR(read_options(body, prompt));
  HEARTH_RETURN_IF_ERROR(read_format(body, request));
  HEARTH_ASSIGN(request.stream, body.boolean_or("stream", true));
  HEARTH_ASSIGN(request.keep_alive_s, read_keep_alive(body));
  HEARTH_ASSIGN(request.priority, read_priority(body));
  HEARTH_ASSIGN(request.logprobs, body.boolean_or("logprobs", false));
  HEARTH_ASSIGN(const std::optional<int64_t> top, body.integer("top_logprobs", 0, kMaxTopLogprobs));
  prompt.sampling.top_logprobs = static_cast<int32_t>(top.value_or(0));
  return {};
}

/// "think": true, false, or how much.
Status read_think(const Members& body, io::Json& chat) {
  const io::Json* think = body.find("think");
  if (think == nullptr) return {};
  if (!think->is_boolean() && !think->is_string())
    return body.wrong("think", "must be true, false, or low, medium or high");
  chat["enable_thinking"] = !think->is_boolean() || think->get<bool>();
  if (think->is_string()) chat["reasoning_effort"] = *think;
  return {};
}

}  // namespace

Result<std::optional<double>> read_keep_alive(const Members& body) {
  const io::Json* value = body.find("keep_alive");
  if (value == nullptr) return std::optional<double>();
  if (value->is_number()) return std::optional<double>(value->get<double>());
  const Error wrong =
      body.wrong("keep_alive", "must be seconds, or text like 10m, 24h or -1, not ", io::dump_json(*value));
  if (!value->is_string()) return wrong;
  std::string_view rest = value->get_ref<const std::string&>();
  const double sign = rest.starts_with('-') ? -1 : 1;
  if (sign < 0) rest.remove_prefix(1);
  if (rest.empty()) return wrong;
  double total = 0;
  while (!rest.empty()) {
    const size_t digits = std::min(rest.find_first_not_of("0123456789."), rest.size());
    auto number = io::parse_json(rest.substr(0, digits), "keep_alive");
    if (!number || !number->is_number()) return wrong;
    rest.remove_prefix(digits);
    const size_t letters = std::min(rest.find_first_of("0123456789."), rest.size());
    const std::string_view unit = rest.substr(0, letters);
    rest.remove_prefix(letters);
    const double scale = unit == "h"                   ? 3600
                         : unit == "m"                 ? 60
                         : unit == "s" || unit.empty() ? 1
                         : unit == "ms"                ? 1e-3
                                                       : 0;
    if (scale == 0) return wrong;
    total += scale * number->get<double>();
  }
  return std::optional<double>(sign * total);
}

Result<GenerationRequest> parse_ollama_chat(std::string_view text, const SamplingDefaults& defaults) {
  HEARTH_ASSIGN(const io::Json json, parse_body(text));
  HEARTH_ASSIGN(const Members body, Members::of(json, ""));
  GenerationRequest request;
  engine::CompletionRequest prompt;
  HEARTH_RETURN_IF_ERROR(read_common(body, defaults, request, prompt));
  HEARTH_RETURN_IF_ERROR(read_tools(body, request));
  HEARTH_ASSIGN(const io::Json* messages, body.array("messages"));
  request.load_only = messages == nullptr || messages->empty();
  if (request.load_only) return request;
  io::Json chat = io::Json::object();
  HEARTH_ASSIGN(chat["messages"], read_messages(body));
  if (io::Json tools = template_tools(request); !tools.is_null()) chat["tools"] = std::move(tools);
  HEARTH_RETURN_IF_ERROR(read_think(body, chat));
  prompt.chat_json = io::dump_json(chat);
  request.prompts.push_back(std::move(prompt));
  request.prompt_ids.emplace_back();
  return request;
}

Result<GenerationRequest> parse_ollama_generate(std::string_view text, const SamplingDefaults& defaults) {
  HEARTH_ASSIGN(const io::Json json, parse_body(text));
  HEARTH_ASSIGN(const Members body, Members::of(json, ""));
  GenerationRequest request;
  engine::CompletionRequest prompt;
  HEARTH_RETURN_IF_ERROR(read_common(body, defaults, request, prompt));
  HEARTH_RETURN_IF_ERROR(body.refuse("images", "pictures are not supported"));
  HEARTH_RETURN_IF_ERROR(body.refuse("suffix", "filling in the middle is not supported"));
  HEARTH_RETURN_IF_ERROR(body.refuse("template", "the model's own template is used; or set raw"));
  HEARTH_RETURN_IF_ERROR(body.refuse("context", "send the conversation to /api/chat instead"));
  HEARTH_ASSIGN(std::string words, body.string_or_empty("prompt"));
  HEARTH_ASSIGN(const std::string system, body.string_or_empty("system"));
  HEARTH_ASSIGN(const bool raw, body.boolean_or("raw", false));
  request.load_only = words.empty();
  if (request.load_only) return request;
  if (raw) {
    prompt.prompt = std::move(words);
    request.separate_reasoning = false;
  } else {
    io::Json chat = {{"messages", io::Json::array()}};
    if (!system.empty()) chat["messages"].push_back({{"role", "system"}, {"content", system}});
    chat["messages"].push_back({{"role", "user"}, {"content", std::move(words)}});
    HEARTH_RETURN_IF_ERROR(read_think(body, chat));
    prompt.chat_json = io::dump_json(chat);
  }
  request.prompts.push_back(std::move(prompt));
  request.prompt_ids.emplace_back();
  return request;
}

}  // namespace hearth::wire
