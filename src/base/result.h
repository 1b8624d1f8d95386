// Result<T>: a value or an Error, the only way hearth code reports failure to its caller.
// Why not exceptions: bad input is an expected outcome below the command line, and must stay visible in
// signatures. Knows nothing of files, models or the command line.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace hearth {

/// What went wrong, coarsely; the message says the rest. The command line maps kUsage to exit status 2, all
/// others to 1.
enum class ErrorCode {
  kUsage,        // the caller asked for something that makes no sense
  kNotFound,     // a file, model, verb or name does not exist
  kCorrupt,      // bytes that break the rules of their format
  kUnsupported,  // well-formed, but something hearth does not do
  kTooLarge,     // does not fit into disk, context or a stated limit
  kNoMemory,     // does not fit into the memory there is now
  kIo,           // the operating system refused
  kNetwork,      // the other side refused, vanished or lied
  kCancelled,    // the user stopped it
  kBusy,         // too much asked for at once; the same request may succeed later
  kUnavailable,  // whoever would do it is going away
  kInternal,     // a bug in hearth
};

std::string_view to_string(ErrorCode code);

/// One clear line: what, where, what to try. No trailing newline.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

/// A value of type T, or an Error. Must be looked at before use: value() on an error is a programmer error.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & {
    HEARTH_CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    HEARTH_CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    HEARTH_CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const {
    HEARTH_CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : failed_(true), error_(std::move(error)) {}
  bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    HEARTH_CHECK(failed_);
    return error_;
  }

 private:
  bool failed_ = false;
  Error error_;
};

/// Builds the message by appending its parts: strings, characters and numbers.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  auto append = [&out](const auto& part) {
    using Part = std::decay_t<decltype(part)>;
    if constexpr (std::is_same_v<Part, char>) {
      out.push_back(part);
    } else if constexpr (std::is_arithmetic_v<Part>) {
      out += std::to_string(part);
    } else {
      out += std::string_view(part);
    }
  };
  (append(parts), ...);
  return out;
}

/// fail(ErrorCode::kCorrupt, path, ": bad magic"): an Error from message parts.
template <typename... Parts>
Error fail(ErrorCode code, const Parts&... parts) {
  return Error{code, concat(parts...)};
}

}  // namespace hearth

#define HEARTH_CONCAT_INNER(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_INNER(a, b)

/// Returns the error of a Status or Result expression from the enclosing function.
#define HEARTH_RETURN_IF_ERROR(expr)                   \
  do {                                                 \
    if (auto hearth_checked_ = (expr); !hearth_checked_) { \
      return hearth_checked_.error();                    \
    }                                                  \
  } while (false)

/// HEARTH_ASSIGN(auto x, f()): x becomes the value of the Result, or its error is returned.
#define HEARTH_ASSIGN(target, expr) HEARTH_ASSIGN_INNER(target, expr, HEARTH_CONCAT(hearth_result_, __LINE__))
#define HEARTH_ASSIGN_INNER(target, expr, temporary) \
  auto temporary = (expr);                           \
  if (!temporary) return temporary.error();          \
  target = std::move(temporary).value()
