// hearth.toml: what hearth serve can be told in a file, API keys above all.
//
//   host = "0.0.0.0"
//   models = ["hf:ORG/REPO"]
//   [[api_keys]]
//   name = "kiosk"
//   sha256 = "..."             # printf %s KEY | sha256sum
//   requests_per_minute = 60
//   tokens_per_minute = 20000
//   priority = 10              # requests are at most so urgent: -100 before all others, 0 where it is absent
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "serve/api_keys.h"

namespace hearth::cli {

struct ServeConfig {
  std::optional<std::string> host;
  std::optional<uint16_t> port;
  std::optional<std::string> tls_certificate, tls_key;
  std::optional<int32_t> parallel, queue, max_models;
  std::optional<double> keep_alive_s;
  std::optional<bool> save_prefixes, log_prompts;
  std::optional<int64_t> prefix_disk_bytes, prefix_memory_bytes, memory_bytes;
  std::vector<std::string> models;
  std::vector<std::string> cors_origins;
  std::vector<serve::ApiKey> keys;
};

/// Errors: kNotFound, kIo, kCorrupt (TOML), kUsage: a key that is unknown, missing or of the wrong kind.
Result<ServeConfig> read_serve_config(const std::filesystem::path& path);

}  // namespace hearth::cli
