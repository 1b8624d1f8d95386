// A weight matrix ready to compute with: packed into its tile at load (fast) or kept as on disk and decoded
// row by row (reference, any format). Its numerics are fixed here and never depend on batch size or thread
// count. Must not know models or files; runs on the pool it is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "base/thread_pool.h"
#include "kernels/format.h"

namespace hearth::kernels {

enum class Precision {
  kReference,  // float32 activations, float32 accumulation over decoded rows, computed from the bytes on disk
  kFloat32,    // the same results, computed from the packed tile: for single matrices of a fast model
  kFast,  // packed tile, int8 activations where the tile wants them; falls back to kReference without a tile
};

/// W: (rows, cols), row-major. Immutable and thread-safe after creation; movable.
class Matrix {
 public:
  /// `disk` holds rows * cols / block_elems * block_bytes bytes in `format`. A packed matrix is a copy, so
  /// the caller may drop the bytes; kReference keeps the span, so the caller keeps them alive. Errors:
  /// kCorrupt (size does not match; non-finite scale or value, with its row), kUnsupported (cols not whole
  /// blocks).
  static Result<Matrix> create(const Format& format, int64_t rows, int64_t cols,
                               std::span<const std::byte> disk, Precision precision, ThreadPool& pool);
  Matrix(Matrix&&) noexcept;
  Matrix& operator=(Matrix&&) noexcept;
  ~Matrix();

  int64_t rows() const;
  int64_t cols() const;
  const Format& format() const;
  /// Bytes of memory this matrix owns (0 when it reads the mapped file) and bytes it must read for one full
  /// pass.
  int64_t owned_bytes() const;
  int64_t read_bytes() const;
  /// Row `row` as float32, (cols): embedding look-up. Exact for every format and tile that is lossless.
  void decode_row(int64_t row, float* out) const;

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit Matrix(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// One product of a group that shares its input: y[(n, rows)] with `y_stride` floats between consecutive
/// tokens (>= rows).
struct Product {
  const Matrix* weights = nullptr;
  float* y = nullptr;
  int64_t y_stride = 0;
};

/// Reusable buffers (quantised activations, partial sums). Grows on first use; a warm call does not allocate.
class MatmulScratch {
 public:
  MatmulScratch();
  ~MatmulScratch();
  /// Bytes that products with an input of (n, cols) take for its quantised form.
  static int64_t input_bytes(int64_t n, int64_t cols);
  /// Makes room for such inputs, so that no later call can fail for want of it. False: no memory.
  bool reserve(int64_t n, int64_t cols);

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// y_p[t][r] = sum_c W_p[r][c] * x[t][c] for every product p of the group, all with the same cols: x is (n,
/// cols) contiguous. The input is quantised once for the group and all products share one pass over the pool
/// (q, k, v; gate, up). Bit-identical for any number of threads, and for a token whatever else is in the
/// batch.
void multiply(std::span<const Product> group, const float* x, int64_t n, MatmulScratch& scratch,
              ThreadPool& pool, Priority priority = Priority::kDecode);

}  // namespace hearth::kernels
