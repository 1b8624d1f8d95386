// TOML in, as the JSON it corresponds to, so that readers of configuration see one form. Dates become
// strings. toml++ behind a size limit, without exceptions. Knows no keys.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "io/json.h"

namespace hearth::io {

/// Parses TOML 1.0 text of at most 16 MB; members are sorted by key. `name` appears in errors. Errors:
/// kCorrupt with line and column, kTooLarge. Nesting is limited by the library (256 levels).
Result<Json> parse_toml(std::string_view text, std::string_view name);
/// The same from a file.
Result<Json> read_toml(const std::filesystem::path& path);

}  // namespace hearth::io
