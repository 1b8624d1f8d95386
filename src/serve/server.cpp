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

/// The route of a request; whether another method would have had one.
struct Found {
  const Route* route = nullptr;
  bool other_method = false;
  std::string tail;
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
      found.other_method = true;
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

/// For the log: what clients send must not forge lines, nor speak to a terminal.
std::string one_line(std::string_view text) {
  constexpr size_t kMost = 300;
  std::string out(text.substr(0, kMost));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  }
  return out;
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
        work(kWorkers, kMostWaiting) {}

  ServeOptions options;
  ApiKeys keys;
  ModelDirectory directory;
  WorkQueue work;
  std::unique_ptr<net::HttpServer> http;
  std::atomic<int64_t> requests{0};
  std::atomic<int64_t> refused{0};
  std::atomic<bool> loaded_once{true};  // what is to be loaded before the first request is there
  std::atomic<net::HttpServer*> transport{nullptr};

  std::mutex stop_mutex;
  std::condition_variable stopped;
  bool is_stopped = false;

  ModelDirectory& models() override { return directory; }
  bool ready() override { return loaded_once; }
  std::string metrics() override {
    const auto loaded = directory.all_loaded();
    return prometheus_text(
        loaded, {requests, refused, transport ? transport.load()->open_connections() : 0, resident_bytes()});
  }
  bool post(std::function<void()> task) override { return work.post(std::move(task)); }
  void over(const Call& call, const AnswerRecord& record) override {
    keys.spend(call.client, record.prompt_tokens + record.generated_tokens);
    log(call.request, call.client, record.status, record);
  }

  void log(const net::ServerRequest& request, const std::string& client, int status,
           const AnswerRecord& record) const {
    if (!options.log_requests) return;
    std::string line =
        concat(one_line(request.method), " ", one_line(request.path), " ", status, " client=", client);
    if (!record.model.empty()) line += concat(" model=", record.model);
    if (record.prompt_tokens > 0) {
      line += concat(" prompt=", record.prompt_tokens, " cached=", record.cached_tokens,
                     " generated=", record.generated_tokens);
    }
    if (record.cancelled) line += " cancelled";
    if (!record.error.empty()) line += concat(" error=\"", one_line(record.error), "\"");
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
    const bool listed =
        std::any_of(options.cors_origins.begin(), options.cors_origins.end(),
                    [&](const std::string& allowed) { return allowed == "*" || allowed == origin; });
    if (!listed) return false;
    responder.add_header("Access-Control-Allow-Origin", origin);
    responder.add_header("Vary", "Origin");
    return true;
  }

  static void preflight(net::Responder& responder) {
    responder.respond(204,
                      {{"Access-Control-Allow-Methods", "GET, POST"},
                       {"Access-Control-Allow-Headers", "Authorization, Content-Type"},
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
    if (request.method == "OPTIONS") return preflight(*responder);
    const Found found = find_route(request);
    if (!found.route) {
      return refuse(request, *responder, found.other_method ? 405 : 404,
                    found.other_method ? concat(request.method, " is not for ", request.path)
                                       : concat("there is no ", request.path));
    }
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
    Call call{std::move(request), responder, admission.client, found.tail, this};
    if (!found.route->works) return found.route->handle(std::move(call));
    auto shared = std::make_shared<Call>(std::move(call));
    if (!work.post([shared, route = found.route] { route->handle(std::move(*shared)); }))
      refuse(shared->request, *responder, 429, "too many requests wait to be read; try again later",
             {{"Retry-After", "1"}});
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
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

uint16_t Server::port() const { return impl_->http->port(); }

void Server::preload(const std::string& model) {
  impl_->loaded_once = false;
  impl_->directory.with_model(
      model, [impl = impl_.get()](const auto& loaded, double) { impl->loaded_once = loaded.ok(); });
}

void Server::replace_keys(std::vector<ApiKey> keys) { impl_->keys.replace(std::move(keys)); }

void Server::stop(double deadline_s) {
  constexpr double kFarewellS = 2;  // for the last words of answers that are cut
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
