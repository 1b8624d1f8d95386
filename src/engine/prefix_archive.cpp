// A list of the files there are, one job at a time, and the order in which files go.
#include "engine/prefix_archive.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <exception>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xxhash64.h"
#include "engine/prefix_cache.h"
#include "io/file.h"
#include "io/prefix_file.h"
#include "model/fingerprint.h"

namespace hearth::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kKind = ".prefix";
constexpr int64_t kPage = 64;       // tokens: what a sequence has room in
constexpr int64_t kWindowCut = 64;  // tokens that a windowed sequence can certainly be shortened by
constexpr int64_t kGrowth =
    4;  // a longer file must be longer by a quarter: their sum stays a few times the last
constexpr double kTryAgainS = 300;  // after the disk refused

std::string hex(uint64_t value) {
  constexpr size_t kDigits = 16;
  char digits[kDigits];
  const auto end = std::to_chars(digits, digits + kDigits, value, 16).ptr;
  const std::string text(digits, end);
  return std::string(kDigits - text.size(), '0') + text;
}

/// All that keys and values depend on beside the tokens.
std::string identity_of(LocalModel& model, const std::string& source) {
  std::string out = concat("hearth " HEARTH_VERSION "\nsource ", source, "\nfingerprint ",
                           hex(model::fingerprint(model.model(), model.context_tokens())), "\nprecision ",
                           static_cast<int>(model.precision()), "\n");
  for (const std::string& tensor : model.float32_tensors()) out += concat("float32 ", tensor, "\n");
  return out + model.runtime().image_layout();
}

std::chrono::duration<double> time_until(double until_s) {
  constexpr double kMostS = 3600;  // clocks overflow
  return std::chrono::duration<double>(std::clamp(until_s - now_s(), 0.0, kMostS));
}

/// Whether a temporary, ".NAME.prefix.tmp-PID-N", is of a process that is gone (or of one that had our id).
bool is_left_over(const fs::path& path, fs::file_time_type start) {
  constexpr std::string_view kMark = ".prefix.tmp-";
  const std::string name = path.filename().string();
  const size_t at = name.find(kMark);
  if (!name.starts_with('.') || at == std::string::npos) return false;
  int pid = 0;
  const char* digits = name.data() + at + kMark.size();
  if (std::from_chars(digits, name.data() + name.size(), pid).ec != std::errc() || pid <= 0) return false;
  std::error_code error;
  const auto touched = fs::last_write_time(path, error);
  if (error) return false;
  if (pid == ::getpid()) return touched < start;
  return (::kill(pid, 0) != 0 && errno == ESRCH) || touched < start - std::chrono::hours(1);
}

/// Prompts can be read out of the files.
Status make_own(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return io::io_error(folder, "cannot make the folder", error.value());
  struct stat info = {};
  if (::stat(folder.c_str(), &info) != 0) return io::io_error(folder, "cannot be looked at", errno);
  if (info.st_uid != ::geteuid())
    return fail(ErrorCode::kIo, folder.string(),
                ": belongs to another user, who could read the prompts in it");
  fs::permissions(folder, fs::perms::owner_all, error);
  if (error) return io::io_error(folder, "cannot be closed to other users", error.value());
  return {};
}

std::vector<fs::path> list(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  fs::directory_iterator it(folder, error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error)) out.push_back(it->path());
  return out;
}

}  // namespace

Result<std::unique_ptr<PrefixArchive>> PrefixArchive::create(LocalModel& model, ArchiveOptions options) {
  HEARTH_RETURN_IF_ERROR(make_own(options.folder));
  std::string identity = identity_of(model, options.source);
  std::unique_ptr<PrefixArchive> archive(new PrefixArchive(model, std::move(options), std::move(identity)));
  archive->look_around();
  return archive;
}

PrefixArchive::PrefixArchive(LocalModel& model, ArchiveOptions options, std::string identity)
    : runtime_(&model.runtime()),
      options_(std::move(options)),
      identity_(std::move(identity)),
      start_(hex(xxhash64(std::as_bytes(std::span(identity_)))) + "-"),
      cuts_(std::none_of(model.model().spec().layers.begin(), model.model().spec().layers.end(),
                         [&](const auto& l) { return l.window > 0 && l.window < model.context_tokens(); })) {}

void PrefixArchive::look_around() {
  static const fs::file_time_type kStart = fs::file_time_type::clock::now();  // before the first write
  for (const fs::path& path : list(options_.folder)) {
    const std::string name = path.filename().string();
    std::error_code ignored;
    if (is_left_over(path, kStart)) {
      fs::remove(path, ignored);
      log_line(LogLevel::kInfo, concat(path.string(), ": removed, a save that was cut short"));
    }
    if (!name.starts_with(start_) || path.extension() != kKind) continue;
    auto file = io::PrefixFile::open(path);
    if (!file) {
      discard(path, file.error());
    } else if (file->header().identity == identity_) {
      const io::PrefixHeader& header = file->header();
      const auto count = static_cast<int64_t>(header.tokens.size());
      files_.push_back({path,
                        header.tokens,
                        {count, header.marks},
                        static_cast<int64_t>(file->bytes()),
                        static_cast<int64_t>(header.body_bytes())});
      stats_.bytes += files_.back().bytes;
    }
  }
}

bool PrefixArchive::busy() const {
  const std::lock_guard lock(mutex_);
  return job_.has_value() || working_;
}

/// Of a sequence of `tokens`, how much of `prompt` it can be cut to.
int64_t PrefixArchive::usable(std::span<const int32_t> tokens, std::span<const int32_t> prompt,
                              int64_t limit) const {
  const int64_t shared = std::min(common_prefix(tokens, prompt), limit);
  if (!cuts_ && static_cast<int64_t>(tokens.size()) - shared > kWindowCut) return 0;
  return shared;
}

/// What the first tokens of a file take in memory.
int64_t PrefixArchive::sequence_bytes(const File& file, int64_t tokens) const {
  const auto pages = [](int64_t count) { return (count + kPage - 1) / kPage; };
  const int64_t all = pages(static_cast<int64_t>(file.tokens.size()));
  return cuts_ && all > 0 ? file.body_bytes / all * pages(tokens) : file.body_bytes;
}

/// `most_bytes`: that the sequence may take; 0: all.
PrefixArchive::Found PrefixArchive::find(std::span<const int32_t> prompt, int64_t limit,
                                         int64_t most_bytes) const {
  Found best;
  for (size_t i = 0; i < files_.size(); ++i) {
    const int64_t tokens = usable(files_[i].tokens, prompt, limit);
    if (most_bytes > 0 && sequence_bytes(files_[i], tokens) > most_bytes) continue;
    if (tokens > best.tokens) best = {i, tokens};
  }
  return best;
}

int64_t PrefixArchive::stored(std::span<const int32_t> prompt, int64_t limit) const {
  const std::lock_guard lock(mutex_);
  return find(prompt, limit, most_read_).tokens;
}

int64_t PrefixArchive::restoring(std::span<const int32_t> prompt, int64_t limit) const {
  const std::lock_guard lock(mutex_);
  return job_ && job_->reads ? usable(job_->tokens, prompt, limit) : 0;
}

Status PrefixArchive::restore(std::span<const int32_t> prompt, int64_t limit) {
  const std::lock_guard lock(mutex_);
  if (job_ || working_) return fail(ErrorCode::kBusy, "the archive has a job");
  const Found found = find(prompt, limit, most_read_);
  if (found.tokens == 0) return fail(ErrorCode::kNotFound, "no file has this prefix");
  Job job;
  job.reads = true;
  job.file = files_[found.file];
  job.tokens = job.file.tokens;
  if (cuts_) {  // no more than is wanted: pages lie in the order of the tokens
    job.tokens.resize(static_cast<size_t>(found.tokens));
    job.file.image.tokens = found.tokens;
  }
  HEARTH_ASSIGN(job.sequence, runtime_->open_image(job.file.image));
  job_ = std::move(job);
  wake_.notify_all();
  return {};
}

bool PrefixArchive::worth_saving(std::span<const int32_t> tokens) const {
  const auto count = static_cast<int64_t>(tokens.size());
  const std::lock_guard lock(mutex_);
  return count >= options_.least_tokens && now_s() >= try_again_s_ &&
         count - find(tokens, count, 0).tokens >= std::max(options_.least_tokens, count / kGrowth);
}

bool PrefixArchive::save(runtime::SeqId sequence, std::span<const int32_t> tokens) {
  const std::lock_guard lock(mutex_);
  if (job_ || working_) return false;
  HEARTH_CHECK(runtime_->length(sequence) == static_cast<int64_t>(tokens.size()));
  job_ = Job{.sequence = sequence, .tokens = {tokens.begin(), tokens.end()}, .file = {}};
  wake_.notify_all();
  return true;
}

bool PrefixArchive::save_now(runtime::SeqId sequence, std::span<const int32_t> tokens,
                             fs::file_time_type used, double deadline_s) {
  HEARTH_CHECK(!busy());
  HEARTH_CHECK(runtime_->length(sequence) == static_cast<int64_t>(tokens.size()));
  return write(
      sequence, {tokens.begin(), tokens.end()}, used, [&] { return now_s() < deadline_s; }, [] {});
}

std::optional<PrefixArchive::Done> PrefixArchive::take() {
  const std::lock_guard lock(mutex_);
  if (!job_ || !job_->over) return std::nullopt;
  Done done{job_->sequence, std::move(job_->tokens), job_->reads && job_->good};
  job_.reset();
  return done;
}

void PrefixArchive::finish(double until_s) {
  std::unique_lock lock(mutex_);
  const auto over = [&] { return !job_ || job_->over || stopping_; };
  if (ended_.wait_for(lock, time_until(until_s), over)) return;
  give_up_ = true;
  ended_.wait(lock, over);
  give_up_ = false;
}

bool PrefixArchive::rest(double until_s) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, time_until(until_s), [&] { return !job_ && !working_; });
}

/// Memory that runs out ends a job, not the process.
void PrefixArchive::run() {
  while (wait_for_job()) {
    bool good = false;
    try {
      good = work();
    } catch (const std::bad_alloc&) {
      log_line(LogLevel::kWarning, "a prefix was not saved or read: there is no memory for that");
    } catch (const std::exception& error) {
      log_line(LogLevel::kWarning, concat("a prefix was not saved or read: ", error.what()));
    }
    hand_back(good);
    {
      const std::lock_guard lock(mutex_);
      working_ = false;
      ended_.notify_all();
    }
    if (on_done_) on_done_();
  }
}

/// False: the end has come.
bool PrefixArchive::wait_for_job() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return stopping_ || (job_ && !job_->over); });
  working_ = !stopping_;
  return working_;
}

bool PrefixArchive::work() {
  Job job;
  {
    const std::lock_guard lock(mutex_);
    job = *job_;
  }
  if (job.reads) return read(job);
  return write(
      job.sequence, job.tokens, fs::file_time_type::clock::now(), [&] { return !give_up_; },
      [&] { hand_back(true); });
}

/// The job can be taken, if it cannot be already: whatever is left to do needs no sequence.
void PrefixArchive::hand_back(bool good) {
  {
    const std::lock_guard lock(mutex_);
    if (!job_ || job_->over) return;
    job_->good = good;
    job_->over = true;
    ended_.notify_all();
  }
  if (on_done_) on_done_();
}

void PrefixArchive::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  wake_.notify_all();
  ended_.notify_all();
}

ArchiveStats PrefixArchive::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

/// Fills the job's sequence.
Status PrefixArchive::fill(const Job& job) const {
  HEARTH_ASSIGN(io::PrefixFile file, io::PrefixFile::open(job.file.path));
  const io::PrefixHeader& header = file.header();
  if (header.identity != identity_ || header.marks != job.file.image.first_pages ||
      header.tokens != job.file.tokens)
    return fail(ErrorCode::kCorrupt, job.file.path.string(), " has been changed");
  const auto pieces = runtime_->image_pieces(job.sequence);
  const bool beginning = cuts_ && job.tokens.size() < header.tokens.size();
  if (beginning ? header.piece_bytes.size() < pieces.size() : header.piece_bytes.size() != pieces.size())
    return fail(ErrorCode::kCorrupt, job.file.path.string(), " has ", header.piece_bytes.size(),
                " pieces instead of ", pieces.size());
  for (const std::span<std::byte> piece : pieces) {
    if (give_up_) return fail(ErrorCode::kCancelled, job.file.path.string(), ": was not read");
    HEARTH_RETURN_IF_ERROR(file.read_next(piece));
  }
  return {};
}

/// A file that is not what it was when it was listed is never used again.
bool PrefixArchive::read(const Job& job) {
  if (const Status filled = fill(job); !filled) {
    if (filled.error().code != ErrorCode::kCancelled) discard(job.file.path, filled.error());
    return false;
  }
  std::error_code ignored;
  fs::last_write_time(job.file.path, fs::file_time_type::clock::now(), ignored);  // used now
  const std::lock_guard lock(mutex_);
  ++stats_.restored;
  stats_.restored_tokens += static_cast<int64_t>(job.tokens.size());
  return true;
}

/// Writes a file, where there is room for one that was used last at `used`. `on_copied` is called when the
/// sequence is not needed any more.
bool PrefixArchive::write(runtime::SeqId sequence, const std::vector<int32_t>& tokens,
                          fs::file_time_type used, const std::function<bool()>& go_on,
                          const std::function<void()>& on_copied) {
  File file;
  file.tokens = tokens;
  file.image = runtime_->image(sequence);
  file.path = options_.folder / concat(start_, hex(xxhash64(std::as_bytes(std::span(tokens)))), kKind);
  const auto pieces = runtime_->image_pieces(sequence);
  constexpr int64_t kPieceEntry = 12;  // of the header
  file.bytes = static_cast<int64_t>(identity_.size() + tokens.size() * sizeof(int32_t));
  for (const auto piece : pieces) {
    file.body_bytes += static_cast<int64_t>(piece.size());
    file.bytes += static_cast<int64_t>(piece.size()) + kPieceEntry;
  }
  if (!who_gives_way(file, used)) return true;  // as if it had been saved and thrown away at once
  if (const Status done = put(file, pieces, used, go_on, on_copied); !done) {
    if (done.error().code == ErrorCode::kCancelled) return false;
    log_line(LogLevel::kWarning, concat("a prefix was not saved: ", done.error().message));
    const std::lock_guard lock(mutex_);
    ++stats_.failed;
    try_again_s_ = now_s() + kTryAgainS;
    return false;
  }
  if (const auto size = io::size_of_file(file.path); size) file.bytes = static_cast<int64_t>(*size);
  replace_by(std::move(file));
  return true;
}

/// Others give way when nothing but the new file's name is missing.
Status PrefixArchive::put(const File& file, std::span<const std::span<std::byte>> pieces,
                          fs::file_time_type used, const std::function<bool()>& go_on,
                          const std::function<void()>& on_copied) {
  const io::PrefixHeader header{identity_, file.tokens, file.image.first_pages, {}, {}};
  HEARTH_ASSIGN(io::AtomicFile out, io::write_prefix_file(file.path, header, pieces, go_on));
  on_copied();
  HEARTH_RETURN_IF_ERROR(out.sync());
  const auto leaving = who_gives_way(file, used);
  if (!leaving) return fail(ErrorCode::kCancelled, file.path.string(), ": others have taken its room");
  std::error_code ignored;
  for (const fs::path& path : *leaving) {
    fs::remove(path, ignored);
    forget(path);
  }
  HEARTH_RETURN_IF_ERROR(out.commit());
  fs::last_write_time(file.path, used, ignored);
  return {};
}

/// Whether `other` is needed no more when there is `file`.
bool PrefixArchive::contains(const File& file, const File& other) const {
  const auto count = static_cast<int64_t>(other.tokens.size());
  return other.path == file.path || (cuts_ && common_prefix(other.tokens, file.tokens) == count);
}

/// Lists a new file, in place of those that it has all of.
void PrefixArchive::replace_by(File file) {
  std::vector<fs::path> superfluous;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(files_, [&](const File& other) {
      if (!contains(file, other)) return false;
      if (other.path != file.path) superfluous.push_back(other.path);
      stats_.bytes -= other.bytes;
      return true;
    });
    ++stats_.saved;
    stats_.bytes += file.bytes;
    files_.push_back(std::move(file));
  }
  std::error_code ignored;
  for (const fs::path& path : superfluous) fs::remove(path, ignored);
}

/// The files, of whichever model, that must go for this one, which was used last at `used`: those that it
/// contains, then those used longest ago. Nothing where it would have to be one that was used later.
std::optional<std::vector<fs::path>> PrefixArchive::who_gives_way(const File& file,
                                                                  fs::file_time_type used) const {
  struct Old {
    fs::file_time_type used;
    fs::path path;
    int64_t bytes;
  };
  const auto is_contained = [&](const fs::path& path) {
    const std::lock_guard lock(mutex_);
    return std::any_of(files_.begin(), files_.end(),
                       [&](const File& other) { return other.path == path && contains(file, other); });
  };
  std::vector<Old> all;
  int64_t sum = file.bytes;
  for (const fs::path& path : list(options_.folder)) {
    std::error_code error;
    if (path.extension() != kKind) continue;
    const auto last = fs::last_write_time(path, error);
    const auto size = error ? 0 : fs::file_size(path, error);
    if (error) continue;
    all.push_back({is_contained(path) ? fs::file_time_type::min() : last, path, static_cast<int64_t>(size)});
    sum += all.back().bytes;
  }
  std::sort(all.begin(), all.end(), [](const Old& a, const Old& b) { return a.used < b.used; });
  std::vector<fs::path> out;
  for (size_t i = 0; sum > options_.most_bytes; ++i) {
    if (i == all.size() || all[i].used >= used) return std::nullopt;
    out.push_back(all[i].path);
    sum -= all[i].bytes;
  }
  return out;
}

void PrefixArchive::forget(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  std::erase_if(files_, [&](const File& file) {
    if (file.path != path) return false;
    stats_.bytes -= file.bytes;
    return true;
  });
}

/// A file that cannot be used: said once, and gone. One that somebody else removed needs no word.
void PrefixArchive::discard(const fs::path& path, const Error& why) {
  forget(path);
  if (why.code == ErrorCode::kNotFound) return;
  const bool damaged = why.code == ErrorCode::kCorrupt || why.code == ErrorCode::kUnsupported;
  std::error_code ignored;
  if (damaged) fs::remove(path, ignored);
  log_line(LogLevel::kWarning, concat(why.message, damaged ? "; removed" : "; not used"));
  const std::lock_guard lock(mutex_);
  stats_.damaged += damaged ? 1 : 0;
}

}  // namespace hearth::engine
