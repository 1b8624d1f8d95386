// Chat templates and render requests from hostile files. The input is a template, and behind the first NUL
// byte a request; without one, a fixed request is rendered. Limits are small so that the fuzzer sees many
// inputs.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "text/chat_template.h"

namespace {

constexpr std::string_view kRequest =
    R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"h\u00e9 <b>"},{"role":"assistant","content":null,)"
    R"("thinking":"t","tool_calls":[{"function":{"name":"f","arguments":{"a":[1,2.5,null,true]}}}]}],)"
    R"("tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"n":3,"add_generation_prompt":true})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.find('\0');
  const std::string_view request = cut == std::string_view::npos ? kRequest : input.substr(cut + 1);
  const hearth::Result<hearth::text::ChatTemplate> tmpl =
      hearth::text::ChatTemplate::parse(input.substr(0, cut));
  if (!tmpl.ok()) return 0;
  const hearth::text::TemplateLimits limits{
      .time_s = 1.0, .output_bytes = 1 << 18, .memory_bytes = 4 << 20, .recursion = 60, .steps = 20'000};
  const hearth::Result<std::string> text = tmpl->render_at(request, 1'700'000'000, limits);
  (void)text;
  return 0;
}
