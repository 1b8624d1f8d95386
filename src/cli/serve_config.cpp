// Every key is checked; one that is not known is an error, because a misspelt limit is no limit.
#include "cli/serve_config.h"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <string_view>

#include "io/toml.h"

namespace hearth::cli {
namespace {

Status only_known(const io::Json& table, const std::string& where,
                  std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : table.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end())
      return fail(ErrorCode::kUsage, where, ": unknown key '", key, "'");
  }
  return {};
}

Result<std::vector<std::string>> strings(const io::Json& table, std::string_view key,
                                         const std::string& where) {
  std::vector<std::string> out;
  const io::Json* list = io::json_find(table, key);
  if (!list) return out;
  if (!list->is_array()) return fail(ErrorCode::kUsage, where, ": ", key, " must be a list of texts");
  for (const io::Json& item : *list) {
    if (!item.is_string()) return fail(ErrorCode::kUsage, where, ": ", key, " must be a list of texts");
    out.push_back(item.get<std::string>());
  }
  return out;
}

template <typename T>
Result<std::optional<T>> whole(const io::Json& table, std::string_view key, int64_t least,
                               const std::string& where, int64_t most = std::numeric_limits<T>::max()) {
  HEARTH_ASSIGN(const std::optional<int64_t> value, io::json_int(table, key));
  if (!value) return std::optional<T>();
  if (*value < least || *value > most)
    return fail(ErrorCode::kUsage, where, ": ", key, " = ", *value, " is out of range");
  return std::optional<T>(static_cast<T>(*value));
}

Result<serve::ApiKey> read_key(const io::Json& table, const std::string& where) {
  if (!table.is_object()) return fail(ErrorCode::kUsage, where, ": must be a table ([[api_keys]])");
  HEARTH_RETURN_IF_ERROR(
      only_known(table, where, {"name", "sha256", "requests_per_minute", "tokens_per_minute", "priority"}));
  serve::ApiKey key;
  HEARTH_ASSIGN(const auto name, io::json_string(table, "name"));
  HEARTH_ASSIGN(const auto hash, io::json_string(table, "sha256"));
  if (!name || name->empty() || !hash) return fail(ErrorCode::kUsage, where, ": needs name and sha256");
  key.name = *name;
  const auto parsed = serve::parse_key_hash(*hash);
  if (!parsed) return fail(ErrorCode::kUsage, where, ": sha256: ", parsed.error().message);
  key.hash = *parsed;
  HEARTH_ASSIGN(const auto requests, whole<int64_t>(table, "requests_per_minute", 0, where));
  HEARTH_ASSIGN(const auto tokens, whole<int64_t>(table, "tokens_per_minute", 0, where));
  key.requests_per_minute = requests.value_or(0);
  key.tokens_per_minute = tokens.value_or(0);
  HEARTH_ASSIGN(const auto priority,
                whole<int32_t>(table, "priority", serve::kMostUrgent, where, -serve::kMostUrgent));
  key.priority = priority.value_or(0);
  return key;
}

}  // namespace

Result<ServeConfig> read_serve_config(const std::filesystem::path& path) {
  HEARTH_ASSIGN(const io::Json table, io::read_toml(path));
  const std::string where = path.string();
  HEARTH_RETURN_IF_ERROR(
      only_known(table, where,
                 {"host", "port", "tls_certificate", "tls_key", "parallel", "queue", "max_models",
                  "keep_alive_s", "models", "cors_origins", "api_keys", "save_prefixes", "prefix_disk_bytes",
                  "prefix_memory_bytes", "log_prompts", "memory_bytes"}));
  ServeConfig config;
  HEARTH_ASSIGN(config.host, io::json_string(table, "host"));
  HEARTH_ASSIGN(config.port, whole<uint16_t>(table, "port", 0, where));
  HEARTH_ASSIGN(config.tls_certificate, io::json_string(table, "tls_certificate"));
  HEARTH_ASSIGN(config.tls_key, io::json_string(table, "tls_key"));
  HEARTH_ASSIGN(config.parallel, whole<int32_t>(table, "parallel", 1, where, 256));
  HEARTH_ASSIGN(config.queue, whole<int32_t>(table, "queue", 0, where, 65536));
  HEARTH_ASSIGN(config.max_models, whole<int32_t>(table, "max_models", 1, where, 64));
  HEARTH_ASSIGN(config.keep_alive_s, io::json_float(table, "keep_alive_s"));
  HEARTH_ASSIGN(config.save_prefixes, io::json_bool(table, "save_prefixes"));
  HEARTH_ASSIGN(config.log_prompts, io::json_bool(table, "log_prompts"));
  HEARTH_ASSIGN(config.prefix_disk_bytes, whole<int64_t>(table, "prefix_disk_bytes", 0, where));
  HEARTH_ASSIGN(config.prefix_memory_bytes, whole<int64_t>(table, "prefix_memory_bytes", 0, where));
  HEARTH_ASSIGN(config.memory_bytes, whole<int64_t>(table, "memory_bytes", 0, where));
  HEARTH_ASSIGN(config.models, strings(table, "models", where));
  HEARTH_ASSIGN(config.cors_origins, strings(table, "cors_origins", where));
  if (const io::Json* keys = io::json_find(table, "api_keys")) {
    if (!keys->is_array())
      return fail(ErrorCode::kUsage, where, ": api_keys must be a list of tables ([[api_keys]])");
    for (size_t i = 0; i < keys->size(); ++i) {
      HEARTH_ASSIGN(serve::ApiKey key, read_key((*keys)[i], concat(where, ": api_keys[", i, "]")));
      for (const serve::ApiKey& other : config.keys) {
        if (other.name == key.name)
          return fail(ErrorCode::kUsage, where, ": two API keys are called '", key.name, "'");
      }
      config.keys.push_back(std::move(key));
    }
  }
  return config;
}

}  // namespace hearth::cli
