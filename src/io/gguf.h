// GGUF v2 and v3 (ggml-org/ggml docs/gguf.md): reader over a memory map, and writer.
// The file is hostile: every length, offset, count, type, alignment and string is checked against it before
// use. Must not know any architecture or weight format.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "io/tensor_source.h"

namespace hearth::io {

/// Opens FILE.gguf, or all parts when it is named *-00001-of-0000N.gguf (any part may be given). Tensor data
/// stays mapped. Errors: kNotFound/kIo (cannot read), kCorrupt (what is broken and at which byte),
/// kUnsupported (version, byte order, unknown weight type).
Result<TensorFile> read_gguf(const std::filesystem::path& path, BlockLayoutOf block_layout);

/// The same from bytes in memory (fuzzing, tests). `name` appears in errors. The bytes must outlive the
/// result.
Result<TensorFile> parse_gguf(std::span<const std::byte> bytes, std::string_view name,
                              BlockLayoutOf block_layout);

/// The files that read_gguf(path) would open, in order; they need not exist.
std::vector<std::filesystem::path> gguf_parts(const std::filesystem::path& path);

/// A tensor to be written; `produce` is called once, in order, and appends exactly `bytes` bytes through the
/// sink.
struct TensorToWrite {
  std::string name;
  uint32_t type = 0;
  std::vector<int64_t> shape;  // row-major, outermost first
  uint64_t bytes = 0;
  std::function<Status(const std::function<Status(std::span<const std::byte>)>& sink)> produce;
};

/// What few callers want otherwise.
struct GgufWriteOptions {
  uint32_t alignment = 32;  // of every tensor; a power of two from 32 on
  /// Sees every byte of the file in order before it is written: the header in one piece, then the data,
  /// padding included. May be empty.
  std::function<void(std::span<const std::byte>)> observe;
};

/// Writes GGUF v3, streaming one tensor at a time, atomically (temporary file, fsync, rename).
/// `progress(done_bytes, total_bytes)` may be empty; returning false cancels (kCancelled, nothing left
/// behind).
Status write_gguf(const std::filesystem::path& path, const Metadata& metadata,
                  const std::vector<TensorToWrite>& tensors,
                  const std::function<bool(uint64_t, uint64_t)>& progress,
                  const GgufWriteOptions& options = {});

}  // namespace hearth::io
