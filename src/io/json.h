// JSON in: nlohmann-json behind a door that does not throw, with limits on size, depth, memory and duplicate
// keys. Member order is kept. Every JSON that hearth reads (requests, hub metadata, tokenizer files, model
// answers) comes through here. Knows no schema.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::io {

/// Order-preserving, because chat templates print tools in the order they came. Look-up by key is linear: to
/// search a large object (a vocabulary), iterate once into a map of your own.
using Json = nlohmann::ordered_json;

struct JsonLimits {
  int64_t max_bytes = int64_t{256} << 20;
  int32_t max_depth = 128;
  /// Otherwise the last one counts, at the place of the first, as in Python.
  bool reject_duplicate_keys = false;
  /// Of the parsed tree, beside three times the text.
  int64_t max_memory_bytes = int64_t{192} << 20;
};

/// Parses UTF-8 text; `name` appears in errors. Errors: kCorrupt ("NAME: line 3, column 7: ..."), kTooLarge
/// (a limit).
Result<Json> parse_json(std::string_view text, std::string_view name, const JsonLimits& limits = {});
/// The same from a file.
Result<Json> read_json(const std::filesystem::path& path, const JsonLimits& limits = {});

/// Compact text; invalid UTF-8 in strings becomes U+FFFD.
std::string dump_json(const Json& json);

// Members of objects. Absent (or null, or `object` no object): nullptr or nullopt; another type: kCorrupt
// naming the key.
const Json* json_find(const Json& object, std::string_view key);
Result<std::optional<int64_t>> json_int(const Json& object, std::string_view key);
Result<std::optional<double>> json_float(const Json& object, std::string_view key);
Result<std::optional<bool>> json_bool(const Json& object, std::string_view key);
Result<std::optional<std::string>> json_string(const Json& object, std::string_view key);

}  // namespace hearth::io
