// Store::pull: plan, lock, fetch each file into the partial folder, check, swap the folder into place.
#include <algorithm>

#include "base/clock.h"
#include "base/log.h"
#include "base/progress_meter.h"
#include "io/file.h"
#include "io/utf8.h"
#include "store/disk.h"
#include "store/download.h"
#include "store/packed.h"
#include "store/plan.h"
#include "store/store.h"

namespace hearth::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPackedName = "hearth-packed.gguf";

/// One pull, after the plan is made. Where its pieces lie: see store.h.
class Pull {
 public:
  Pull(const fs::path& home, Plan plan, const PullOptions& options)
      : plan_(std::move(plan)),
        options_(options),
        home_(home),
        folder_(home / "models" / folder_of_name(plan_.name)),
        staging_(home / "partial" / folder_of_name(plan_.name)) {}

  Result<PullOutcome> run() {
    const fs::path lock_file = staging_.parent_path() / lock_name_of_folder(staging_.filename().string());
    HEARTH_ASSIGN(const FolderLock lock, FolderLock::acquire(
                                             lock_file, [this] { tell_phase(PullProgress::Phase::kWaiting); },
                                             [this] { return options_.http.cancelled(); }));
    HEARTH_ASSIGN(std::optional<Manifest> present, look_at_present());
    if (present && present->packed.has_value() == (options_.pack != nullptr)) {
      return PullOutcome{{std::move(*present), folder_}, true};
    }
    HEARTH_RETURN_IF_ERROR(make_folders(staging_));
    if (present && options_.pack) {  // nothing to fetch
      const Model model{*present, folder_};
      return publish(std::move(*present), model.path());
    }
    HEARTH_RETURN_IF_ERROR(check_total_space());
    Manifest manifest;
    manifest.name = plan_.name;
    manifest.source = plan_.source;
    manifest.source_id = plan_.source_id;
    manifest.revision = plan_.revision;
    manifest.is_folder = plan_.is_folder;
    for (PlannedFile& file : plan_.files) {
      file_number_ = static_cast<int>(manifest.files.size()) + 1;
      meter_.reset();
      const bool local = file.job.url.empty();
      Result<StoredFile> got = local ? copy(file) : fetch(file);
      if (!got) {
        std::error_code error;
        if (local) fs::remove_all(staging_, error);  // there is no continuing a copy
        return got.error();
      }
      StoredFile stored = std::move(got).value();
      finished_bytes_ += stored.size;
      manifest.files.push_back(std::move(stored));
    }
    manifest.pulled_at = utc_now();
    const Model staged{manifest, staging_};
    if (options_.accept) {
      if (const Status accepted = options_.accept(staged.path()); !accepted) {
        std::error_code error;
        fs::remove_all(staging_, error);
        return accepted.error();
      }
    }
    return publish(std::move(manifest), staged.path());
  }

 private:
  /// The manifest when the same content is there already; an error when the name belongs to something else.
  Result<std::optional<Manifest>> look_at_present() {
    const Result<Manifest> manifest = read_manifest(folder_);
    if (!manifest) return std::optional<Manifest>();  // none, or unreadable: it gets replaced
    if (manifest->source != plan_.source) {
      return fail(ErrorCode::kUsage, plan_.name, ": is taken by a model from ",
                  io::printable(manifest->source, 200), "; give another one with --name, or hearth rm ",
                  plan_.name);
    }
    if (!plan_.is_what(*manifest)) {
      // A signature in the query changes with every visit, which is why the content is asked first.
      if (plan_.is_same_address(*manifest)) return std::optional<Manifest>();
      return fail(ErrorCode::kUsage, plan_.name, ": is taken by another file from ",
                  io::printable(manifest->source, 200),
                  " (what follows the '?' differs); give another name with --name, or hearth rm ",
                  plan_.name);
    }
    if (manifest->packed && !(options_.pack && options_.packed_is_usable(folder_ / manifest->packed->name))) {
      return std::optional<Manifest>();  // the original is wanted, or needed for packing again
    }
    for (const StoredFile& file : manifest->present()) {
      const Result<uint64_t> size = io::size_of_file(folder_ / file.name);
      if (!size || *size != file.size) return std::optional<Manifest>();
    }
    return std::optional<Manifest>(*manifest);
  }

  /// All files together, before the first byte; what lies in the partial folder already is counted in.
  Status check_total_space() {
    const std::optional<uint64_t> total = plan_.bytes();
    if (!total || plan_.files.front().job.url.empty())
      return {};  // a copy may share its blocks: see copy_file
    uint64_t have = 0;
    std::error_code error;
    fs::directory_iterator it(staging_, error);
    for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
      if (const Result<uint64_t> size = io::size_of_file(it->path()); size) have += *size;
    }
    return check_disk_space(staging_, *total - std::min(*total, have));
  }

  void tell(PullProgress::Phase phase, uint64_t done, uint64_t file_total) {
    if (!options_.progress) return;
    const PlannedFile* file =
        file_number_ > 0 ? &plan_.files[static_cast<size_t>(file_number_) - 1] : nullptr;
    const uint64_t rest_known = plan_.bytes().value_or(0);
    const uint64_t total = rest_known > 0 ? rest_known : (plan_.files.size() == 1 ? file_total : 0);
    const uint64_t all_done = finished_bytes_ + done;
    if (!meter_) meter_.emplace(total, all_done, now_s());
    meter_->set_total(total);
    meter_->update(all_done, now_s());
    PullProgress progress;
    progress.phase = phase;
    if (file != nullptr) progress.file = file->name;
    progress.file_number = file_number_;
    progress.file_count = static_cast<int>(plan_.files.size());
    progress.done_bytes = all_done;
    progress.total_bytes = total;
    progress.bytes_per_s = meter_->rate();
    progress.eta_s = meter_->eta_s();
    options_.progress(progress);
  }
  void tell_phase(PullProgress::Phase phase) { tell(phase, 0, 0); }

  Result<StoredFile> fetch(PlannedFile& file) {
    net::HttpClient client(options_.http);
    file.job.target = staging_ / file.name;
    if (!file.remote) {
      Result<RemoteFile> remote = probe(client, file.job);
      if (!remote && remote.error().code == ErrorCode::kNotFound && !file.fallback_url.empty()) {
        // Mirrors may know the branch and not the commit; size and hash are checked all the same.
        file.job.url = file.fallback_url;
        remote = probe(client, file.job);
      }
      if (!remote) return remote.error();
      file.remote = std::move(remote).value();
      if (file.job.expected_sha256.empty()) file.job.expected_sha256 = file.remote->linked_sha256;
    }
    DownloadOptions download_options;
    download_options.connections = options_.connections;
    download_options.piece_bytes = std::max<uint64_t>(1, options_.piece_bytes);
    download_options.http = options_.http;
    download_options.progress = [this](uint64_t done, uint64_t total) {
      tell(PullProgress::Phase::kFetching, done, total);
    };
    HEARTH_ASSIGN(Downloaded done, download(file.job, *file.remote, download_options));
    return StoredFile{file.name, done.size, std::move(done.sha256), std::move(done.etag)};
  }

  Result<StoredFile> copy(PlannedFile& file) {
    const fs::path target = staging_ / file.name;
    const uint64_t size = file.job.expected_size.value_or(0);
    auto tick = [this, size](uint64_t done) {
      tell(PullProgress::Phase::kCopying, done, size);
      return !options_.http.cancelled();
    };
    HEARTH_RETURN_IF_ERROR(copy_file(file.local, target, tick));
    HEARTH_ASSIGN(std::string sha256,
                  sha256_of_file(target, [this](uint64_t) { return !options_.http.cancelled(); }));
    HEARTH_ASSIGN(const uint64_t copied, io::size_of_file(target));
    if (!file.job.expected_sha256.empty() && sha256 != file.job.expected_sha256) {
      return fail(ErrorCode::kCorrupt, file.job.what, ": has SHA-256 ", sha256, " instead of ",
                  file.job.expected_sha256);
    }
    return StoredFile{file.name, copied, std::move(sha256), {}};
  }

  /// The packed form of `model` into the staging folder.
  Result<StoredFile> pack(const Manifest& manifest, const fs::path& model) {
    StoredFile packed{std::string(kPackedName), 0, {}, {}};
    const fs::path out = staging_ / packed.name;
    HEARTH_RETURN_IF_ERROR(options_.pack(model, out, packed_source(manifest)));
    HEARTH_ASSIGN(packed.size, io::size_of_file(out));
    finished_bytes_ = 0;
    meter_.reset();
    HEARTH_ASSIGN(packed.sha256, sha256_of_file(out, [&](uint64_t done) {
                    tell(PullProgress::Phase::kChecking, done, packed.size);
                    return !options_.http.cancelled();
                  }));
    return packed;
  }

  /// `model` is what a loader would open now; with `pack`, its packed form takes its place.
  Result<PullOutcome> publish(Manifest manifest, const fs::path& model) {
    if (options_.pack) {
      Result<StoredFile> packed = pack(manifest, model);
      if (!packed) {
        const bool in_staging = model == staging_ || model.parent_path() == staging_;
        const bool fetched = in_staging && !plan_.files.front().job.url.empty();
        std::error_code error;
        if (!fetched) fs::remove_all(staging_, error);  // what was fetched waits for another try
        return packed.error();
      }
      manifest.packed = std::move(packed).value();
    }
    remove_leftovers(manifest);
    HEARTH_RETURN_IF_ERROR(write_manifest(staging_, manifest));
    HEARTH_RETURN_IF_ERROR(swap_in_folder(staging_, folder_));
    HEARTH_RETURN_IF_ERROR(sync_folder(folder_.parent_path()));
    std::error_code error;
    fs::remove_all(staging_, error);  // the model that was replaced, if there was one
    if (options_.pack) fs::remove_all(packed_of_model(home_, folder_.filename().string()), error);
    return PullOutcome{{std::move(manifest), folder_}, false};
  }

  /// State files, and files of an earlier attempt at another revision.
  void remove_leftovers(const Manifest& manifest) {
    std::vector<fs::path> doomed;
    std::error_code error;
    fs::directory_iterator it(staging_, error);
    for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().filename();
      const auto present = manifest.present();
      const bool wanted = std::any_of(present.begin(), present.end(),
                                      [&name](const StoredFile& file) { return file.name == name; });
      if (!wanted) doomed.push_back(it->path());
    }
    for (const fs::path& path : doomed) fs::remove_all(path, error);
  }

  Plan plan_;
  const PullOptions& options_;
  fs::path home_;
  fs::path folder_;
  fs::path staging_;
  int file_number_ = 0;
  uint64_t finished_bytes_ = 0;
  std::optional<ProgressMeter> meter_;
};

}  // namespace

PullOptions PullOptions::from_environment() {
  PullOptions options;
  options.http = net::HttpOptions::from_environment();
  options.hub = net::HubOptions::from_environment();
  return options;
}

Result<PullOutcome> Store::pull(std::string_view reference, const PullOptions& options) {
  HEARTH_ASSIGN(const ModelReference parsed, parse_reference(reference));
  if (options.progress) options.progress({});
  HEARTH_ASSIGN(Plan plan, make_plan(parsed, options));
  return Pull(home_, std::move(plan), options).run();
}

}  // namespace hearth::store
