// Files of computed prefixes: what a model has made of the beginning of a prompt, so that it need not make it
// again. A header says of which model and which tokens, and has a checksum of itself and of every piece of
// the body, so that a file that was cut, changed or is of another model is never used. Must not know what is
// in a piece.
//
//   "HTHPREFX", u32 version, u32 header bytes (all up to the body)
//   u32 length and bytes of the identity, u32 count and i32 tokens, u32 count and u64 marks,
//   u32 count and for each piece u32 bytes, u64 XXH64; u64 XXH64 of all before it
//   the pieces, one after another, to the end of the file                    (all little-endian)
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/file.h"

namespace hearth::io {

struct PrefixHeader {
  std::string identity;         // of the model, and of all that the pieces depend on
  std::vector<int32_t> tokens;  // that the pieces are of
  std::vector<int64_t> marks;   // what the owner needs besides
  std::vector<uint32_t> piece_bytes;
  std::vector<uint64_t> piece_hashes;

  uint64_t body_bytes() const;
};

/// The header at the start of `bytes` (at least the whole header) of a file of `file_bytes`. Errors: kCorrupt
/// (with what is wrong), kUnsupported (another version).
Result<PrefixHeader> parse_prefix_header(std::span<const std::byte> bytes, uint64_t file_bytes);

/// An open file of which the header was read and is right.
class PrefixFile {
 public:
  /// Errors: as parse_prefix_header; kNotFound, kIo.
  static Result<PrefixFile> open(const std::filesystem::path& path);
  ~PrefixFile();
  PrefixFile(PrefixFile&& other) noexcept;
  PrefixFile& operator=(PrefixFile&&) = delete;

  const PrefixHeader& header() const { return header_; }
  uint64_t bytes() const { return bytes_; }
  /// Reads the pieces in order, one for each call, into `piece`, which has its size. Errors: kCorrupt (its
  /// checksum, its size; the file is shorter by now), kIo.
  Status read_next(std::span<std::byte> piece);

 private:
  PrefixFile() = default;
  std::string path_;
  int fd_ = -1;
  PrefixHeader header_;
  uint64_t bytes_ = 0;
  uint64_t offset_ = 0;
  size_t next_ = 0;
};

/// Writes a file of these pieces, for its owner's eyes alone, of which only the commit is left to do: the
/// pieces are not needed for that. piece_bytes and piece_hashes of `header` are filled in. `go_on` is asked
/// before each piece; false ends it with kCancelled. Errors: kTooLarge (the disk is full, or what is written
/// is more than the format has room for), kIo.
Result<AtomicFile> write_prefix_file(const std::filesystem::path& path, PrefixHeader header,
                                     std::span<const std::span<std::byte>> pieces,
                                     const std::function<bool()>& go_on);

}  // namespace hearth::io
