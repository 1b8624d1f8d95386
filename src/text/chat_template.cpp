// The public face of the interpreter: parse once, render many times, each render with limits and memory of
// its own.
#include "text/chat_template.h"

#include <chrono>
#include <ctime>

#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"
#include "text/jinja/request.h"

namespace hearth::text {

namespace {

/// Seconds since 1970 as the clock on the wall shows them.
int64_t local_time_s() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm local{};
  if (localtime_r(&now, &local) == nullptr) return static_cast<int64_t>(now);
  return static_cast<int64_t>(now) + local.tm_gmtoff;
}

}  // namespace

struct ChatTemplate::Impl {
  jinja::Template tmpl;
};

ChatTemplate::ChatTemplate(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  HEARTH_ASSIGN(jinja::Template tmpl, jinja::parse_template(source));
  return ChatTemplate(std::make_unique<Impl>(Impl{std::move(tmpl)}));
}

Result<std::string> ChatTemplate::render(std::string_view request_json, const TemplateLimits& limits) const {
  return render_at(request_json, local_time_s(), limits);
}

Result<std::string> ChatTemplate::render_at(std::string_view request_json, int64_t now_local_s,
                                            const TemplateLimits& limits) const {
  jinja::Runtime runtime(limits, now_local_s);
  HEARTH_ASSIGN(jinja::Value variables, jinja::parse_request(runtime, request_json));
  jinja::complete_request(runtime, variables.as<jinja::Dict>());
  jinja::Interpreter interpreter(runtime, impl_->tmpl, std::move(variables));
  return interpreter.run();
}

}  // namespace hearth::text
