// URLs as far as an HTTP client needs them: origin, redirects, a form that is safe to print, file names.
// Parsing is libcurl's (RFC 3986 with its usual leniency), so that what is checked is what is fetched.
// Knows nothing of models or the hub.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::net {

/// A checked absolute http or https URL.
struct Url {
  std::string text;    // normalised, as it is sent
  std::string scheme;  // "http" or "https"
  std::string origin;  // "https://host:443": what credentials belong to
  std::string path;    // still percent-encoded, begins with '/'
};

/// kUsage when it is no absolute http(s) URL.
Result<Url> parse_url(std::string_view text);

/// The target of a Location header seen at `base`. kNetwork when it is no http(s) URL, or leaves https for
/// http.
Result<Url> resolve_redirect(const Url& base, std::string_view location);

/// Without user name, password, query (CDN signatures live there) and fragment; printable ASCII.
std::string public_url(std::string_view text);

/// The same, shortened for messages.
std::string printable_url(std::string_view text);

/// Percent-encodes everything but unreserved characters and '/'.
std::string encode_path(std::string_view path);

/// Last path segment, percent-decoded; empty when there is none or it decodes to something with '/' or a
/// control character in it.
std::string file_name_of(const Url& url);

}  // namespace hearth::net
