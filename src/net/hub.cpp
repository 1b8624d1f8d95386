// Listing requests and their JSON; see the header.
#include "net/hub.h"

#include <algorithm>
#include <cstdlib>

#include "io/json.h"

namespace hearth::net {
namespace {

using io::Json;

constexpr int64_t kMaxListingBytes = 32 << 20;
constexpr io::JsonLimits kListingLimits{.max_bytes = kMaxListingBytes, .max_depth = 32};
constexpr size_t kMaxFiles = 100'000;

std::string text_of(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::optional<uint64_t> size_of(const Json& object) {
  const auto it = object.find("size");
  if (it == object.end() || !it->is_number_integer() || *it < 0) return std::nullopt;
  return it->get<uint64_t>();
}

bool is_hex(std::string_view text, size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// The two listings name the same things differently: rfilename/path, lfs.sha256/lfs.oid.
HubFile file_from(const Json& entry, const char* path_key) {
  HubFile file;
  file.path = text_of(entry, path_key);
  file.size = size_of(entry);
  const auto lfs = entry.find("lfs");
  if (lfs != entry.end() && lfs->is_object()) {
    for (const char* key : {"sha256", "oid"}) {
      const std::string hash = text_of(*lfs, key);
      if (file.sha256.empty() && is_hex(hash, 64)) file.sha256 = hash;
    }
    if (const auto lfs_size = size_of(*lfs)) file.size = lfs_size;  // the pointer's own size is no use
  }
  return file;
}

Error not_a_listing() {
  return fail(ErrorCode::kCorrupt, "the hub's file listing is not the JSON it should be; check HF_ENDPOINT");
}

Result<HttpText> get_listing(HttpClient& client, const HubOptions& options, const std::string& url) {
  HttpRequest request;
  request.url = url;
  request.bearer_token = options.token;
  request.headers = {{"Accept", "application/json"}};
  return client.text(request, kMaxListingBytes);
}

std::string trimmed_base(const HubOptions& options) {
  std::string base = options.base_url;
  while (!base.empty() && base.back() == '/') base.pop_back();
  return base;
}

bool is_success(const HttpResponse& response) { return response.status >= 200 && response.status < 300; }

}  // namespace

HubOptions HubOptions::from_environment() {
  HubOptions options;
  if (const char* base = std::getenv("HF_ENDPOINT"); base != nullptr && *base != '\0')
    options.base_url = base;
  if (const char* token = std::getenv("HF_TOKEN"); token != nullptr) options.token = token;
  // A newline at the end is a usual accident of `HF_TOKEN=$(cat file)`; anything else odd would break the
  // header.
  std::erase_if(options.token, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
  return options;
}

Result<HubRepo> parse_hub_model(std::string_view json_text) {
  HEARTH_ASSIGN(const Json root, io::parse_json(json_text, "the hub's file listing", kListingLimits));
  if (!root.is_object()) return not_a_listing();
  const auto siblings = root.find("siblings");
  if (siblings == root.end() || !siblings->is_array() || siblings->size() > kMaxFiles) return not_a_listing();
  HubRepo repo;
  repo.id = text_of(root, "id");
  repo.revision = text_of(root, "sha");
  if (!is_hex(repo.revision, 40)) repo.revision = "main";
  for (const Json& entry : *siblings) {
    if (!entry.is_object()) return not_a_listing();
    HubFile file = file_from(entry, "rfilename");
    if (file.path.empty()) return not_a_listing();
    repo.files.push_back(std::move(file));
  }
  return repo;
}

Result<std::vector<HubFile>> parse_hub_tree(std::string_view json_text) {
  HEARTH_ASSIGN(const Json root, io::parse_json(json_text, "the hub's file listing", kListingLimits));
  if (!root.is_array() || root.size() > kMaxFiles) return not_a_listing();
  std::vector<HubFile> files;
  for (const Json& entry : root) {
    if (!entry.is_object()) return not_a_listing();
    if (text_of(entry, "type") == "directory") continue;
    HubFile file = file_from(entry, "path");
    if (file.path.empty()) return not_a_listing();
    files.push_back(std::move(file));
  }
  return files;
}

Result<HubRepo> list_hub_repo(HttpClient& client, const HubOptions& options, std::string_view repo_id) {
  const std::string api = concat(trimmed_base(options), "/api/models/", encode_path(repo_id));
  HEARTH_ASSIGN(const HttpText model, get_listing(client, options, api + "?blobs=true"));
  if (is_success(model.response)) {
    HEARTH_ASSIGN(HubRepo repo, parse_hub_model(model.body));
    repo.id = repo_id;
    return repo;
  }
  if (model.response.status == 404) {  // mirrors that only have the tree
    HEARTH_ASSIGN(const HttpText tree, get_listing(client, options, api + "/tree/main?recursive=true"));
    if (is_success(tree.response)) {
      HEARTH_ASSIGN(std::vector<HubFile> files, parse_hub_tree(tree.body));
      return HubRepo{std::string(repo_id), "main", std::move(files)};
    }
  }
  return http_status_error(model.response, concat("hf:", repo_id), !options.token.empty());
}

std::string hub_file_url(const HubOptions& options, std::string_view repo_id, std::string_view revision,
                         std::string_view path) {
  return concat(trimmed_base(options), "/", encode_path(repo_id), "/resolve/", encode_path(revision), "/",
                encode_path(path));
}

}  // namespace hearth::net
