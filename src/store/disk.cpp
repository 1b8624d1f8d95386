// POSIX and Linux calls behind disk.h.
#include "store/disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "io/file.h"

namespace hearth::store {
namespace {

constexpr size_t kBlock = 1 << 20;
constexpr std::string_view kNothingKept = "nothing was kept";

/// Reads until `buffer` is full or the file ends.
Result<size_t> read_block(int fd, std::span<std::byte> buffer, const std::filesystem::path& path) {
  size_t have = 0;
  while (have < buffer.size()) {
    const ssize_t got = ::read(fd, buffer.data() + have, buffer.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io::io_error(path, "cannot read", errno);
    if (got == 0) break;
    have += static_cast<size_t>(got);
  }
  return have;
}

Error cancelled_error() { return fail(ErrorCode::kCancelled, "stopped"); }

/// The part of copy_file for file systems that cannot share blocks.
Status copy_bytes(const Fd& in, const std::filesystem::path& from, const Fd& out,
                  const std::filesystem::path& to, const std::function<bool(uint64_t)>& tick) {
  std::vector<std::byte> buffer(kBlock);
  uint64_t done = 0;
  for (;;) {
    HEARTH_ASSIGN(const size_t got, read_block(in.get(), buffer, from));
    for (size_t at = 0; at < got;) {
      const ssize_t put = ::write(out.get(), buffer.data() + at, got - at);
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return write_error(to, errno, done, kNothingKept);
      at += static_cast<size_t>(put);
    }
    done += got;
    if (tick && !tick(done)) return cancelled_error();
    if (got < buffer.size()) return {};
  }
}

}  // namespace

void Fd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<Fd> open_file(const std::filesystem::path& path, int flags, mode_t mode) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd.valid()) return io::io_error(path, "cannot open", errno);
  return fd;
}

Status make_folders(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return io::io_error(path, "cannot make the folder", error.value());
  return {};
}

Status sync_folder(const std::filesystem::path& folder) {
  HEARTH_ASSIGN(const Fd fd, open_file(folder, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0 && errno != EINVAL) return io::io_error(folder, "cannot flush", errno);
  return {};
}

Result<FolderLock> FolderLock::acquire(const std::filesystem::path& lock_file,
                                       const std::function<void()>& on_wait,
                                       const std::function<bool()>& cancelled) {
  FolderLock lock;
  HEARTH_ASSIGN(lock.fd_, open_file(lock_file, O_RDWR | O_CREAT));
  bool told = false;
  while (::flock(lock.fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return io::io_error(lock_file, "cannot lock", errno);
    if (!std::exchange(told, true) && on_wait) on_wait();
    if (cancelled()) return cancelled_error();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return lock;
}

static_assert(sizeof(crypto_hash_sha256_state) <= 128 && alignof(crypto_hash_sha256_state) <= 8);

Sha256::Sha256() {
  auto* state = new (state_) crypto_hash_sha256_state;
  crypto_hash_sha256_init(state);
}

void Sha256::update(std::span<const std::byte> bytes) {
  crypto_hash_sha256_update(std::launder(reinterpret_cast<crypto_hash_sha256_state*>(state_)),
                            reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

std::string Sha256::finish() {
  unsigned char digest[crypto_hash_sha256_BYTES];
  crypto_hash_sha256_final(std::launder(reinterpret_cast<crypto_hash_sha256_state*>(state_)), digest);
  char hex[2 * sizeof(digest) + 1];
  sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
  return hex;
}

Result<std::string> sha256_of_file(const std::filesystem::path& path,
                                   const std::function<bool(uint64_t)>& tick) {
  HEARTH_ASSIGN(const Fd fd, open_file(path, O_RDONLY));
  std::vector<std::byte> buffer(kBlock);
  Sha256 hash;
  for (uint64_t done = 0;;) {
    HEARTH_ASSIGN(const size_t got, read_block(fd.get(), buffer, path));
    hash.update({buffer.data(), got});
    done += got;
    if (tick && !tick(done)) return cancelled_error();
    if (got < buffer.size()) return hash.finish();
  }
}

Status copy_file(const std::filesystem::path& from, const std::filesystem::path& to,
                 const std::function<bool(uint64_t)>& tick) {
  HEARTH_ASSIGN(const Fd in, open_file(from, O_RDONLY));
  HEARTH_ASSIGN(const Fd out, open_file(to, O_WRONLY | O_CREAT | O_TRUNC));
  struct stat info {};
  const uint64_t size = ::fstat(in.get(), &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
  if (::ioctl(out.get(), FICLONE, in.get()) != 0) {
    HEARTH_RETURN_IF_ERROR(check_disk_space(to.parent_path(), size));
    HEARTH_RETURN_IF_ERROR(copy_bytes(in, from, out, to, tick));
  }
  // Shared blocks too: the manifest, which vouches for this file, must not survive a power cut without it.
  if (::fsync(out.get()) != 0) return write_error(to, errno, size, kNothingKept);
  return {};
}

Status swap_in_folder(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
  if (errno == EEXIST && ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) {
    return {};
  }
  if (errno != EINVAL && errno != ENOSYS) return io::io_error(to, "cannot put in place", errno);
  // File systems without those flags: the old one is moved aside first. In between there is none, never half
  // of one.
  std::filesystem::path aside = from;
  aside += ".old";
  std::error_code error;
  if (std::filesystem::exists(to, error) && ::rename(to.c_str(), aside.c_str()) != 0) {
    return io::io_error(to, "cannot move the old one aside", errno);
  }
  if (::rename(from.c_str(), to.c_str()) != 0) return io::io_error(to, "cannot put in place", errno);
  std::filesystem::rename(aside, from, error);
  return {};
}

Status check_disk_space(const std::filesystem::path& folder, uint64_t bytes) {
  constexpr uint64_t kMargin =
      32u << 20;  // for the manifest, the resume state, and everybody else on that disk
  HEARTH_ASSIGN(const uint64_t free_bytes, io::free_disk_bytes(folder));
  if (bytes <= free_bytes && free_bytes - bytes >= kMargin) return {};
  return fail(ErrorCode::kTooLarge, folder.string(), ": not enough disk space: ", io::human_bytes(bytes),
              " needed and ", io::human_bytes(kMargin), " to spare, ", io::human_bytes(free_bytes),
              " free; make room (hearth rm), or set HEARTH_HOME to a folder on a larger disk");
}

Error write_error(const std::filesystem::path& path, int error_number, uint64_t written,
                  std::string_view kept) {
  if (error_number == ENOSPC || error_number == EDQUOT) {
    const Result<uint64_t> free_bytes = io::free_disk_bytes(path);
    return fail(ErrorCode::kTooLarge, path.string(), ": the disk is full after ", io::human_bytes(written),
                " (", free_bytes ? io::human_bytes(*free_bytes) : std::string("unknown"), " free); ", kept);
  }
  if (error_number == EFBIG) {
    return fail(ErrorCode::kTooLarge, path.string(), ": the file size limit was reached after ",
                io::human_bytes(written), "; ", kept);
  }
  return io::io_error(path, "cannot write", error_number);
}

}  // namespace hearth::store
