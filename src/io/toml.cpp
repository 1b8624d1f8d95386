// The one call into toml++'s parser, and the translation of its tree.
#include "io/toml.h"

#include <toml++/toml.h>

#include <sstream>

#include "io/file.h"
#include "io/utf8.h"

namespace hearth::io {
namespace {

constexpr uint64_t kMaxBytes = 16 << 20;

/// Recursion is bounded by the parser's own nesting limit.
Json to_json(const toml::node& node) {
  if (const toml::table* table = node.as_table()) {
    Json object = Json::object();
    // Straight into the vector beneath: keys are unique here, and the map's own insertion searches all
    // earlier ones.
    Json::object_t::Container& members = *object.get_ptr<Json::object_t*>();
    for (const auto& [key, value] : *table) {
      members.emplace_back(std::string(key.str()), to_json(value));
    }
    return object;
  }
  if (const toml::array* array = node.as_array()) {
    Json list = Json::array();
    for (const toml::node& element : *array) list.push_back(to_json(element));
    return list;
  }
  if (const auto* value = node.as_string()) return value->get();
  if (const auto* value = node.as_integer()) return value->get();
  if (const auto* value = node.as_floating_point()) return value->get();
  if (const auto* value = node.as_boolean()) return value->get();
  std::ostringstream text;
  if (const auto* value = node.as_date()) text << value->get();
  if (const auto* value = node.as_time()) text << value->get();
  if (const auto* value = node.as_date_time()) text << value->get();
  return text.str();
}

}  // namespace

Result<Json> parse_toml(std::string_view text, std::string_view name) {
  if (text.size() > kMaxBytes) {
    return fail(ErrorCode::kTooLarge, name, ": TOML of ", human_bytes(text.size()), ", at most ",
                human_bytes(kMaxBytes), " are allowed");
  }
  try {
    return to_json(toml::parse(text, name));
  } catch (const toml::parse_error& error) {
    return fail(ErrorCode::kCorrupt, name, ": line ", error.source().begin.line, ", column ",
                error.source().begin.column, ": not valid TOML: ", printable(error.description(), 200));
  } catch (const std::exception& exception) {
    return fail(ErrorCode::kCorrupt, name, ": not valid TOML: ", printable(exception.what(), 200));
  }
}

Result<Json> read_toml(const std::filesystem::path& path) {
  HEARTH_ASSIGN(const std::string text, read_file(path, kMaxBytes));
  return parse_toml(text, path.string());
}

}  // namespace hearth::io
