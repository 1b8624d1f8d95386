// Limits and argument binding.
#include "text/jinja/runtime.h"

#include <algorithm>

namespace hearth::text::jinja {

namespace {

constexpr int64_t kCheckInterval = 512;  // steps between looks at the clock and the memory
constexpr int64_t kBytesPerStep = 64;    // work on text, counted in steps

}  // namespace

Runtime::Runtime(const TemplateLimits& limits, int64_t local_time_s)
    : limits_(limits),
      local_time_s_(local_time_s),
      deadline_(std::chrono::steady_clock::now() +
                std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                    std::chrono::duration<double>(limits.time_s))),
      steps_left_(limits.steps) {
  heap_.set_work(limits.steps);
}

Error Runtime::limit_error(std::string_view what) const {
  return fail(ErrorCode::kTooLarge, "chat template, line ", line, ": stopped after using up its limit of ",
              what);
}

Status Runtime::check_memory() const {
  if (heap_.live_bytes() > limits_.memory_bytes)
    return limit_error(concat(limits_.memory_bytes, " bytes of memory"));
  return {};
}

Status Runtime::check_limits() {
  steps_left_ -= check_interval_ - steps_to_check_;
  if (steps_left_ <= 0 || heap_.work_left() < 0) return limit_error(concat(limits_.steps, " steps"));
  if (std::chrono::steady_clock::now() > deadline_) return limit_error(concat(limits_.time_s, " seconds"));
  check_interval_ = std::min(kCheckInterval, steps_left_);
  steps_to_check_ = check_interval_;
  return check_memory();
}

Status Runtime::spend(int64_t bytes) {
  steps_to_check_ -= bytes / kBytesPerStep;
  return step();
}

Status Runtime::check_room(size_t bytes) const {
  if (static_cast<int64_t>(bytes) > limits_.memory_bytes - heap_.live_bytes()) {
    return limit_error(concat(limits_.memory_bytes, " bytes of memory"));
  }
  return {};
}

Status Runtime::reserve(int64_t bytes) {
  HEARTH_RETURN_IF_ERROR(check_room(static_cast<size_t>(bytes)));
  return spend(bytes);
}

Result<std::vector<Value>> bind_arguments(Runtime& runtime, std::string_view function, const Args& args,
                                          std::initializer_list<std::string_view> names, size_t required) {
  if (args.positional.size() > names.size()) {
    return runtime.error(function, "() takes at most ", names.size(), " arguments, ", args.positional.size(),
                         " given");
  }
  std::vector<Value> bound = args.positional;
  bound.resize(names.size(), Value::missing());
  for (const auto& [name, value] : args.named) {
    const auto it = std::find(names.begin(), names.end(), name);
    if (it == names.end())
      return runtime.error(function, "() got an unexpected keyword argument '", name, "'");
    Value& slot = bound[static_cast<size_t>(it - names.begin())];
    if (!slot.is(Kind::kMissing)) return runtime.error(function, "() got two values for '", name, "'");
    slot = value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (bound[i].is(Kind::kMissing))
      return runtime.error(function, "() misses its argument '", names.begin()[i], "'");
  }
  return bound;
}

Result<std::vector<Value>> bind_positional(Runtime& runtime, std::string_view function, const Args& args,
                                           std::initializer_list<std::string_view> names, size_t required) {
  if (!args.named.empty()) return runtime.error(function, "() takes no keyword arguments");
  return bind_arguments(runtime, function, args, names, required);
}

}  // namespace hearth::text::jinja
