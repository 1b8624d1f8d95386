// Stop strings that may span tokens: text that could still become one is held back, the rest is released at
// once. The stop string that ends first wins, of those that end together the longest: so the text that comes
// out does not depend on how it was cut into pieces. Knows nothing of tokens.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::runtime {

class StopStrings {
 public:
  /// Empty strings are ignored.
  explicit StopStrings(const std::vector<std::string>& stops);

  struct Output {
    std::string text;      // final
    bool stopped = false;  // a stop string was completed; it and what follows are dropped
  };
  /// Adds text. After `stopped` nothing more comes out.
  Output push(std::string_view text);
  /// What was held back, at the end of the text.
  std::string finish();
  bool stopped() const { return stopped_; }

 private:
  struct Stop {
    std::string text;
    std::vector<size_t>
        border;          // Knuth-Morris-Pratt: longest proper prefix of each prefix that is also its suffix
    size_t matched = 0;  // bytes of `text` that the text so far ends with
  };
  static void advance(Stop& stop, char byte);

  std::vector<Stop> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace hearth::runtime
