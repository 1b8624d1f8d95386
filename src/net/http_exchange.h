// One answer on its way: filled by a Responder from any thread, drained by the connection it belongs to.
// Frames and checks what is sent and bounds what waits. Must not know sockets or what is answered.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "net/http_server.h"

namespace hearth::net {

/// What the request says about how its answer is framed.
struct ExchangeTerms {
  bool head = false;
  bool http_1_1 = true;
  bool keep_alive = true;
  int64_t max_unsent_bytes = 1 << 20;
  std::shared_ptr<const std::atomic<bool>> stopping = {};  // true: the connection ends after this answer
};

class Exchange {
 public:
  /// `wake` tells the connection to take(); thread-safe, must not call back.
  Exchange(ExchangeTerms terms, std::function<void()> wake);

  // The Responder's side, from any thread.
  void respond(int status, const AnswerHeaders& headers, std::string_view body);
  void begin(int status, const AnswerHeaders& headers);
  bool write(std::string_view bytes);
  void finish();
  void on_gone(std::function<void()> callback);
  bool gone() const;
  /// Nobody is left to answer.
  void dropped();

  // The connection's side.
  struct Taken {
    bool cut = false;       // the answer is lost: close the connection
    bool finished = false;  // there is nothing behind what was taken
    bool keep_alive = false;
  };
  /// Appends to `out` what waits to be sent.
  Taken take(std::string& out);
  /// `bytes` of what was taken have left.
  void sent(size_t bytes);
  /// finish() or respond() was called: nobody waits for news.
  bool finished() const;
  /// The connection takes no more, whether all was sent or it was closed. Calls on_gone's callback.
  void release();

 private:
  void respond_locked(int status, const AnswerHeaders& headers, std::string_view body);
  void open_head(int status, const AnswerHeaders& headers);
  void wake_locked();

  const ExchangeTerms terms_;
  mutable std::mutex mutex_;
  std::function<void()> wake_;
  std::function<void()> callback_;
  std::string pending_;
  int64_t unsent_ = 0;  // pending_ and what was taken but not sent
  bool woken_ = false;
  bool begun_ = false;
  bool finished_ = false;
  bool cut_ = false;       // it will not arrive: gone to the Responder, not yet closed by the connection
  bool released_ = false;  // the connection is through with it
  bool bodiless_ = false;
  bool chunked_ = false;
  bool keep_alive_ = true;
};

/// {"error":{"message":"...","code":413}}: what the transport itself has to say. `message` needs no escaping.
std::string error_body(int status, std::string_view message);

/// A whole answer of the transport itself, after which the connection ends.
std::string error_answer(int status, std::string_view message);

}  // namespace hearth::net
