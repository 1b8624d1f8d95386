// See members.h.
#include "wire/members.h"

#include <cmath>

#include "base/config.h"

namespace hearth::wire {

std::string_view kind_of(const io::Json& value) {
  if (value.is_null()) return "null";
  if (value.is_boolean()) return "a boolean";
  if (value.is_number()) return "a number";
  if (value.is_string()) return "a string";
  if (value.is_array()) return "a list";
  return "an object";
}

std::optional<int64_t> as_integer(const io::Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (number > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    return static_cast<int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_number_float()) return std::nullopt;
  const auto number = value.get<double>();
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (number != std::floor(number) || number < -kExact || number > kExact) return std::nullopt;
  return static_cast<int64_t>(number);
}

Result<Members> Members::of(const io::Json& value, std::string path) {
  if (value.is_object()) return Members(value, std::move(path));
  return fail(ErrorCode::kUsage, path.empty() ? std::string("the request") : path,
              ": must be an object, not ", kind_of(value));
}

const io::Json* Members::find(std::string_view key) const { return io::json_find(*object_, key); }

std::string Members::path(std::string_view key) const {
  return path_.empty() ? std::string(key) : concat(path_, ".", key);
}

Result<std::optional<std::string>> Members::string(std::string_view key) const {
  const io::Json* value = find(key);
  if (value == nullptr) return std::optional<std::string>();
  if (!value->is_string()) return wrong(key, "must be a string, not ", kind_of(*value));
  return std::optional<std::string>(value->get<std::string>());
}

Result<std::optional<bool>> Members::boolean(std::string_view key) const {
  const io::Json* value = find(key);
  if (value == nullptr) return std::optional<bool>();
  if (!value->is_boolean()) return wrong(key, "must be true or false, not ", kind_of(*value));
  return std::optional<bool>(value->get<bool>());
}

Result<std::optional<int64_t>> Members::integer(std::string_view key, int64_t min, int64_t max) const {
  const io::Json* value = find(key);
  if (value == nullptr) return std::optional<int64_t>();
  const std::optional<int64_t> number = as_integer(*value);
  if (!number || *number < min || *number > max) {
    return wrong(key, "must be an integer from ", min, " to ", max);
  }
  return number;
}

Result<std::optional<double>> Members::number(std::string_view key, double min, double max) const {
  const io::Json* value = find(key);
  if (value == nullptr) return std::optional<double>();
  if (!value->is_number()) return wrong(key, "must be a number, not ", kind_of(*value));
  const auto number = value->get<double>();
  if (!(number >= min && number <= max)) {
    return wrong(key, "must be a number from ", option_text(static_cast<float>(min)), " to ",
                 option_text(static_cast<float>(max)));
  }
  return std::optional<double>(number);
}

Result<const io::Json*> Members::array(std::string_view key) const {
  const io::Json* value = find(key);
  if (value != nullptr && !value->is_array()) return wrong(key, "must be a list, not ", kind_of(*value));
  return value;
}

Result<std::optional<Members>> Members::members(std::string_view key) const {
  const io::Json* value = find(key);
  if (value == nullptr) return std::optional<Members>();
  HEARTH_ASSIGN(Members inner, Members::of(*value, path(key)));
  return std::optional<Members>(std::move(inner));
}

Result<std::string> Members::required_string(std::string_view key) const {
  HEARTH_ASSIGN(std::optional<std::string> value, string(key));
  if (!value) return wrong(key, "is missing; it must be a string");
  return *std::move(value);
}

Result<std::string> Members::string_or_empty(std::string_view key) const {
  HEARTH_ASSIGN(std::optional<std::string> value, string(key));
  return std::move(value).value_or("");
}

Result<bool> Members::boolean_or(std::string_view key, bool otherwise) const {
  HEARTH_ASSIGN(const std::optional<bool> value, boolean(key));
  return value.value_or(otherwise);
}

Status Members::refuse(std::string_view key, std::string_view why) const {
  const io::Json* value = find(key);
  const bool asks = value != nullptr && !(value->is_boolean() && !value->get<bool>()) &&
                    !(value->is_number() && value->get<double>() == 0) &&
                    !(value->is_string() && value->get_ref<const std::string&>().empty()) &&
                    !(value->is_structured() && value->empty());
  if (!asks) return {};
  return fail(ErrorCode::kUnsupported, path(key), ": ", why);
}

Result<io::Json> parse_body(std::string_view body) {
  auto parsed = io::parse_json(body, "the request");
  if (!parsed) return fail(ErrorCode::kUsage, parsed.error().message);
  if (!parsed->is_object()) {
    return fail(ErrorCode::kUsage, "the request: must be a JSON object, not ", kind_of(*parsed));
  }
  return std::move(parsed).value();
}

}  // namespace hearth::wire
