// Header grammar; see the header file.
#include "net/http_headers.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>

namespace hearth::net {
namespace {

char lower(char c) { return (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() &&
         (text.back() == ' ' || text.back() == '\t' || text.back() == '\r' || text.back() == '\n')) {
    text.remove_suffix(1);
  }
  return text;
}

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

void HttpHeaders::add_line(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return;
  headers_.push_back({std::string(trim(line.substr(0, colon))), std::string(trim(line.substr(colon + 1)))});
}

std::string_view HttpHeaders::find(std::string_view name) const {
  for (const HttpHeader& header : headers_) {
    if (equal_ignoring_case(header.name, name)) return header.value;
  }
  return {};
}

std::optional<uint64_t> parse_decimal(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<ContentRange> parse_content_range(std::string_view value) {
  value = trim(value);
  if (value.size() < 6 || !equal_ignoring_case(value.substr(0, 6), "bytes ")) return std::nullopt;
  value = trim(value.substr(6));
  const size_t slash = value.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  ContentRange out;
  const std::string_view total = value.substr(slash + 1);
  if (total != "*") {
    out.total = parse_decimal(total);
    if (!out.total) return std::nullopt;
  }
  const std::string_view range = value.substr(0, slash);
  if (range == "*") {
    out.unsatisfied = true;
    return out;
  }
  const size_t dash = range.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = parse_decimal(range.substr(0, dash));
  const auto last = parse_decimal(range.substr(dash + 1));
  if (!first || !last || *first > *last || (out.total && *last >= *out.total)) return std::nullopt;
  out.first = *first;
  out.last = *last;
  return out;
}

std::optional<double> parse_retry_after(std::string_view value, int64_t now_unix_s) {
  value = trim(value);
  if (const auto seconds = parse_decimal(value)) return static_cast<double>(*seconds);
  if (value.empty() || value.size() > 64) return std::nullopt;
  const time_t when = curl_getdate(std::string(value).c_str(), nullptr);
  if (when == static_cast<time_t>(-1)) return std::nullopt;
  return std::max(0.0, static_cast<double>(when) - static_cast<double>(now_unix_s));
}

bool is_weak_etag(std::string_view value) { return trim(value).starts_with("W/"); }

std::string sha256_from_etag(std::string_view value) {
  value = trim(value);
  if (is_weak_etag(value)) value.remove_prefix(2);
  if (value.size() == 66 && value.front() == '"' && value.back() == '"') value = value.substr(1, 64);
  std::string out(value.size() == 64 ? value : std::string_view());
  for (char& c : out) {
    c = lower(c);
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return {};
  }
  return out;
}

}  // namespace hearth::net
