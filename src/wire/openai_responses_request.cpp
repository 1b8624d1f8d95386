// Requests of OpenAI's Responses API: its input items become the messages of a chat.
// Source: platform.openai.com/docs/api-reference/responses/create.
#include "wire/request_parts.h"

namespace hearth::wire {
namespace {

Status refuse_the_rest(const Members& body) {
  HEARTH_RETURN_IF_ERROR(body.refuse("previous_response_id", "answers are not kept; send the whole input"));
  HEARTH_RETURN_IF_ERROR(body.refuse("conversation", "conversations are not kept; send the whole input"));
  HEARTH_RETURN_IF_ERROR(body.refuse("background", "answers are not kept"));
  HEARTH_RETURN_IF_ERROR(body.refuse("prompt", "prompt templates are not kept"));
  HEARTH_ASSIGN(const std::string truncation, body.string_or_empty("truncation"));
  if (truncation == "auto")
    return fail(ErrorCode::kUnsupported, "truncation: input is never cut silently; leave it disabled");
  return {};
}

/// Appends reasoning, text or calls to the assistant's last message, or starts one: the items of one answer
/// are one message of a chat.
io::Json& assistant_message(io::Json& messages, bool new_text) {
  const bool open =
      !messages.empty() && messages.back()["role"] == "assistant" &&
      !(new_text && (messages.back()["content"] != "" || messages.back().contains("tool_calls")));
  if (!open) messages.push_back({{"role", "assistant"}, {"content", ""}});
  return messages.back();
}

Status add_call(const Members& item, io::Json& messages) {
  HEARTH_ASSIGN(std::string name, item.required_string("name"));
  HEARTH_ASSIGN(const std::string id, item.required_string("call_id"));
  HEARTH_ASSIGN(const std::string arguments, item.string_or_empty("arguments"));
  io::Json& message = assistant_message(messages, false);
  message["tool_calls"].push_back(
      {{"id", id},
       {"type", "function"},
       {"function", {{"name", std::move(name)}, {"arguments", template_arguments(arguments)}}}});
  return {};
}

Status add_result(const Members& item, io::Json& messages) {
  HEARTH_ASSIGN(const std::string id, item.required_string("call_id"));
  HEARTH_ASSIGN(std::string output, read_content(item, "output"));
  const io::Json as_message = {{"role", "tool"}, {"tool_call_id", id}, {"content", std::move(output)}};
  HEARTH_ASSIGN(const Members members, Members::of(as_message, item.path("output")));
  HEARTH_ASSIGN(io::Json message, read_message(members, messages));
  messages.push_back(std::move(message));
  return {};
}

Status add_item(const Members& item, io::Json& messages) {
  HEARTH_ASSIGN(const std::string type, item.string_or_empty("type"));
  if (type == "function_call") return add_call(item, messages);
  if (type == "function_call_output") return add_result(item, messages);
  if (type == "reasoning") {
    HEARTH_ASSIGN(std::string text, read_content(item, "content"));
    if (text.empty()) {
      HEARTH_ASSIGN(text, read_content(item, "summary"));
    }
    if (!text.empty()) assistant_message(messages, true)["reasoning_content"] = std::move(text);
    return {};
  }
  if (!type.empty() && type != "message") {
    return fail(ErrorCode::kUnsupported, item.path("type"), ": items of type ", io::dump_json(type),
                " are not supported");
  }
  HEARTH_ASSIGN(io::Json message, read_message(item, messages));
  if (message["role"] == "assistant") {
    assistant_message(messages, true)["content"] = message["content"];
  } else {
    messages.push_back(std::move(message));
  }
  return {};
}

Result<io::Json> read_input(const Members& body) {
  io::Json messages = io::Json::array();
  HEARTH_ASSIGN(const std::string instructions, body.string_or_empty("instructions"));
  if (!instructions.empty()) messages.push_back({{"role", "system"}, {"content", instructions}});
  const io::Json* input = body.find("input");
  if (input == nullptr) return body.wrong("input", "is missing; it must be text or a list of items");
  if (input->is_string()) {
    messages.push_back({{"role", "user"}, {"content", *input}});
    return messages;
  }
  HEARTH_ASSIGN(const io::Json* items, body.array("input"));
  if (items->empty()) return body.wrong("input", "is empty");
  for (size_t i = 0; i < items->size(); ++i) {
    HEARTH_ASSIGN(const Members item, Members::of((*items)[i], concat(body.path("input"), "[", i, "]")));
    HEARTH_RETURN_IF_ERROR(add_item(item, messages));
  }
  return messages;
}

/// "include" and "top_logprobs".
Status read_logprobs(const Members& body, GenerationRequest& request, runtime::SamplingParams& sampling) {
  HEARTH_ASSIGN(const io::Json* include, body.array("include"));
  for (size_t i = 0; include != nullptr && i < include->size(); ++i) {
    if ((*include)[i] == "message.output_text.logprobs") request.logprobs = true;
  }
  HEARTH_ASSIGN(const std::optional<int64_t> top, body.integer("top_logprobs", 0, kMaxTopLogprobs));
  sampling.top_logprobs = static_cast<int32_t>(top.value_or(0));
  return {};
}

Status read_text_and_reasoning(const Members& body, GenerationRequest& request, io::Json& chat) {
  HEARTH_ASSIGN(const std::optional<Members> text, body.members("text"));
  if (text) {
    HEARTH_ASSIGN(const std::optional<Members> format, text->members("format"));
    if (format) HEARTH_RETURN_IF_ERROR(read_format_object(*format, request));
  }
  HEARTH_RETURN_IF_ERROR(read_template_variables(body, chat));
  HEARTH_ASSIGN(const std::optional<Members> reasoning, body.members("reasoning"));
  if (!reasoning) return {};
  HEARTH_ASSIGN(const std::string effort, reasoning->string_or_empty("effort"));
  if (effort.empty()) return {};
  chat["reasoning_effort"] = effort;
  if (effort == "none") chat["enable_thinking"] = false;
  return {};
}

/// The members that the answer repeats, with what was in force where they were absent.
io::Json reflect(const Members& body) {
  struct Row {
    const char* member;
    io::Json otherwise;
  };
  const Row rows[] = {{"instructions", nullptr},
                      {"max_output_tokens", nullptr},
                      {"parallel_tool_calls", true},
                      {"previous_response_id", nullptr},
                      {"reasoning", {{"effort", nullptr}, {"summary", nullptr}}},
                      {"store", false},
                      {"temperature", 1.0},
                      {"text", {{"format", {{"type", "text"}}}}},
                      {"tool_choice", "auto"},
                      {"tools", io::Json::array()},
                      {"top_p", 1.0},
                      {"truncation", "disabled"},
                      {"user", nullptr},
                      {"metadata", io::Json::object()}};
  io::Json out = io::Json::object();
  for (const Row& row : rows) {
    const io::Json* value = body.find(row.member);
    out[row.member] = value != nullptr ? *value : row.otherwise;
  }
  out["store"] = false;  // whatever was asked
  return out;
}

}  // namespace

Result<GenerationRequest> parse_openai_responses(std::string_view text, const SamplingDefaults& defaults) {
  HEARTH_ASSIGN(const io::Json json, parse_body(text));
  HEARTH_ASSIGN(const Members body, Members::of(json, ""));
  GenerationRequest request;
  HEARTH_ASSIGN(request.model, body.string_or_empty("model"));
  HEARTH_RETURN_IF_ERROR(refuse_the_rest(body));
  engine::CompletionRequest prompt;
  HEARTH_ASSIGN(prompt.sampling, defaults(request.model));
  HEARTH_RETURN_IF_ERROR(refuse_foreign_options(body));
  HEARTH_RETURN_IF_ERROR(read_sampling(body, openai_sampling_members(), prompt.sampling));
  HEARTH_RETURN_IF_ERROR(read_seed(body, prompt.sampling));
  HEARTH_RETURN_IF_ERROR(read_logprobs(body, request, prompt.sampling));
  HEARTH_ASSIGN(prompt.stop, read_stop(body));
  HEARTH_ASSIGN(const std::optional<int64_t> max_tokens, read_max_tokens(body, "max_output_tokens", 1));
  prompt.max_tokens = max_tokens.value_or(-1);
  HEARTH_ASSIGN(request.stream, body.boolean_or("stream", false));
  HEARTH_RETURN_IF_ERROR(read_tools(body, request));
  HEARTH_RETURN_IF_ERROR(read_tool_choice(body, request));
  HEARTH_ASSIGN(request.user, body.string_or_empty("user"));
  HEARTH_ASSIGN(request.priority, read_priority(body));
  io::Json chat = io::Json::object();
  HEARTH_ASSIGN(chat["messages"], read_input(body));
  if (io::Json tools = template_tools(request); !tools.is_null()) chat["tools"] = std::move(tools);
  HEARTH_RETURN_IF_ERROR(read_text_and_reasoning(body, request, chat));
  prompt.chat_json = io::dump_json(chat);
  request.prompts.push_back(std::move(prompt));
  request.prompt_ids.emplace_back();
  request.reflected = reflect(body);
  return request;
}

}  // namespace hearth::wire
