// Partial files and their state; see the header.
#include "store/part_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "io/file.h"
#include "io/json.h"

namespace hearth::store {
namespace {

using io::Json;

constexpr int64_t kMaxStateBytes = 4 << 20;
constexpr int kVersion = 1;
constexpr std::string_view kKept = "what arrived is kept: make room and pull again to continue";

std::filesystem::path with_ending(const std::filesystem::path& path, const char* ending) {
  std::filesystem::path out = path;
  out += ending;
  return out;
}

std::filesystem::path state_path_of(const std::filesystem::path& target) {
  return with_ending(target, ".state.json");
}

Result<PartState> load_state(const std::filesystem::path& target) {
  const std::filesystem::path path = state_path_of(target);
  HEARTH_ASSIGN(const std::string text, io::read_file(path, kMaxStateBytes));
  return part_state_from_json(text, path.string());
}

bool same_content(const ContentIdentity& a, const ContentIdentity& b) {
  return !a.validator.empty() && a.validator == b.validator && a.size.has_value() && a.size == b.size;
}

}  // namespace

std::string part_state_to_json(const PartState& state) {
  Json done = Json::array();
  for (const Range& range : state.done) done.push_back(Json::array({range.begin, range.end}));
  Json root = {{"version", kVersion},
               {"size", state.identity.size ? Json(*state.identity.size) : Json(nullptr)},
               {"validator", state.identity.validator},
               {"done", std::move(done)},
               {"sha256", state.sha256}};
  return io::dump_json(root) + "\n";
}

Result<PartState> part_state_from_json(std::string_view text, std::string_view where) {
  const io::JsonLimits limits{.max_bytes = kMaxStateBytes, .max_depth = 8};
  HEARTH_ASSIGN(const Json root, io::parse_json(text, where, limits));
  const Error bad = fail(ErrorCode::kCorrupt, where, ": is no download state");
  if (!root.is_object()) return bad;
  PartState out;
  const auto version = root.find("version");
  const auto size = root.find("size");
  const auto validator = root.find("validator");
  const auto done = root.find("done");
  const auto sha256 = root.find("sha256");
  for (const auto& it : {version, size, validator, done, sha256}) {
    if (it == root.end()) return bad;
  }
  if (*version != kVersion || !validator->is_string() || !done->is_array() || !sha256->is_string())
    return bad;
  if (size->is_number_unsigned()) {
    out.identity.size = size->get<uint64_t>();
  } else if (!size->is_null()) {
    return bad;
  }
  out.identity.validator = validator->get<std::string>();
  out.sha256 = sha256->get<std::string>();
  for (const Json& pair : *done) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_number_unsigned() ||
        !pair[1].is_number_unsigned()) {
      return bad;
    }
    const Range range{pair[0].get<uint64_t>(), pair[1].get<uint64_t>()};
    const bool in_order = out.done.empty() || out.done.back().end < range.begin;
    if (range.begin >= range.end || !in_order || !out.identity.size || range.end > *out.identity.size)
      return bad;
    out.done.push_back(range);
  }
  return out;
}

std::optional<std::string> PartFile::finished(const std::filesystem::path& target,
                                              const ContentIdentity& identity) {
  const Result<PartState> state = load_state(target);
  const Result<uint64_t> size = io::size_of_file(target);
  if (!state || !size || state->sha256.empty() || !same_content(state->identity, identity) ||
      *size != *identity.size) {
    return std::nullopt;
  }
  return state->sha256;
}

Result<std::unique_ptr<PartFile>> PartFile::open(const std::filesystem::path& target,
                                                 ContentIdentity identity) {
  std::unique_ptr<PartFile> file(new PartFile);
  file->target_ = target;
  file->part_path_ = with_ending(target, ".part");
  file->state_path_ = state_path_of(target);
  const Result<PartState> state = load_state(target);
  const Result<uint64_t> have = io::size_of_file(file->part_path_);
  HEARTH_ASSIGN(file->fd_, open_file(file->part_path_, O_RDWR | O_CREAT | O_NOFOLLOW));
  // Nothing that the state claims may lie beyond the file's end, or holes would be taken for content.
  const bool usable = state && have && same_content(state->identity, identity) &&
                      (state->done.empty() || state->done.back().end <= *have);
  if (!usable) {
    HEARTH_RETURN_IF_ERROR(file->start_over(std::move(identity)));
    return file;
  }
  file->identity_ = std::move(identity);
  for (const Range& range : state->done) file->done_.add(range);
  return file;
}

Status PartFile::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put =
        ::pwrite(fd_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const int error_number = errno;
      return write_error(part_path_, error_number, covered(), kKept);
    }
    const std::lock_guard lock(mutex_);
    done_.add({offset + done, offset + done + static_cast<size_t>(put)});
    done += static_cast<size_t>(put);
  }
  return {};
}

Result<size_t> PartFile::read_at(uint64_t offset, std::span<std::byte> buffer) const {
  for (;;) {
    const ssize_t got = ::pread(fd_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR) return io::io_error(part_path_, "cannot read back", errno);
  }
}

uint64_t PartFile::covered() const {
  const std::lock_guard lock(mutex_);
  return done_.covered();
}

uint64_t PartFile::prefix() const {
  const std::lock_guard lock(mutex_);
  return done_.prefix();
}

std::vector<Range> PartFile::missing(uint64_t size, uint64_t piece) const {
  const std::lock_guard lock(mutex_);
  return done_.missing(size, piece);
}

uint64_t PartFile::disk_needed(uint64_t size) const {
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0) return size;
  const uint64_t allocated = static_cast<uint64_t>(info.st_blocks) * 512;
  return size - std::min(size, allocated);
}

Status PartFile::reserve(uint64_t size) {
  if (size == 0) return {};
  if (::fallocate(fd_.get(), 0, 0, static_cast<off_t>(size)) == 0) return {};
  if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
    return write_error(part_path_, errno, covered(), kKept);
  return {};  // not supported here: a full disk will show when writing
}

Status PartFile::start_over(ContentIdentity identity) {
  {
    const std::lock_guard lock(mutex_);
    identity_ = std::move(identity);
  }
  return start_over();
}

Status PartFile::start_over() {
  const std::lock_guard lock(mutex_);
  done_.clear();
  std::error_code error;
  std::filesystem::remove(state_path_, error);
  std::filesystem::remove(target_, error);
  if (::ftruncate(fd_.get(), 0) != 0) return io::io_error(part_path_, "cannot empty", errno);
  return {};
}

Status PartFile::save() {
  PartState state;
  {
    const std::lock_guard lock(mutex_);
    state.identity = identity_;
    state.done = done_.ranges();
  }
  if (state.identity.validator.empty() || !state.identity.size) return {};  // could not be resumed anyway
  if (::fdatasync(fd_.get()) != 0) return write_error(part_path_, errno, covered(), kKept);
  return io::write_file(state_path_, part_state_to_json(state));
}

void PartFile::discard() {
  std::error_code error;
  std::filesystem::remove(part_path_, error);
  std::filesystem::remove(state_path_, error);
}

Status PartFile::finish(uint64_t size, const std::string& sha256) {
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0 || ::fsync(fd_.get()) != 0) {
    return write_error(part_path_, errno, covered(), kKept);
  }
  PartState state;
  state.identity = identity_;
  state.identity.size = size;
  if (size > 0) state.done = {{0, size}};
  state.sha256 = sha256;
  HEARTH_RETURN_IF_ERROR(io::write_file(state_path_, part_state_to_json(state)));
  if (::rename(part_path_.c_str(), target_.c_str()) != 0) {
    return io::io_error(target_, "cannot put in place", errno);
  }
  return sync_folder(target_.parent_path());
}

}  // namespace hearth::store
