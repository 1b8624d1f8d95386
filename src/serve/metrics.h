// What /metrics says: the engine's counts in Prometheus' text form, under hearth's names and under those that
// dashboards for vLLM and llama.cpp ask for. Must not know connections.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "engine/stats.h"

namespace hearth::serve {

/// Of the server itself.
struct ServerCounts {
  int64_t requests = 0;
  int64_t refused = 0;  // by the server, not by a model: keys, limits, routes
  int64_t open_connections = 0;
  int64_t resident_bytes = 0;
};

/// `models` by name.
std::string prometheus_text(const std::map<std::string, engine::SchedulerStats>& models,
                            const ServerCounts& counts);

}  // namespace hearth::serve
