// Small POSIX pieces of the store: an owned descriptor, the lock between processes, SHA-256 of a file,
// copying without copying where the file system can, and a folder that changes its name in one step. What is
// general about files lives in io; this is only what pulling and removing need.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/result.h"

namespace hearth::store {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() { reset(); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

Result<Fd> open_file(const std::filesystem::path& path, int flags, mode_t mode = 0644);
Status make_folders(const std::filesystem::path& path);
/// Makes a rename or a new file in `folder` survive a power cut.
Status sync_folder(const std::filesystem::path& folder);

/// Held until destruction; another process holding it is waited for.
class FolderLock {
 public:
  /// Calls `on_wait` once when it has to wait. kCancelled when `cancelled` says so meanwhile.
  static Result<FolderLock> acquire(const std::filesystem::path& lock_file,
                                    const std::function<void()>& on_wait,
                                    const std::function<bool()>& cancelled);

 private:
  Fd fd_;
};

/// Incremental SHA-256 (libsodium).
class Sha256 {
 public:
  Sha256();
  void update(std::span<const std::byte> bytes);
  /// Lower-case hex; ends the computation.
  std::string finish();

 private:
  alignas(8) std::byte state_[128];
};

/// Hash of a whole file; `tick` is told the bytes done and returns false to cancel.
Result<std::string> sha256_of_file(const std::filesystem::path& path,
                                   const std::function<bool(uint64_t)>& tick);

/// Copies a regular file, sharing its blocks where the file system can. A full disk is kTooLarge. `tick` as
/// above.
Status copy_file(const std::filesystem::path& from, const std::filesystem::path& to,
                 const std::function<bool(uint64_t)>& tick);

/// `from` becomes `to` in one step; what was at `to` before ends up at `from`.
Status swap_in_folder(const std::filesystem::path& from, const std::filesystem::path& to);

/// kTooLarge with the numbers unless `bytes` and a margin fit on the disk that holds `folder`.
Status check_disk_space(const std::filesystem::path& folder, uint64_t bytes);

/// The error for a failed write: full disks and size limits are told apart from the rest. `kept` says what
/// happens to what is already there.
Error write_error(const std::filesystem::path& path, int error_number, uint64_t written,
                  std::string_view kept);

}  // namespace hearth::store
