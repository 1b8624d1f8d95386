// manifest.json, the last thing written into a model's folder: where it came from, and the size and SHA-256
// of each file. A folder without a readable one is not a model. Must not know how files are fetched.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::store {

struct StoredFile {
  std::string name;  // a plain file name inside the model's folder
  uint64_t size = 0;
  std::string sha256;  // lower-case hex of what is on disk
  std::string etag;    // as the server gave it; may be empty
};

struct Manifest {
  std::string name;        // what the user calls it: "ORG/REPO:TAG", or a plain name
  std::string source;      // "hf:ORG/REPO:TAG", a URL without secrets, or a path
  std::string source_id;   // of URLs: SHA-256 of the URL with its query; empty in older manifests
  std::string revision;    // commit on the hub; may be empty
  std::string pulled_at;   // UTC, ISO 8601
  bool is_folder = false;  // opened as a safetensors folder; else the first file is opened
  std::vector<StoredFile> files;     // as they came
  std::optional<StoredFile> packed = std::nullopt;  // there instead of `files`, made from them

  /// What is on disk.
  std::span<const StoredFile> present() const {
    return packed ? std::span<const StoredFile>(&*packed, 1) : std::span<const StoredFile>(files);
  }
  uint64_t bytes() const;
};

inline constexpr std::string_view kManifestName = "manifest.json";

std::string manifest_to_json(const Manifest& manifest);
/// `where` opens error messages. kCorrupt names what is wrong; file names are checked to be plain.
Result<Manifest> manifest_from_json(std::string_view text, std::string_view where);

Result<Manifest> read_manifest(const std::filesystem::path& folder);
Status write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

/// Now, as "2025-11-23T06:10:00Z".
std::string utc_now();

}  // namespace hearth::store
