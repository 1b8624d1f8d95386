// One tensor on its way from one weight format to another: decoded, checked, encoded row by row on the pool
// while the rows before are being written. Shared by conversion and quantisation. Must not know models, mixes
// or where the bytes go.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "base/result.h"
#include "base/thread_pool.h"
#include "io/tensor_source.h"
#include "kernels/format.h"

namespace hearth::lab {

using ByteSink = std::function<Status(std::span<const std::byte>)>;

int64_t columns_of(const io::Tensor& tensor);
/// All but the innermost dimension.
int64_t rows_of(const io::Tensor& tensor);
uint64_t row_bytes(const kernels::Format& format, int64_t columns);
/// Bytes of the whole tensor in `format`.
uint64_t tensor_bytes(const kernels::Format& format, const io::Tensor& tensor);

/// Encodes `count` consecutive rows of values, (count, columns), which it may overwrite.
class RowsEncoder {
 public:
  virtual ~RowsEncoder() = default;
  virtual void encode(float* values, std::byte* out, int64_t count) const = 0;
};

struct Reencoding {
  const io::Tensor* tensor = nullptr;
  const kernels::Format* from = nullptr;
  const kernels::Format* to = nullptr;
  /// Weight of each column's squared error: (columns), or (matrices, columns) for a stack of matrices. Empty:
  /// all alike.
  std::span<const float> importance = {};
  /// Encodes in place of the format's own encoder, if given.
  const RowsEncoder* encoder = nullptr;
};

/// kUnsupported for a model that is packed for running: its weights have no format any more.
Status check_reencodable(const io::TensorFile& source);

/// Hands all rows of the tensor to `sink`, in order, each call from one thread at a time. Errors: kCorrupt (a
/// value that is not finite: tensor and row named), kUnsupported (a value outside the range of the new
/// format), and those of the sink.
Status reencode(const Reencoding& job, ThreadPool& pool, const ByteSink& sink);

/// The same into memory. `out` has tensor_bytes(*job.to, *job.tensor) bytes.
Status reencode_into(const Reencoding& job, ThreadPool& pool, std::span<std::byte> out);

/// Hands the tensor's bytes over as they are.
Status copy_tensor(const io::Tensor& tensor, const ByteSink& sink);

}  // namespace hearth::lab
