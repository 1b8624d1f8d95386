// Writes a model as a GGUF file that hearth and llama.cpp read, re-encoding its matrices on the way if asked
// to. Streams: at no time more than one chunk of a tensor is in memory. Must not know architectures, nor
// weight formats by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "base/thread_pool.h"
#include "io/tensor_source.h"

namespace hearth::lab {

struct ConvertOptions {
  /// Name of a registered weight format, any case; empty or "keep": each tensor as it is.
  std::string weight_type;
};

struct ConvertReport {
  int64_t tensors = 0;
  int64_t reencoded = 0;       // now in another type than before
  int64_t kept_odd_shape = 0;  // left as they were: their rows are no whole blocks of the asked type
  uint64_t source_bytes = 0;
  uint64_t written_bytes = 0;  // size of the new file
};

/// `source` is in GGUF's vocabulary (model::open_source, with the tokenizer's metadata merged in). Matrices
/// get the asked type; one-dimensional tensors (norms, biases, factors) become float32, which llama.cpp
/// insists on. `progress(done_bytes, total_bytes)` may be empty; returning false cancels (kCancelled, nothing
/// left behind). Errors: kUsage (unknown type: those known are listed), kCorrupt (a value that is not finite:
/// tensor and row named), kUnsupported (a value outside the range of the asked type), kTooLarge (disk), kIo.
Result<ConvertReport> convert(const io::TensorFile& source, const std::filesystem::path& out,
                              const ConvertOptions& options, ThreadPool& pool,
                              const std::function<bool(uint64_t, uint64_t)>& progress);

}  // namespace hearth::lab
