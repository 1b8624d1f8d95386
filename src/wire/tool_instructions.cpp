// Tools for chat templates that know none: described in the prompt, calls and results written as text. See
// answer_format.h.
#include <utility>

#include "wire/answer_format.h"

namespace hearth::wire {
namespace {

/// A value as Python writes it.
std::string python_text(const io::Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_null()) return "None";
  if (!value.is_structured()) return io::dump_json(value);
  std::string out = value.is_array() ? "[" : "{";
  bool first = true;
  for (const auto& [key, item] : value.items()) {
    if (!std::exchange(first, false)) out += ", ";
    if (value.is_object()) out += io::dump_json(key) + ": ";
    out += python_text(item);
  }
  return out + (value.is_array() ? "]" : "}");
}

std::string call_text(const io::Json& call, const ToolCallLayout& layout) {
  const io::Json* function = io::json_find(call, "function");
  const io::Json* name = function ? io::json_find(*function, "name") : nullptr;
  const io::Json* arguments = function ? io::json_find(*function, "arguments") : nullptr;
  if (name == nullptr || !name->is_string() || arguments == nullptr) return "";
  std::string inner;
  if (layout.arguments == CallSyntax::kPythonic && arguments->is_object()) {
    for (const auto& [key, value] : arguments->items())
      inner += concat(inner.empty() ? "" : ", ", key, "=", python_text(value));
  } else {
    inner = arguments->is_string() ? arguments->get<std::string>() : io::dump_json(*arguments);
  }
  return concat(layout.before_name, name->get<std::string>(), layout.after_name, inner,
                layout.after_arguments);
}

std::string calls_text(const io::Json& calls, const ToolCallLayout& layout) {
  std::string out;
  for (const io::Json& call : calls) {
    const std::string text = call_text(call, layout);
    out += concat(out.empty() ? "" : layout.separator, layout.each_call_wrapped ? layout.begin : "", text,
                  layout.each_call_wrapped ? layout.end : "");
  }
  if (layout.each_call_wrapped) return out;
  return concat(layout.begin, layout.list_open, out, layout.list_close, layout.end);
}

std::string instructions(const io::Json& tools, const ToolCallLayout& layout) {
  std::string out =
      "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with "
      "function signatures within <tools></tools> XML tags:\n<tools>\n";
  for (const io::Json& tool : tools) out += io::dump_json(tool) + "\n";
  out += "</tools>\n\n";
  if (layout.arguments == CallSyntax::kPythonic) {
    return out +
           "To call functions, reply with nothing but a list of calls with named arguments, like this:\n"
           "[first_function(name=value, other=value), second_function(name=value)]";
  }
  return concat(out,
                "For each function call, return a json object with function name and arguments within "
                "<tool_call></tool_call> XML tags:\n",
                layout.begin, layout.before_name, "<function-name>", layout.after_name, "<args-json-object>",
                layout.after_arguments, layout.end);
}

std::string content_of(const io::Json& message) {
  const io::Json* content = io::json_find(message, "content");
  return content != nullptr && content->is_string() ? content->get<std::string>() : "";
}

/// Calls as text, and results too where asked; results in a row are one turn then, because some templates
/// want turns to alternate.
io::Json plain_messages(const io::Json& messages, const ToolCallLayout& layout, bool results_too) {
  io::Json out = io::Json::array();
  bool in_results = false;
  for (const io::Json& message : messages) {
    const io::Json* role = io::json_find(message, "role");
    const bool result = results_too && role != nullptr && *role == "tool";
    if (result) {
      const std::string text = concat("<tool_response>\n", content_of(message), "\n</tool_response>");
      if (in_results) {
        out.back()["content"] = concat(content_of(out.back()), "\n", text);
      } else {
        out.push_back({{"role", "user"}, {"content", text}});
      }
    } else {
      io::Json copy = message;
      const io::Json* calls = io::json_find(message, "tool_calls");
      if (calls != nullptr && calls->is_array()) {
        const std::string content = content_of(message);
        copy["content"] = concat(content, content.empty() ? "" : "\n", calls_text(*calls, layout));
        copy.erase("tool_calls");
      }
      out.push_back(std::move(copy));
    }
    in_results = result;
  }
  return out;
}

/// Phi-4-mini's template prints what the system message has as "tools", a text.
io::Json tools_in_system_message(io::Json chat, const ToolCallLayout& layout) {
  io::Json functions = io::Json::array();
  for (const io::Json& tool : chat["tools"]) {
    const io::Json* function = io::json_find(tool, "function");
    functions.push_back(function != nullptr ? *function : tool);
  }
  io::Json& messages = chat["messages"];
  messages = plain_messages(io::Json(messages), layout, true);
  if (messages.empty() || messages[0]["role"] != "system")
    messages.insert(messages.begin(), io::Json{{"role", "system"}, {"content", ""}});
  messages[0]["tools"] = io::dump_json(functions);
  return chat;
}

}  // namespace

io::Json with_tool_instructions(io::Json chat, const AnswerFormat& format) {
  const io::Json* tools = io::json_find(chat, "tools");
  const io::Json* messages = io::json_find(chat, "messages");
  if (tools == nullptr || !tools->is_array() || messages == nullptr || !messages->is_array()) return chat;
  if (format.tools == ToolsIn::kSystemMember) return tools_in_system_message(std::move(chat), format.layout);
  const std::string text = instructions(*tools, format.layout);
  io::Json plain = plain_messages(*messages, format.layout, true);
  const std::string_view role = format.tools == ToolsIn::kUserText ? "user" : "system";
  if (plain.empty() || plain[0]["role"] != role)
    plain.insert(plain.begin(), io::Json{{"role", role}, {"content", ""}});
  const std::string content = content_of(plain[0]);
  plain[0]["content"] = content.empty()  ? text
                        : role == "user" ? concat(text, "\n\n", content)
                                         : concat(content, "\n\n", text);
  chat["messages"] = std::move(plain);
  chat.erase("tools");
  return chat;
}

std::string prepare_chat(std::string chat_json, const AnswerFormat& format,
                         std::string_view template_source) {
  // Most requests have no tools; they are not parsed again.
  if (chat_json.find("\"tools\"") == std::string::npos && chat_json.find("\"tool\"") == std::string::npos)
    return chat_json;
  const auto says = [&](std::string_view word) {
    return template_source.find(word) != std::string_view::npos;
  };
  const bool own_way = format.tools == ToolsIn::kSystemMember;
  if (says("tools") && says("tool_calls") && !own_way) return chat_json;
  auto chat = io::parse_json(chat_json, "chat");
  if (!chat || !chat->is_object()) return chat_json;
  if (!says("tools") || own_way)
    return io::dump_json(with_tool_instructions(std::move(chat).value(), format));
  // Prints the tools but no earlier calls.
  const io::Json* messages = io::json_find(*chat, "messages");
  if (messages == nullptr || !messages->is_array()) return chat_json;
  io::Json plain = plain_messages(*messages, format.layout, false);
  (*chat)["messages"] = std::move(plain);
  return io::dump_json(*chat);
}

}  // namespace hearth::wire
