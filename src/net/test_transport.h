// A Transport without sockets or time: the bytes of a peer come from a list, completions run when asked for.
// Tests and the fuzzer drive the server's connections with it. For tests only.
#pragma once

#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_connection.h"

namespace hearth::net {

/// Both ends of the line, which outlive the connection.
struct TestLine {
  std::deque<std::function<void()>> due;
  std::string incoming;
  std::string sent;
  bool peer_ended = false;
  bool ended = false;
  bool closed = false;
  bool deadline = false;
  size_t write_limit = SIZE_MAX;  // bytes a single write takes
  bool stalled = false;           // writes never end
  std::function<void()> read_waits;
  std::function<void()> write_waits;
  std::function<void()> on_deadline;

  void run() {
    while (!due.empty()) {
      const std::function<void()> next = std::move(due.front());
      due.pop_front();
      next();
    }
  }
  void arrived() {
    if (!read_waits) return;
    due.push_back(std::move(read_waits));
    read_waits = nullptr;
  }
  /// The peer sends; everything that follows from it happens.
  void say(std::string_view bytes) {
    incoming += bytes;
    arrived();
    run();
  }
  void end() {
    peer_ended = true;
    arrived();
    run();
  }
};

class TestTransport final : public Transport {
 public:
  explicit TestTransport(std::shared_ptr<TestLine> line) : line_(std::move(line)) {}

  void attach(std::weak_ptr<void> owner, std::function<void()> on_deadline) override {
    line_->on_deadline = [owner, on_deadline = std::move(on_deadline)] {
      if (const auto alive = owner.lock()) on_deadline();
    };
  }
  void handshake(std::function<void(bool)> done) override {
    post([done = std::move(done)] { done(true); });
  }
  void read(std::span<char> into, Done done) override {
    auto complete = [line = line_, into, done = std::move(done)] {
      const size_t bytes = line->closed ? 0 : std::min(into.size(), line->incoming.size());
      std::memcpy(into.data(), line->incoming.data(), bytes);
      line->incoming.erase(0, bytes);
      done(bytes > 0, bytes);
    };
    if (line_->incoming.empty() && !line_->peer_ended && !line_->closed) {
      line_->read_waits = std::move(complete);
    } else {
      post(std::move(complete));
    }
  }
  void write(std::string_view bytes, Done done) override {
    const size_t taken = line_->closed || line_->stalled ? 0 : std::min(bytes.size(), line_->write_limit);
    line_->sent += bytes.substr(0, taken);
    auto complete = [done = std::move(done), taken] { done(taken > 0, taken); };
    if (line_->stalled) {
      line_->write_waits = std::move(complete);
    } else {
      post(std::move(complete));
    }
  }
  void end(std::function<void()> done) override {
    line_->ended = true;
    line_->arrived();
    post(std::move(done));
  }
  void close(bool) override {
    line_->closed = true;
    line_->arrived();
    if (line_->write_waits) post(std::move(line_->write_waits));
    line_->write_waits = nullptr;
  }
  void set_deadline(double) override { line_->deadline = true; }
  void clear_deadline() override { line_->deadline = false; }
  void post(std::function<void()> function) override { line_->due.push_back(std::move(function)); }
  std::string peer() const override { return "test"; }
  bool tls() const override { return false; }

 private:
  const std::shared_ptr<TestLine> line_;
};

/// What became of some bytes: the requests that were understood, and all that was sent back but for its Date.
struct Conversation {
  std::vector<ServerRequest> requests;
  std::string answers;
  bool closed = false;
};

/// Lets a peer say `pieces`, one after the other, and end; each request is answered at once by `answer`.
inline Conversation converse(const ServerOptions& options, const std::vector<std::string_view>& pieces,
                             const Handler& answer, size_t write_limit = SIZE_MAX) {
  Conversation out;
  auto line = std::make_shared<TestLine>();
  line->write_limit = write_limit;
  auto commons = std::make_shared<ConnectionCommons>();
  commons->options = options;
  commons->handler = [&](ServerRequest request, std::shared_ptr<Responder> responder) {
    out.requests.push_back(request);
    answer(std::move(request), std::move(responder));
  };
  auto connection = std::make_shared<Connection>(std::make_unique<TestTransport>(line), commons, false,
                                                 [&](Connection*) { out.closed = true; });
  connection->start();
  line->run();
  for (const std::string_view piece : pieces) line->say(piece);
  line->end();
  connection.reset();
  out.answers = std::move(line->sent);
  for (size_t at = out.answers.find("\r\nDate: "); at != std::string::npos;
       at = out.answers.find("\r\nDate: ", at)) {
    out.answers.erase(at, out.answers.find("\r\n", at + 2) - at);
  }
  return out;
}

}  // namespace hearth::net
