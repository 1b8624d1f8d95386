// Typed key-value metadata in GGUF's vocabulary of keys: what a GGUF file holds, and what other containers
// are translated into. Why one vocabulary: the readers of tokenizers and hyper-parameters then see one form,
// and conversion is "write it out". Knows no file layout.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace hearth::io {

/// Value kinds by their GGUF type number, so that a value is written back as it was read.
enum class ValueType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

/// "uint32", "string", ...: as the GGUF documentation names them.
std::string_view to_string(ValueType type);

/// A scalar, string or flat array. Integers of every width are held as int64/uint64, floats as double; `type`
/// (for arrays: the element type) says the width on disk. Arrays of arrays are not supported.
struct Value {
  using Storage =
      std::variant<bool, int64_t, uint64_t, double, std::string, std::vector<bool>, std::vector<int64_t>,
                   std::vector<uint64_t>, std::vector<double>, std::vector<float>, std::vector<std::string>>;
  ValueType type = ValueType::kUint32;  // scalar type, or element type of an array
  bool is_array = false;
  Storage data;

  /// "uint32" or "array of string", for messages and listings.
  std::string type_name() const;

  static Value of(bool v) { return {ValueType::kBool, false, v}; }
  static Value of(uint32_t v) { return {ValueType::kUint32, false, static_cast<uint64_t>(v)}; }
  static Value of(uint64_t v) { return {ValueType::kUint64, false, v}; }
  static Value of(int32_t v) { return {ValueType::kInt32, false, static_cast<int64_t>(v)}; }
  static Value of(float v) { return {ValueType::kFloat32, false, static_cast<double>(v)}; }
  static Value of(std::string v) { return {ValueType::kString, false, std::move(v)}; }
  static Value of(std::vector<std::string> v) { return {ValueType::kString, true, std::move(v)}; }
  static Value of(std::vector<float> v) { return {ValueType::kFloat32, true, std::move(v)}; }
  static Value of_int32s(std::vector<int64_t> v) { return {ValueType::kInt32, true, std::move(v)}; }
};

/// Ordered by key. Getters are typed: absent -> nullopt; present with another type -> kCorrupt naming key and
/// types.
class Metadata {
 public:
  void set(std::string key, Value value) { entries_[std::move(key)] = std::move(value); }
  /// No effect when the key is absent.
  void erase(std::string_view key);
  const Value* find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key) != nullptr; }

  /// Any integer type, or a bool, range-checked into int64.
  Result<std::optional<int64_t>> get_int(std::string_view key) const;
  /// Any float or integer type.
  Result<std::optional<double>> get_float(std::string_view key) const;
  Result<std::optional<bool>> get_bool(std::string_view key) const;
  Result<std::optional<std::string>> get_string(std::string_view key) const;
  /// Pointer into the metadata (large arrays are not copied); nullptr when absent.
  Result<const std::vector<std::string>*> get_strings(std::string_view key) const;
  /// Arrays of any integer (or bool) type, converted; a scalar integer gives one element. nullopt when
  /// absent.
  Result<std::optional<std::vector<int64_t>>> get_ints(std::string_view key) const;
  /// Arrays of any number type, converted; a scalar gives one element. nullopt when absent.
  Result<std::optional<std::vector<float>>> get_floats(std::string_view key) const;

  const std::map<std::string, Value, std::less<>>& entries() const { return entries_; }

 private:
  std::map<std::string, Value, std::less<>> entries_;
};

}  // namespace hearth::io
