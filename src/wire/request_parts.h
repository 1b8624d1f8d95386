// The parts of requests that several protocols share: tools, messages, sampling members, stop strings,
// response formats. Each reads from a Members and writes into a GenerationRequest.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/members.h"
#include "wire/request.h"

namespace hearth::wire {

inline constexpr int64_t kMaxTokens = int64_t{1} << 30;
inline constexpr int64_t kMaxTopLogprobs = 20;
inline constexpr size_t kMaxStops = 16;

/// The member sets the option of the sampling settings; several spellings may set the same one.
struct SamplingMember {
  std::string_view member;
  std::string_view option;
};
/// As OpenAI, vLLM and others' OpenAI endpoints spell them.
std::span<const SamplingMember> openai_sampling_members();
Status read_sampling(const Members& from, std::span<const SamplingMember> table,
                     runtime::SamplingParams& sampling);
/// kUnsupported for what other servers know and hearth does not, where it would change the answer.
Status refuse_foreign_options(const Members& from);
/// "seed": any integer; the same one gives the same answer, 0 too.
Status read_seed(const Members& from, runtime::SamplingParams& sampling);
/// "logit_bias": {"ID": VALUE}.
Status read_logit_bias(const Members& from, runtime::SamplingParams& sampling);
/// -1 and absent: no limit, as nullopt and -1.
Result<std::optional<int64_t>> read_max_tokens(const Members& from, std::string_view key, int64_t least);
/// "priority": an integer from -100 to 100; as vLLM means it, less comes first.
Result<int32_t> read_priority(const Members& from);
/// "stream", "stream_options".
Status read_stream(const Members& from, GenerationRequest& request);
/// A text, a list of texts, token ids or a list of lists of them, from 1 to `most`: one entry of both for
/// each.
Status read_inputs(const Members& from, std::string_view key, int64_t most, std::vector<std::string>& texts,
                   std::vector<std::vector<int32_t>>& ids);
/// Ollama's "keep_alive": "5m", "1h30m", "-1", seconds as a number; negative: for ever.
Result<std::optional<double>> read_keep_alive(const Members& from);
/// "stop": a string or a list of them.
Result<std::vector<std::string>> read_stop(const Members& from);

/// "response_format", and what vLLM and others understand: guided_json, guided_regex, guided_choice,
/// guided_grammar, structured_outputs, json_schema, grammar.
Status read_response_format(const Members& from, GenerationRequest& request);
/// {"type": "json_schema", "schema": ...} once unwrapped: shared with Responses ("text.format").
Status read_format_object(const Members& format, GenerationRequest& request);

/// "tools" in the chat-completions form; also its older "functions".
Status read_tools(const Members& from, GenerationRequest& request);
/// One function: {"name", "description", "parameters", "strict"}.
Result<Tool> read_function(const Members& function);
/// "tool_choice" (chat completions and Responses forms; also "function_call"), checked against the tools.
Status read_tool_choice(const Members& from, GenerationRequest& request);
/// The tools in the form that templates expect; null when the model must not call any.
io::Json template_tools(const GenerationRequest& request);

/// The text of a message's content: a string, or text parts joined by line breaks. null gives "".
Result<std::string> read_content(const Members& message, std::string_view key);
/// Arguments as templates want them: an object where the text is one, else as it came.
io::Json template_arguments(const io::Json& arguments);
/// One message of chat completions or Ollama in the form that templates expect. `earlier` are those before
/// it: a tool's result gets the name of the call it answers.
Result<io::Json> read_message(const Members& message, const io::Json& earlier);
/// All of "messages"; kUsage when there are none.
Result<io::Json> read_messages(const Members& from);

/// Template variables: "chat_template_kwargs", "enable_thinking", "reasoning_effort".
Status read_template_variables(const Members& from, io::Json& chat);

}  // namespace hearth::wire
