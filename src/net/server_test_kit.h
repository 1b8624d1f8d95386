// What tests of the HTTP server share: waiting for other threads, handlers, requests. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/http_server.h"

namespace hearth::net {

/// Waits for something that another thread brings about.
class Signal {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  bool wait(int count = 1, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return count_ >= count; });
  }
  int count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

/// Keeps the responders of requests that nobody answers yet.
class Held {
 public:
  void add(std::shared_ptr<Responder> responder) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(responder));
    changed_.notify_all();
  }
  std::shared_ptr<Responder> wait(size_t which = 0) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(10), [&] { return all_.size() > which; });
    return all_.size() > which ? all_[which] : nullptr;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Responder>> all_;
};

inline ServerOptions any_port() {
  ServerOptions options;
  options.port = 0;
  return options;
}

inline std::unique_ptr<HttpServer> serve(Handler handler, ServerOptions options = any_port()) {
  auto server = HttpServer::start(std::move(options), std::move(handler));
  EXPECT_TRUE(server.ok()) << server.error().message;
  return std::move(server).value();
}

/// Says what it was asked.
inline void echo(ServerRequest request, const std::shared_ptr<Responder>& responder) {
  responder->respond(200, {{"Content-Type", "text/plain"}, {"X-Path", request.path}},
                     concat(request.method, ' ', request.path, '?', request.query, ' ', request.body));
}

inline std::string get(std::string_view path) { return concat("GET ", path, " HTTP/1.1\r\nHost: h\r\n\r\n"); }

inline bool eventually(const std::function<bool()>& condition,
                       std::chrono::milliseconds limit = std::chrono::seconds(10)) {
  const auto give_up = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace hearth::net
