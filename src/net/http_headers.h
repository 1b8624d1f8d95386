// Headers of a message, and the few of them whose values have a grammar (RFC 9110). All bytes here come from the
// other side. Must not know sockets or libcurl handles.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::net {

struct HttpHeader {
  std::string name;
  std::string value;
};

class HttpHeaders {
 public:
  /// One raw header line; lines without a colon are ignored.
  void add_line(std::string_view line);
  void add(std::string name, std::string value) { headers_.push_back({std::move(name), std::move(value)}); }
  void clear() { headers_.clear(); }
  /// The first value of that name, ignoring case; empty when absent.
  std::string_view find(std::string_view name) const;
  const std::vector<HttpHeader>& all() const { return headers_; }

 private:
  std::vector<HttpHeader> headers_;
};

bool equal_ignoring_case(std::string_view a, std::string_view b);

/// Decimal digits only; nullopt on anything else or overflow.
std::optional<uint64_t> parse_decimal(std::string_view text);

/// "bytes 0-99/1000" or "bytes */1000".
struct ContentRange {
  bool unsatisfied = false;  // the "*" form of a 416 answer
  uint64_t first = 0;
  uint64_t last = 0;              // inclusive
  std::optional<uint64_t> total;  // absent for "/*"
};
std::optional<ContentRange> parse_content_range(std::string_view value);

/// Retry-After: seconds, or a date that is compared with `now_unix_s`. Negative results become 0.
std::optional<double> parse_retry_after(std::string_view value, int64_t now_unix_s);

/// True for W/"...": the server promises the same meaning, not the same bytes (RFC 9110, 8.8.1).
bool is_weak_etag(std::string_view value);

/// An ETag without W/ and quotes when that is 64 hex digits (a SHA-256, as the hub sends), in lower case;
/// else empty.
std::string sha256_from_etag(std::string_view value);

}  // namespace hearth::net
