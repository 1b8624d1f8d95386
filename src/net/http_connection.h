// One connection of the server as a state machine over a Transport: requests one after the other, their
// answers, every timeout and limit. All of it runs on the transport's strand. Must not know Asio, TLS or
// listening, so that tests and fuzzers can drive it without sockets.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/http_exchange.h"
#include "net/http_request_parser.h"
#include "net/http_server.h"

namespace hearth::net {

/// A stream of bytes both ways. Completions come on one strand and never inside the call that asked for them.
class Transport {
 public:
  /// `ok` false: the stream ended or broke.
  using Done = std::function<void(bool ok, size_t bytes)>;

  virtual ~Transport() = default;
  /// `owner` is kept alive while a deadline is waited for.
  virtual void attach(std::weak_ptr<void> owner, std::function<void()> on_deadline) = 0;
  virtual void handshake(std::function<void(bool ok)> done) = 0;
  virtual void read(std::span<char> into, Done done) = 0;     // some bytes; one at a time
  virtual void write(std::string_view bytes, Done done) = 0;  // some of them; one at a time
  /// We have nothing more to say: tells the peer, lets an outstanding read fail, and throws away what arrives
  /// until the peer has ended too.
  virtual void end(std::function<void()> done) = 0;
  /// At once. `reset`: what the kernel still holds is thrown away and the peer sees a broken connection.
  virtual void close(bool reset) = 0;
  virtual void set_deadline(double seconds) = 0;  // replaces the last one
  virtual void clear_deadline() = 0;
  virtual void post(std::function<void()> function) = 0;  // from any thread
  virtual std::string peer() const = 0;
  virtual bool tls() const = 0;
};

/// What the connections of a server have in common.
struct ConnectionCommons {
  ServerOptions options;
  Handler handler;
  std::shared_ptr<std::atomic<bool>> stopping = std::make_shared<std::atomic<bool>>(false);
  std::atomic<int64_t> receiving_bytes = 0;  // bodies that are still arriving
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// `refuse`: one connection too many, which is told so. `on_closed` is called once, on the strand.
  Connection(std::unique_ptr<Transport> transport, std::shared_ptr<ConnectionCommons> commons, bool refuse,
             std::function<void(Connection*)> on_closed);
  ~Connection();

  /// Once, from the thread that made it.
  void start();
  /// From any thread: closes when nothing is under way, or `now` in any case.
  void stop(bool now);

 private:
  enum class Phase { kHandshake, kIdle, kHead, kBody, kAnswering, kClosing, kClosed };

  void shake_hands();
  void on_deadline();
  void read();
  void on_read(bool ok, size_t bytes);
  void on_end();
  void read_more();
  void parse();
  bool account_body();
  void dispatch();
  void flush();
  void write();
  void on_write(bool ok, size_t bytes);
  void next_request(bool keep_alive);
  void refuse(int status, std::string_view message);
  void end();
  void close();

  const std::unique_ptr<Transport> transport_;
  const std::shared_ptr<ConnectionCommons> commons_;
  const bool refuse_;
  std::function<void(Connection*)> on_closed_;
  RequestParser parser_;
  Phase phase_ = Phase::kHandshake;
  bool reading_ = false;
  bool writing_ = false;
  bool ending_ = false;      // the transport's end() runs
  bool peer_ended_ = false;  // nothing more will be read
  std::array<char, 16 << 10> read_buffer_;
  std::string input_;    // read, not yet parsed
  std::string output_;   // being written
  size_t written_ = 0;   // of output_
  std::string own_;      // to be sent, not part of an exchange
  int64_t counted_ = 0;  // this connection's part of receiving_bytes
  std::shared_ptr<Exchange> exchange_;
};

}  // namespace hearth::net
