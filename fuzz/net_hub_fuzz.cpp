// What a server may answer: hub listings, header values and redirect targets. The first byte picks the
// parser.
#include <cstdlib>

#include "net/hub.h"

namespace {

template <typename T>
void check_error(const hearth::Result<T>& result) {
  if (result.ok()) return;
  const std::string& message = result.error().message;
  if (message.empty() || message.find('\n') != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth::net;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      check_error(parse_hub_model(text));
      break;
    case 1:
      check_error(parse_hub_tree(text));
      break;
    case 2:
      if (const auto range = parse_content_range(text)) {
        if (!range->unsatisfied &&
            (range->first > range->last || (range->total && range->last >= *range->total))) {
          std::abort();
        }
      }
      (void)parse_retry_after(text, 1'700'000'000);
      (void)sha256_from_etag(text);
      break;
    case 3:
      if (const auto url = parse_url(text)) {
        if (url->scheme != "http" && url->scheme != "https") std::abort();
        (void)file_name_of(*url);
      } else {
        check_error(url);
      }
      break;
    default: {
      const auto target = resolve_redirect(parse_url("https://hub.example/a/b?c").value(), text);
      check_error(target);
      if (target && target->scheme != "https") std::abort();
    }
  }
  return 0;
}
