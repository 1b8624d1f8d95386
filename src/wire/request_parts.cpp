// Sampling members, stop strings and response formats. See request_parts.h; messages and tools are in
// messages.cpp and tools.cpp.
#include "wire/request_parts.h"

#include <array>
#include <cmath>

#include "base/config.h"

namespace hearth::wire {
namespace {

constexpr double kLargestBias = 1e6;
constexpr size_t kMaxBiases = 4096;
constexpr int64_t kMostPriority = 100;
constexpr uint64_t kSeedOfZero = 0x9E3779B97F4A7C15;  // hearth's own 0 means "a new one each time"

std::string number_text(const io::Json& value) { return value.dump(); }

/// A regular expression that matches exactly these strings.
Result<std::string> choice_pattern(const io::Json& choices, const std::string& path) {
  std::string pattern;
  if (!choices.is_array() || choices.empty())
    return fail(ErrorCode::kUsage, path, ": must be a list of strings, and not empty");
  for (const io::Json& choice : choices) {
    if (!choice.is_string()) return fail(ErrorCode::kUsage, path, ": must be a list of strings");
    pattern += pattern.empty() ? "(" : "|";
    for (const char c : choice.get_ref<const std::string&>()) {
      if (std::string_view("\\^$.|?*+()[]{}/-").find(c) != std::string_view::npos) pattern += '\\';
      pattern += c;
    }
  }
  return pattern + ")";
}

/// A schema given as an object, or as its JSON text.
Status set_schema(const io::Json& schema, const std::string& path, GenerationRequest& request) {
  request.format = ResponseFormat::kJsonSchema;
  request.strict = true;
  request.response_schema = schema;
  if (schema.is_string()) {
    auto parsed = io::parse_json(schema.get_ref<const std::string&>(), path);
    if (!parsed) return fail(ErrorCode::kUsage, parsed.error().message);
    request.response_schema = std::move(parsed).value();
  }
  if (!request.response_schema.is_object() && !request.response_schema.is_boolean())
    return fail(ErrorCode::kUsage, path, ": must be a JSON Schema, not ", kind_of(request.response_schema));
  return {};
}

/// The members of vLLM's "structured_outputs", or of the body with the prefix "guided_".
Status read_guided(const Members& from, std::string_view prefix, GenerationRequest& request) {
  const std::string json = concat(prefix, "json");
  if (const io::Json* schema = from.find(json))
    HEARTH_RETURN_IF_ERROR(set_schema(*schema, from.path(json), request));
  HEARTH_ASSIGN(const std::optional<std::string> regex, from.string(concat(prefix, "regex")));
  if (regex) {
    request.format = ResponseFormat::kRegex;
    request.pattern = *regex;
  }
  const std::string choice = concat(prefix, "choice");
  if (const io::Json* choices = from.find(choice)) {
    request.format = ResponseFormat::kRegex;
    HEARTH_ASSIGN(request.pattern, choice_pattern(*choices, from.path(choice)));
  }
  HEARTH_ASSIGN(const std::optional<std::string> grammar, from.string(concat(prefix, "grammar")));
  if (grammar && !grammar->empty()) {
    request.format = ResponseFormat::kGrammar;
    request.grammar = *grammar;
  }
  return {};
}

}  // namespace

SamplingDefaults plain_defaults() {
  return [](const std::string&) -> Result<runtime::SamplingParams> { return runtime::SamplingParams(); };
}

std::span<const SamplingMember> openai_sampling_members() {
  static constexpr std::array<SamplingMember, 9> kMembers = {{
      {"temperature", "temp"},
      {"top_p", "top_p"},
      {"top_k", "top_k"},
      {"min_p", "min_p"},
      {"frequency_penalty", "frequency_penalty"},
      {"presence_penalty", "presence_penalty"},
      {"repetition_penalty", "repetition_penalty"},
      {"repeat_penalty", "repetition_penalty"},
      {"repeat_last_n", "penalty_window"},
  }};
  return kMembers;
}

Status read_sampling(const Members& from, std::span<const SamplingMember> table,
                     runtime::SamplingParams& sampling) {
  for (const auto& [member, option] : table) {
    const io::Json* value = from.find(member);
    if (value == nullptr) continue;
    if (!value->is_number()) return from.wrong(member, "must be a number, not ", kind_of(*value));
    const std::optional<int64_t> integer = as_integer(*value);
    // -1 is how other servers write "all" for counts.
    const bool all = integer == -1 && (option == "top_k" || option == "penalty_window");
    const std::string text = all ? "0" : integer ? std::to_string(*integer) : number_text(*value);
    if (const Status set = set_option(sampling, option, text); !set)
      return from.wrong(member, set.error().message);
  }
  return {};
}

Status refuse_foreign_options(const Members& from) {
  static constexpr std::array<std::string_view, 15> kOptions = {
      "mirostat",        "mirostat_mode",     "xtc_probability",   "dry_multiplier",         "dynatemp_range",
      "top_a",           "use_beam_search",   "min_tokens",        "stop_token_ids",         "bad_words",
      "prompt_logprobs", "allowed_token_ids", "logits_processors", "continue_final_message", "lora"};
  for (const std::string_view key : kOptions) {
    HEARTH_RETURN_IF_ERROR(from.refuse(key, "hearth does not have this option"));
  }
  for (const std::string_view key : {"typical_p", "tfs_z"}) {  // 1: off
    const io::Json* value = from.find(key);
    if (value != nullptr && *value != 1)
      HEARTH_RETURN_IF_ERROR(from.refuse(key, "hearth does not have this option"));
  }
  return {};
}

Status read_seed(const Members& from, runtime::SamplingParams& sampling) {
  const io::Json* value = from.find("seed");
  if (value == nullptr) return {};
  if (value->is_number_unsigned()) {
    sampling.seed = value->get<uint64_t>();
  } else if (const std::optional<int64_t> seed = as_integer(*value)) {
    sampling.seed = static_cast<uint64_t>(*seed);
  } else {
    return from.wrong("seed", "must be an integer, not ", kind_of(*value));
  }
  if (sampling.seed == 0) sampling.seed = kSeedOfZero;
  return {};
}

Status read_logit_bias(const Members& from, runtime::SamplingParams& sampling) {
  HEARTH_ASSIGN(const std::optional<Members> biases, from.members("logit_bias"));
  if (!biases) return {};
  if (biases->object().size() > kMaxBiases)
    return from.wrong("logit_bias", "has ", biases->object().size(), " tokens; at most ", kMaxBiases);
  std::string text;
  for (const auto& [key, value] : biases->object().items()) {
    if (key.empty() || key.size() > 9 || key.find_first_not_of("0123456789") != std::string::npos)
      return from.wrong("logit_bias", "its members must be token ids");
    if (!value.is_number() || std::abs(value.get<double>()) > kLargestBias)
      return biases->wrong(key, "must be a number up to ", static_cast<int64_t>(kLargestBias));
    text += concat(text.empty() ? "" : ",", key, ":", number_text(value));
  }
  if (const Status set = set_option(sampling, "logit_bias", text); !set)
    return from.wrong("logit_bias", set.error().message);
  return {};
}

Result<std::optional<int64_t>> read_max_tokens(const Members& from, std::string_view key, int64_t least) {
  if (const io::Json* value = from.find(key); value != nullptr && as_integer(*value) == -1)
    return std::optional<int64_t>(-1);
  return from.integer(key, least, kMaxTokens);
}

Result<int32_t> read_priority(const Members& from) {
  HEARTH_ASSIGN(const std::optional<int64_t> priority,
                from.integer("priority", -kMostPriority, kMostPriority));
  return static_cast<int32_t>(priority.value_or(0));
}

Status read_stream(const Members& from, GenerationRequest& request) {
  HEARTH_ASSIGN(request.stream, from.boolean_or("stream", false));
  HEARTH_ASSIGN(const std::optional<Members> options, from.members("stream_options"));
  if (options) {
    HEARTH_ASSIGN(request.include_usage, options->boolean_or("include_usage", false));
  }
  return {};
}

Result<std::vector<std::string>> read_stop(const Members& from) {
  std::vector<std::string> stops;
  const io::Json* value = from.find("stop");
  if (value == nullptr) return stops;
  if (value->is_string()) {
    if (!value->get_ref<const std::string&>().empty()) stops.push_back(value->get<std::string>());
    return stops;
  }
  if (!value->is_array())
    return from.wrong("stop", "must be a string or a list of strings, not ", kind_of(*value));
  if (value->size() > kMaxStops)
    return from.wrong("stop", "has ", value->size(), " strings; at most ", kMaxStops);
  for (const io::Json& item : *value) {
    if (!item.is_string()) return from.wrong("stop", "must be a string or a list of strings");
    if (!item.get_ref<const std::string&>().empty()) stops.push_back(item.get<std::string>());
  }
  return stops;
}

Status read_format_object(const Members& format, GenerationRequest& request) {
  HEARTH_ASSIGN(const std::string type, format.required_string("type"));
  if (type == "text") return {};
  if (type == "json_object") {
    request.format = ResponseFormat::kJsonObject;
    if (const io::Json* schema = format.find("schema"))
      return set_schema(*schema, format.path("schema"), request);
    return {};
  }
  if (type == "regex" || type == "grammar") {  // TGI and others
    HEARTH_ASSIGN(std::string text, format.required_string(format.has("value") ? "value" : "pattern"));
    request.format = type == "regex" ? ResponseFormat::kRegex : ResponseFormat::kGrammar;
    (type == "regex" ? request.pattern : request.grammar) = std::move(text);
    return {};
  }
  if (type != "json_schema") {
    return format.wrong("type", "must be text, json_object or json_schema, not ", io::dump_json(type));
  }
  HEARTH_ASSIGN(const std::optional<Members> wrapped, format.members("json_schema"));
  const Members& inner = wrapped ? *wrapped : format;
  HEARTH_ASSIGN([[maybe_unused]] const auto name, inner.string("name"));  // says nothing to the model
  const io::Json* schema = inner.find("schema");
  if (schema == nullptr) return inner.wrong("schema", "is missing; it must be a JSON Schema");
  HEARTH_RETURN_IF_ERROR(set_schema(*schema, inner.path("schema"), request));
  HEARTH_ASSIGN(request.strict, inner.boolean_or("strict", false));
  return {};
}

Status read_response_format(const Members& from, GenerationRequest& request) {
  HEARTH_ASSIGN(const std::optional<Members> format, from.members("response_format"));
  if (format) HEARTH_RETURN_IF_ERROR(read_format_object(*format, request));
  HEARTH_RETURN_IF_ERROR(read_guided(from, "guided_", request));
  HEARTH_ASSIGN(const std::optional<Members> structured, from.members("structured_outputs"));
  if (structured) HEARTH_RETURN_IF_ERROR(read_guided(*structured, "", request));
  if (const io::Json* schema = from.find("json_schema"))
    HEARTH_RETURN_IF_ERROR(set_schema(*schema, from.path("json_schema"), request));
  HEARTH_ASSIGN(const std::string grammar, from.string_or_empty("grammar"));
  if (!grammar.empty()) {
    request.format = ResponseFormat::kGrammar;
    request.grammar = grammar;
  }
  return {};
}

Status read_template_variables(const Members& from, io::Json& chat) {
  HEARTH_ASSIGN(const std::optional<bool> thinking, from.boolean("enable_thinking"));
  if (thinking) chat["enable_thinking"] = *thinking;
  HEARTH_ASSIGN(const std::string effort, from.string_or_empty("reasoning_effort"));
  if (!effort.empty()) {
    chat["reasoning_effort"] = effort;
    if (effort == "none") chat["enable_thinking"] = false;
  }
  HEARTH_ASSIGN(const std::optional<Members> kwargs, from.members("chat_template_kwargs"));
  if (!kwargs) return {};
  for (const auto& [key, value] : kwargs->object().items()) {
    if (key == "messages" || key == "tools") return kwargs->wrong(key, "is a member of the request itself");
    chat[key] = value;
  }
  return {};
}

}  // namespace hearth::wire
