// From a request to its route: keys, limits, cross-origin rules, the log.
#include "serve/server.h"

#include <arpa/inet.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "io/json.h"
#include "serve/answer_session.h"
#include "serve/metrics.h"
#include "serve/routes.h"
#include "serve/work_queue.h"

namespace hearth::serve {
namespace {

constexpr int kWorkers = 4;
constexpr size_t kMostWaiting = 1024;

int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<int64_t>(sysconf(_SC_PAGESIZE));
}

/// The route of a request, or the methods that would have had one.
struct Found {
  const Route* route = nullptr;
  std::string tail;
  std::string allowed;  // the methods there are, for Allow
};

Found find_route(const net::ServerRequest& request) {
  Found found;
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  for (const Route& route : routes()) {
    const bool prefix = route.path.ends_with('/') && route.path.size() > 1;
    const std::string_view path = request.path;
    const bool fits =
        prefix ? path.starts_with(route.path) && path.size() > route.path.size() : path == route.path;
    if (!fits) continue;
    if (route.method != method) {
      found.allowed +=
          concat(found.allowed.empty() ? "" : ", ", route.method == "GET" ? "GET, HEAD" : route.method);
      continue;
    }
    found.route = &route;
    if (prefix) found.tail = path.substr(route.path.size());
    return found;
  }
  return found;
}

/// "localhost:8080" -> "localhost", "[::1]:80" -> "::1"
std::string host_of(std::string_view header) {
  if (header.starts_with('[')) return std::string(header.substr(1, header.find(']') - 1));
  return std::string(header.substr(0, header.find(':')));
}

/// Of the headers that a page wants to send: those with a legal name, in a form that is safe to repeat.
std::string safe_header_names(std::string_view wanted) {
  constexpr size_t kMostNames = 64, kMostBytes = 64;
  std::string out = "Authorization, Content-Type";
  for (size_t count = 0; !wanted.empty() && count < kMostNames; ++count) {
    std::string_view name = wanted.substr(0, wanted.find(','));
    wanted.remove_prefix(std::min(wanted.size(), name.size() + 1));
    while (name.starts_with(' ') || name.starts_with('\t')) name.remove_prefix(1);
    while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
    const bool legal =
        !name.empty() && name.size() <= kMostBytes && std::all_of(name.begin(), name.end(), [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                 c == '_';
        });
    if (legal) out += concat(", ", name);
  }
  return out;
}

/// For the log: what clients send must not forge lines, nor speak to a terminal.
std::string one_line(std::string_view text) {
  constexpr size_t kMost = 300;
  std::string out(text.substr(0, kMost));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  }
  return out;
}

/// The beginning of a request's text as one JSON string, with nothing in it that a terminal would obey.
std::string for_log(std::string_view text) {
  constexpr size_t kMost = 2000;
  const bool cut = text.size() > kMost;
  size_t end = cut ? kMost : text.size();
  while (cut && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;  // a whole character
  std::string out;
  for (const char c : io::dump_json(std::string(text.substr(0, end)))) {
    const bool control = c == 0x7f || (static_cast<unsigned char>(c) < 0xA0 && out.ends_with('\xC2'));
    if (control && c != 0x7f) out.pop_back();
    out += control ? '?' : c;
  }
  return cut ? out + "..." : out;
}

wire::Protocol protocol_of(std::string_view path) {
  return path.starts_with("/api/") ? wire::Protocol::kOllamaChat : wire::Protocol::kOpenAiChat;
}

}  // namespace

bool is_loopback(const std::string& host) {
  in_addr address{};
  const bool v4 = inet_pton(AF_INET, host.c_str(), &address) == 1;
  return host == "localhost" || host == "::1" || (v4 && (ntohl(address.s_addr) >> 24) == 127);
}

struct Server::Impl : Context {
  Impl(ServeOptions asked, std::unique_ptr<ModelSource> source)
      : options(std::move(asked)),
        keys(options.keys),
        directory(std::move(source), options.models),
        work(kWorkers, kMostWaiting),
        preloaded(!options.preload) {
    set_live(options);
  }

  /// What may change while others read it.
  struct Live {
    std::vector<std::string> cors_origins;
    bool log_requests = true;
    bool log_prompts = false;
  };
  std::shared_ptr<const Live> live() const {
    const std::lock_guard lock(live_mutex);
    return live_now;
  }
  void set_live(const ServeOptions& from) {
    auto fresh = std::make_shared<const Live>(Live{from.cors_origins, from.log_requests, from.log_prompts});
    const std::lock_guard lock(live_mutex);
    live_now = std::move(fresh);
  }

  const ServeOptions options;  // of the start
  mutable std::mutex live_mutex;
  std::shared_ptr<const Live> live_now;
  ApiKeys keys;
  ModelDirectory directory;
  WorkQueue work;
  std::unique_ptr<net::HttpServer> http;
  std::atomic<int64_t> requests{0};
  std::atomic<int64_t> refused{0};
  std::atomic<bool> preloaded;  // or there is nothing to preload
  std::atomic<bool> stopping{false};
  std::atomic<net::HttpServer*> transport{nullptr};

  std::mutex stop_mutex;
  std::condition_variable stopped;
  bool is_stopped = false;

  ModelDirectory& models() override { return directory; }
  std::string_view readiness() override {
    if (stopping) return "stopping";
    return preloaded || directory.any_loaded() ? "ready" : "loading";
  }
  std::string metrics() override {
    return prometheus_text(
        directory.stats(),
        {requests, refused, transport ? transport.load()->open_connections() : 0, resident_bytes()});
  }
  Status post(std::function<void()> task) override {
    if (work.post(std::move(task))) return {};
    if (stopping) return fail(ErrorCode::kUnavailable, "the server is shutting down");
    return fail(ErrorCode::kBusy, "too many requests wait to be read; try again later");
  }
  void over(const Call& call, const AnswerRecord& record) override {
    keys.spend(call.client, record.prompt_tokens + record.generated_tokens);
    log(call.request, call.client, record.status, record, call.text);
  }

  void log(const net::ServerRequest& request, const std::string& client, int status,
           const AnswerRecord& record, const std::string& text = "") const {
    if (!live()->log_requests) return;
    std::string line =
        concat(one_line(request.method), " ", one_line(request.path), " ", status, " client=", client);
    if (!record.model.empty()) line += concat(" model=", record.model);
    if (record.prompt_tokens > 0) {
      line += concat(" prompt=", record.prompt_tokens, " cached=", record.cached_tokens,
                     " generated=", record.generated_tokens);
    }
    if (record.cancelled) line += " cancelled";
    if (!record.error.empty()) line += concat(" error=\"", one_line(record.error), "\"");
    if (!text.empty()) line += concat(" request=", text);
    log_line(LogLevel::kInfo, line);
  }

  /// A refusal by the server itself.
  void refuse(const net::ServerRequest& request, net::Responder& responder, int status, std::string message,
              net::AnswerHeaders headers = {}) {
    ++refused;
    wire::ErrorBody body = wire::error_body(protocol_of(request.path), status, message);
    headers.emplace_back("Content-Type", "application/json");
    responder.respond(status, std::move(headers), std::move(body.json));
    AnswerRecord record;
    record.error = std::move(message);
    log(request, request.peer, status, record);
  }

  /// A name that was made to lead here (DNS rebinding) lets a foreign page look like our own, so on loopback
  /// only its own names are answered.
  bool admit_host(const net::ServerRequest& request) const {
    if (!is_loopback(options.http.host) || keys.required()) return true;
    const std::string host = host_of(request.headers.find("Host"));
    return host.empty() || is_loopback(host) || host == options.http.host;
  }

  /// Whether the page that asks may, if it is one; of another site only where it is listed.
  bool admit_origin(const net::ServerRequest& request, net::Responder& responder) const {
    const std::string origin(request.headers.find("Origin"));
    const std::string_view host = request.headers.find("Host");
    if (origin.empty() || origin == concat("http://", host) || origin == concat("https://", host))
      return true;
    const auto now = live();
    const bool listed =
        std::any_of(now->cors_origins.begin(), now->cors_origins.end(),
                    [&](const std::string& allowed) { return allowed == "*" || allowed == origin; });
    if (!listed) return false;
    responder.add_header("Access-Control-Allow-Origin", origin);
    responder.add_header("Vary", "Origin");
    return true;
  }

  /// Whose origin was admitted may send what headers it likes (clients of OpenAI's send x-stainless-*): only
  /// Authorization means anything here.
  static void preflight(const net::ServerRequest& request, net::Responder& responder) {
    responder.respond(204,
                      {{"Access-Control-Allow-Methods", "GET, POST"},
                       {"Access-Control-Allow-Headers",
                        safe_header_names(request.headers.find("Access-Control-Request-Headers"))},
                       {"Access-Control-Max-Age", "600"}},
                      "");
  }

  void handle(net::ServerRequest request, std::shared_ptr<net::Responder> responder) {
    ++requests;
    if (!admit_host(request))
      return refuse(request, *responder, 403, "this server answers to its own names only");
    // A page of another site must not use a model through its reader's browser.
    if (!admit_origin(request, *responder))
      return refuse(request, *responder, 403, "this origin is not allowed (--cors)");
    if (request.method == "OPTIONS") return preflight(request, *responder);
    const Found found = find_route(request);
    if (!found.route && !found.allowed.empty()) {
      return refuse(request, *responder, 405, concat(request.method, " is not for ", request.path),
                    {{"Allow", found.allowed}});
    }
    if (!found.route) return refuse(request, *responder, 404, concat("there is no ", request.path));
    Admission admission{200, request.peer, "", 0};
    if (!found.route->is_open)
      admission =
          keys.admit(request.headers.find("Authorization"), request.peer, found.route->works, now_s());
    if (admission.status != 200) {
      net::AnswerHeaders headers;
      if (admission.status == 429)
        headers.emplace_back("Retry-After", concat(static_cast<int64_t>(std::ceil(admission.retry_after_s))));
      if (admission.status == 401) headers.emplace_back("WWW-Authenticate", "Bearer");
      return refuse(request, *responder, admission.status, admission.message, std::move(headers));
    }
    if (found.route->works && stopping) return refuse_stopping(request, *responder);
    Call call{std::move(request), responder, admission.client, admission.most_urgent, found.tail, this, ""};
    if (found.route->works && live()->log_prompts) call.text = for_log(call.request.body);
    if (!found.route->works) return found.route->handle(std::move(call));
    auto shared = std::make_shared<Call>(std::move(call));
    const Status posted = post([shared, route = found.route] { route->handle(std::move(*shared)); });
    if (posted) return;
    refuse(shared->request, *responder, posted.error().code == ErrorCode::kBusy ? 429 : 503,
           posted.error().message, {{"Retry-After", "1"}});
  }

  void refuse_stopping(const net::ServerRequest& request, net::Responder& responder) {
    refuse(request, responder, 503, "the server is shutting down", {{"Retry-After", "1"}});
  }
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { stop(0); }

Result<std::unique_ptr<Server>> Server::start(ServeOptions options, std::unique_ptr<ModelSource> source) {
  if (sodium_init() < 0) return fail(ErrorCode::kInternal, "libsodium cannot be used");
  if (!is_loopback(options.http.host) && options.keys.empty() && !options.insecure) {
    return fail(ErrorCode::kUsage, "listening on ", options.http.host,
                " without an API key would let everybody who reaches this machine use its models; give one "
                "(HEARTH_API_KEY, or api_keys in the configuration) or say --insecure");
  }
  const net::ServerOptions http = options.http;
  auto impl = std::make_unique<Impl>(std::move(options), std::move(source));
  Impl* self = impl.get();
  HEARTH_ASSIGN(impl->http, net::HttpServer::start(http, [self](net::ServerRequest request,
                                                                std::shared_ptr<net::Responder> responder) {
                  self->handle(std::move(request), std::move(responder));
                }));
  impl->transport = impl->http.get();
  if (self->options.preload) {
    self->directory.with_model(*self->options.preload,
                               [self](const auto& loaded, double) { self->preloaded = loaded.ok(); });
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

uint16_t Server::port() const { return impl_->http->port(); }

Status Server::change(const ServeOptions& options) {
  impl_->keys.replace(options.keys);
  impl_->directory.set_options(options.models);
  impl_->set_live(options);
  if (impl_->options.http.tls_certificate.empty()) return {};
  return impl_->http->replace_certificate(options.http.tls_certificate, options.http.tls_key);
}

void Server::stop(double deadline_s) {
  constexpr double kFarewellS = 2;  // for the last words of answers that are cut
  impl_->stopping = true;
  std::thread cutter([&] {
    std::unique_lock lock(impl_->stop_mutex);
    impl_->stopped.wait_for(lock, std::chrono::duration<double>(deadline_s),
                            [&] { return impl_->is_stopped; });
    impl_->directory.stop(false);
  });
  impl_->http->stop(deadline_s + kFarewellS);
  {
    const std::lock_guard lock(impl_->stop_mutex);
    impl_->is_stopped = true;
    impl_->stopped.notify_all();
  }
  cutter.join();
  impl_->work.stop();
}

}  // namespace hearth::serve
