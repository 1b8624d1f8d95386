// UTF-8 and the Unicode properties that tokenizers split and normalise by: general category groups,
// White_Space, NFC. Why here: every scanner must agree on them with the reference implementations. Tables
// come from utf8proc (Unicode 15). Must not know vocabularies.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::text {

/// Groups of general categories (Unicode Standard, section 4.5) as bits, so that a scanner's class is one
/// mask.
enum CharClass : uint16_t {
  kUpper = 1 << 0,        // Lu, Lt
  kLower = 1 << 1,        // Ll
  kOtherLetter = 1 << 2,  // Lm, Lo
  kMark = 1 << 3,         // Mn, Mc, Me
  kNumber = 1 << 4,       // Nd, Nl, No
  kPunctuation = 1 << 5,  // Pc, Pd, Ps, Pe, Pi, Pf, Po
  kSymbol = 1 << 6,       // Sm, Sc, Sk, So
  kSpace = 1 << 7,        // White_Space
  kNewline = 1 << 8,      // \r and \n only, always with kSpace
  kLetter = kUpper | kLower | kOtherLetter,
};

constexpr char32_t kReplacement = 0xFFFD;

/// A decoded character: its code point and how many bytes it took (0 only at the end of the text).
struct Decoded {
  char32_t code_point = 0;
  uint32_t bytes = 0;
};

/// Decodes at the start of `text`. A broken sequence gives U+FFFD and the length of its longest valid
/// beginning (at least 1), which is what Python's errors="replace" and the Unicode Standard, section 3.9
/// (U+FFFD substitution), do.
Decoded decode_utf8(std::string_view text);

/// Appends the UTF-8 form. `code_point` must be a scalar value.
void append_utf8(std::string& out, char32_t code_point);

/// Bytes at the end of `text` that begin a character which is not complete yet (0 to 3).
size_t incomplete_utf8_suffix(std::string_view text);

/// A copy with every broken sequence replaced as decode_utf8 says.
std::string replace_invalid_utf8(std::string_view text);

/// CharClass bits of a code point; 0 for controls, unassigned and private ones.
uint16_t char_class(char32_t code_point);

/// Normalization Form C (UAX #15) of valid UTF-8. Linear in the text but for sorting runs of combining marks.
std::string to_nfc(std::string_view text);

namespace internal {
/// char_class of every code point below 0x80, for the scanners' fast path.
const std::array<uint16_t, 128>& ascii_classes();
}  // namespace internal

}  // namespace hearth::text
