// The languages of JSON scalars: strings by their decoded text (length, patterns, formats) in one canonical
// escaped form, numbers by bounds and multiples. Must not know schemas; schema.cpp asks for what it needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/json.h"
#include "text/grammar/dfa.h"

namespace hearth::text::grammar {

// Strings.

/// Decoded texts (valid UTF-8) of min to max code points; `max` may be Expr::kUnbounded. Errors: kTooLarge.
Result<Dfa> texts_of_length(uint32_t min, uint32_t max);
/// Decoded texts of a format of JSON Schema: a subset where the RFC is wider than people use. Errors:
/// kUnsupported names it.
Result<Dfa> texts_of_format(std::string_view format);
/// JSON strings, quotes included, whose decoded text is of `texts`. One spelling each, that of io::dump_json:
/// \" \\ \b \f \n \r \t, other control characters as \u00xx in lower case, everything else as itself.
Dfa quoted(const Dfa& texts);

// Numbers.

struct NumberBounds {
  struct Bound {
    std::string decimal;  // [-]digits[.digits]
    bool exclusive = false;
  };
  bool integer = false;
  std::vector<Bound> at_least;
  std::vector<Bound> at_most;
  std::vector<std::string> multiples_of;  // decimals above 0
  bool free() const { return at_least.empty() && at_most.empty() && multiples_of.empty(); }
};

/// The shortest decimal without exponent of a JSON number that reads back as it.
std::string decimal_of(const io::Json& number);
/// Numbers as they are written: integers of up to 18 digits without fraction or exponent; numbers of up to 18
/// digits, 18 of fraction, and an exponent of two digits; bounded numbers without exponent and of 15 digits
/// in all, few enough that decimals and the doubles they are read as order alike. Errors: kUnsupported for a
/// multiple or bound with too many digits.
Result<Dfa> numbers(const NumberBounds& bounds);
/// All decimals within the bounds, however many digits they have: for in_language.
Result<Dfa> all_numbers(const NumberBounds& bounds);
/// Whether a decimal is in a language of all_numbers.
bool in_language(const Dfa& all_numbers, std::string_view decimal);

}  // namespace hearth::text::grammar
