// Bytes of a connection as HTTP/1.x requests, with limits, over Boost.Beast's parser. All bytes here come
// from the other side. Must not know sockets, timers or answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/http_server.h"

namespace hearth::net {

/// What to answer to a request that is none.
struct RequestError {
  int status = 400;
  std::string message;
};

class RequestParser {
 public:
  enum class State { kNothingYet, kHead, kBody, kDone, kFailed };

  RequestParser(int64_t max_header_bytes, int64_t max_body_bytes);
  ~RequestParser();

  /// Takes a beginning of `bytes` (all of a connection that was not taken yet, contiguous) and says how much.
  /// The rest must be offered again once there is more behind it. Takes nothing beyond the end of a request.
  size_t feed(std::string_view bytes);
  State state() const { return state_; }
  const RequestError& error() const { return error_; }
  /// The peer waits for "100 Continue" before it sends the body.
  bool expects_continue() const { return expects_continue_; }
  int64_t body_bytes() const;

  /// The finished request (kDone), without peer and tls.
  ServerRequest take();
  bool http_1_1() const { return http_1_1_; }
  bool keep_alive() const { return keep_alive_; }

  /// For the next request of the connection.
  void reset();

 private:
  struct Impl;
  void fail(int status, std::string message);
  void read_head();
  bool read_target(std::string_view target);
  bool check_head(int hosts, int encodings, std::string_view encoding, std::string_view expect);

  const int64_t max_header_bytes_;
  const int64_t max_body_bytes_;
  State state_ = State::kNothingYet;
  RequestError error_;
  bool expects_continue_ = false;
  bool http_1_1_ = true;
  bool keep_alive_ = true;
  ServerRequest request_;
  std::unique_ptr<Impl> impl_;
};

/// Percent-decodes; false for a broken escape or a NUL.
bool decode_path(std::string_view text, std::string& out);

}  // namespace hearth::net
