// Reading and writing manifest.json; see the header.
#include "store/manifest.h"

#include <algorithm>
#include <ctime>

#include "io/file.h"
#include "io/json.h"
#include "store/select.h"

namespace hearth::store {
namespace {

using io::Json;

constexpr int64_t kMaxManifestBytes = 16 << 20;
constexpr int kVersion = 1;

bool is_sha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// A string member; absent counts as empty.
std::string text_of(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::optional<StoredFile> file_from_json(const Json& entry) {
  if (!entry.is_object()) return std::nullopt;
  StoredFile file{text_of(entry, "name"), 0, text_of(entry, "sha256"), text_of(entry, "etag")};
  const auto size = entry.find("size");
  if (!is_safe_file_name(file.name) || !is_sha256(file.sha256) || size == entry.end() ||
      !size->is_number_unsigned()) {
    return std::nullopt;
  }
  file.size = size->get<uint64_t>();
  return file;
}

}  // namespace

uint64_t Manifest::bytes() const {
  uint64_t total = 0;
  for (const StoredFile& file : present()) total += file.size;
  return total;
}

std::string manifest_to_json(const Manifest& manifest) {
  const auto to_json = [](const StoredFile& file) -> Json {
    return {{"name", file.name}, {"size", file.size}, {"sha256", file.sha256}, {"etag", file.etag}};
  };
  Json files = Json::array();
  for (const StoredFile& file : manifest.files) files.push_back(to_json(file));
  Json root = {{"version", kVersion},
               {"name", manifest.name},
               {"source", manifest.source},
               {"source_id", manifest.source_id},
               {"revision", manifest.revision},
               {"pulled_at", manifest.pulled_at},
               {"kind", manifest.is_folder ? "safetensors" : "gguf"},
               {"files", std::move(files)}};
  if (manifest.packed) root["packed"] = to_json(*manifest.packed);
  // An ETag or path that is no UTF-8 must not make writing throw.
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Manifest> manifest_from_json(std::string_view text, std::string_view where) {
  const io::JsonLimits limits{.max_bytes = kMaxManifestBytes, .max_depth = 8};
  HEARTH_ASSIGN(const Json root, io::parse_json(text, where, limits));
  auto bad = [where](std::string_view what) {
    return fail(ErrorCode::kCorrupt, where, ": ", what, "; pull the model again");
  };
  if (!root.is_object()) return bad("is no manifest");
  const auto version = root.find("version");
  if (version == root.end() || !version->is_number_integer()) return bad("has no version");
  if (*version != kVersion) {
    return fail(ErrorCode::kUnsupported, where, ": written by another version of hearth");
  }
  Manifest out;
  out.name = text_of(root, "name");
  out.source = text_of(root, "source");
  out.source_id = text_of(root, "source_id");
  out.revision = text_of(root, "revision");
  out.pulled_at = text_of(root, "pulled_at");
  const std::string kind = text_of(root, "kind");
  if (kind != "gguf" && kind != "safetensors") return bad("names an unknown kind of model");
  out.is_folder = kind == "safetensors";
  const auto files = root.find("files");
  if (out.name.empty() || files == root.end() || !files->is_array() || files->empty()) {
    return bad("lacks a name or files");
  }
  for (const Json& entry : *files) {
    std::optional<StoredFile> file = file_from_json(entry);
    if (!file) return bad("lists a file with a bad name, size or hash");
    out.files.push_back(*std::move(file));
  }
  if (const auto packed = root.find("packed"); packed != root.end()) {
    out.packed = file_from_json(*packed);
    if (!out.packed) return bad("has a packed file with a bad name, size or hash");
  }
  return out;
}

Result<Manifest> read_manifest(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kManifestName;
  HEARTH_ASSIGN(const std::string text, io::read_file(path, kMaxManifestBytes));
  return manifest_from_json(text, path.string());
}

Status write_manifest(const std::filesystem::path& folder, const Manifest& manifest) {
  return io::write_file(folder / kManifestName, manifest_to_json(manifest));
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  const size_t length = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text, length};
}

}  // namespace hearth::store
