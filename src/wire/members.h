// Reading a JSON object member by member, so that every complaint names the member by its path and says what
// it should have been. Knows no protocol.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/json.h"

namespace hearth::wire {

/// "a string", "an object", ...
std::string_view kind_of(const io::Json& value);

/// An object of a request and its path from the body ("" for the body, "tools[0].function").
class Members {
 public:
  /// kUsage unless `value` is an object. The object must outlive the reader.
  static Result<Members> of(const io::Json& value, std::string path);

  /// nullptr when absent or null.
  const io::Json* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  std::string path(std::string_view key) const;
  const io::Json& object() const { return *object_; }

  // Absent or null: nullopt or nullptr. Another type or out of range: kUsage.
  Result<std::optional<std::string>> string(std::string_view key) const;
  Result<std::optional<bool>> boolean(std::string_view key) const;
  /// A number without a fraction: 5 or 5.0.
  Result<std::optional<int64_t>> integer(std::string_view key, int64_t min, int64_t max) const;
  Result<std::optional<double>> number(std::string_view key, double min, double max) const;
  Result<const io::Json*> array(std::string_view key) const;
  Result<std::optional<Members>> members(std::string_view key) const;
  /// The same, but absent is kUsage too.
  Result<std::string> required_string(std::string_view key) const;
  /// The string, or "" when absent.
  Result<std::string> string_or_empty(std::string_view key) const;
  Result<bool> boolean_or(std::string_view key, bool otherwise) const;

  /// kUsage for this member: "PATH: is NUMBER, but ..." .
  template <typename... Parts>
  Error wrong(std::string_view key, const Parts&... parts) const {
    return fail(ErrorCode::kUsage, path(key), ": ", parts...);
  }
  /// kUnsupported naming this member, if it is there and asks for something (not false, 0, "", [], {}).
  Status refuse(std::string_view key, std::string_view why) const;

 private:
  Members(const io::Json& value, std::string at) : object_(&value), path_(std::move(at)) {}
  const io::Json* object_;
  std::string path_;
};

/// The body of a request. Errors: kUsage (no JSON, no object, too deep).
Result<io::Json> parse_body(std::string_view body);

/// `value` as an integer if it is one.
std::optional<int64_t> as_integer(const io::Json& value);

}  // namespace hearth::wire
