// The model store: models by name in one folder of the user's, each complete and checked or not there.
//
//   HOME/models/FOLDER/manifest.json   source, revision, time; size and SHA-256 of every file
//   HOME/models/FOLDER/...             the model's files, flat
//   HOME/partial/FOLDER/               the same while being pulled: FILE.part, FILE.state.json, done files
//   HOME/partial/.lock-FOLDER          one puller at a time
//   HOME/packed/...                    packed weights, see packed.h
//
// HOME is $HEARTH_HOME, else $XDG_DATA_HOME/hearth, else ~/.local/share/hearth. A name is ORG/REPO:TAG for
// models of the hub (FOLDER is ORG--REPO--TAG) and a plain name for others. A pull fills partial/FOLDER and
// then swaps it into models/ in one rename, so readers see the old model or the new one. Must not know what
// is inside a model file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/http_client.h"
#include "net/hub.h"
#include "store/manifest.h"
#include "store/select.h"

namespace hearth::store {

/// A model that is there.
struct Model {
  Manifest manifest;
  std::filesystem::path folder;

  /// What a loader opens: the packed file where there is only that, else the GGUF (its first part) or the
  /// folder.
  std::filesystem::path path() const {
    if (manifest.packed) return folder / manifest.packed->name;
    return manifest.is_folder ? folder : folder / manifest.files.front().name;
  }
};

/// A pull that was cut and can be continued.
struct PartialPull {
  std::string folder;
  uint64_t bytes_on_disk = 0;
};

struct PullProgress {
  enum class Phase { kAsking, kWaiting, kFetching, kCopying, kChecking };
  Phase phase = Phase::kAsking;
  std::string_view file;
  int file_number = 0;  // from 1
  int file_count = 0;
  uint64_t done_bytes = 0;   // of all files
  uint64_t total_bytes = 0;  // 0: unknown
  double bytes_per_s = 0;
  double eta_s = -1;  // negative: unknown
};

struct PullOptions {
  std::string name;    // for URLs and local files; empty: from the file's name
  std::string sha256;  // for a single file of a URL or path; lower-case hex; empty: not known
  int connections = 4;
  uint64_t piece_bytes = 16u << 20;
  net::HttpOptions http;
  net::HubOptions hub;
  std::span<const std::string> preferred = preferred_labels();
  /// Called from the calling thread, some ten times a second.
  std::function<void(const PullProgress&)> progress;
  /// A last look at the complete model (what a loader would open) before it gets its name; an error refuses
  /// it.
  std::function<Status(const std::filesystem::path&)> accept;
  /// When given, only the packed form is kept: writes that of the complete model at `model` to `out`. It is
  /// kept with `source` in it (packed.h).
  std::function<Status(const std::filesystem::path& model, const std::filesystem::path& out,
                       const std::string& source)>
      pack;
  /// Whether a packed form that is there already can be used; goes with `pack`.
  std::function<bool(const std::filesystem::path&)> packed_is_usable;

  static PullOptions from_environment();
};

struct PullOutcome {
  Model model;
  bool already_there = false;  // nothing had to be fetched
};

class Store {
 public:
  /// See the top of this file. kUsage when no home can be told.
  static Result<std::filesystem::path> default_home();
  /// Makes the folders when they are missing.
  static Result<Store> open(const std::filesystem::path& home);

  /// By name; folders without a readable manifest are left out with a warning in the log.
  Result<std::vector<Model>> list() const;
  std::vector<PartialPull> list_partial() const;

  /// By full name, name without regard to case, ORG/REPO or REPO[:TAG] without the rest, or a unique
  /// beginning; "hf:" in front is allowed. kNotFound names the nearest, kUsage lists all that fit, kCorrupt
  /// when files are missing.
  Result<Model> find(std::string_view name) const;

  /// Deletes a model (found as by find, but never by a mere beginning) with its packed weights, or what is
  /// left of a cut pull. Returns the bytes freed.
  Result<uint64_t> remove(std::string_view name);

  /// The folders of packed weights that there are (packed.h), whatever is in them.
  std::vector<std::filesystem::path> list_packed() const;
  /// Deletes one of them. Returns the bytes freed.
  Result<uint64_t> remove_packed(const std::filesystem::path& folder);

  /// Fetches or copies what `reference` names (reference.h). A second pull of the same thing continues or
  /// does nothing.
  Result<PullOutcome> pull(std::string_view reference, const PullOptions& options);

  /// Reads every file and compares with the manifest. `tick(done, total)` returns false to cancel.
  Status verify(std::string_view name, const std::function<bool(uint64_t, uint64_t)>& tick) const;

  const std::filesystem::path& home() const { return home_; }

 private:
  explicit Store(std::filesystem::path home) : home_(std::move(home)) {}
  Result<Model> resolve(std::string_view name, bool by_prefix) const;

  std::filesystem::path home_;
};

/// The folder of a model name: "ORG/REPO:TAG" -> "ORG--REPO--TAG". Plain names contain no "--", so no two
/// meet.
std::string folder_of_name(std::string_view name);
/// Its lock, beside it in partial/.
std::string lock_name_of_folder(std::string_view folder);

}  // namespace hearth::store
