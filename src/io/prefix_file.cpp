// The header is read whole and checked before anything of it counts; pieces are checked as they are read.
#include "io/prefix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/xxhash64.h"
#include "io/byte_reader.h"
#include "io/file.h"

namespace hearth::io {
namespace {

constexpr std::string_view kMagic = "HTHPREFX";
constexpr uint32_t kVersion = 1;
constexpr size_t kStartBytes = 16;  // magic, version, header bytes
constexpr uint32_t kMostHeaderBytes = 64 << 20;
constexpr unsigned kOwnerOnly = 0600;  // prompts can be read out of the files

template <typename T>
void put(std::string& out, T value) {
  static_assert(std::endian::native == std::endian::little);
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

template <typename T>
bool read_list(ByteReader& reader, std::vector<T>* out) {
  uint32_t count = 0;
  std::span<const std::byte> bytes;
  if (!reader.read(&count) || !reader.read_bytes(uint64_t{count} * sizeof(T), &bytes)) return false;
  out->resize(count);
  if (count > 0) std::memcpy(out->data(), bytes.data(), bytes.size());
  return true;
}

bool read_pieces(ByteReader& reader, PrefixHeader* out) {
  constexpr uint64_t kEntryBytes = sizeof(uint32_t) + sizeof(uint64_t);
  uint32_t count = 0;
  if (!reader.read(&count) || reader.remaining() < count * kEntryBytes) return false;
  out->piece_bytes.resize(count);
  out->piece_hashes.resize(count);
  for (uint32_t i = 0; i < count; ++i) {
    if (!reader.read(&out->piece_bytes[i]) || !reader.read(&out->piece_hashes[i])) return false;
  }
  return true;
}

/// The size of the header, from its first kStartBytes.
Result<uint32_t> parse_start(std::span<const std::byte> bytes, uint64_t file_bytes) {
  ByteReader reader(bytes);
  std::string_view magic;
  uint32_t version = 0, header_bytes = 0;
  if (!reader.read_text(kMagic.size(), &magic) || magic != kMagic || !reader.read(&version) ||
      !reader.read(&header_bytes))
    return fail(ErrorCode::kCorrupt, "is not a file of a prefix");
  if (version != kVersion)
    return fail(ErrorCode::kUnsupported, "is of version ", version, ", not ", kVersion);
  if (header_bytes < kStartBytes + sizeof(uint64_t) || header_bytes > kMostHeaderBytes ||
      header_bytes > file_bytes)
    return fail(ErrorCode::kCorrupt, "is cut, or its header damaged");
  return header_bytes;
}

std::string make_header(const PrefixHeader& header) {
  std::string out(kMagic);
  put(out, kVersion);
  put(out, uint32_t{0});
  put(out, static_cast<uint32_t>(header.identity.size()));
  out += header.identity;
  put(out, static_cast<uint32_t>(header.tokens.size()));
  for (const int32_t token : header.tokens) put(out, token);
  put(out, static_cast<uint32_t>(header.marks.size()));
  for (const int64_t mark : header.marks) put(out, mark);
  put(out, static_cast<uint32_t>(header.piece_bytes.size()));
  for (size_t i = 0; i < header.piece_bytes.size(); ++i) {
    put(out, header.piece_bytes[i]);
    put(out, header.piece_hashes[i]);
  }
  const auto bytes = static_cast<uint32_t>(out.size() + sizeof(uint64_t));
  std::memcpy(out.data() + kMagic.size() + sizeof(kVersion), &bytes, sizeof(bytes));
  put(out, xxhash64(std::as_bytes(std::span(out))));
  return out;
}

/// Up to out.size() bytes from `offset` on; fewer at the end of the file.
Result<size_t> read_at(int fd, const std::string& path, uint64_t offset, std::span<std::byte> out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(path, "cannot read", errno);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

}  // namespace

uint64_t PrefixHeader::body_bytes() const {
  uint64_t sum = 0;
  for (const uint32_t bytes : piece_bytes) sum += bytes;
  return sum;
}

Result<PrefixHeader> parse_prefix_header(std::span<const std::byte> bytes, uint64_t file_bytes) {
  HEARTH_ASSIGN(const uint32_t size, parse_start(bytes, file_bytes));
  if (bytes.size() < size) return fail(ErrorCode::kCorrupt, "is cut, or its header damaged");
  const auto checked = bytes.first(size - sizeof(uint64_t));
  uint64_t expected = 0;
  std::memcpy(&expected, bytes.data() + checked.size(), sizeof(expected));
  if (xxhash64(checked) != expected) return fail(ErrorCode::kCorrupt, "has a damaged header");
  ByteReader reader(checked.subspan(kStartBytes));
  PrefixHeader header;
  uint32_t length = 0;
  std::string_view identity;
  const bool whole = reader.read(&length) && reader.read_text(length, &identity) &&
                     read_list(reader, &header.tokens) && read_list(reader, &header.marks) &&
                     read_pieces(reader, &header) && reader.remaining() == 0;
  if (!whole) return fail(ErrorCode::kCorrupt, "has a header that contradicts itself");
  header.identity = identity;
  if (header.body_bytes() != file_bytes - size)
    return fail(ErrorCode::kCorrupt, "has ", file_bytes - size, " bytes after its header, which says ",
                header.body_bytes());
  return header;
}

Result<PrefixFile> PrefixFile::open(const std::filesystem::path& path) {
  PrefixFile file;
  file.path_ = path.string();
  file.fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.fd_ < 0) return io_error(path, "cannot open", errno);
  struct stat info = {};
  if (::fstat(file.fd_, &info) != 0) return io_error(path, "cannot read", errno);
  if (!S_ISREG(info.st_mode)) return fail(ErrorCode::kIo, path.string(), ": is not a regular file");
  file.bytes_ = static_cast<uint64_t>(info.st_size);
  const auto named = [&](const Error& error) { return fail(error.code, path.string(), " ", error.message); };
  std::vector<std::byte> bytes(kStartBytes);
  HEARTH_ASSIGN(size_t got, read_at(file.fd_, file.path_, 0, bytes));
  bytes.resize(got);
  const auto size = parse_start(bytes, file.bytes_);
  if (!size) return named(size.error());
  bytes.resize(*size);
  HEARTH_ASSIGN(got, read_at(file.fd_, file.path_, 0, bytes));
  bytes.resize(got);
  auto header = parse_prefix_header(bytes, file.bytes_);
  if (!header) return named(header.error());
  file.header_ = std::move(header).value();
  file.offset_ = *size;
  return file;
}

PrefixFile::PrefixFile(PrefixFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      header_(std::move(other.header_)),
      bytes_(other.bytes_),
      offset_(other.offset_),
      next_(other.next_) {}

PrefixFile::~PrefixFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status PrefixFile::read_next(std::span<std::byte> piece) {
  if (next_ == 0) (void)::posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
  if (next_ >= header_.piece_bytes.size() || header_.piece_bytes[next_] != piece.size())
    return fail(ErrorCode::kCorrupt, path_, " has pieces of other sizes than are wanted");
  HEARTH_ASSIGN(const size_t got, read_at(fd_, path_, offset_, piece));
  if (got != piece.size() || xxhash64(piece) != header_.piece_hashes[next_])
    return fail(ErrorCode::kCorrupt, path_, " is damaged in piece ", next_);
  offset_ += piece.size();
  ++next_;
  return {};
}

Result<AtomicFile> write_prefix_file(const std::filesystem::path& path, PrefixHeader header,
                                     std::span<const std::span<std::byte>> pieces,
                                     const std::function<bool()>& go_on) {
  header.piece_bytes.clear();
  header.piece_hashes.clear();
  const auto stopped = [&] { return fail(ErrorCode::kCancelled, path.string(), ": was not written"); };
  for (const std::span<std::byte> piece : pieces) {
    if (!go_on()) return stopped();
    header.piece_bytes.push_back(static_cast<uint32_t>(piece.size()));
    header.piece_hashes.push_back(xxhash64(piece));
  }
  const std::string start = make_header(header);
  const bool fits =
      start.size() <= kMostHeaderBytes &&
      std::all_of(pieces.begin(), pieces.end(), [](auto piece) { return piece.size() <= UINT32_MAX; });
  if (!fits) return fail(ErrorCode::kTooLarge, path.string(), ": the prefix is too long for a file");
  HEARTH_ASSIGN(AtomicFile file, AtomicFile::create(path, start.size() + header.body_bytes(), kOwnerOnly));
  HEARTH_RETURN_IF_ERROR(file.write(start));
  for (const std::span<std::byte> piece : pieces) {
    if (!go_on()) return stopped();
    HEARTH_RETURN_IF_ERROR(file.write(piece));
  }
  return file;
}

}  // namespace hearth::io
