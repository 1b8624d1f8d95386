// The server: routes, keys and counts around the models. Must not know how models are found, nor the command
// line.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "serve/api_keys.h"
#include "serve/model_directory.h"

namespace hearth::serve {

struct ServeOptions {
  net::ServerOptions http;
  DirectoryOptions models;
  std::optional<std::string> preload;  // a model to load before it is asked for; ready when it is there
  std::vector<ApiKey> keys;
  std::vector<std::string> cors_origins;  // exact, or "*"; none: no other site's page may ask
  bool insecure = false;                  // wider than loopback without a key
  bool log_requests = true;
  bool log_prompts = false;  // with the beginning of their text
};

/// Whether an address reaches only this machine.
bool is_loopback(const std::string& host);

class Server {
 public:
  /// Listens when it returns. Errors: kUsage (wider than loopback without a key), and HttpServer::start's.
  static Result<std::unique_ptr<Server>> start(ServeOptions options, std::unique_ptr<ModelSource> source);
  /// As stop(0).
  ~Server();

  uint16_t port() const;
  /// Takes over what may change while it runs: keys, origins, what is logged, limits of the models, and where
  /// there is TLS its certificate. Errors: kUsage, the certificate: the old one stays, the rest has changed.
  Status change(const ServeOptions& options);
  /// Takes nothing new; answers under way get deadline_s to end.
  void stop(double deadline_s);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::serve
