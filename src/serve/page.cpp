// Files under fixed names, asked for again at each visit and sent again only when they changed.
#include "serve/page.h"

#include <sodium.h>

#include <array>
#include <utility>

extern "C" {
extern const char hearth_page_html_begin[];
extern const char hearth_page_html_end[];
extern const char hearth_page_js_begin[];
extern const char hearth_page_js_end[];
extern const char hearth_page_css_begin[];
extern const char hearth_page_css_end[];
extern const char hearth_openapi_begin[];
extern const char hearth_openapi_end[];
}

namespace hearth::serve {
namespace {

/// Nothing but what this server gives; the page asks this server only and is in nobody's frame.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string entity_tag(std::string_view bytes) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash;
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  std::array<char, 2 * 16 + 1> hex;
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), 16);
  return concat("\"", hex.data(), "\"");
}

void respond_file(const Call& call, std::string_view bytes, std::string_view type, const std::string& tag) {
  net::AnswerHeaders headers = {{"Content-Security-Policy", std::string(kPolicy)},
                                {"X-Content-Type-Options", "nosniff"},
                                {"Referrer-Policy", "no-referrer"},
                                {"Cross-Origin-Resource-Policy", "same-origin"},
                                {"Cache-Control", "no-cache"},
                                {"ETag", tag}};
  const std::string_view known = call.request.headers.find("If-None-Match");
  if (known == "*" || known.find(tag) != std::string_view::npos)
    return call.responder->respond(304, std::move(headers), "");
  headers.emplace_back("Content-Type", type);
  call.responder->respond(200, std::move(headers), std::string(bytes));
}

}  // namespace

void page(Call call) {
  static const std::string_view kBytes(hearth_page_html_begin, hearth_page_html_end);
  static const std::string kTag = entity_tag(kBytes);
  respond_file(call, kBytes, "text/html; charset=utf-8", kTag);
}

void page_script(Call call) {
  static const std::string_view kBytes(hearth_page_js_begin, hearth_page_js_end);
  static const std::string kTag = entity_tag(kBytes);
  respond_file(call, kBytes, "text/javascript; charset=utf-8", kTag);
}

void page_style(Call call) {
  static const std::string_view kBytes(hearth_page_css_begin, hearth_page_css_end);
  static const std::string kTag = entity_tag(kBytes);
  respond_file(call, kBytes, "text/css; charset=utf-8", kTag);
}

void openapi_document(Call call) {
  static const std::string_view kBytes(hearth_openapi_begin, hearth_openapi_end);
  static const std::string kTag = entity_tag(kBytes);
  respond_file(call, kBytes, "application/json", kTag);
}

}  // namespace hearth::serve
