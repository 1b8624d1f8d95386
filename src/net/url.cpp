// URL handling over libcurl's parser; see the header.
#include "net/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>

namespace hearth::net {
namespace {

using UrlHandle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

UrlHandle new_handle() { return {curl_url(), &curl_url_cleanup}; }

std::string part(const UrlHandle& handle, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(handle.get(), which, &text, flags) != CURLUE_OK) return {};
  std::string out = text;
  curl_free(text);
  return out;
}

Result<Url> from_handle(const UrlHandle& handle) {
  Url url;
  url.scheme = part(handle, CURLUPART_SCHEME);
  url.path = part(handle, CURLUPART_PATH);
  url.text = part(handle, CURLUPART_URL);
  const std::string host = part(handle, CURLUPART_HOST);
  if ((url.scheme != "http" && url.scheme != "https") || host.empty() || url.text.empty()) {
    return fail(ErrorCode::kUsage, "not an http or https URL");
  }
  std::string lower_host = host;
  std::transform(lower_host.begin(), lower_host.end(), lower_host.begin(),
                 [](char c) { return (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c; });
  url.origin = concat(url.scheme, "://", lower_host, ":", part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT));
  return url;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

Result<Url> parse_url(std::string_view text) {
  const UrlHandle handle = new_handle();
  const bool odd = std::any_of(text.begin(), text.end(), [](char c) { return is_control(c) || c == ' '; });
  if (handle == nullptr || odd ||
      curl_url_set(handle.get(), CURLUPART_URL, std::string(text).c_str(), 0) != CURLUE_OK) {
    return fail(ErrorCode::kUsage, printable_url(text), ": not an http or https URL");
  }
  Result<Url> url = from_handle(handle);
  if (!url) return fail(ErrorCode::kUsage, printable_url(text), ": not an http or https URL");
  return url;
}

Result<Url> resolve_redirect(const Url& base, std::string_view location) {
  const UrlHandle handle = new_handle();
  const bool odd = std::any_of(location.begin(), location.end(), is_control);
  if (handle == nullptr || odd ||
      curl_url_set(handle.get(), CURLUPART_URL, base.text.c_str(), 0) != CURLUE_OK ||
      curl_url_set(handle.get(), CURLUPART_URL, std::string(location).c_str(), CURLU_URLENCODE) !=
          CURLUE_OK) {
    return fail(ErrorCode::kNetwork, printable_url(base.text), ": redirects to something that is no URL");
  }
  Result<Url> target = from_handle(handle);
  if (!target) {
    return fail(ErrorCode::kNetwork, printable_url(base.text),
                ": redirects to something that is no http(s) URL");
  }
  if (base.scheme == "https" && target->scheme != "https") {
    return fail(ErrorCode::kNetwork, printable_url(base.text),
                ": redirects from https to unprotected http at ", printable_url(target->text), "; refused");
  }
  return target;
}

std::string public_url(std::string_view text) {
  text = text.substr(0, text.find_first_of("?#"));
  std::string out;
  const size_t scheme_end = text.find("://");
  if (scheme_end != std::string_view::npos) {
    out = text.substr(0, scheme_end + 3);
    text.remove_prefix(scheme_end + 3);
  }
  const size_t authority_end = std::min(text.find('/'), text.size());
  const size_t at = text.substr(0, authority_end).rfind('@');
  if (at != std::string_view::npos) text.remove_prefix(at + 1);
  out += text;
  for (char& c : out) {
    if (is_control(c) || static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return out;
}

std::string printable_url(std::string_view text) {
  constexpr size_t kMaxShown = 200;
  std::string out = public_url(text);
  if (out.size() > kMaxShown) out = out.substr(0, kMaxShown) + "...";
  return out;
}

std::string encode_path(std::string_view path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || c == '/';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string file_name_of(const Url& url) {
  const std::string segment = url.path.substr(url.path.rfind('/') + 1);
  int length = 0;
  char* decoded = curl_easy_unescape(nullptr, segment.c_str(), static_cast<int>(segment.size()), &length);
  if (decoded == nullptr) return {};
  const std::string name(decoded, static_cast<size_t>(length));
  curl_free(decoded);
  const bool odd = std::any_of(name.begin(), name.end(), [](char c) { return is_control(c) || c == '/'; });
  return odd ? std::string() : name;
}

}  // namespace hearth::net
