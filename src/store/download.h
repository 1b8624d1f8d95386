// One file from a URL to disk: parallel ranges, resumption, checks of length, change and SHA-256.
// The result appears under its target name complete and checked, or not at all; what arrived before a cut
// stays beside it. Knows no hub, no model names and no terminal.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "net/http_client.h"

namespace hearth::store {

/// What the server says about a file before it is fetched.
struct RemoteFile {
  std::string final_url;  // after redirects: where ranges are asked for
  bool at_home = false;   // no redirect on the way left the asked origin, so the token may go along
  std::optional<uint64_t> size;
  std::string etag;           // of the final answer
  std::string linked_sha256;  // a hub's X-Linked-ETag, when it is a SHA-256
  std::string linked_etag;    // the same header whatever it is
  std::string last_modified;
  bool ranges = false;  // answers partial requests
};

struct DownloadJob {
  std::string url;
  std::string bearer_token;
  std::string what;                       // names the file in errors
  std::optional<uint64_t> expected_size;  // as a listing promised
  std::string expected_sha256;            // lower-case hex; empty when nobody promised one
  std::filesystem::path target;
};

struct DownloadOptions {
  int connections = 4;
  uint64_t piece_bytes = 16u << 20;  // at most, per request
  double save_every_s = 1.0;
  net::HttpOptions http;
  /// Called some ten times a second from the calling thread. `total` is 0 while unknown.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

struct Downloaded {
  uint64_t size = 0;
  std::string sha256;
  std::string etag;
};

/// Asks for one byte. Errors: kNotFound, kNetwork (also when a web page comes instead of a file), kCancelled.
Result<RemoteFile> probe(net::HttpClient& client, const DownloadJob& job);

/// Fetches what `remote` (from probe) describes. Errors: kNetwork, kTooLarge (disk), kCorrupt (hash; the
/// partial file is removed), kCancelled (the partial file is kept).
Result<Downloaded> download(const DownloadJob& job, const RemoteFile& remote, const DownloadOptions& options);

}  // namespace hearth::store
