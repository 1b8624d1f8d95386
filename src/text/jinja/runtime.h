// What the code of one render shares: memory, limits, the line it is at, and how errors are made. Knows no
// syntax tree.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/chat_template.h"
#include "text/jinja/value.h"

namespace hearth::text::jinja {

class Runtime {
 public:
  Runtime(const TemplateLimits& limits, int64_t local_time_s);
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  Heap& heap() { return heap_; }
  const TemplateLimits& limits() const { return limits_; }
  /// Seconds since 1970 of the wall clock where the user is, for strftime_now.
  int64_t local_time_s() const { return local_time_s_; }

  /// One step of work.
  Status step() { return --steps_to_check_ > 0 ? Status() : check_limits(); }
  /// Work over `bytes` bytes, before it is done.
  Status spend(int64_t bytes);
  /// The same, and room for as many in memory.
  Status reserve(int64_t bytes);
  /// Error unless a text that is not yet a value may have so many bytes.
  Status check_room(size_t bytes) const;
  /// Error when what lives now is more than allowed.
  Status check_memory() const;

  int32_t line = 0;
  /// kCorrupt, "chat template, line N: ...".
  template <typename... Parts>
  Error error(const Parts&... parts) const {
    return fail(ErrorCode::kCorrupt, "chat template, line ", line, ": ", parts...);
  }
  Error limit_error(std::string_view what) const;
  /// At the end: whether a comparison gave up (Heap::work_left).
  Status check_limits();

  Value string(std::string text, bool markup = false) { return make_string(heap_, std::move(text), markup); }

 private:
  Heap heap_;  // first: outlives all values
  TemplateLimits limits_;
  int64_t local_time_s_;
  std::chrono::steady_clock::time_point deadline_;
  int64_t steps_left_;
  int64_t steps_to_check_ = 0;
  int64_t check_interval_ = 0;
};

/// The arguments of a call, a filter (without the filtered value) or a test.
struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// Python's binding of arguments to parameters: one value per name, kMissing where none was given. `required`
/// of them must be given. Errors name `function`.
Result<std::vector<Value>> bind_arguments(Runtime& runtime, std::string_view function, const Args& args,
                                          std::initializer_list<std::string_view> names, size_t required);
/// The same for Python's built-in methods, which take no keywords.
Result<std::vector<Value>> bind_positional(Runtime& runtime, std::string_view function, const Args& args,
                                           std::initializer_list<std::string_view> names, size_t required);

}  // namespace hearth::text::jinja
