// Folders and sources of packed weights.
#include "store/packed.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <vector>

#include "io/file.h"
#include "io/gguf.h"
#include "io/safetensors.h"
#include "store/disk.h"
#include "store/manifest.h"
#include "store/store.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

constexpr size_t kKeyDigits = 16;

std::string sha256_of_text(std::string_view text) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(text.data(), text.size())));
  return hash.finish();
}

/// Absolute and without links, so that a model has one place whatever way leads to it.
fs::path resolved(const fs::path& path) {
  std::error_code error;
  fs::path out = fs::weakly_canonical(path, error);
  return error ? fs::absolute(path, error).lexically_normal() : out;
}

/// FOLDER of HOME/models/FOLDER[/FILE]; empty for a path elsewhere.
std::string store_folder_of(const fs::path& home, const fs::path& model) {
  const fs::path rest = resolved(model).lexically_relative(resolved(home / "models"));
  if (rest.empty() || *rest.begin() == ".." || *rest.begin() == ".") return {};
  return rest.begin()->string();
}

/// The files that a loader would read. Parts are named by the path as it is given: links may hide their names.
std::vector<fs::path> files_of(const fs::path& model) {
  std::error_code error;
  const fs::path folder = io::hf_folder_of(model);
  if (folder.empty()) return io::gguf_parts(model);
  static constexpr std::string_view kKinds[] = {".safetensors", ".json", ".model", ".jinja", ".txt"};
  std::vector<fs::path> files;
  fs::directory_iterator it(folder, error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
    const std::string kind = it->path().extension();
    if (std::find(std::begin(kKinds), std::end(kKinds), kind) != std::end(kKinds)) files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Result<std::string> source_of_files(const fs::path& model) {
  std::string text;
  for (const fs::path& named : files_of(model)) {
    const fs::path file = resolved(named);
    struct stat info = {};
    if (::stat(file.c_str(), &info) != 0) return io::io_error(file, "cannot read", errno);
    text += concat(file.string(), '\n', info.st_ino, ' ', info.st_size, ' ', info.st_mtim.tv_sec, '.',
                   info.st_mtim.tv_nsec, '\n');
  }
  return "files:" + sha256_of_text(text);
}

/// One text for a model, whichever of its files or links names it.
std::string identity(const fs::path& model) {
  if (const fs::path folder = io::hf_folder_of(model); !folder.empty()) return resolved(folder).string();
  std::string text;
  for (const fs::path& part : io::gguf_parts(model)) text += concat(text.empty() ? "" : "\n", resolved(part).string());
  return text;
}

}  // namespace

std::array<fs::path, 2> packed_parents(const fs::path& home) {
  return {home / "packed" / "models", home / "packed" / "files"};
}

fs::path packed_of_model(const fs::path& home, const std::string& folder) {
  return packed_parents(home)[0] / folder;
}

std::string packed_source(const Manifest& manifest) {
  std::string text;
  for (const StoredFile& file : manifest.files) text += concat(file.name, ' ', file.sha256, '\n');
  return "sha256:" + sha256_of_text(text);
}

Result<fs::path> packed_folder(const fs::path& home, const fs::path& model) {
  const std::string folder = store_folder_of(home, model);
  if (!folder.empty()) return packed_of_model(home, folder);
  return packed_parents(home)[1] / sha256_of_text(identity(model)).substr(0, kKeyDigits);
}

Result<fs::path> packed_folder(const fs::path& model) {
  HEARTH_ASSIGN(const fs::path home, Store::default_home());
  return packed_folder(home, model);
}

std::string model_source(const fs::path& model) {
  const auto home = Store::default_home();
  const auto place = home ? packed_place(*home, model) : Result<PackedPlace>(home.error());
  return place ? place->source : std::string();
}

Result<PackedPlace> packed_place(const fs::path& home, const fs::path& model) {
  PackedPlace place;
  HEARTH_ASSIGN(place.folder, packed_folder(home, model));
  const std::string folder = store_folder_of(home, model);
  if (!folder.empty()) {
    if (const Result<Manifest> manifest = read_manifest(home / "models" / folder); manifest) {
      place.source = packed_source(*manifest);
      return place;
    }
  }
  HEARTH_ASSIGN(place.source, source_of_files(model));
  return place;
}

}  // namespace hearth::store
