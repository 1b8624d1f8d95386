// Reading a catalogue from TOML, and the prompt it gives (models/device/README.md, contract section 2).
#include "engine/catalogue.h"

#include <algorithm>

#include "io/json.h"
#include "io/toml.h"

namespace hearth::engine {
namespace {

constexpr size_t kMaxDevices = 64;
constexpr size_t kMaxNameBytes = 40;
constexpr size_t kMaxEntries = 96;

bool is_plain_name(std::string_view name) {
  const auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (name.empty() || name.size() > kMaxNameBytes || !alphanumeric(name.front()) || name.back() == ' ')
    return false;
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (!alphanumeric(c) && c != ' ' && c != '\'' && c != '-') return false;
    if (c == ' ' && name[i - 1] == ' ') return false;
  }
  return true;
}

}  // namespace

/// Walks the TOML (as JSON) once; every complaint names the file and the entry.
class CatalogueReader {
 public:
  CatalogueReader(const io::Json& root, std::string_view source) : root_(root), source_(source) {}

  Result<Catalogue> read() {
    HEARTH_ASSIGN(const int64_t version, integer(root_, "version"));
    if (version != kSpecialistContract)
      return broken(concat("version is ", version, ", not ", kSpecialistContract));
    HEARTH_ASSIGN(catalogue_.rooms_, strings(root_, "rooms"));
    for (const std::string& room : catalogue_.rooms_) HEARTH_RETURN_IF_ERROR(check_name(room, "room"));
    for (const io::Json& entry : tables(root_, "kind")) HEARTH_RETURN_IF_ERROR(read_kind(entry));
    for (const io::Json& entry : tables(root_, "device")) HEARTH_RETURN_IF_ERROR(read_device(entry));
    for (const io::Json& entry : tables(root_, "tool")) HEARTH_RETURN_IF_ERROR(read_tool(entry));
    if (catalogue_.devices_.size() > kMaxDevices) return broken("more than 64 devices");
    if (catalogue_.devices_.size() + catalogue_.rooms_.size() > kMaxEntries)
      return broken("more than 96 devices and rooms");
    if (catalogue_.tools_.empty()) return broken("no [[tool]]");
    list_entries();
    return std::move(catalogue_);
  }

 private:
  Error broken(std::string_view what) const { return fail(ErrorCode::kCorrupt, source_, ": ", what); }

  static const io::Json& tables(const io::Json& table, const char* key) {
    static const io::Json kNone = io::Json::array();
    return table.is_object() && table.contains(key) && table[key].is_array() ? table[key] : kNone;
  }

  /// The entry of a table, or nullptr when it is absent.
  static const io::Json* entry(const io::Json& table, const char* key) {
    return table.is_object() && table.contains(key) ? &table[key] : nullptr;
  }

  Result<std::string> string(const io::Json& table, const char* key) const {
    const io::Json* value = entry(table, key);
    if (!value) return std::string();
    if (!value->is_string()) return broken(concat("'", key, "' is not a string"));
    return value->get<std::string>();
  }

  Result<std::vector<std::string>> strings(const io::Json& table, const char* key) const {
    std::vector<std::string> out;
    const io::Json* value = entry(table, key);
    if (!value) return out;
    if (!value->is_array()) return broken(concat("'", key, "' is not a list"));
    for (const io::Json& item : *value) {
      if (!item.is_string()) return broken(concat("'", key, "' holds something other than strings"));
      out.push_back(item.get<std::string>());
    }
    return out;
  }

  Result<int64_t> integer(const io::Json& table, const char* key) const {
    const io::Json* value = entry(table, key);
    if (!value) return int64_t{0};
    if (!value->is_number_integer()) return broken(concat("'", key, "' is not an integer"));
    return value->get<int64_t>();
  }

  Result<bool> boolean(const io::Json& table, const char* key) const {
    const io::Json* value = entry(table, key);
    if (!value) return false;
    if (!value->is_boolean()) return broken(concat("'", key, "' is not true or false"));
    return value->get<bool>();
  }

  Status check_name(const std::string& name, std::string_view what) {
    if (!is_plain_name(name)) {
      return broken(
          concat(what, " '", name, "': a name is a-z, 0-9, single spaces, ' and -, at most 40 bytes"));
    }
    if (std::find(names_.begin(), names_.end(), name) != names_.end())
      return broken(concat("'", name, "' is used twice"));
    names_.push_back(name);
    return {};
  }

  Status read_kind(const io::Json& table) {
    DeviceKind kind;
    HEARTH_ASSIGN(kind.name, string(table, "name"));
    HEARTH_ASSIGN(kind.group, string(table, "group"));
    if (kind.name.empty()) return broken("a [[kind]] without a name");
    if (!kind.group.empty()) names_.push_back(kind.group);
    catalogue_.kinds_.push_back(std::move(kind));
    return {};
  }

  Status read_device(const io::Json& table) {
    Device device;
    HEARTH_ASSIGN(device.name, string(table, "name"));
    HEARTH_ASSIGN(device.kind, string(table, "kind"));
    HEARTH_ASSIGN(device.room, string(table, "room"));
    HEARTH_RETURN_IF_ERROR(check_name(device.name, "device"));
    const auto& kinds = catalogue_.kinds_;
    if (std::none_of(kinds.begin(), kinds.end(),
                     [&](const DeviceKind& k) { return k.name == device.kind; })) {
      return broken(concat("device '", device.name, "': unknown kind '", device.kind, "'"));
    }
    const auto& rooms = catalogue_.rooms_;
    if (!device.room.empty() && std::find(rooms.begin(), rooms.end(), device.room) == rooms.end()) {
      return broken(concat("device '", device.name, "': unknown room '", device.room, "'"));
    }
    catalogue_.devices_.push_back(std::move(device));
    return {};
  }

  Status read_tool(const io::Json& table) {
    Tool tool;
    HEARTH_ASSIGN(tool.name, string(table, "name"));
    HEARTH_ASSIGN(tool.help, string(table, "help"));
    HEARTH_ASSIGN(tool.exactly_one, strings(table, "exactly_one"));
    HEARTH_ASSIGN(tool.at_least_one, strings(table, "at_least_one"));
    if (tool.name.empty()) return broken("a [[tool]] without a name");
    for (const io::Json& argument : tables(table, "argument")) {
      HEARTH_ASSIGN(ToolArgument read, read_argument(argument, tool.name));
      tool.arguments.push_back(std::move(read));
    }
    catalogue_.tools_.push_back(std::move(tool));
    return {};
  }

  Result<ToolArgument> read_argument(const io::Json& table, std::string_view tool) const {
    static constexpr std::pair<std::string_view, ArgumentType> kTypes[] = {
        {"device", ArgumentType::kDevice},
        {"room", ArgumentType::kRoom},
        {"enum", ArgumentType::kEnum},
        {"integer", ArgumentType::kInteger},
        {"text", ArgumentType::kText}};
    ToolArgument argument;
    HEARTH_ASSIGN(argument.name, string(table, "name"));
    HEARTH_ASSIGN(const std::string type, string(table, "type"));
    const auto* row =
        std::find_if(std::begin(kTypes), std::end(kTypes), [&](const auto& t) { return t.first == type; });
    if (argument.name.empty() || row == std::end(kTypes)) {
      return broken(concat("tool '", tool, "', argument '", argument.name,
                           "': needs a name and a type out of device, room, enum, integer, text"));
    }
    argument.type = row->second;
    HEARTH_ASSIGN(argument.required, boolean(table, "required"));
    HEARTH_ASSIGN(argument.groups, boolean(table, "groups"));
    HEARTH_ASSIGN(argument.kinds, strings(table, "kinds"));
    HEARTH_ASSIGN(argument.values, strings(table, "values"));
    HEARTH_ASSIGN(argument.min, integer(table, "min"));
    HEARTH_ASSIGN(argument.max, integer(table, "max"));
    HEARTH_ASSIGN(argument.max_bytes, integer(table, "max_bytes"));
    return argument;
  }

  void list_entries() {
    for (const DeviceKind& kind : catalogue_.kinds_) {
      for (const Device& device : catalogue_.devices_) {
        if (device.kind != kind.name) continue;
        const bool told = device.name.find(device.room) != std::string::npos;
        catalogue_.entries_.push_back({kind.name, device.name, told ? std::string() : device.room});
      }
    }
    for (const std::string& room : catalogue_.rooms_) catalogue_.entries_.push_back({"room", room, {}});
  }

  const io::Json& root_;
  std::string_view source_;
  std::vector<std::string> names_;  // devices, rooms and groups seen so far
  Catalogue catalogue_;
};

Result<Catalogue> Catalogue::parse(std::string_view toml, std::string_view source_name) {
  HEARTH_ASSIGN(const io::Json root, io::parse_toml(toml, source_name));
  return CatalogueReader(root, source_name).read();
}

std::string Catalogue::prompt(std::string_view normalised_request) const {
  std::string out = "<|home|>";
  for (size_t i = 0; i < entries_.size(); ++i) {
    const CatalogueEntry& entry = entries_[i];
    out += concat("<", entry.kind, "><", i + 1, "> ", entry.name);
    if (!entry.room.empty()) out += "@ " + entry.room;
  }
  return concat(out, "<|user|> ", normalised_request, "<|call|>");
}

}  // namespace hearth::engine
