// A pull before anything is fetched: the model's name, and for each of its files where it comes from and what
// is known of it. Made from a reference by asking the hub, the server or the file system. Must not write
// anything.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/download.h"
#include "store/manifest.h"
#include "store/reference.h"
#include "store/store.h"

namespace hearth::store {

struct PlannedFile {
  std::string name;                  // on disk, plain
  DownloadJob job;                   // url empty: `local` is copied; `target` is set later
  std::string fallback_url;          // asked when the first address is not found
  std::optional<RemoteFile> remote;  // when it was probed already
  std::filesystem::path local;
};

struct Plan {
  std::string name;
  std::string source;
  std::string source_id;  // as in the manifest
  std::string revision;
  bool is_folder = false;
  std::vector<PlannedFile> files;

  /// Sum of the sizes; nullopt when one is unknown.
  std::optional<uint64_t> bytes() const;
  /// True when `manifest` is of exactly these contents, as far as can be told without fetching.
  bool is_what(const Manifest& manifest) const;
  /// False when `manifest` came from a URL that differs from this one in its query.
  bool is_same_address(const Manifest& manifest) const;
};

Result<Plan> make_plan(const ModelReference& reference, const PullOptions& options);

}  // namespace hearth::store
