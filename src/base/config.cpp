// Text to fields with range checks, and fields to help.
#include "base/config.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <type_traits>

namespace hearth {
namespace {

std::string with_underscores(std::string_view name) {
  std::string out(name);
  for (char& c : out) c = c == '-' ? '_' : c;
  return out;
}

template <typename T>
std::string number_text(T value) {
  if constexpr (std::is_floating_point_v<T>) return option_text(value);
  return std::to_string(value);
}

template <typename T>
std::optional<T> parse_number(const std::string& text) {
  if constexpr (std::is_floating_point_v<T>) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return {};
    return static_cast<T>(value);
  } else {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return {};
    return value;
  }
}

}  // namespace

std::string option_text(float value) {
  char text[32];
  return std::string(text,
                     std::to_chars(text, text + sizeof(text), value, std::chars_format::general, 6).ptr);
}

OptionSetter::OptionSetter(std::string_view name, std::string_view text)
    : name_(with_underscores(name)), text_(text) {}

bool OptionSetter::matches(std::string_view name) {
  known_ += (known_.empty() ? "" : ", ") + std::string(name);
  const bool hit = with_underscores(name) == name_;
  found_ |= hit;
  return hit;
}

template <typename T>
void OptionSetter::set(std::string_view name, T& field, Range<T> range) {
  if (!matches(name)) return;
  const std::optional<T> value = parse_number<T>(text_);
  if (value && *value >= range.min && *value <= range.max) {
    field = *value;
    return;
  }
  status_ = fail(ErrorCode::kUsage, name, " = '", text_, "' is not ",
                 std::is_integral_v<T> ? "an integer" : "a number", " from ", number_text(range.min), " to ",
                 number_text(range.max));
}

void OptionSetter::option(std::string_view name, int32_t& field, Range<int32_t> range, std::string_view) {
  set(name, field, range);
}
void OptionSetter::option(std::string_view name, uint64_t& field, Range<uint64_t> range, std::string_view) {
  set(name, field, range);
}
void OptionSetter::option(std::string_view name, float& field, Range<float> range, std::string_view) {
  set(name, field, range);
}
void OptionSetter::option(std::string_view name, std::string& field, std::string_view) {
  if (matches(name)) field = text_;
}

Status OptionSetter::result() const {
  if (found_) return status_;
  return fail(ErrorCode::kUsage, "unknown option '", name_, "'; there are ", known_);
}

void OptionLister::option(std::string_view name, int32_t& field, Range<int32_t>, std::string_view help) {
  options.push_back({std::string(name), "integer", std::to_string(field), std::string(help)});
}
void OptionLister::option(std::string_view name, uint64_t& field, Range<uint64_t>, std::string_view help) {
  options.push_back({std::string(name), "integer", std::to_string(field), std::string(help)});
}
void OptionLister::option(std::string_view name, float& field, Range<float>, std::string_view help) {
  options.push_back({std::string(name), "number", option_text(field), std::string(help)});
}
void OptionLister::option(std::string_view name, std::string& field, std::string_view help) {
  options.push_back({std::string(name), "text", field, std::string(help)});
}

}  // namespace hearth
