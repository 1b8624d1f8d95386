// Writing side of files: a temporary in the same folder, flushed and renamed, so that no half file ever has
// the final name.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "io/file.h"

namespace hearth::io {
namespace {

/// Also how far writes are cut and aligned: the page cache then holds the file in whole huge pages where the
/// file system has them, and whoever maps it gets them.
constexpr size_t kBufferBytes = 2 << 20;

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::filesystem::path& path, uint64_t expected_bytes,
                                      unsigned mode) {
  static std::atomic<unsigned> counter{0};
  if (!path.has_filename()) return fail(ErrorCode::kUsage, path.string(), ": is not a file name");
  if (std::error_code error; std::filesystem::is_directory(path, error)) {
    return fail(ErrorCode::kUsage, path.string(), ": is a folder, give the name of a file to write");
  }
  if (expected_bytes > 0) {
    HEARTH_ASSIGN(const uint64_t free_bytes, free_disk_bytes(path));
    if (free_bytes < expected_bytes) {
      return fail(ErrorCode::kTooLarge, path.string(), ": needs ", human_bytes(expected_bytes),
                  " but the disk has only ", human_bytes(free_bytes),
                  " free; free some or choose another place");
    }
  }
  AtomicFile file;
  file.path_ = path;
  for (int attempt = 0; attempt < 100 && file.fd_ < 0; ++attempt) {
    const std::string name =
        concat(".", path.filename().string(), ".tmp-", ::getpid(), "-", counter.fetch_add(1));
    file.temporary_ = folder_of(path) / name;
    file.fd_ = ::open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file.fd_ < 0 && errno != EEXIST) return io_error(path, "cannot create", errno);
  }
  if (file.fd_ < 0) return io_error(path, "cannot create a temporary file beside it", EEXIST);
  file.buffer_.reserve(kBufferBytes);
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      buffer_(std::move(other.buffer_)),
      written_(other.written_),
      flushed_(other.flushed_) {}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() {
  if (fd_ < 0) return;
  ::close(std::exchange(fd_, -1));
  ::unlink(temporary_.c_str());
}

Error AtomicFile::write_error(int error_number) const {
  if (error_number == ENOSPC || error_number == EDQUOT) {
    const Result<uint64_t> free_bytes = free_disk_bytes(path_);
    return fail(ErrorCode::kTooLarge, path_.string(), ": the disk is full after ", human_bytes(flushed_),
                " (", free_bytes ? human_bytes(*free_bytes) : std::string("unknown"),
                " free); nothing was kept");
  }
  if (error_number == EFBIG) {
    return fail(ErrorCode::kTooLarge, path_.string(), ": the file size limit was reached after ",
                human_bytes(flushed_), "; nothing was kept");
  }
  return io_error(path_, "cannot write", error_number);
}

Status AtomicFile::flush() {
  HEARTH_RETURN_IF_ERROR(put(std::as_bytes(std::span(buffer_))));
  buffer_.clear();
  return {};
}

Status AtomicFile::put(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) {
      const Error error = write_error(done < 0 ? errno : EIO);
      discard();
      return error;
    }
    bytes = bytes.subspan(static_cast<size_t>(done));
    flushed_ += static_cast<uint64_t>(done);
  }
  return {};
}

Status AtomicFile::write(std::span<const std::byte> bytes) {
  if (fd_ < 0) return fail(ErrorCode::kIo, path_.string(), ": is not open for writing any more");
  written_ += bytes.size();
  while (!bytes.empty()) {
    if (buffer_.empty() && bytes.size() >= kBufferBytes) {
      const size_t whole = bytes.size() / kBufferBytes * kBufferBytes;
      HEARTH_RETURN_IF_ERROR(put(bytes.first(whole)));
      bytes = bytes.subspan(whole);
      continue;
    }
    const size_t take = std::min(bytes.size(), kBufferBytes - buffer_.size());
    buffer_.append(reinterpret_cast<const char*>(bytes.data()), take);
    bytes = bytes.subspan(take);
    if (buffer_.size() == kBufferBytes) HEARTH_RETURN_IF_ERROR(flush());
  }
  return {};
}

Status AtomicFile::sync() {
  if (fd_ < 0) return fail(ErrorCode::kIo, path_.string(), ": is not open for writing any more");
  HEARTH_RETURN_IF_ERROR(flush());
  if (::fsync(fd_) == 0) return {};
  const Error error = write_error(errno);
  discard();
  return error;
}

Status AtomicFile::commit() {
  HEARTH_RETURN_IF_ERROR(
      sync());  // first: a rename that survives a power cut must not name data that did not
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const Error error = write_error(errno);
    discard();
    return error;
  }
  ::close(std::exchange(fd_, -1));
  const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);  // some file systems refuse this on folders; the file itself is already safe
    ::close(folder);
  }
  return {};
}

Status write_file(const std::filesystem::path& path, std::string_view text) {
  HEARTH_ASSIGN(AtomicFile file, AtomicFile::create(path, text.size()));
  HEARTH_RETURN_IF_ERROR(file.write(text));
  return file.commit();
}

}  // namespace hearth::io
