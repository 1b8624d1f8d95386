// Tools and the choice among them. See request_parts.h.
#include <algorithm>

#include "wire/request_parts.h"

namespace hearth::wire {
namespace {

constexpr size_t kMaxTools = 512;
constexpr size_t kMaxNameBytes = 128;

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.';
}

const Tool* find_tool(const GenerationRequest& request, std::string_view name) {
  const auto found = std::find_if(request.tools.begin(), request.tools.end(),
                                  [&](const Tool& tool) { return tool.name == name; });
  return found == request.tools.end() ? nullptr : &*found;
}

Status add_tool(const Members& function, GenerationRequest& request) {
  HEARTH_ASSIGN(Tool tool, read_function(function));
  if (find_tool(request, tool.name) != nullptr)
    return function.wrong("name", "'", tool.name, "' is the name of an earlier tool too");
  request.tools.push_back(std::move(tool));
  return {};
}

Status name_choice(const Members& from, std::string_view key, std::string name, GenerationRequest& request) {
  if (find_tool(request, name) == nullptr)
    return from.wrong(key, "names ", io::dump_json(name), ", which is not among the tools");
  request.tool_choice = {ToolChoice::Kind::kNamed, std::move(name)};
  return {};
}

}  // namespace

Result<Tool> read_function(const Members& function) {
  Tool tool;
  HEARTH_ASSIGN(tool.name, function.required_string("name"));
  if (tool.name.empty() || tool.name.size() > kMaxNameBytes ||
      !std::all_of(tool.name.begin(), tool.name.end(), is_name_byte)) {
    return function.wrong("name", "must be 1 to ", kMaxNameBytes, " letters, digits, '_', '-' or '.'");
  }
  HEARTH_ASSIGN(tool.description, function.string_or_empty("description"));
  HEARTH_ASSIGN(tool.strict, function.boolean_or("strict", false));
  HEARTH_ASSIGN(const std::optional<Members> parameters, function.members("parameters"));
  if (parameters) tool.parameters = parameters->object();
  return tool;
}

Status read_tools(const Members& from, GenerationRequest& request) {
  for (const std::string_view key : {"tools", "functions"}) {
    HEARTH_ASSIGN(const io::Json* list, from.array(key));
    if (list == nullptr) continue;
    if (list->size() > kMaxTools) return from.wrong(key, "has ", list->size(), " tools; at most ", kMaxTools);
    for (size_t i = 0; i < list->size(); ++i) {
      HEARTH_ASSIGN(const Members item, Members::of((*list)[i], concat(from.path(key), "[", i, "]")));
      if (key == "functions") {
        HEARTH_RETURN_IF_ERROR(add_tool(item, request));
        continue;
      }
      HEARTH_ASSIGN(const std::string type, item.string_or_empty("type"));
      if (!type.empty() && type != "function") {
        return fail(ErrorCode::kUnsupported, item.path("type"),
                    ": only tools of type function are known, not ", io::dump_json(type));
      }
      HEARTH_ASSIGN(const std::optional<Members> function, item.members("function"));
      if (!function && !item.has("name")) return item.wrong("function", "is missing");
      HEARTH_RETURN_IF_ERROR(add_tool(function ? *function : item, request));  // Responses has them flat
    }
  }
  return {};
}

Status read_tool_choice(const Members& from, GenerationRequest& request) {
  HEARTH_ASSIGN(request.parallel_tool_calls, from.boolean_or("parallel_tool_calls", true));
  const std::string_view key = from.has("tool_choice") ? "tool_choice" : "function_call";
  const io::Json* choice = from.find(key);
  if (choice == nullptr) return {};
  if (choice->is_string()) {
    const auto& text = choice->get_ref<const std::string&>();
    if (text == "none") {
      request.tool_choice.kind = ToolChoice::Kind::kNone;
    } else if (text == "required" || text == "any") {
      request.tool_choice.kind = ToolChoice::Kind::kRequired;
    } else if (text != "auto") {
      return from.wrong(key, "must be none, auto, required or name a function, not ", io::dump_json(*choice));
    }
    if (request.tool_choice.kind == ToolChoice::Kind::kRequired && request.tools.empty())
      return from.wrong(key, "is required, but there are no tools");
    return {};
  }
  HEARTH_ASSIGN(const Members object, Members::of(*choice, from.path(key)));
  HEARTH_ASSIGN(const std::string type, object.string_or_empty("type"));
  if (!type.empty() && type != "function") {
    return fail(ErrorCode::kUnsupported, object.path("type"), ": only a function can be chosen, not ",
                io::dump_json(type));
  }
  HEARTH_ASSIGN(const std::optional<Members> function, object.members("function"));
  const Members& named = function ? *function : object;
  HEARTH_ASSIGN(std::string name, named.required_string("name"));
  return name_choice(named, "name", std::move(name), request);
}

io::Json template_tools(const GenerationRequest& request) {
  if (request.tools.empty() || request.tool_choice.kind == ToolChoice::Kind::kNone) return nullptr;
  io::Json list = io::Json::array();
  for (const Tool& tool : request.tools) {
    io::Json function = {{"name", tool.name}};
    if (!tool.description.empty()) function["description"] = tool.description;
    // Templates look into "parameters" without asking whether it is there.
    function["parameters"] = tool.parameters.empty()
                                 ? io::Json{{"type", "object"}, {"properties", io::Json::object()}}
                                 : tool.parameters;
    list.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return list;
}

}  // namespace hearth::wire
