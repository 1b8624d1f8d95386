// "Did you mean": the candidate with the smallest edit distance (Levenshtein), for messages about unknown
// names.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace hearth {

/// Number of single-character insertions, deletions and substitutions that turn a into b.
int edit_distance(std::string_view a, std::string_view b);

/// The nearest candidate, or an empty view when there are none. Ties go to the first.
std::string_view nearest_name(std::string_view name, std::span<const std::string> candidates);

}  // namespace hearth
