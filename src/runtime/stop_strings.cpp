// The held text is at most as long as the longest stop string, so plain searching is cheap.
#include "runtime/stop_strings.h"

#include <algorithm>
#include <utility>

namespace hearth::runtime {
namespace {

/// Length of the longest suffix of `text` that is a proper prefix of `stop`.
size_t partial_match(std::string_view text, std::string_view stop) {
  for (size_t length = std::min(text.size(), stop.size() - 1); length > 0; --length) {
    if (text.substr(text.size() - length) == stop.substr(0, length)) return length;
  }
  return 0;
}

}  // namespace

StopStrings::StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

StopStrings::Output StopStrings::push(std::string_view text) {
  if (stopped_) return {"", true};
  held_ += text;
  size_t first = std::string::npos;
  for (const std::string& stop : stops_) first = std::min(first, held_.find(stop));
  if (first != std::string::npos) {
    stopped_ = true;
    return {held_.substr(0, first), true};
  }
  size_t keep = 0;
  for (const std::string& stop : stops_) keep = std::max(keep, partial_match(held_, stop));
  std::string released = held_.substr(0, held_.size() - keep);
  held_.erase(0, released.size());
  return {std::move(released), false};
}

std::string StopStrings::finish() { return stopped_ ? std::string() : std::exchange(held_, {}); }

}  // namespace hearth::runtime
