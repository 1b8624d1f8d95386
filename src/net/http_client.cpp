// libcurl easy handles, one per client; see the header for what is promised.
#include "net/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <thread>

#include "base/log.h"
#include "io/utf8.h"

namespace hearth::net {
namespace {

constexpr size_t kMaxHeaderBytes = 256 * 1024;  // of one answer
constexpr size_t kMaxErrorBody = 4096;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_transient_status(int status) {
  return status == 408 || status == 425 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

bool is_transient(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

void init_curl_once() {
  static const CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
  HEARTH_CHECK(code == CURLE_OK);
}

/// What the callbacks of one hop write to.
struct Hop {
  const HttpRequest* request = nullptr;
  const HttpHandlers* handlers = nullptr;
  const HttpOptions* options = nullptr;
  CURL* curl = nullptr;
  HttpResponse response;
  size_t header_bytes = 0;
  bool head_seen = false;  // on_head ran (or was not needed)
  bool stopped = false;    // head_only: we ended it on purpose
  Status refused;          // what a handler, or a limit, objected to
  std::string error_body;
};

/// Completes the head once all headers are in; false when a handler refused it.
bool finish_head(Hop& hop) {
  if (hop.head_seen) return true;
  hop.head_seen = true;
  long status = 0;
  long version = 0;
  curl_easy_getinfo(hop.curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(hop.curl, CURLINFO_HTTP_VERSION, &version);
  HttpResponse& response = hop.response;
  response.status = static_cast<int>(status);
  response.content_length = parse_decimal(response.headers.find("Content-Length"));
  const bool http1 = version == CURL_HTTP_VERSION_1_0 || version == CURL_HTTP_VERSION_1_1;
  const bool chunked = !response.headers.find("Transfer-Encoding").empty();
  response.framed = !http1 || chunked || response.content_length.has_value();
  if (chunked) response.content_length.reset();
  const bool final_success = status >= 200 && status < 300;
  if (final_success && hop.handlers->on_head) {
    hop.refused = hop.handlers->on_head(response);
    return hop.refused.ok();
  }
  return true;
}

size_t on_header(char* data, size_t size, size_t count, void* user) {
  Hop& hop = *static_cast<Hop*>(user);
  const std::string_view line(data, size * count);
  hop.header_bytes += line.size();
  if (hop.header_bytes > kMaxHeaderBytes) {
    hop.refused = fail(ErrorCode::kNetwork, printable_url(hop.request->url),
                       ": sends more than 256 KiB of headers; not a sane server");
    return 0;
  }
  if (hop.head_seen) return line.size();  // trailers
  if (line.substr(0, 5) == "HTTP/")
    hop.response.headers.clear();  // after an interim answer (1xx)
  else
    hop.response.headers.add_line(line);
  return line.size();
}

size_t on_body(char* data, size_t size, size_t count, void* user) {
  Hop& hop = *static_cast<Hop*>(user);
  const size_t bytes = size * count;
  if (!finish_head(hop)) return 0;
  const int status = hop.response.status;
  if (status < 200 || status >= 300) {
    if (hop.request->head_only || is_redirect(status)) {
      hop.stopped = true;
      return 0;
    }
    const size_t room = kMaxErrorBody - hop.error_body.size();
    hop.error_body.append(data, std::min(room, bytes));
    if (room <= bytes) hop.stopped = true;  // enough for a message
    return hop.stopped ? 0 : bytes;
  }
  if (hop.request->head_only) {
    hop.stopped = true;
    return 0;
  }
  if (hop.handlers->on_body) {
    hop.refused = hop.handlers->on_body({reinterpret_cast<const std::byte*>(data), bytes});
    if (!hop.refused) return 0;
  }
  return bytes;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Hop*>(user)->options->cancelled() ? 1 : 0;
}

/// Different in each process and thread; nothing secret hangs on it.
uint64_t jitter_seed(const void* salt) {
  const auto ticks = std::chrono::steady_clock::now().time_since_epoch().count();
  return static_cast<uint64_t>(ticks) ^ (reinterpret_cast<uintptr_t>(salt) << 20);
}

}  // namespace

HttpOptions HttpOptions::from_environment() {
  HttpOptions options;
  for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0' && options.ca_bundle.empty()) options.ca_bundle = value;
  }
  return options;
}

Backoff::Backoff(const HttpOptions& options) : options_(options), rng_(jitter_seed(this)) {}

std::optional<double> Backoff::next_s(std::optional<double> retry_after_s) {
  if (++failures_ >= options_.max_attempts) return std::nullopt;
  if (retry_after_s && *retry_after_s > options_.retry_after_max_s) return std::nullopt;
  double delay_s = options_.backoff_first_s;
  for (int i = 1; i < failures_ && delay_s < options_.backoff_max_s; ++i) delay_s *= 2;
  delay_s = std::min(delay_s, options_.backoff_max_s) * (0.5 + 0.5 * rng_.uniform());
  return std::max(delay_s, retry_after_s.value_or(0.0));
}

struct HttpClient::Impl {
  CURL* curl = nullptr;
  char message[CURL_ERROR_SIZE] = {};

  /// One request without following redirects.
  CURLcode perform(Hop& hop, const HttpRequest& request, const Url& url, bool with_token,
                   const HttpOptions& options);
};

CURLcode HttpClient::Impl::perform(Hop& hop, const HttpRequest& request, const Url& url, bool with_token,
                                   const HttpOptions& options) {
  curl_easy_reset(curl);  // keeps the connection and the DNS cache
  message[0] = '\0';
  curl_slist* list = nullptr;
  auto add = [&list](const std::string& line) {
    if (curl_slist* longer = curl_slist_append(list, line.c_str())) list = longer;
  };
  add("Accept-Encoding: identity");
  for (const HttpHeader& header : request.headers) add(concat(header.name, ": ", header.value));
  if (with_token) add(concat("Authorization: Bearer ", request.bearer_token));
  if (request.range) {
    const std::string last = request.range->last ? std::to_string(*request.range->last) : std::string();
    add(concat("Range: bytes=", request.range->first, "-", last));
  }
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
  curl_easy_setopt(curl, CURLOPT_URL, url.text.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
  curl_easy_setopt(curl, CURLOPT_NOBODY, request.head ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!options.ca_bundle.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, options.ca_bundle.c_str());
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, options.user_agent.c_str());
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout_s * 1000));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options.low_speed_bytes_per_s));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, std::max(1L, static_cast<long>(options.stall_timeout_s)));
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L * 1024L);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &hop);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &hop);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &hop);
  const CURLcode code = curl_easy_perform(curl);
  curl_slist_free_all(list);
  return code;
}

HttpClient::HttpClient(const HttpOptions& options) : options_(options), impl_(std::make_unique<Impl>()) {
  init_curl_once();
  impl_->curl = curl_easy_init();
  HEARTH_CHECK(impl_->curl != nullptr);
}

HttpClient::~HttpClient() { curl_easy_cleanup(impl_->curl); }

HttpExchange HttpClient::exchange(const HttpRequest& request, const HttpHandlers& handlers) {
  HttpExchange out;
  Result<Url> parsed = parse_url(request.url);
  if (!parsed) {
    out.status = parsed.error();
    return out;
  }
  Url url = std::move(parsed).value();
  const std::string home = url.origin;
  bool left_home = false;  // once elsewhere, the token stays away even if the way leads back
  for (int redirects = 0;; ++redirects) {
    Hop hop;
    hop.request = &request;
    hop.handlers = &handlers;
    hop.options = &options_;
    hop.curl = impl_->curl;
    hop.response.url = url.text;
    left_home = left_home || url.origin != home;
    const bool with_token = !request.bearer_token.empty() && !left_home;
    const CURLcode code = impl_->perform(hop, request, url, with_token, options_);
    if (code == CURLE_OK) finish_head(hop);
    out.response = std::move(hop.response);
    out.error_body = std::move(hop.error_body);
    if (!hop.refused) {
      out.status = hop.refused;
      return out;
    }
    if (options_.cancelled()) {
      out.status = fail(ErrorCode::kCancelled, "stopped");
      return out;
    }
    if (code != CURLE_OK && !hop.stopped) {
      std::string detail = impl_->message[0] != '\0' ? impl_->message : curl_easy_strerror(code);
      for (char& c : detail) c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
      out.status = fail(ErrorCode::kNetwork, printable_url(url.text), ": ", detail);
      out.transient = is_transient(code);
      return out;
    }
    const int status = out.response.status;
    const std::string location(out.response.headers.find("Location"));
    if (!is_redirect(status) || location.empty()) {
      out.transient = is_transient_status(status);
      out.retry_after_s = parse_retry_after(out.response.headers.find("Retry-After"), std::time(nullptr));
      return out;
    }
    if (redirects >= options_.max_redirects) {
      out.status = fail(ErrorCode::kNetwork, printable_url(request.url), ": redirected more than ",
                        options_.max_redirects, " times, last to ", printable_url(location));
      return out;
    }
    Result<Url> next = resolve_redirect(url, location);
    if (!next) {
      out.status = next.error();
      return out;
    }
    out.redirects.push_back(std::move(out.response));
    url = std::move(next).value();
  }
}

bool HttpClient::wait_s(double seconds, const HttpOptions& options) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(std::clamp(seconds, 0.0, 3600.0)));
  while (Clock::now() < end) {
    if (options.cancelled()) return false;
    std::this_thread::sleep_for(
        std::min<Clock::duration>(end - Clock::now(), std::chrono::milliseconds(100)));
  }
  return !options.cancelled();
}

HttpExchange HttpClient::retry(const HttpRequest& request, const HttpHandlers& handlers,
                               const std::function<void()>& start_over) {
  Backoff backoff(options_);
  for (;;) {
    start_over();
    HttpExchange tried = exchange(request, handlers);
    if (!tried.transient) return tried;
    const std::optional<double> delay_s = backoff.next_s(tried.retry_after_s);
    if (!delay_s) return tried;
    log_line(LogLevel::kDebug,
             concat(tried.status ? concat(printable_url(request.url), ": HTTP ", tried.response.status)
                                 : tried.status.error().message,
                    "; trying again in ", static_cast<int>(*delay_s + 0.5), " s"));
    if (!wait_s(*delay_s, options_)) {
      tried.status = fail(ErrorCode::kCancelled, "stopped");
      tried.transient = false;
      return tried;
    }
  }
}

Result<HttpExchange> HttpClient::head(const HttpRequest& request) {
  HttpExchange tried = retry(request, {}, [] {});
  if (!tried.status) return tried.status.error();
  return tried;
}

Result<HttpText> HttpClient::text(const HttpRequest& request, size_t max_bytes) {
  std::string body;
  HttpHandlers handlers;
  handlers.on_body = [&](std::span<const std::byte> bytes) -> Status {
    if (bytes.size() > max_bytes - body.size()) {
      return fail(ErrorCode::kTooLarge, printable_url(request.url), ": the answer is larger than ", max_bytes,
                  " bytes");
    }
    body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  };
  HttpExchange tried = retry(request, handlers, [&body] { body.clear(); });
  if (!tried.status) return tried.status.error();
  const bool success = tried.response.status >= 200 && tried.response.status < 300;
  return HttpText{std::move(tried.response), success ? std::move(body) : std::move(tried.error_body)};
}

Error http_status_error(const HttpResponse& response, std::string_view what, bool had_token) {
  std::string hint;
  const std::string_view gated = response.headers.find("X-Error-Code");
  switch (response.status) {
    case 401:
    case 403:
      if (gated == "GatedRepo") {
        hint =
            had_token
                ? "the model is gated: accept its licence on the hub's page with the account of your HF_TOKEN"
                : "the model is gated: accept its licence on the hub's page, then set HF_TOKEN";
      } else {
        hint = had_token ? "it does not exist, or your HF_TOKEN may not read it"
                         : "it does not exist, is private or gated; check the name, or set HF_TOKEN";
      }
      break;
    case 404:
    case 410:
      hint = "there is no such thing; check the spelling";
      break;
    case 429: {
      const std::string_view after = response.headers.find("Retry-After");
      hint = after.empty() ? "too many requests; try again later"
                           : concat("too many requests; the server asks to wait (Retry-After) ",
                                    io::printable(after, 40));
      break;
    }
    default:
      hint = response.status >= 500 ? "the server has a problem; try again later" : "the server refused";
  }
  const bool missing = response.status == 404 || response.status == 410;
  return fail(missing ? ErrorCode::kNotFound : ErrorCode::kNetwork, what, ": HTTP ", response.status,
              " from ", printable_url(response.url), ": ", hint);
}

}  // namespace hearth::net
