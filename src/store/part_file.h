// A file on its way in: FILE.part with the bytes, FILE.state.json with which of them are there and of what
// exactly. Why two files: the bytes are written by several connections at once, and after a cut or a kill the
// state says what to ask for again. The state never claims bytes that are not on disk yet. Knows no network.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/disk.h"
#include "store/range_set.h"

namespace hearth::store {

/// What the bytes must belong to for a resumption: the size, and a string that changes when the content does
/// (known SHA-256, else strong ETag, else date). An empty validator never matches.
struct ContentIdentity {
  std::optional<uint64_t> size;
  std::string validator;
};

/// The content of FILE.state.json.
struct PartState {
  ContentIdentity identity;
  std::vector<Range> done;
  std::string sha256;  // once complete and checked
};
std::string part_state_to_json(const PartState& state);
/// kCorrupt for anything that is not exactly what part_state_to_json writes, within limits.
Result<PartState> part_state_from_json(std::string_view text, std::string_view where);

class PartFile {
 public:
  /// Opens or makes TARGET.part; what is there is kept only if its state names the same identity.
  static Result<std::unique_ptr<PartFile>> open(const std::filesystem::path& target,
                                                ContentIdentity identity);

  /// The SHA-256 when TARGET itself was finished earlier with the same identity.
  static std::optional<std::string> finished(const std::filesystem::path& target,
                                             const ContentIdentity& identity);

  /// Writes and remembers; may be called from several threads for different places.
  Status write_at(uint64_t offset, std::span<const std::byte> bytes);
  /// Reads back what has arrived; short only at the end of the file.
  Result<size_t> read_at(uint64_t offset, std::span<std::byte> buffer) const;

  uint64_t covered() const;
  uint64_t prefix() const;
  std::vector<Range> missing(uint64_t size, uint64_t piece) const;
  /// Bytes of disk that finishing a file of `size` bytes still takes.
  uint64_t disk_needed(uint64_t size) const;
  /// Reserves the disk space where the file system can, so that a full disk shows at once.
  Status reserve(uint64_t size);

  /// Forgets all bytes. The first form when the content changed: `identity` is what comes next.
  Status start_over(ContentIdentity identity);
  Status start_over();
  /// Flushes the bytes, then the state.
  Status save();
  /// Removes both files.
  void discard();
  /// The bytes are complete and have this hash: TARGET appears.
  Status finish(uint64_t size, const std::string& sha256);

 private:
  PartFile() = default;

  std::filesystem::path target_;
  std::filesystem::path part_path_;
  std::filesystem::path state_path_;
  Fd fd_;
  mutable std::mutex mutex_;  // guards the rest
  ContentIdentity identity_;
  RangeSet done_;
};

}  // namespace hearth::store
