// One Knuth-Morris-Pratt automaton per stop string; what must be held back is the longest of their partial
// matches.
#include "runtime/stop_strings.h"

#include <algorithm>
#include <utility>

namespace hearth::runtime {
namespace {

std::vector<size_t> borders(std::string_view text) {
  std::vector<size_t> out(text.size(), 0);
  size_t length = 0;
  for (size_t i = 1; i < text.size(); ++i) {
    while (length > 0 && text[i] != text[length]) length = out[length - 1];
    if (text[i] == text[length]) ++length;
    out[i] = length;
  }
  return out;
}

}  // namespace

StopStrings::StopStrings(const std::vector<std::string>& stops) {
  for (const std::string& text : stops) {
    if (!text.empty()) stops_.push_back({text, borders(text), 0});
  }
}

void StopStrings::advance(Stop& stop, char byte) {
  while (stop.matched > 0 && stop.text[stop.matched] != byte) stop.matched = stop.border[stop.matched - 1];
  if (stop.text[stop.matched] == byte) ++stop.matched;
}

StopStrings::Output StopStrings::push(std::string_view text) {
  if (stopped_) return {"", true};
  for (const char byte : text) {
    held_.push_back(byte);
    size_t longest = 0;
    for (Stop& stop : stops_) {
      advance(stop, byte);
      if (stop.matched == stop.text.size()) longest = std::max(longest, stop.text.size());
    }
    if (longest == 0) continue;
    stopped_ = true;
    held_.resize(held_.size() - longest);
    return {std::exchange(held_, {}), true};
  }
  size_t keep = 0;
  for (const Stop& stop : stops_) keep = std::max(keep, stop.matched);
  std::string released = held_.substr(0, held_.size() - keep);
  held_.erase(0, released.size());
  return {std::move(released), false};
}

std::string StopStrings::finish() {
  for (Stop& stop : stops_) stop.matched = 0;
  return std::exchange(held_, {});
}

}  // namespace hearth::runtime
