// UTF-8 validity and a safe way to show untrusted text in an error line.
// Why here: names and strings of hostile files end up in messages, which must stay one printable line.
// Knows nothing of tokenizers or Unicode properties.
#pragma once

#include <string>
#include <string_view>

namespace hearth::io {

/// Strict UTF-8 (RFC 3629): no overlong forms, surrogates or values above U+10FFFF.
bool is_valid_utf8(std::string_view text);

/// `text` in quotes for an error message: at most `max_bytes` of it, control characters, quotes and invalid
/// bytes as \xNN.
std::string printable(std::string_view text, size_t max_bytes = 80);

}  // namespace hearth::io
