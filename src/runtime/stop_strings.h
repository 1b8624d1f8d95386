// Stop strings that may span tokens: text that could still become one is held back, the rest is released at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth::runtime {

class StopStrings {
 public:
  /// Empty strings are ignored.
  explicit StopStrings(std::vector<std::string> stops);

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
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace hearth::runtime
