// Typed look-ups in metadata with errors that name the key, what it holds and what was needed.
#include "io/metadata.h"

#include <cmath>
#include <limits>

#include "io/utf8.h"

namespace hearth::io {
namespace {

Error wrong_type(std::string_view key, const Value& value, std::string_view wanted) {
  return fail(ErrorCode::kCorrupt, "metadata key ", printable(key), " is of type ", value.type_name(),
              ", needed is ", wanted);
}

Error out_of_range(std::string_view key) {
  return fail(ErrorCode::kCorrupt, "metadata key ", printable(key), " holds a number that is out of range");
}

bool fits_int64(uint64_t value) {
  return value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
}

/// Calls `visit(number)` for each bool, integer or float of a value; false when it holds something else.
template <typename Visit>
bool for_each_number(const Value& value, Visit&& visit) {
  return std::visit(
      [&](const auto& data) {
        using Data = std::decay_t<decltype(data)>;
        if constexpr (std::is_same_v<Data, std::string> || std::is_same_v<Data, std::vector<std::string>>) {
          return false;
        } else if constexpr (std::is_arithmetic_v<Data>) {
          visit(data);
          return true;
        } else if constexpr (std::is_same_v<Data, std::vector<bool>>) {
          for (const bool element : data) visit(element);
          return true;
        } else {
          for (const auto element : data) visit(element);
          return true;
        }
      },
      value.data);
}

}  // namespace

std::string_view to_string(ValueType type) {
  static constexpr std::string_view kNames[] = {"uint8",  "int8",    "uint16", "int16",  "uint32",
                                                "int32",  "float32", "bool",   "string", "array",
                                                "uint64", "int64",   "float64"};
  const auto index = static_cast<size_t>(type);
  return index < std::size(kNames) ? kNames[index] : "unknown";
}

std::string Value::type_name() const { return concat(is_array ? "array of " : "", to_string(type)); }

void Metadata::erase(std::string_view key) {
  const auto it = entries_.find(key);
  if (it != entries_.end()) entries_.erase(it);
}

const Value* Metadata::find(std::string_view key) const {
  const auto it = entries_.find(key);
  return it == entries_.end() ? nullptr : &it->second;
}

Result<std::optional<int64_t>> Metadata::get_int(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::optional<int64_t>();
  if (const auto* number = std::get_if<int64_t>(&value->data)) return std::optional(*number);
  if (const auto* flag = std::get_if<bool>(&value->data)) return std::optional<int64_t>(*flag ? 1 : 0);
  if (const auto* number = std::get_if<uint64_t>(&value->data)) {
    if (!fits_int64(*number)) return out_of_range(key);
    return std::optional(static_cast<int64_t>(*number));
  }
  return wrong_type(key, *value, "an integer");
}

Result<std::optional<double>> Metadata::get_float(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::optional<double>();
  if (const auto* number = std::get_if<double>(&value->data)) return std::optional(*number);
  if (const auto* number = std::get_if<int64_t>(&value->data))
    return std::optional(static_cast<double>(*number));
  if (const auto* number = std::get_if<uint64_t>(&value->data))
    return std::optional(static_cast<double>(*number));
  return wrong_type(key, *value, "a number");
}

Result<std::optional<bool>> Metadata::get_bool(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::optional<bool>();
  if (const auto* flag = std::get_if<bool>(&value->data)) return std::optional(*flag);
  return wrong_type(key, *value, "bool");
}

Result<std::optional<std::string>> Metadata::get_string(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::optional<std::string>();
  if (const auto* text = std::get_if<std::string>(&value->data)) return std::optional(*text);
  return wrong_type(key, *value, "string");
}

Result<const std::vector<std::string>*> Metadata::get_strings(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return static_cast<const std::vector<std::string>*>(nullptr);
  if (const auto* texts = std::get_if<std::vector<std::string>>(&value->data)) return texts;
  return wrong_type(key, *value, "array of string");
}

Result<std::optional<std::vector<int64_t>>> Metadata::get_ints(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::optional<std::vector<int64_t>>();
  std::vector<int64_t> numbers;
  bool integers = true;
  bool in_range = true;
  const bool all_numbers = for_each_number(*value, [&](auto number) {
    if constexpr (std::is_floating_point_v<decltype(number)>) {
      integers = false;
    } else if constexpr (std::is_same_v<decltype(number), uint64_t>) {
      in_range = in_range && fits_int64(number);
      numbers.push_back(static_cast<int64_t>(number));
    } else {
      numbers.push_back(static_cast<int64_t>(number));
    }
  });
  // An empty array of floats or strings holds no wrong number, but its type says that it is something else.
  if (!all_numbers || !integers || value->type == ValueType::kFloat32 || value->type == ValueType::kFloat64) {
    return wrong_type(key, *value, "an array of integers");
  }
  if (!in_range) return out_of_range(key);
  return std::optional(std::move(numbers));
}

Result<std::optional<std::vector<float>>> Metadata::get_floats(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return std::optional<std::vector<float>>();
  std::vector<float> numbers;
  if (!for_each_number(*value, [&](auto number) { numbers.push_back(static_cast<float>(number)); })) {
    return wrong_type(key, *value, "an array of numbers");
  }
  return std::optional(std::move(numbers));
}

}  // namespace hearth::io
