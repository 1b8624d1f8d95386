// HTTP GET and HEAD over libcurl: redirects, ranges, timeouts, cancellation, streaming. One client is one
// connection. Redirects are followed here rather than by libcurl: a bearer token must never reach another
// origin, and what the hub says about a file stands on its 302, not on the answer of the network it points
// to. Must not know models, files or retry loops of callers; says only whether trying again can help.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/rng.h"
#include "net/http_headers.h"
#include "net/url.h"

namespace hearth::net {

struct HttpOptions {
  double connect_timeout_s = 15;
  /// A transfer slower than low_speed_bytes_per_s for stall_timeout_s is given up (transient).
  double stall_timeout_s = 30;
  int64_t low_speed_bytes_per_s = 512;
  int max_redirects = 8;
  /// Attempts at the same spot without a byte of progress before it is an error.
  int max_attempts = 6;
  double backoff_first_s = 0.5;
  double backoff_max_s = 20;
  /// A Retry-After beyond this is reported instead of waited for.
  double retry_after_max_s = 90;
  std::string user_agent = "hearth";
  std::string ca_bundle;  // empty: the system's
  const std::atomic<bool>* cancel =
      nullptr;  // looked at several times a second; may be set by a signal handler

  /// Honours SSL_CERT_FILE and CURL_CA_BUNDLE; proxies are libcurl's own (http_proxy, https_proxy, no_proxy).
  static HttpOptions from_environment();
  bool cancelled() const { return cancel != nullptr && cancel->load(std::memory_order_relaxed); }
};

/// Bytes first..last, both inclusive; without `last` to the end.
struct ByteRange {
  uint64_t first = 0;
  std::optional<uint64_t> last;
};

struct HttpRequest {
  std::string url;
  bool head = false;              // HEAD instead of GET
  bool head_only = false;         // GET, but stop before the body
  std::string bearer_token = {};  // sent to the URL's own origin only
  std::vector<HttpHeader> headers = {};
  std::optional<ByteRange> range = {};
};

/// The head of one answer. `framed`: the other side marks where the body ends (length, chunks or HTTP/2), so
/// a cut shows.
struct HttpResponse {
  int status = 0;
  std::string url;
  HttpHeaders headers;
  std::optional<uint64_t> content_length;
  bool framed = true;
};

struct HttpHandlers {
  /// Called once with the head of the final 2xx answer, before its body; an error stops the transfer.
  std::function<Status(const HttpResponse&)> on_head;
  /// Called with each piece of a 2xx body; an error stops the transfer.
  std::function<Status(std::span<const std::byte>)> on_body;
};

/// One try. `status` is ok when a whole answer arrived, whatever its HTTP status says.
struct HttpExchange {
  Status status;
  bool transient = false;  // cut, timeout, 429 or 5xx: the same request may succeed later
  std::optional<double> retry_after_s;
  HttpResponse response;
  std::vector<HttpResponse> redirects;  // the answers that led here, in order
  std::string error_body;               // beginning of a body that was no 2xx, at most 4 KiB
};

struct HttpText {
  HttpResponse response;
  std::string body;  // of a 2xx answer, or the beginning of an error's
};

/// Exponential delays with jitter (half to full), so that many clients do not come back at the same moment.
class Backoff {
 public:
  explicit Backoff(const HttpOptions& options);
  void reset() { failures_ = 0; }
  /// Seconds to wait before the next try; nullopt when there should be none.
  std::optional<double> next_s(std::optional<double> retry_after_s);
  int failures() const { return failures_; }

 private:
  const HttpOptions& options_;
  Rng rng_;
  int failures_ = 0;
};

/// Not thread-safe; make one per thread. `options` must outlive it.
class HttpClient {
 public:
  explicit HttpClient(const HttpOptions& options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// One try, redirects included.
  HttpExchange exchange(const HttpRequest& request, const HttpHandlers& handlers);

  /// Tries until an answer arrives that is not transient; a transient one that stays is returned as it is
  /// when it has a status, as kNetwork otherwise. Never calls a handler: for heads (HEAD, head_only).
  Result<HttpExchange> head(const HttpRequest& request);

  /// The same for a whole body in memory; more than `max_bytes` is kTooLarge.
  Result<HttpText> text(const HttpRequest& request, size_t max_bytes);

  /// Waits in small steps; false when cancelled.
  static bool wait_s(double seconds, const HttpOptions& options);

 private:
  struct Impl;
  HttpExchange retry(const HttpRequest& request, const HttpHandlers& handlers,
                     const std::function<void()>& start_over);

  const HttpOptions& options_;
  std::unique_ptr<Impl> impl_;
};

/// kNetwork with the status and what to try, for an answer that is no 2xx. `what` names the thing asked for.
Error http_status_error(const HttpResponse& response, std::string_view what, bool had_token);

}  // namespace hearth::net
