// Reading side of files: memory maps with the truncation guard, whole-file reads, sizes, free space.
// The guard's list is walked inside a signal handler: atomics only, nodes are never freed.
#include "io/file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <system_error>

namespace hearth::io {

// A node of the list of mapped ranges. Taken and released under a lock; read by the handler without one. A
// fault can only lie in a range that is mapped, whose node is stable, so the handler needs no more than
// acquire loads.
struct MappedFile::Guard {
  std::atomic<const std::byte*> begin{nullptr};
  std::atomic<size_t> size{0};
  std::atomic<const char*> path{nullptr};
  Guard* next = nullptr;
};

namespace {

std::mutex g_guards_mutex;
std::atomic<void*> g_guards{nullptr};  // head of the list of MappedFile::Guard
std::atomic<void (*)(const char*)> g_on_truncated{nullptr};

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// open(2) and fstat(2); a directory or special file is refused when `regular_only`.
Status open_and_stat(const FileDescriptor& fd, const std::filesystem::path& path, bool regular_only,
                     struct stat* info) {
  if (fd.get() < 0) return io_error(path, "cannot open", errno);
  if (::fstat(fd.get(), info) != 0) return io_error(path, "cannot read", errno);
  if (S_ISDIR(info->st_mode)) return fail(ErrorCode::kIo, path.string(), ": is a folder, a file is needed");
  if (regular_only && !S_ISREG(info->st_mode))
    return fail(ErrorCode::kIo, path.string(), ": is not a regular file");
  return {};
}

}  // namespace

Error io_error(const std::filesystem::path& path, std::string_view what, int error_number) {
  const ErrorCode code =
      error_number == ENOENT || error_number == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kIo;
  return fail(code, path.string(), ": ", what, ": ", std::generic_category().message(error_number));
}

MappedFile::Guard* MappedFile::register_range(const std::byte* begin, size_t size, const char* path) {
  const std::lock_guard lock(g_guards_mutex);
  auto* head = static_cast<Guard*>(g_guards.load(std::memory_order_relaxed));
  Guard* free_node = head;
  while (free_node != nullptr && free_node->begin.load(std::memory_order_relaxed) != nullptr)
    free_node = free_node->next;
  Guard* node = free_node != nullptr ? free_node : new Guard;
  // The last page is mapped whole, so a fault may lie past the file's last byte.
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  node->size.store((size + page - 1) / page * page, std::memory_order_relaxed);
  node->path.store(path, std::memory_order_relaxed);
  node->begin.store(begin, std::memory_order_release);
  if (free_node == nullptr) {
    node->next = head;
    g_guards.store(node, std::memory_order_release);
  }
  return node;
}

Result<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path& path) {
  // Non-blocking, so that a pipe without a writer is refused instead of waited for.
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info = {};
  HEARTH_RETURN_IF_ERROR(open_and_stat(fd, path, true, &info));
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path.string();
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) return std::shared_ptr<const MappedFile>(std::move(file));
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (address == MAP_FAILED) return io_error(path, concat("cannot map ", human_bytes(size)), errno);
  file->bytes_ = {static_cast<const std::byte*>(address), size};
  file->guard_ = register_range(file->bytes_.data(), size, file->path_.c_str());
  return std::shared_ptr<const MappedFile>(std::move(file));
}

MappedFile::~MappedFile() {
  if (bytes_.empty()) return;
  {
    const std::lock_guard lock(g_guards_mutex);
    guard_->begin.store(nullptr, std::memory_order_release);
  }
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::release_pages(std::span<const std::byte> bytes) { advise(bytes, MADV_DONTNEED); }

void MappedFile::expect_many_reads(std::span<const std::byte> bytes) {
#if defined(MADV_HUGEPAGE)
  advise(bytes, MADV_HUGEPAGE);
#else
  (void)bytes;
#endif
}

void MappedFile::advise(std::span<const std::byte> bytes, int advice) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<uintptr_t>(bytes.data());
  const uintptr_t begin = (address + page - 1) / page * page;
  const uintptr_t end = (address + bytes.size()) / page * page;
  if (begin >= end) return;
  const std::lock_guard lock(g_guards_mutex);
  for (auto* node = static_cast<Guard*>(g_guards.load()); node != nullptr; node = node->next) {
    const auto first = reinterpret_cast<uintptr_t>(node->begin.load());
    if (first == 0 || begin < first || end > first + node->size.load()) continue;
    (void)::madvise(reinterpret_cast<void*>(begin), end - begin, advice);  // failure costs memory or time only
    return;
  }
}

void install_mapping_guard(void (*on_truncated)(const char* path)) {
  g_on_truncated.store(on_truncated);
  struct sigaction action = {};
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  action.sa_sigaction = [](int signal_number, siginfo_t* info, void*) {
    const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
    auto* node = static_cast<MappedFile::Guard*>(g_guards.load(std::memory_order_acquire));
    for (; node != nullptr; node = node->next) {
      const auto begin = reinterpret_cast<uintptr_t>(node->begin.load(std::memory_order_acquire));
      if (begin == 0 || address < begin) continue;
      if (address - begin >= node->size.load(std::memory_order_relaxed)) continue;
      auto* callback = g_on_truncated.load();
      if (callback != nullptr) callback(node->path.load(std::memory_order_relaxed));
      break;
    }
    // Not ours, or the callback came back: the access is retried under the default action.
    ::signal(signal_number, SIG_DFL);
  };
  ::sigaction(SIGBUS, &action, nullptr);
}

Result<std::string> read_file(const std::filesystem::path& path, uint64_t max_bytes) {
  const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info = {};
  HEARTH_RETURN_IF_ERROR(open_and_stat(fd, path, false, &info));
  auto too_large = [&] {
    return fail(ErrorCode::kTooLarge, path.string(), ": is larger than the ", human_bytes(max_bytes),
                " allowed here");
  };
  if (info.st_size > 0 && static_cast<uint64_t>(info.st_size) > max_bytes) return too_large();
  std::string text;
  text.reserve(static_cast<size_t>(info.st_size));
  char chunk[1 << 16];
  while (true) {
    const ssize_t got = ::read(fd.get(), chunk, sizeof(chunk));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(path, "cannot read", errno);
    if (got == 0) return text;
    if (text.size() + static_cast<size_t>(got) > max_bytes) return too_large();
    text.append(chunk, static_cast<size_t>(got));
  }
}

Result<uint64_t> size_of_file(const std::filesystem::path& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) return io_error(path, "cannot read", errno);
  if (!S_ISREG(info.st_mode)) return fail(ErrorCode::kIo, path.string(), ": is not a regular file");
  return static_cast<uint64_t>(info.st_size);
}

Result<uint64_t> free_disk_bytes(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path place = std::filesystem::absolute(path, error);
  struct statvfs info = {};
  while (::statvfs(place.c_str(), &info) != 0) {
    if (errno == EINTR) continue;
    if (!place.has_relative_path()) return io_error(path, "cannot tell the free disk space", errno);
    place = place.parent_path();
  }
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

std::string human_bytes(uint64_t bytes) {
  if (bytes < 1000) return concat(bytes, " bytes");
  static constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  auto value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  while (value >= 999.95 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f %s", value, kUnits[unit]);
  return text;
}

}  // namespace hearth::io
