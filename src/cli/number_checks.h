// Checks of numbers on the command line. CLI11's own take NaN, and tell a range by all digits of the largest
// number. Must not know any option.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>

#include "base/result.h"

namespace hearth::cli {

/// `range` says it in words: "is not a number RANGE".
inline CLI::Validator number_within(double least, double most, std::string range) {
  const auto check = [=](std::string& text) {
    double value = 0;
    const bool good = CLI::detail::lexical_cast(text, value) && value >= least && value <= most;
    return good ? std::string() : concat("'", text, "' is not a number ", range);
  };
  return CLI::Validator(check, range);
}
inline CLI::Validator not_negative() {
  return number_within(0.0, std::numeric_limits<double>::max(), "from 0 on");
}
inline CLI::Validator whole_number_from(int64_t least) {
  const auto check = [=](std::string& text) {
    int64_t value = 0;
    const bool good = CLI::detail::lexical_cast(text, value) && value >= least;
    return good ? std::string() : concat("'", text, "' is not a whole number from ", least, " on");
  };
  return CLI::Validator(check, concat("from ", least, " on"));
}
inline CLI::Validator positive() {
  return number_within(std::numeric_limits<double>::min(), std::numeric_limits<double>::max(), "above 0");
}

}  // namespace hearth::cli
