// The table of chat families. See answer_format.h; sources: the families' published chat templates.
#include "wire/answer_format.h"

#include <algorithm>
#include <array>

namespace hearth::wire {
namespace {

constexpr ToolCallLayout kHermesLayout = {.arguments = CallSyntax::kJson,
                                          .begin = "<tool_call>\n",
                                          .before_name = "{\"name\": \"",
                                          .after_name = "\", \"arguments\": ",
                                          .after_arguments = "}",
                                          .separator = "\n",
                                          .end = "\n</tool_call>",
                                          .each_call_wrapped = true};

constexpr ToolCallLayout kBareJsonLayout = {.arguments = CallSyntax::kJson,
                                            .before_name = "{\"name\": \"",
                                            .after_name = "\", \"parameters\": ",
                                            .after_arguments = "}"};

/// A JSON list of calls between two markers.
constexpr ToolCallLayout json_list(std::string_view begin, std::string_view end) {
  return {.arguments = CallSyntax::kJson,
          .begin = begin,
          .list_open = "[",
          .before_name = "{\"name\": \"",
          .after_name = "\", \"arguments\": ",
          .after_arguments = "}",
          .separator = ", ",
          .list_close = "]",
          .end = end};
}

constexpr ToolCallLayout pythonic_list(std::string_view begin, std::string_view end) {
  return {.arguments = CallSyntax::kPythonic,
          .begin = begin,
          .list_open = "[",
          .after_name = "(",
          .after_arguments = ")",
          .separator = ", ",
          .list_close = "]",
          .end = end};
}

constexpr ToolCallLayout kXmlLayout = {.arguments = CallSyntax::kXml,
                                       .begin = "<tool_call>\n",
                                       .before_name = "<function=",
                                       .after_name = ">\n",
                                       .after_arguments = "</function>",
                                       .separator = "\n",
                                       .end = "\n</tool_call>",
                                       .each_call_wrapped = true};

constexpr ToolCallLayout colon_layout(std::string_view begin, std::string_view end) {
  return {.arguments = CallSyntax::kColon,
          .begin = begin,
          .before_name = "call:",
          .after_name = "{",
          .after_arguments = "}",
          .separator = "",
          .end = end,
          .each_call_wrapped = true};
}

// Order matters: a row must come before those whose signs its templates show too.
constexpr std::array kFormats = {
    AnswerFormat{.name = "Mistral, names and arguments",
                 .signs = {{"[TOOL_CALLS]", "[ARGS]"}, {}},
                 .reasoning_begin = "[THINK]",
                 .reasoning_end = "[/THINK]",
                 .call_begin = {"[TOOL_CALLS]"},
                 .syntax = CallSyntax::kNameArgs,
                 .needs_special_text = true,
                 .layout = {.arguments = CallSyntax::kNameArgs,
                            .begin = "[TOOL_CALLS]",
                            .after_name = "[ARGS]",
                            .each_call_wrapped = true}},
    AnswerFormat{.name = "Mistral, JSON list",
                 .signs = {{"[TOOL_CALLS]"}, {"[INST]", "[AVAILABLE_TOOLS]"}},
                 .reasoning_begin = "[THINK]",
                 .reasoning_end = "[/THINK]",
                 .call_begin = {"[TOOL_CALLS]"},
                 .syntax = CallSyntax::kJson,
                 .needs_special_text = true,
                 .layout = json_list("[TOOL_CALLS]", "")},
    AnswerFormat{.name = "Gemma 4",
                 .signs = {{"<|tool_call>call:"}, {}},
                 .reasoning_begin = "<|channel>thought",
                 .reasoning_end = "<channel|>",
                 .call_begin = {"<|tool_call>"},
                 .call_end = {"<tool_call|>"},
                 .syntax = CallSyntax::kColon,
                 .needs_special_text = true,
                 .quote = "<|\"|>",
                 .layout = colon_layout("<|tool_call>", "<tool_call|>")},
    AnswerFormat{.name = "FunctionGemma",
                 .signs = {{"<start_function_call>"}, {}},
                 .call_begin = {"<start_function_call>"},
                 .call_end = {"<end_function_call>"},
                 .syntax = CallSyntax::kColon,
                 .needs_special_text = true,
                 .quote = "<escape>",
                 .layout = colon_layout("<start_function_call>", "<end_function_call>")},
    AnswerFormat{.name = "Gemma",
                 .signs = {{"<start_of_turn>"}, {}},
                 .call_begin = {"```tool_code"},
                 .call_end = {"```"},
                 .syntax = CallSyntax::kPythonic,
                 .bare_json = true,
                 .bare_pythonic = true,
                 .tools = ToolsIn::kUserText,
                 .layout = pythonic_list("", "")},
    AnswerFormat{.name = "XML parameters",
                 .signs = {{"<tool_call>", "<parameter="}, {}},
                 .reasoning_begin = "<think>",
                 .reasoning_end = "</think>",
                 .call_begin = {"<tool_call>"},
                 .call_end = {"</tool_call>"},
                 .syntax = CallSyntax::kXml,
                 .call_ends_reasoning = true,
                 .needs_special_text = true,
                 .layout = kXmlLayout},
    AnswerFormat{.name = "Hermes",
                 .signs = {{"<tool_call>", "\"name\""}, {"<tool_call>", "\\\"name\\\""}},
                 .reasoning_begin = "<think>",
                 .reasoning_end = "</think>",
                 .call_begin = {"<tool_call>"},
                 .call_end = {"</tool_call>"},
                 .syntax = CallSyntax::kJson,
                 .needs_special_text = true,
                 .layout = kHermesLayout},
    AnswerFormat{.name = "LFM2",
                 .signs = {{"<|tool_call_start|>"}, {"List of tools: ", "<|im_start|>"}},
                 .reasoning_begin = "<think>",
                 .reasoning_end = "</think>",
                 .call_begin = {"<|tool_call_start|>"},
                 .call_end = {"<|tool_call_end|>"},
                 .syntax = CallSyntax::kPythonic,
                 .needs_special_text = true,
                 .layout = pythonic_list("<|tool_call_start|>", "<|tool_call_end|>")},
    AnswerFormat{.name = "OLMo",
                 .signs = {{"<function_calls>"}, {}},
                 .reasoning_begin = "<think>",
                 .reasoning_end = "</think>",
                 .call_begin = {"<function_calls>"},
                 .call_end = {"</function_calls>"},
                 .syntax = CallSyntax::kPythonic,
                 .needs_special_text = true,
                 .layout = {.arguments = CallSyntax::kPythonic,
                            .begin = "<function_calls>",
                            .after_name = "(",
                            .after_arguments = ")",
                            .separator = "\n",
                            .end = "</function_calls>"}},
    AnswerFormat{.name = "Phi-4-mini",
                 .signs = {{"<|tool|>", "<|/tool|>"}, {}},
                 .reasoning_begin = "<think>",
                 .reasoning_end = "</think>",
                 .call_begin = {"<|tool_call|>", "functools"},
                 .call_end = {"<|/tool_call|>"},
                 .syntax = CallSyntax::kJson,
                 .needs_special_text = true,
                 .tools = ToolsIn::kSystemMember,
                 .layout = json_list("<|tool_call|>", "<|/tool_call|>")},
    AnswerFormat{.name = "Granite 3",
                 .signs = {{"<|tool_call|>", "<|start_of_role|>"}, {}},
                 .reasoning_begin = "<think>",
                 .reasoning_end = "</think>",
                 .call_begin = {"<|tool_call|>"},
                 .syntax = CallSyntax::kJson,
                 .needs_special_text = true,
                 .layout = json_list("<|tool_call|>", "")},
    AnswerFormat{.name = "Firefunction",
                 .signs = {{"functools["}, {}},
                 .call_begin = {"functools"},
                 .syntax = CallSyntax::kJson,
                 .layout = json_list("functools", "")},
    AnswerFormat{.name = "Llama 3",
                 .signs = {{"<|start_header_id|>"}, {}},
                 .reasoning_begin = "<think>",
                 .reasoning_end = "</think>",
                 .call_begin = {"<|python_tag|>", "<|python_start|>"},
                 .call_end = {"", "<|python_end|>"},
                 .syntax = CallSyntax::kJson,
                 .bare_json = true,
                 .bare_pythonic = true,
                 .needs_special_text = true,
                 .layout = kBareJsonLayout},
    // SmolLM3's own instructions are Hermes'; so are hearth's for templates that know no tools.
    AnswerFormat{.name = "plain",
                 .reasoning_begin = "<think>",
                 .reasoning_end = "</think>",
                 .call_begin = {"<tool_call>"},
                 .call_end = {"</tool_call>"},
                 .syntax = CallSyntax::kJson,
                 .needs_special_text = true,
                 .layout = kHermesLayout},
};

}  // namespace

std::vector<std::string_view> AnswerFormat::markers() const {
  std::vector<std::string_view> all;
  for (const std::string_view marker :
       {reasoning_begin, reasoning_end, call_begin[0], call_begin[1], call_end[0], call_end[1], quote}) {
    if (!marker.empty() && std::find(all.begin(), all.end(), marker) == all.end()) all.push_back(marker);
  }
  // "<|channel>thought": the control token is what stands before the word.
  if (const size_t close = reasoning_begin.find('>'); close != std::string_view::npos) {
    const std::string_view token = reasoning_begin.substr(0, close + 1);
    if (token != reasoning_begin) all.push_back(token);
  }
  if (syntax == CallSyntax::kNameArgs) {
    all.push_back("[ARGS]");
    all.push_back("[CALL_ID]");
  }
  return all;
}

std::span<const AnswerFormat> answer_formats() { return kFormats; }

const AnswerFormat& detect_answer_format(std::string_view source) {
  for (const AnswerFormat& format : kFormats) {
    for (const auto& group : format.signs) {
      if (group[0].empty()) continue;
      if (source.find(group[0]) != std::string_view::npos && source.find(group[1]) != std::string_view::npos)
        return format;
    }
  }
  return kFormats.back();
}

bool prompt_opens_reasoning(const AnswerFormat& format, std::string_view prompt) {
  if (!format.reasons()) return false;
  const size_t end = prompt.find_last_not_of(" \t\r\n");
  return end != std::string_view::npos && prompt.substr(0, end + 1).ends_with(format.reasoning_begin);
}

}  // namespace hearth::wire
