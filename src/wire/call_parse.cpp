// What one complete call says: JSON, name and arguments, XML parameters. See call_syntax.h; the Pythonic and
// colon forms are in call_literals.cpp.
#include <algorithm>

#include "wire/call_syntax.h"

namespace hearth::wire {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::optional<io::Json> parse_object(std::string_view text) {
  auto parsed = io::parse_json(text, "call");
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return std::move(parsed).value();
}

std::string text_of(const io::Json* value) {
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

std::optional<ParsedCall> parse_json_call(std::string_view text) {
  const std::optional<io::Json> object = parse_object(text);
  if (!object) return std::nullopt;
  const io::Json* inner = io::json_find(*object, "function");
  const io::Json& call = inner != nullptr && inner->is_object() ? *inner : *object;
  ParsedCall out{text_of(io::json_find(call, "name")), text_of(io::json_find(*object, "id")), "{}"};
  if (out.name.empty()) out.name = text_of(inner);
  const io::Json* arguments = io::json_find(call, "arguments");
  if (arguments == nullptr) arguments = io::json_find(call, "parameters");
  if (arguments == nullptr) return out;
  std::optional<io::Json> from_text;
  if (arguments->is_string()) {  // OpenAI's own form, which some models learnt
    from_text = parse_object(arguments->get_ref<const std::string&>());
    if (!from_text) return std::nullopt;
    arguments = &*from_text;
  }
  if (!arguments->is_object()) return std::nullopt;
  out.arguments = io::dump_json(*arguments);
  return out;
}

std::optional<ParsedCall> parse_name_args(std::string_view text) {
  const std::unique_ptr<CallScanner> scanner = make_call_scanner(CallSyntax::kNameArgs, AnswerFormat{});
  for (const char c : text) {
    if (scanner->feed(c) == Scan::kBad) return std::nullopt;
  }
  const CallScanner::Head* head = scanner->head();
  if (head == nullptr) return std::nullopt;
  const std::optional<io::Json> arguments = parse_object(text.substr(head->arguments_begin));
  if (!arguments) return std::nullopt;
  return ParsedCall{head->name, head->id, io::dump_json(*arguments)};
}

/// Whether the schema lets this property be a string, and nothing but a string.
enum class Stringness { kOnly, kMaybe, kNever };
Stringness stringness(const Tool* tool, const std::string& property) {
  if (tool == nullptr) return Stringness::kMaybe;
  const io::Json* properties = io::json_find(tool->parameters, "properties");
  const io::Json* schema = properties ? io::json_find(*properties, property) : nullptr;
  const io::Json* type = schema ? io::json_find(*schema, "type") : nullptr;
  if (type == nullptr) return Stringness::kMaybe;
  if (type->is_string()) return *type == "string" ? Stringness::kOnly : Stringness::kNever;
  if (!type->is_array()) return Stringness::kMaybe;
  const bool has = std::find(type->begin(), type->end(), io::Json("string")) != type->end();
  return !has ? Stringness::kNever : type->size() == 1 ? Stringness::kOnly : Stringness::kMaybe;
}

/// The value of an XML parameter, which is written without quotes.
io::Json parameter_value(std::string_view text, Stringness kind) {
  if (kind == Stringness::kOnly) return std::string(text);
  const std::string_view token = trim(text);
  if (token == "True" || token == "False") return token == "True";
  if (token == "None") return nullptr;
  auto parsed = io::parse_json(token, "parameter");
  if (!parsed) return std::string(text);
  return std::move(parsed).value();
}

std::optional<ParsedCall> parse_xml(std::string_view text, const std::vector<Tool>& tools) {
  constexpr std::string_view kFunction = "<function=";
  constexpr std::string_view kEnd = "</function>";
  constexpr std::string_view kParameter = "<parameter=";
  constexpr std::string_view kParameterEnd = "</parameter>";
  const size_t name_end = text.find('>');
  if (!text.starts_with(kFunction) || !text.ends_with(kEnd) || name_end == std::string_view::npos)
    return std::nullopt;
  ParsedCall out{std::string(text.substr(kFunction.size(), name_end - kFunction.size())), "", ""};
  const Tool* tool = find_tool(tools, out.name);
  io::Json arguments = io::Json::object();
  std::string_view rest = trim(text.substr(name_end + 1, text.size() - kEnd.size() - name_end - 1));
  while (!rest.empty()) {
    const size_t key_end = rest.find('>');
    const size_t end = rest.find(kParameterEnd);
    if (!rest.starts_with(kParameter) || key_end == std::string_view::npos || end == std::string_view::npos ||
        end < key_end)
      return std::nullopt;
    const std::string key(rest.substr(kParameter.size(), key_end - kParameter.size()));
    std::string_view value = rest.substr(key_end + 1, end - key_end - 1);
    if (value.starts_with('\n')) value.remove_prefix(1);
    if (value.ends_with('\n')) value.remove_suffix(1);
    arguments[key] = parameter_value(value, stringness(tool, key));
    rest = trim(rest.substr(end + kParameterEnd.size()));
  }
  out.arguments = io::dump_json(arguments);
  return out;
}

}  // namespace

const Tool* find_tool(const std::vector<Tool>& tools, std::string_view name) {
  const auto found =
      std::find_if(tools.begin(), tools.end(), [&](const Tool& tool) { return tool.name == name; });
  return found == tools.end() ? nullptr : &*found;
}

std::optional<ParsedCall> parse_call(CallSyntax syntax, std::string_view text, const AnswerFormat& format,
                                     const std::vector<Tool>& tools) {
  std::optional<ParsedCall> call = syntax == CallSyntax::kNameArgs   ? parse_name_args(text)
                                   : syntax == CallSyntax::kPythonic ? parse_pythonic_call(text, tools)
                                   : syntax == CallSyntax::kXml      ? parse_xml(text, tools)
                                   : syntax == CallSyntax::kColon    ? parse_colon_call(text, format.quote)
                                                                     : parse_json_call(text);
  if (call && find_tool(tools, call->name) == nullptr) return std::nullopt;
  return call;
}

}  // namespace hearth::wire
