// The model hub's public API: what files a repository has (sizes, SHA-256) and where they are fetched from.
// The listings are bytes from outside, so they are parsed here and fuzzed; names in them are not trusted by
// anyone. Must not know where files end up on disk or which of them a model needs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http_client.h"

namespace hearth::net {

struct HubOptions {
  std::string base_url = "https://huggingface.co";
  std::string token;  // sent to base_url's origin only

  /// HF_ENDPOINT and HF_TOKEN.
  static HubOptions from_environment();
};

struct HubFile {
  std::string path;  // inside the repository, as the hub says it: unchecked
  std::optional<uint64_t> size;
  std::string sha256;  // lower-case hex; empty for files kept in git itself
};

struct HubRepo {
  std::string id;        // "ORG/REPO"
  std::string revision;  // commit, or "main" when the hub does not say
  std::vector<HubFile> files;
};

/// The files of ORG/REPO. Errors: kNotFound, kNetwork (with what to try for private and gated ones),
/// kCorrupt.
Result<HubRepo> list_hub_repo(HttpClient& client, const HubOptions& options, std::string_view repo_id);

/// Where a file is fetched from.
std::string hub_file_url(const HubOptions& options, std::string_view repo_id, std::string_view revision,
                         std::string_view path);

/// GET api/models/ORG/REPO?blobs=true: an object with "sha" and "siblings". kCorrupt when it is something
/// else.
Result<HubRepo> parse_hub_model(std::string_view json_text);

/// GET api/models/ORG/REPO/tree/main?recursive=true: an array of entries; folders are left out.
Result<std::vector<HubFile>> parse_hub_tree(std::string_view json_text);

}  // namespace hearth::net
