// TOML in, as the JSON it corresponds to, so that readers of configuration see one form. Dates become strings.
#pragma once

#include <string_view>

#include "base/result.h"
#include "io/json.h"

namespace hearth::io {

/// Parses TOML 1.0 text. `name` appears in errors. Errors: kCorrupt with line and column.
Result<Json> parse_toml(std::string_view text, std::string_view name);

}  // namespace hearth::io
