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
  /// A matrix over bytes that pack_rows() made, elsewhere or long ago: nothing is copied or read. `packed`
  /// has exactly packed_bytes(), aligned to kPackedAlignment, and lives as long as `owner`. Never
  /// kReference. Errors: kCorrupt (size, alignment), kUnsupported (the format is not packed).
  static Result<Matrix> from_packed(const Format& format, int64_t rows, int64_t cols,
                                    std::span<const std::byte> packed, std::shared_ptr<const void> owner,
                                    Precision precision);
  Matrix(Matrix&&) noexcept;
  Matrix& operator=(Matrix&&) noexcept;
  ~Matrix();

  int64_t rows() const;
  int64_t cols() const;
  const Format& format() const;
  /// Bytes of memory this matrix owns (0 when it reads a mapped file) and bytes it must read for one full
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

inline constexpr int64_t kPackedAlignment = 64;
inline constexpr int64_t kPackedRows = 8;  // are interleaved: pieces of a matrix are packed in multiples of it

/// Bytes of (rows, cols) in the format's tile; 0 when the format has none or the shape is not one it can have.
int64_t packed_bytes(const Format& format, int64_t rows, int64_t cols);

/// Packs rows [first_row, first_row + rows) of a matrix; `disk` holds only these, `packed` packed_bytes()
/// of them. Rows in multiples of eight make the same bytes one after another as all at once. Errors: kCorrupt
/// (size; non-finite scale or value, with its row).
Status pack_rows(const Format& format, int64_t first_row, int64_t rows, int64_t cols,
                 std::span<const std::byte> disk, std::span<std::byte> packed, ThreadPool& pool);

/// A number that changes when the format is packed into different bytes: the hash of what a fixed piece
/// becomes.
uint64_t packing_fingerprint(const Format& format);

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
