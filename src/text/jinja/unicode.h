// Strings as Python sees them: code points, white space, letter case. UTF-8 in, UTF-8 out; invalid bytes
// count as one code point each and are passed through. Must not know values or templates.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::text::jinja {

inline constexpr char32_t kInvalidByte = 0x110000;  // kInvalidByte + b stands for a byte b that is not UTF-8

/// The code point at `position`, which is moved behind it; `position` must be inside.
char32_t next_code_point(std::string_view text, size_t& position);
void append_code_point(std::string& out, char32_t code_point);

int64_t count_code_points(std::string_view text);
/// Byte offset of code point `index` (0 ... count); linear.
size_t byte_offset(std::string_view text, int64_t index);

/// string_view::find and rfind in linear time whatever the texts are (the library's can take the product of
/// the lengths).
size_t find_text(std::string_view text, std::string_view wanted, size_t from = 0);
size_t rfind_text(std::string_view text, std::string_view wanted);

/// str.isspace of one code point.
bool is_space(char32_t code_point);
std::string_view strip_space(std::string_view text, bool left, bool right);

/// str.upper, str.lower (with final sigma), str.title, str.capitalize of Python.
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_title(std::string_view text);
std::string to_capitalized(std::string_view text);
std::string swap_case(std::string_view text);

bool is_upper(char32_t code_point);
bool is_lower(char32_t code_point);
bool is_alphabetic(char32_t code_point);
bool is_decimal(char32_t code_point);
bool is_digit(char32_t code_point);
bool is_numeric(char32_t code_point);
/// False for what repr() writes as an escape.
bool is_printable(char32_t code_point);
/// May stand in an identifier (letters, digits, underscore, marks).
bool is_word(char32_t code_point);

}  // namespace hearth::text::jinja
