// Listing, finding, removing and verifying; pulling is in pull.cpp.
#include "store/store.h"

#include <algorithm>
#include <cstdlib>

#include "base/log.h"
#include "base/nearest.h"
#include "io/file.h"
#include "io/utf8.h"
#include "net/http_headers.h"
#include "store/disk.h"
#include "store/packed.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

/// In front of folders on their way out. No model's folder begins with a dot.
constexpr std::string_view kGrave = ".deleted-";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

/// "ORG/REPO:TAG" without ORG, or as it is.
std::string_view without_org(std::string_view name) { return name.substr(name.find('/') + 1); }
std::string_view without_tag(std::string_view name) { return name.substr(0, name.find(':')); }

std::vector<const Model*> matching(const std::vector<Model>& models, auto matches) {
  std::vector<const Model*> out;
  for (const Model& model : models) {
    if (matches(model.manifest.name)) out.push_back(&model);
  }
  return out;
}

std::string joined_names(const std::vector<const Model*>& models) {
  std::string out;
  for (const Model* model : models) out += (out.empty() ? "" : ", ") + model->manifest.name;
  return out;
}

Error not_found(std::string_view name, const std::vector<Model>& models) {
  const std::string shown = io::printable(name);
  if (models.empty()) {
    return fail(ErrorCode::kNotFound, shown,
                ": no model of that name; the store is empty, try hearth pull hf:ORG/REPO");
  }
  std::vector<std::string> names;
  for (const Model& model : models) {
    names.push_back(lower(model.manifest.name));
    names.push_back(lower(without_org(model.manifest.name)));
  }
  std::vector<std::pair<int, std::string>> by_distance;  // the nearer of the full and the short form
  for (size_t i = 0; i < models.size(); ++i) {
    const std::string wanted = lower(name);
    by_distance.emplace_back(
        std::min(edit_distance(wanted, names[2 * i]), edit_distance(wanted, names[2 * i + 1])),
        models[i].manifest.name);
  }
  std::sort(by_distance.begin(), by_distance.end());
  std::string nearest;
  for (size_t i = 0; i < by_distance.size() && i < 3; ++i)
    nearest += (i > 0 ? ", " : "") + by_distance[i].second;
  return fail(ErrorCode::kNotFound, shown, ": no model of that name; nearest: ", nearest,
              " (see hearth list)");
}

uint64_t bytes_below(const fs::path& folder) {
  uint64_t total = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) {
      const uintmax_t size = it->file_size(ignored);
      if (!ignored) total += size;
    }
  }
  return total;
}

/// Moves the folder out of sight in one step, then deletes it.
Result<uint64_t> delete_folder(const fs::path& folder, const fs::path& graveyard) {
  const uint64_t bytes = bytes_below(folder);
  std::error_code error;
  const fs::path grave = graveyard / (std::string(kGrave) + folder.filename().string());
  fs::remove_all(grave, error);
  fs::rename(folder, grave, error);
  if (error) return io::io_error(folder, "cannot delete", error.value());
  fs::remove_all(grave, error);
  if (error) return io::io_error(grave, "cannot delete", error.value());
  return bytes;
}

/// A deletion that was interrupted left its folder under the grave's name.
void finish_deletions(const fs::path& graveyard) {
  std::vector<fs::path> graves;
  std::error_code error;
  fs::directory_iterator it(graveyard, error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().starts_with(kGrave)) graves.push_back(it->path());
  }
  for (const fs::path& grave : graves) fs::remove_all(grave, error);
}

}  // namespace

std::string lock_name_of_folder(std::string_view folder) { return concat(".lock-", folder); }

std::string folder_of_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '/' || c == ':') {
      out += "--";
    } else {
      out += c;
    }
  }
  return out;
}

Result<fs::path> Store::default_home() {
  auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  };
  if (const std::string home = variable("HEARTH_HOME"); !home.empty()) return fs::path(home);
  // The XDG specification says to ignore relative paths.
  if (const std::string data = variable("XDG_DATA_HOME"); !data.empty() && data.front() == '/') {
    return fs::path(data) / "hearth";
  }
  if (const std::string home = variable("HOME"); !home.empty()) return fs::path(home) / ".local/share/hearth";
  return fail(ErrorCode::kUsage, "cannot tell where models are kept: neither HEARTH_HOME nor HOME is set");
}

Result<Store> Store::open(const fs::path& home) {
  std::error_code error;
  fs::path absolute = fs::absolute(home, error);
  if (error) return io::io_error(home, "cannot use as the model store", error.value());
  for (const char* folder : {"models", "partial"}) HEARTH_RETURN_IF_ERROR(make_folders(absolute / folder));
  finish_deletions(absolute / "partial");
  return Store(std::move(absolute));
}

Result<std::vector<Model>> Store::list() const {
  const fs::path folder = home_ / "models";
  std::vector<Model> models;
  std::error_code error;
  fs::directory_iterator it(folder, error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (!it->is_directory(ignored)) continue;
    Result<Manifest> manifest = read_manifest(it->path());
    if (manifest && folder_of_name(manifest->name) == it->path().filename()) {
      models.push_back({std::move(manifest).value(), it->path()});
    } else if (manifest) {
      log_line(LogLevel::kWarning,
               concat(it->path().string(), ": its manifest is of ", io::printable(manifest->name)));
    } else {
      log_line(LogLevel::kWarning, manifest.error().message);
    }
  }
  if (error) return io::io_error(folder, "cannot list", error.value());
  std::sort(models.begin(), models.end(),
            [](const Model& a, const Model& b) { return a.manifest.name < b.manifest.name; });
  return models;
}

std::vector<PartialPull> Store::list_partial() const {
  std::vector<PartialPull> out;
  std::error_code error;
  fs::directory_iterator it(home_ / "partial", error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored) && !it->path().filename().string().starts_with('.'))
      out.push_back({it->path().filename(), bytes_below(it->path())});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.folder < b.folder; });
  return out;
}

Result<Model> Store::resolve(std::string_view name, bool by_prefix) const {
  if (name.starts_with("hf:")) name.remove_prefix(3);
  HEARTH_ASSIGN(const std::vector<Model> models, list());
  const std::string wanted = lower(name);
  std::vector<const Model*> found = matching(models, [name](const std::string& n) { return n == name; });
  auto attempt = [&](auto matches) {
    if (found.empty()) found = matching(models, [&](const std::string& n) { return matches(lower(n)); });
  };
  attempt([&](std::string_view n) { return n == wanted; });
  attempt([&](std::string_view n) { return without_tag(n) == wanted || without_org(n) == wanted; });
  attempt([&](std::string_view n) { return without_tag(without_org(n)) == wanted; });
  if (by_prefix && !wanted.empty()) {
    attempt([&](std::string_view n) { return n.starts_with(wanted) || without_org(n).starts_with(wanted); });
  }
  if (found.empty()) return not_found(name, models);
  if (found.size() > 1) {
    return fail(ErrorCode::kUsage, io::printable(name), ": fits several models: ", joined_names(found));
  }
  return *found.front();
}

Result<Model> Store::find(std::string_view name) const {
  HEARTH_ASSIGN(Model model, resolve(name, /*by_prefix=*/true));
  for (const StoredFile& file : model.manifest.present()) {
    const Result<uint64_t> size = io::size_of_file(model.folder / file.name);
    if (size && *size == file.size) continue;
    return fail(ErrorCode::kCorrupt, model.manifest.name, ": ", (model.folder / file.name).string(),
                size ? " has not the size it should have" : " is missing", "; pull it again: hearth pull ",
                model.manifest.source);
  }
  return model;
}

Result<uint64_t> Store::remove(std::string_view name) {
  const fs::path graveyard = home_ / "partial";
  const Result<Model> model = resolve(name, /*by_prefix=*/false);
  std::string folder = model ? folder_of_name(model->manifest.name) : std::string();
  if (!model) {
    // A pull that was cut has no manifest yet; it goes by its folder or the name it would have had.
    std::string_view plain = name;
    if (plain.starts_with("hf:")) plain.remove_prefix(3);
    const std::string wanted = folder_of_name(plain);
    for (const PartialPull& partial : list_partial()) {
      if (net::equal_ignoring_case(partial.folder, wanted)) folder = partial.folder;
    }
    if (folder.empty()) return model.error();
  }
  const fs::path lock_file = graveyard / lock_name_of_folder(folder);
  const Result<FolderLock> lock = FolderLock::acquire(lock_file, {}, [] { return true; });
  if (!lock && lock.error().code == ErrorCode::kCancelled) {
    return fail(ErrorCode::kIo, io::printable(name),
                ": another hearth is pulling it right now; stop that first");
  }
  if (!lock) return lock.error();
  uint64_t freed = 0;
  for (const fs::path& place : {home_ / "models" / folder, graveyard / folder, packed_of_model(home_, folder)}) {
    std::error_code error;
    if (!fs::exists(place, error)) continue;
    HEARTH_ASSIGN(const uint64_t bytes, delete_folder(place, graveyard));
    freed += bytes;
  }
  return freed;
}

std::vector<fs::path> Store::list_packed() const {
  std::vector<fs::path> out;
  for (const fs::path& parent : packed_parents(home_)) {
    std::error_code error;
    fs::directory_iterator it(parent, error);
    for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
      std::error_code ignored;
      if (it->is_directory(ignored)) out.push_back(it->path());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<uint64_t> Store::remove_packed(const fs::path& folder) {
  return delete_folder(folder, home_ / "partial");
}

Status Store::verify(std::string_view name, const std::function<bool(uint64_t, uint64_t)>& tick) const {
  HEARTH_ASSIGN(const Model model, find(name));
  const uint64_t total = model.manifest.bytes();
  uint64_t before = 0;
  std::string broken;
  for (const StoredFile& file : model.manifest.present()) {
    HEARTH_ASSIGN(const std::string sha256, sha256_of_file(model.folder / file.name, [&](uint64_t done) {
                    return !tick || tick(before + done, total);
                  }));
    if (sha256 != file.sha256) broken += (broken.empty() ? "" : ", ") + file.name;
    before += file.size;
  }
  if (broken.empty()) return {};
  return fail(ErrorCode::kCorrupt, model.manifest.name, ": damaged on disk: ", broken,
              "; remove and pull it again: hearth rm ", model.manifest.name, " && hearth pull ",
              model.manifest.source);
}

}  // namespace hearth::store
