// A specialist's answer as JSON and its check against the catalogue (models/device/README.md, contract
// sections 4 and 5), and the request's normalisation (section 1). The answer comes from a model and is as
// untrusted as any input.
#include <algorithm>
#include <charconv>

#include "engine/catalogue.h"
#include "io/json.h"

namespace hearth::engine {
namespace {

constexpr size_t kMaxCalls = 8;

using Fault = std::optional<std::string>;

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// One call of one tool, checked argument by argument.
class CallChecker {
 public:
  CallChecker(const Catalogue& catalogue, std::string_view request)
      : catalogue_(catalogue), request_(request) {}

  Fault check(const io::Json& call) const {
    if (!call.is_object()) return "a call is not an object";
    if (!call.contains("tool") || !call["tool"].is_string()) return "a call names no tool";
    const auto name = call["tool"].get<std::string>();
    const auto& tools = catalogue_.tools();
    const auto tool = std::find_if(tools.begin(), tools.end(), [&](const Tool& t) { return t.name == name; });
    if (tool == tools.end()) return concat("unknown tool '", name, "'");
    for (const auto& [key, value] : call.items()) {
      if (key == "tool") continue;
      if (Fault fault = check_argument(*tool, key, value)) return fault;
    }
    return check_presence(*tool, call);
  }

 private:
  Fault check_argument(const Tool& tool, const std::string& key, const io::Json& value) const {
    const auto argument = std::find_if(tool.arguments.begin(), tool.arguments.end(),
                                       [&](const ToolArgument& a) { return a.name == key; });
    if (argument == tool.arguments.end()) return concat("'", tool.name, "' has no argument '", key, "'");
    if (!holds(*argument, value)) return concat("'", tool.name, "' got a wrong '", key, "'");
    return {};
  }

  Fault check_presence(const Tool& tool, const io::Json& call) const {
    for (const ToolArgument& argument : tool.arguments) {
      if (argument.required && !call.contains(argument.name))
        return concat("'", tool.name, "' lacks '", argument.name, "'");
    }
    const auto present = [&](const std::vector<std::string>& names) {
      return std::count_if(names.begin(), names.end(),
                           [&](const std::string& n) { return call.contains(n); });
    };
    if (!tool.exactly_one.empty() && present(tool.exactly_one) != 1) {
      return concat("'", tool.name, "' needs exactly one of its alternatives");
    }
    if (!tool.at_least_one.empty() && present(tool.at_least_one) == 0) {
      return concat("'", tool.name, "' needs one of its alternatives");
    }
    return {};
  }

  bool holds(const ToolArgument& argument, const io::Json& value) const {
    if (argument.type == ArgumentType::kInteger) {
      if (!value.is_number_integer()) return false;
      if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
        return false;
      const auto number = value.get<int64_t>();
      return number >= argument.min && number <= argument.max;
    }
    if (!value.is_string()) return false;
    const auto text = value.get<std::string>();
    switch (argument.type) {
      case ArgumentType::kDevice:
        return is_device(argument, text);
      case ArgumentType::kRoom:
        return contains(catalogue_.rooms(), text);
      case ArgumentType::kEnum:
        return contains(argument.values, text);
      case ArgumentType::kText:
        return !text.empty() && static_cast<int64_t>(text.size()) <= argument.max_bytes &&
               request_.find(text) != std::string_view::npos;
      case ArgumentType::kInteger:
        break;
    }
    return false;
  }

  bool is_device(const ToolArgument& argument, std::string_view name) const {
    const auto& devices = catalogue_.devices();
    const auto matches = [&](const Device& device) {
      return contains(argument.kinds, device.kind) && device.name == name;
    };
    if (std::any_of(devices.begin(), devices.end(), matches)) return true;
    if (!argument.groups) return false;
    for (const DeviceKind& kind : catalogue_.kinds()) {
      if (kind.group != name || !contains(argument.kinds, kind.name)) continue;
      return std::any_of(devices.begin(), devices.end(),
                         [&](const Device& device) { return device.kind == kind.name; });
    }
    return false;
  }

  const Catalogue& catalogue_;
  std::string_view request_;
};

bool becomes_space(unsigned char c) {
  static constexpr std::string_view kRemoved = "<>|{}[]\"\\@;^_~`";
  return c < 0x20 || c == 0x7F || kRemoved.find(static_cast<char>(c)) != std::string_view::npos;
}

}  // namespace

std::string normalise_request(std::string_view request) {
  static constexpr std::string_view kRightQuote = "\xE2\x80\x99";
  std::string out;
  for (size_t i = 0; i < request.size(); ++i) {
    char c = request[i];
    if (request.substr(i, kRightQuote.size()) == kRightQuote) {
      c = '\'';
      i += kRightQuote.size() - 1;
    } else if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    } else if (becomes_space(static_cast<unsigned char>(c))) {
      c = ' ';
    }
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out.push_back(c);
  }
  const size_t last = out.find_last_not_of(".!?, ");
  out.resize(last == std::string::npos ? 0 : last + 1);
  return out;
}

std::optional<std::string> Catalogue::expand(std::string_view raw_answer) const {
  std::string out;
  bool several = false;
  for (size_t i = 0; i < raw_answer.size(); ++i) {
    const char c = raw_answer[i];
    if (c == '<') {  // a pointer: no request holds this character, so no copied text does
      const char* begin = raw_answer.data() + i + 1;
      const char* end = raw_answer.data() + raw_answer.size();
      size_t number = 0;
      const auto [stop, error] = std::from_chars(begin, end, number);
      if (error != std::errc() || stop == end || *stop != '>' || number < 1 || number > entries_.size())
        return {};
      out += concat("\"", entries_[number - 1].name, "\"");
      i = static_cast<size_t>(stop - raw_answer.data());
    } else if (c == '{' && out.ends_with('}')) {
      several = true;
      out += ",{";
    } else if (c == ' ' && out.ends_with(":\"")) {  // a text keeps the space in front of its first word
      continue;
    } else {
      out.push_back(c);
    }
  }
  return several ? concat("[", out, "]") : out;
}

std::optional<std::string> Catalogue::find_fault(std::string_view answer_json,
                                                 std::string_view normalised_request) const {
  auto parsed = io::parse_json(answer_json, "answer", {.reject_duplicate_keys = true});
  if (!parsed) return "not JSON: " + parsed.error().message;
  const CallChecker checker(*this, normalised_request);
  const io::Json& answer = parsed.value();
  if (!answer.is_array()) return checker.check(answer);
  if (answer.empty() || answer.size() > kMaxCalls) return "an array must hold 1 to 8 calls";
  for (const io::Json& call : answer) {
    if (Fault fault = checker.check(call)) return fault;
    if (call["tool"] == "escalate") return "escalate stands alone, not in an array";
  }
  return {};
}

}  // namespace hearth::engine
