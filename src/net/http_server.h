// HTTP/1.1 server transport: sockets, TLS, framing, limits, timeouts, disconnects. A handler gets whole
// requests and answers whenever it likes, from any thread, at once or piece by piece. Must not know what is
// served: routes, authorization, models and protocols stand above it. Boost.Asio and Beast stay inside the
// .cpp files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/http_headers.h"

namespace hearth::net {

struct ServerRequest {
  std::string method;   // as sent: "GET"; HEAD is the handler's like GET, its body is left out here
  std::string path;     // percent-decoded, without query; never has a NUL
  std::string query;    // after '?', still encoded
  HttpHeaders headers;  // those before the body; trailers are dropped
  std::string body;
  std::string peer;  // address without port
  bool tls = false;
};

using AnswerHeaders = std::vector<std::pair<std::string, std::string>>;

class Exchange;

/// Where one answer goes. Thread-safe: any thread may call it, also after the peer has gone or the server was
/// destroyed. Only the first respond() or begin() counts. Destroyed unanswered it answers 500; destroyed
/// between begin() and finish() it cuts the connection, so that the peer sees that something is missing.
///
/// Date, Content-Length, Transfer-Encoding and Connection are the transport's and ignored among `headers`,
/// but "Connection: close" is heeded. A name or value that is no legal header (CR, LF, ...) makes the answer
/// a 500.
class Responder {
 public:
  explicit Responder(std::shared_ptr<Exchange> exchange);
  ~Responder();
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  /// A header of whatever answer follows; from the handler, before anybody else knows this responder.
  void add_header(std::string name, std::string value);
  /// One whole answer with Content-Length.
  void respond(int status, AnswerHeaders headers, std::string body);
  /// Starts an answer in pieces (chunked; until the end of the connection for HTTP/1.0 clients).
  void begin(int status, AnswerHeaders headers);
  /// Queues one piece, which leaves at once. False when it will never arrive: the peer is gone, or so slow
  /// that more than ServerOptions::max_unsent_bytes wait (then it is cut off), or there is no begin() before
  /// it.
  bool write(std::string_view bytes);
  /// Ends an answer in pieces.
  void finish();
  /// `callback` runs once, on an io thread, as soon as the answer can no longer arrive: the peer vanished,
  /// was cut off or the server stopped, also before the first byte; never after respond() or finish(). When
  /// that has happened already, it runs inside this call. Replaces an earlier callback.
  void on_gone(std::function<void()> callback);
  bool gone() const;

 private:
  std::shared_ptr<Exchange> exchange_;
  AnswerHeaders added_;
};

/// Called on an io thread, which serves other connections too: must not block for long.
using Handler = std::function<void(ServerRequest request, std::shared_ptr<Responder> responder)>;

struct ServerOptions {
  std::string host =
      "127.0.0.1";       // a name or address; all addresses of a name are listened on; "::" takes IPv4 too
  uint16_t port = 8080;  // 0: any free one
  std::filesystem::path tls_certificate;  // PEM, the chain from the server's own upwards; empty: no TLS
  std::filesystem::path tls_key;          // PEM, not encrypted
  int64_t max_body_bytes = 16 << 20;
  int64_t max_receiving_bytes = 256 << 20;  // bodies that are still arriving, of all connections together
  int32_t max_header_bytes = 32 << 10;
  int32_t max_connections = 1024;  // one more is answered 503
  double header_timeout_s = 10;    // from the first byte of a request to the end of its head; TLS handshake
  double body_timeout_s = 60;      // for a whole body
  double keep_alive_s = 75;        // between requests
  double write_timeout_s = 30;     // without the peer taking a byte that waits
  int64_t max_unsent_bytes = 1 << 20;
  int32_t io_threads = 2;
};

class HttpServer {
 public:
  /// Listens when it returns. Errors: kUsage (options, certificate and key), kNetwork (name, address), kIo
  /// (port taken or not permitted).
  static Result<std::unique_ptr<HttpServer>> start(ServerOptions options, Handler handler);
  /// As stop(0).
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  uint16_t port() const;
  int32_t open_connections() const;
  /// Connections from now on see this certificate. Errors: kUsage (the files, or a server without TLS); the
  /// old one then stays.
  Status replace_certificate(const std::filesystem::path& certificate, const std::filesystem::path& key);
  /// Stops accepting, closes idle connections, waits up to deadline_s for requests and answers that are under
  /// way, then cuts them. When it returns no io thread runs. Not from a handler or on_gone.
  void stop(double deadline_s);

 private:
  struct Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::net
