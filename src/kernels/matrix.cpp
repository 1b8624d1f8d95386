// Matrix: checks the bytes, packs them into the format's tile on the pool, decodes rows. Multiplication is in
// gemm/. Must not know models or files.
#include "kernels/matrix.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "base/xxhash64.h"
#include "kernels/gemm/matrix_impl.h"

namespace hearth::kernels {
static_assert(kPackedRows == kPanelRows);
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kNoRow = std::numeric_limits<int64_t>::max();

void lower_to(std::atomic<int64_t>& target, int64_t value) {
  int64_t seen = target.load(std::memory_order_relaxed);
  while (value < seen && !target.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

/// A matrix as it lies on disk.
struct DiskRows {
  const Format* format;
  int64_t rows, cols, row_bytes;
  std::span<const std::byte> bytes;
};

Result<DiskRows> disk_rows(const Format& format, int64_t rows, int64_t cols, std::span<const std::byte> disk) {
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
  return DiskRows{&format, rows, cols, row_bytes, disk};
}

/// Checks every panel, and packs it if there is a tile; returns the first row with a non-finite value, or
/// kNoRow.
int64_t check_and_pack(const DiskRows& m, const Tile* tile, std::byte* packed, ThreadPool& pool) {
  std::atomic<int64_t> bad_row{kNoRow};
  const int64_t panels = panels_of(m.rows);
  const int64_t panel_bytes = tile ? tile->panel_bytes(m.cols) : 0;
  const int64_t panels_per_task = std::max<int64_t>(1, (int64_t{64} << 10) / (m.row_bytes * kPanelRows));
  const int64_t tasks = (panels + panels_per_task - 1) / panels_per_task;
  pool.parallel_for(
      tasks,
      [&](int64_t task) {
        const int64_t end = std::min(panels, (task + 1) * panels_per_task);
        for (int64_t panel = task * panels_per_task; panel < end; ++panel) {
          const int64_t first = panel * kPanelRows;
          const int rows = static_cast<int>(std::min<int64_t>(kPanelRows, m.rows - first));
          const std::byte* src = m.bytes.data() + first * m.row_bytes;
          for (int r = 0; r < rows; ++r) {
            if (!m.format->finite(src + r * m.row_bytes, m.cols)) lower_to(bad_row, first + r);
          }
          if (tile) tile->pack(*m.format, src, m.row_bytes, rows, m.cols, packed + panel * panel_bytes);
        }
      },
      Priority::kBackground);
  return bad_row.load();
}

Status check_finite(const Format& format, int64_t bad_row) {
  if (bad_row == kNoRow) return {};
  return fail(ErrorCode::kCorrupt, "row ", bad_row, " holds a ", format.name,
              " scale or value that is infinite or not a number (NaN)");
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
  HEARTH_ASSIGN(const DiskRows on_disk, disk_rows(format, rows, cols, disk));
  auto impl = std::make_unique<Impl>();
  impl->format = &format;
  impl->rows = rows;
  impl->cols = cols;
  impl->row_bytes = on_disk.row_bytes;
  if (precision != Precision::kReference && !format.tile.empty()) impl->stored = find_tile(format.tile);
  if (precision == Precision::kFast) impl->tile = impl->stored;
  AlignedBytes packed;
  if (impl->stored) {
    impl->panel_bytes = impl->stored->panel_bytes(cols);
    packed = allocate_aligned(impl->packed_bytes());
    if (!packed) {
      return fail(ErrorCode::kNoMemory, "no memory for ", impl->packed_bytes(), " bytes of packed weights");
    }
  } else {
    impl->disk = disk;
  }
  HEARTH_RETURN_IF_ERROR(check_finite(format, check_and_pack(on_disk, impl->stored, packed.get(), pool)));
  impl->packed = std::move(packed);
  return Matrix(std::move(impl));
}

Result<Matrix> Matrix::from_packed(const Format& format, int64_t rows, int64_t cols,
                                   std::span<const std::byte> packed, std::shared_ptr<const void> owner,
                                   Precision precision) {
  HEARTH_CHECK(precision != Precision::kReference);
  const int64_t bytes = kernels::packed_bytes(format, rows, cols);
  if (bytes == 0) {
    return fail(ErrorCode::kUnsupported, format.name, " matrices of ", rows, " x ", cols, " are not packed");
  }
  if (static_cast<uint64_t>(bytes) != packed.size()) {
    return fail(ErrorCode::kCorrupt, "packed ", format.name, " matrix of ", rows, " x ", cols, " has ",
                packed.size(), " bytes instead of ", bytes);
  }
  if (reinterpret_cast<uintptr_t>(packed.data()) % kPackedAlignment != 0) {
    return fail(ErrorCode::kCorrupt, "packed matrix is not aligned to ", kPackedAlignment, " bytes");
  }
  auto impl = std::make_unique<Impl>();
  impl->format = &format;
  impl->rows = rows;
  impl->cols = cols;
  impl->row_bytes = cols / format.block_elems * format.block_bytes;
  impl->stored = find_tile(format.tile);
  if (precision == Precision::kFast) impl->tile = impl->stored;
  impl->panel_bytes = impl->stored->panel_bytes(cols);
  impl->packed = std::shared_ptr<const std::byte>(std::move(owner), packed.data());
  impl->mapped = true;
  return Matrix(std::move(impl));
}

int64_t packed_bytes(const Format& format, int64_t rows, int64_t cols) {
  constexpr int64_t kMaxLength = int64_t{1} << 40;  // far from overflow within a panel
  const Tile* tile = format.tile.empty() ? nullptr : find_tile(format.tile);
  if (!tile || rows <= 0 || cols <= 0 || cols % format.block_elems != 0) return 0;
  if (rows > kMaxLength || cols > kMaxLength) return 0;
  int64_t bytes = 0;
  if (__builtin_mul_overflow(tile->panel_bytes(cols), panels_of(rows), &bytes)) return 0;
  return bytes;
}

Status pack_rows(const Format& format, int64_t first_row, int64_t rows, int64_t cols,
                 std::span<const std::byte> disk, std::span<std::byte> packed, ThreadPool& pool) {
  HEARTH_ASSIGN(const DiskRows on_disk, disk_rows(format, rows, cols, disk));
  HEARTH_CHECK(static_cast<int64_t>(packed.size()) == packed_bytes(format, rows, cols) && !packed.empty());
  const int64_t bad_row = check_and_pack(on_disk, find_tile(format.tile), packed.data(), pool);
  return check_finite(format, bad_row == kNoRow ? kNoRow : first_row + bad_row);
}

uint64_t packing_fingerprint(const Format& format) {
  const Tile* tile = format.tile.empty() ? nullptr : find_tile(format.tile);
  if (!tile) return 0;
  XxHash64 hash;
  Rng rng(1);
  for (const int64_t cols : {int64_t{2 * kCodesColumns}, int64_t{kCodesColumns} + format.block_elems}) {
    const int64_t row_bytes = cols / format.block_elems * format.block_bytes;
    std::vector<std::byte> disk(static_cast<size_t>(row_bytes * kPanelRows));
    // Without the bit that is the top of every float's exponent, in whatever way it lies: all values are finite.
    for (std::byte& byte : disk) byte = static_cast<std::byte>(rng.below(256)) & std::byte{0xBF};
    for (const int rows : {kPanelRows, kPanelRows - 3}) {
      AlignedBytes panel = allocate_aligned(tile->panel_bytes(cols));
      if (!panel) return 0;
      std::memset(panel.get(), 0, static_cast<size_t>(tile->panel_bytes(cols)));  // tiles may leave gaps
      tile->pack(format, disk.data(), row_bytes, rows, cols, panel.get());
      hash.update({panel.get(), static_cast<size_t>(tile->panel_bytes(cols))});
    }
  }
  return hash.digest();
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
