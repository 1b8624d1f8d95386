// Matrix: checks the bytes, packs them into the format's tile on the pool, decodes rows. Multiplication is in
// gemm/. Must not know models or files.
#include "kernels/matrix.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <limits>

#include "kernels/gemm/matrix_impl.h"

namespace hearth::kernels {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kNoRow = std::numeric_limits<int64_t>::max();

void lower_to(std::atomic<int64_t>& target, int64_t value) {
  int64_t seen = target.load(std::memory_order_relaxed);
  while (value < seen && !target.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

/// Checks every panel, and packs it if the matrix has a tile; returns the first row with a non-finite value,
/// or kNoRow.
int64_t check_and_pack(const Matrix::Impl& m, std::span<const std::byte> disk, std::byte* packed,
                       ThreadPool& pool) {
  std::atomic<int64_t> bad_row{kNoRow};
  const int64_t panels_per_task = std::max<int64_t>(1, (int64_t{64} << 10) / (m.row_bytes * kPanelRows));
  const int64_t tasks = (m.panels() + panels_per_task - 1) / panels_per_task;
  pool.parallel_for(
      tasks,
      [&](int64_t task) {
        const int64_t end = std::min(m.panels(), (task + 1) * panels_per_task);
        for (int64_t panel = task * panels_per_task; panel < end; ++panel) {
          const int64_t first = panel * kPanelRows;
          const int rows = static_cast<int>(std::min<int64_t>(kPanelRows, m.rows - first));
          const std::byte* src = disk.data() + first * m.row_bytes;
          for (int r = 0; r < rows; ++r) {
            if (!m.format->finite(src + r * m.row_bytes, m.cols)) lower_to(bad_row, first + r);
          }
          if (m.stored) {
            m.stored->pack(*m.format, src, m.row_bytes, rows, m.cols, packed + panel * m.panel_bytes);
          }
        }
      },
      Priority::kBackground);
  return bad_row.load();
}

}  // namespace

AlignedBytes allocate_aligned(int64_t bytes) {
  const int64_t alignment = bytes >= kHugePage ? kHugePage : 64;
  const int64_t rounded = (std::max<int64_t>(bytes, 1) + 63) / 64 * 64;
  AlignedBytes memory(static_cast<std::byte*>(
      std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(rounded))));
#if defined(MADV_HUGEPAGE)
  if (memory && bytes >= kHugePage) {  // whole huge pages only, so that the rounding costs no memory; failure
                                       // costs only speed
    (void)madvise(memory.get(), static_cast<size_t>(bytes / kHugePage * kHugePage), MADV_HUGEPAGE);
  }
#endif
  return memory;
}

Matrix::Matrix(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Matrix::Matrix(Matrix&&) noexcept = default;
Matrix& Matrix::operator=(Matrix&&) noexcept = default;
Matrix::~Matrix() = default;

Result<Matrix> Matrix::create(const Format& format, int64_t rows, int64_t cols,
                              std::span<const std::byte> disk, Precision precision, ThreadPool& pool) {
  if (rows <= 0 || cols <= 0) return fail(ErrorCode::kCorrupt, "matrix of ", rows, " x ", cols, " is empty");
  if (cols % format.block_elems != 0) {
    return fail(ErrorCode::kUnsupported, "rows of ", cols, " values are not whole ", format.name,
                " blocks of ", format.block_elems);
  }
  int64_t row_bytes = 0;
  int64_t total = 0;
  if (__builtin_mul_overflow(cols / format.block_elems, int64_t{format.block_bytes}, &row_bytes) ||
      __builtin_mul_overflow(row_bytes, rows, &total) || static_cast<uint64_t>(total) != disk.size()) {
    return fail(ErrorCode::kCorrupt, format.name, " matrix of ", rows, " x ", cols, " has ", disk.size(),
                " bytes, which is not its size");
  }
  auto impl = std::make_unique<Impl>();
  impl->format = &format;
  impl->rows = rows;
  impl->cols = cols;
  impl->row_bytes = row_bytes;
  if (precision != Precision::kReference && !format.tile.empty()) impl->stored = find_tile(format.tile);
  if (precision == Precision::kFast) impl->tile = impl->stored;
  AlignedBytes packed;
  if (impl->stored) {
    impl->panel_bytes = impl->stored->panel_bytes(cols);
    packed = allocate_aligned(impl->packed_bytes());
    if (!packed) {
      return fail(ErrorCode::kTooLarge, "no memory for ", impl->packed_bytes(), " bytes of packed weights");
    }
  } else {
    impl->disk = disk;
  }
  const int64_t bad_row = check_and_pack(*impl, disk, packed.get(), pool);
  impl->packed = std::move(packed);
  if (bad_row != kNoRow) {
    return fail(ErrorCode::kCorrupt, "row ", bad_row, " holds a ", format.name,
                " scale or value that is infinite or not a number (NaN)");
  }
  return Matrix(std::move(impl));
}

int64_t Matrix::rows() const { return impl_->rows; }
int64_t Matrix::cols() const { return impl_->cols; }
const Format& Matrix::format() const { return *impl_->format; }

int64_t Matrix::owned_bytes() const { return impl_->stored && !impl_->mapped ? impl_->packed_bytes() : 0; }

int64_t Matrix::read_bytes() const {
  return impl_->stored ? impl_->packed_bytes() : impl_->row_bytes * impl_->rows;
}

void Matrix::decode_row(int64_t row, float* out) const {
  HEARTH_CHECK(row >= 0 && row < impl_->rows);
  impl_->decode_row(row, out);
}

void Matrix::Impl::decode_row(int64_t row, float* out) const {
  if (stored) {
    const std::byte* panel = packed.get() + row / kPanelRows * panel_bytes;
    stored->decode_row(panel, static_cast<int>(row % kPanelRows), cols, out);
  } else {
    format->decode(disk.data() + row * row_bytes, out, cols);
  }
}

}  // namespace hearth::kernels
