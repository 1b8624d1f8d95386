// A model's own chat template (the Jinja dialect of Hugging Face transformers) rendered exactly as
// transformers does. The template is hostile: time, memory, output and recursion are limited. Must not know
// models or tokenizers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::text {

struct TemplateLimits {
  double time_s = 2.0;
  int64_t output_bytes = 64 << 20;
  int64_t memory_bytes = 256 << 20;
  int32_t recursion = 200;
  int64_t steps = 20'000'000;
};

/// A compiled template; immutable, thread-safe.
class ChatTemplate {
 public:
  /// Errors: kCorrupt with line number for syntax errors, kUnsupported for constructs hearth does not know.
  static Result<ChatTemplate> parse(std::string_view source);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  /// `request_json`: an object whose members become template variables ("messages", "tools",
  /// "add_generation_prompt", "bos_token", ...). Errors: kCorrupt (JSON; raise_exception of the template,
  /// with its message), kTooLarge (a limit).
  Result<std::string> render(std::string_view request_json, const TemplateLimits& limits = {}) const;
  /// The same at a given moment: what strftime_now sees, in seconds since 1970 of the local wall clock.
  Result<std::string> render_at(std::string_view request_json, int64_t now_local_s,
                                const TemplateLimits& limits = {}) const;

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::text
