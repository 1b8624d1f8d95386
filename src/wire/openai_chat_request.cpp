// Requests of OpenAI's chat completions (and what vLLM and others add to them).
// Source: platform.openai.com/docs/api-reference/chat/create.
#include "wire/request_parts.h"

namespace hearth::wire {
namespace {

Status refuse_the_rest(const Members& body) {
  HEARTH_RETURN_IF_ERROR(body.refuse("audio", "sound is not supported"));
  HEARTH_RETURN_IF_ERROR(body.refuse("web_search_options", "hearth does not search the web"));
  HEARTH_ASSIGN(const io::Json* modalities, body.array("modalities"));
  for (size_t i = 0; modalities != nullptr && i < modalities->size(); ++i) {
    if ((*modalities)[i] != "text")
      return fail(ErrorCode::kUnsupported, "modalities[", i, "]: only text is supported, not ",
                  io::dump_json((*modalities)[i]));
  }
  return {};
}

Status read_logprobs(const Members& body, GenerationRequest& request, runtime::SamplingParams& sampling) {
  HEARTH_ASSIGN(request.logprobs, body.boolean_or("logprobs", false));
  HEARTH_ASSIGN(const std::optional<int64_t> top, body.integer("top_logprobs", 0, kMaxTopLogprobs));
  if (!top) return {};
  if (!request.logprobs && *top > 0) return body.wrong("top_logprobs", "needs logprobs to be true");
  sampling.top_logprobs = static_cast<int32_t>(*top);
  return {};
}

}  // namespace

Result<GenerationRequest> parse_openai_chat(std::string_view text, const SamplingDefaults& defaults) {
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
  HEARTH_RETURN_IF_ERROR(read_logit_bias(body, prompt.sampling));
  HEARTH_RETURN_IF_ERROR(read_logprobs(body, request, prompt.sampling));
  HEARTH_ASSIGN(prompt.stop, read_stop(body));
  HEARTH_ASSIGN(prompt.ignore_end, body.boolean_or("ignore_eos", false));
  HEARTH_ASSIGN(const std::optional<int64_t> old_max, read_max_tokens(body, "max_tokens", 1));
  HEARTH_ASSIGN(const std::optional<int64_t> new_max, read_max_tokens(body, "max_completion_tokens", 1));
  prompt.max_tokens = new_max ? *new_max : old_max.value_or(-1);
  HEARTH_ASSIGN(const std::optional<int64_t> n, body.integer("n", 1, 128));
  request.n = static_cast<int32_t>(n.value_or(1));
  HEARTH_RETURN_IF_ERROR(read_stream(body, request));
  HEARTH_RETURN_IF_ERROR(read_response_format(body, request));
  HEARTH_RETURN_IF_ERROR(read_tools(body, request));
  HEARTH_RETURN_IF_ERROR(read_tool_choice(body, request));
  HEARTH_ASSIGN(request.separate_reasoning, body.boolean_or("separate_reasoning", true));
  HEARTH_ASSIGN(const std::string reasoning_format, body.string_or_empty("reasoning_format"));
  if (reasoning_format == "none") request.separate_reasoning = false;
  HEARTH_ASSIGN(request.user, body.string_or_empty("user"));
  HEARTH_ASSIGN(request.priority, read_priority(body));
  io::Json chat = io::Json::object();
  HEARTH_ASSIGN(chat["messages"], read_messages(body));
  if (io::Json tools = template_tools(request); !tools.is_null()) chat["tools"] = std::move(tools);
  HEARTH_RETURN_IF_ERROR(read_template_variables(body, chat));
  prompt.chat_json = io::dump_json(chat);
  request.prompts.push_back(std::move(prompt));
  request.prompt_ids.emplace_back();
  return request;
}

}  // namespace hearth::wire
