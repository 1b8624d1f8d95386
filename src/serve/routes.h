// The table of what can be asked for over HTTP. Must not know sockets.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/http_server.h"
#include "serve/api_keys.h"
#include "serve/model_directory.h"
#include "wire/response.h"

namespace hearth::serve {

class Context;

/// A request that was admitted.
struct Call {
  net::ServerRequest request;
  std::shared_ptr<net::Responder> responder;
  std::string client;
  int32_t most_urgent = kMostUrgent;  // of the priorities that the client may have
  std::string tail;                   // of the path, where the route ends in '/'
  Context* context = nullptr;
  std::string text;  // of the request, for the log; empty where that does not ask for it
};

struct Route {
  std::string_view method;
  std::string_view path;  // ending in '/': with anything after it
  wire::Protocol errors;  // in whose shape they are told
  bool is_open;           // no key is needed
  bool works;             // takes time: on a worker, and counted by limits
  void (*handle)(Call call);
};
std::span<const Route> routes();

/// What handlers share.
class Context {
 public:
  virtual ~Context() = default;
  virtual ModelDirectory& models() = 0;
  /// "ready", "loading" or "stopping".
  virtual std::string_view readiness() = 0;
  virtual std::string metrics() = 0;
  /// Has work done that takes time. Errors: kBusy (too much waits already), kUnavailable (the server stops).
  virtual Status post(std::function<void()> work) = 0;
  /// An answer is over: for the log, the counts and the key's limits.
  virtual void over(const Call& call, const struct AnswerRecord& record) = 0;
};

void respond_json(net::Responder& responder, int status, std::string json);
void respond_error(net::Responder& responder, wire::Protocol protocol, const Error& error);

}  // namespace hearth::serve
