// What /metrics says: the engine's counts in Prometheus' text form, under hearth's names and under those that
// dashboards for vLLM and llama.cpp ask for. Must not know connections.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "serve/hosted_model.h"

namespace hearth::serve {

/// Of the server itself.
struct ServerCounts {
  int64_t requests = 0;
  int64_t refused = 0;  // by the server, not by a model: keys, limits, routes
  int64_t open_connections = 0;
  int64_t resident_bytes = 0;
};

std::string prometheus_text(std::span<const std::shared_ptr<HostedModel>> models, const ServerCounts& counts);

}  // namespace hearth::serve
