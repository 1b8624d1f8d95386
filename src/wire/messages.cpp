// Messages of a chat, from the shapes that clients send to the one that Hugging Face templates expect. See
// request_parts.h.
#include <array>

#include "wire/request_parts.h"

namespace hearth::wire {
namespace {

constexpr size_t kMaxMessages = 1 << 16;

/// Text of one part of a content list; kUnsupported for pictures, sound and files.
Result<std::string> part_text(const io::Json& part, const std::string& path) {
  if (part.is_string()) return part.get<std::string>();
  HEARTH_ASSIGN(const Members members, Members::of(part, path));
  HEARTH_ASSIGN(const std::string type, members.required_string("type"));
  if (type == "text" || type == "input_text" || type == "output_text" || type == "summary_text" ||
      type == "reasoning_text") {
    return members.required_string("text");
  }
  if (type == "refusal") return members.required_string("refusal");
  if (type == "thinking") return std::string();  // history of a thinking model: not for the next turn
  return fail(ErrorCode::kUnsupported, members.path("type"), ": only text parts are supported, not ",
              io::dump_json(type));
}

/// One earlier call in the form templates expect.
Result<io::Json> read_call(const Members& call) {
  HEARTH_ASSIGN(const std::optional<Members> function, call.members("function"));
  if (!function) return call.wrong("function", "is missing");
  HEARTH_ASSIGN(std::string name, function->required_string("name"));
  io::Json out = io::Json::object();
  HEARTH_ASSIGN(const std::optional<std::string> id, call.string("id"));
  if (id) out["id"] = *id;
  out["type"] = "function";
  const io::Json* arguments = function->find("arguments");
  if (arguments != nullptr && !arguments->is_string() && !arguments->is_object())
    return function->wrong("arguments", "must be a string or an object, not ", kind_of(*arguments));
  out["function"] = {{"name", std::move(name)},
                     {"arguments", arguments ? template_arguments(*arguments) : io::Json::object()}};
  return out;
}

Status read_calls(const Members& message, io::Json& out) {
  HEARTH_ASSIGN(const io::Json* calls, message.array("tool_calls"));
  io::Json list = io::Json::array();
  for (size_t i = 0; calls != nullptr && i < calls->size(); ++i) {
    HEARTH_ASSIGN(const Members call,
                  Members::of((*calls)[i], concat(message.path("tool_calls"), "[", i, "]")));
    HEARTH_ASSIGN(io::Json read, read_call(call));
    list.push_back(std::move(read));
  }
  HEARTH_ASSIGN(const std::optional<Members> old, message.members("function_call"));
  if (old && list.empty()) {
    HEARTH_ASSIGN(std::string name, old->required_string("name"));
    HEARTH_ASSIGN(const std::string arguments, old->string_or_empty("arguments"));
    list.push_back({{"type", "function"},
                    {"function", {{"name", std::move(name)}, {"arguments", template_arguments(arguments)}}}});
  }
  if (!list.empty()) out["tool_calls"] = std::move(list);  // templates ask whether the member is there
  return {};
}

/// The name of the call with this id, "" when no earlier message has it.
std::string name_of_call(const io::Json& earlier, const std::string& id) {
  for (auto message = earlier.rbegin(); message != earlier.rend(); ++message) {
    const io::Json* calls = io::json_find(*message, "tool_calls");
    if (calls == nullptr) continue;
    for (const io::Json& call : *calls) {
      const io::Json* its_id = io::json_find(call, "id");
      if (its_id != nullptr && *its_id == id) return call["function"]["name"].get<std::string>();
    }
  }
  return "";
}

Status read_tool_result(const Members& message, const io::Json& earlier, io::Json& out) {
  HEARTH_ASSIGN(const std::string id, message.string_or_empty("tool_call_id"));
  HEARTH_ASSIGN(std::string name, message.string_or_empty("name"));
  if (name.empty()) {
    HEARTH_ASSIGN(name, message.string_or_empty("tool_name"));  // Ollama
  }
  if (name.empty() && !id.empty()) name = name_of_call(earlier, id);
  if (!id.empty()) out["tool_call_id"] = id;
  if (!name.empty()) out["name"] = std::move(name);
  return {};
}

}  // namespace

io::Json template_arguments(const io::Json& arguments) {
  if (!arguments.is_string()) return arguments;
  const auto& text = arguments.get_ref<const std::string&>();
  if (text.empty()) return io::Json::object();
  auto parsed = io::parse_json(text, "arguments");
  // What an earlier answer broke off stays as it was: refusing it would end the conversation.
  if (!parsed || !parsed->is_object()) return arguments;
  return std::move(parsed).value();
}

Result<std::string> read_content(const Members& message, std::string_view key) {
  const io::Json* content = message.find(key);
  if (content == nullptr) return std::string();
  if (content->is_string()) return content->get<std::string>();
  if (!content->is_array())
    return message.wrong(key, "must be a string or a list of parts, not ", kind_of(*content));
  std::string text;
  bool first = true;
  for (size_t i = 0; i < content->size(); ++i) {
    HEARTH_ASSIGN(const std::string part, part_text((*content)[i], concat(message.path(key), "[", i, "]")));
    if (part.empty()) continue;
    if (!first) text += '\n';
    first = false;
    text += part;
  }
  return text;
}

Result<io::Json> read_message(const Members& message, const io::Json& earlier) {
  HEARTH_ASSIGN(std::string role, message.required_string("role"));
  if (role == "developer") role = "system";
  if (role == "function") role = "tool";
  static constexpr std::array<std::string_view, 4> kRoles = {"system", "user", "assistant", "tool"};
  if (std::find(kRoles.begin(), kRoles.end(), role) == kRoles.end())
    return message.wrong("role", "must be system, developer, user, assistant or tool, not ",
                         io::dump_json(role));
  HEARTH_RETURN_IF_ERROR(message.refuse("images", "pictures are not supported"));
  HEARTH_RETURN_IF_ERROR(message.refuse("audio", "sound is not supported"));
  io::Json out = {{"role", role}};
  HEARTH_ASSIGN(std::string content, read_content(message, "content"));
  if (!message.has("content") && role != "assistant")
    return message.wrong("content", "is missing; it must be a string");
  out["content"] = std::move(content);
  if (role == "assistant") {
    for (const std::string_view key : {"reasoning_content", "reasoning", "thinking"}) {
      HEARTH_ASSIGN(const std::string reasoning, message.string_or_empty(key));
      if (reasoning.empty() || out.contains("reasoning_content")) continue;
      out["reasoning_content"] = reasoning;
    }
    HEARTH_RETURN_IF_ERROR(read_calls(message, out));
  } else if (role == "tool") {
    HEARTH_RETURN_IF_ERROR(read_tool_result(message, earlier, out));
  } else {
    HEARTH_ASSIGN(const std::string name, message.string_or_empty("name"));
    if (!name.empty()) out["name"] = name;
  }
  return out;
}

Result<io::Json> read_messages(const Members& from) {
  HEARTH_ASSIGN(const io::Json* list, from.array("messages"));
  if (list == nullptr || list->empty())
    return from.wrong("messages", list ? "is empty; give at least one message" : "is missing");
  if (list->size() > kMaxMessages)
    return from.wrong("messages", "has ", list->size(), " messages; at most ", kMaxMessages);
  io::Json messages = io::Json::array();
  for (size_t i = 0; i < list->size(); ++i) {
    HEARTH_ASSIGN(const Members message, Members::of((*list)[i], concat(from.path("messages"), "[", i, "]")));
    HEARTH_ASSIGN(io::Json read, read_message(message, messages));
    messages.push_back(std::move(read));
  }
  return messages;
}

}  // namespace hearth::wire
