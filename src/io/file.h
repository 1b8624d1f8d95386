// Files: read-only maps that survive truncation by others, whole-file reads with a limit, and atomic writes.
// Why one place: every byte hearth reads or leaves on disk passes here, so the limits and the error lines are
// the same. Must not know any format, and prints nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::io {

/// A regular file mapped read-only. Another process may truncate it meanwhile; reading past the new end
/// raises SIGBUS, which install_mapping_guard turns into a clear end.
class MappedFile {
 public:
  /// Errors: kNotFound; kIo (directory, not a regular file, no permission, no memory map).
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// Page-aligned; empty for an empty file.
  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& path() const { return path_; }

  /// Gives the memory of the whole pages inside `bytes` back: later reads fetch them from the file again.
  /// Nothing happens when `bytes` does not lie in a mapped file.
  static void release_pages(std::span<const std::byte> bytes);
  /// Advice that `bytes` of a mapped file will be read in whole, again and again: large pages are worth it.
  static void expect_many_reads(std::span<const std::byte> bytes);

 private:
  MappedFile() = default;
  static void advise(std::span<const std::byte> bytes, int advice);
  struct Guard;
  static Guard* register_range(const std::byte* begin, size_t size, const char* path);
  friend void install_mapping_guard(void (*on_truncated)(const char* path));

  std::string path_;
  std::span<const std::byte> bytes_;
  Guard* guard_ = nullptr;
};

/// Installs the process-wide SIGBUS handler: a fault inside a MappedFile calls `on_truncated(path)`, which
/// runs in a signal handler (async-signal-safe calls only) and is expected to write one line and _exit(1).
/// Every other SIGBUS, and one whose callback returns, gets the default action.
void install_mapping_guard(void (*on_truncated)(const char* path));

/// The whole file (or pipe) as a string. kTooLarge when it holds more than `max_bytes`.
Result<std::string> read_file(const std::filesystem::path& path, uint64_t max_bytes);

/// Size of a regular file in bytes.
Result<uint64_t> size_of_file(const std::filesystem::path& path);

/// Bytes an unprivileged writer may still use on the file system that holds `path` (or its nearest existing
/// parent).
Result<uint64_t> free_disk_bytes(const std::filesystem::path& path);

/// 1234567 -> "1.2 MB" (powers of 1000), for messages.
std::string human_bytes(uint64_t bytes);

/// "PATH: what: No such file or directory" with the code that fits `error_number`.
Error io_error(const std::filesystem::path& path, std::string_view what, int error_number);

/// A file that appears under its name complete or not at all: written to a temporary beside it, flushed to
/// disk, renamed. The temporary is removed when commit() is not reached or fails.
class AtomicFile {
 public:
  /// `expected_bytes` (0 = unknown) is compared with the free disk space first: kTooLarge with both numbers.
  /// `mode` as of open(2), before the umask.
  static Result<AtomicFile> create(const std::filesystem::path& path, uint64_t expected_bytes = 0,
                                   unsigned mode = 0666);
  ~AtomicFile();
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;

  /// Appends. A full disk is kTooLarge with what was written and what is free.
  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text) { return write(std::as_bytes(std::span(text.data(), text.size()))); }
  /// Bytes accepted so far.
  uint64_t written() const { return written_; }
  /// Flush and fsync: all that commit() may take long for, and nearly all that it may fail with.
  Status sync();
  /// sync(), rename, fsync of the folder. After that the file is visible under its name.
  Status commit();

 private:
  AtomicFile() = default;
  Status flush();
  Status put(std::span<const std::byte> bytes);
  Error write_error(int error_number) const;
  void discard();

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int fd_ = -1;
  std::string buffer_;
  uint64_t written_ = 0;
  uint64_t flushed_ = 0;
};

/// Replaces `path` by `text`, atomically.
Status write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace hearth::io
