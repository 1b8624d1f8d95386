// Rows go through the pool in chunks; writing the chunk before is one more task of the same round, so that
// neither waits for the other.
#include "lab/reencode.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <vector>

#include "io/file.h"
#include "io/utf8.h"
#include "model/packed.h"

namespace hearth::lab {
namespace {

constexpr int64_t kChunkValues = int64_t{1} << 20;  // decoded between two writes
constexpr int64_t kTaskValues = int64_t{1} << 15;  // one index of the pool: some hundred microseconds of work
constexpr size_t kCopyBytes = size_t{4} << 20;

const std::byte* row_of(const Reencoding& job, int64_t row) {
  return job.tensor->data.data() + static_cast<uint64_t>(row) * row_bytes(*job.from, columns_of(*job.tensor));
}

/// Importance of the columns of row `row`; nullptr: none.
const float* importance_of(const Reencoding& job, int64_t row) {
  if (job.importance.empty()) return nullptr;
  const int64_t columns = columns_of(*job.tensor);
  const int64_t matrices = static_cast<int64_t>(job.importance.size()) / columns;
  const int64_t rows_per_matrix = rows_of(*job.tensor) / matrices;
  return job.importance.data() + row / rows_per_matrix * columns;
}

/// Encodes rows [first, last) into `out`. Returns the first row with a bad value, or -1.
int64_t encode_rows(const Reencoding& job, int64_t first, int64_t last, std::byte* out) {
  const int64_t columns = columns_of(*job.tensor);
  const uint64_t to_bytes = row_bytes(*job.to, columns);
  const int64_t batch = job.encoder != nullptr ? last - first : 1;
  std::vector<float> values(static_cast<size_t>(batch * columns));
  for (int64_t row = first; row < last; row += batch, out += static_cast<uint64_t>(batch) * to_bytes) {
    for (int64_t i = 0; i < batch; ++i) {
      const std::byte* src = row_of(job, row + i);
      if (!job.from->finite(src, columns)) return row + i;
      job.from->decode(src, values.data() + i * columns, columns);
    }
    if (job.encoder != nullptr) {
      job.encoder->encode(values.data(), out, batch);
    } else {
      job.to->encode(values.data(), out, columns, importance_of(job, row));
    }
    for (int64_t i = 0; i < batch; ++i) {  // a narrower exponent can turn a finite value into an infinite one
      if (!job.to->finite(out + static_cast<uint64_t>(i) * to_bytes, columns)) return row + i;
    }
  }
  return -1;
}

Error bad_row(const Reencoding& job, int64_t row) {
  const std::string name = io::printable(job.tensor->name);
  if (!job.from->finite(row_of(job, row), columns_of(*job.tensor))) {
    return fail(ErrorCode::kCorrupt, "tensor ", name, " row ", row,
                " holds a value that is not finite (NaN or infinity); the model is damaged");
  }
  return fail(ErrorCode::kUnsupported, "tensor ", name, " row ", row, " holds a value outside the range of ",
              job.to->name, "; choose a type with a wider range");
}

/// Encodes rows [begin, end) into `out` on the pool, with `beside` as one more task.
template <typename Beside>
Status encode_chunk(const Reencoding& job, int64_t begin, int64_t end, std::byte* out, ThreadPool& pool,
                    Beside&& beside) {
  const int64_t columns = columns_of(*job.tensor);
  const uint64_t to_bytes = row_bytes(*job.to, columns);
  const int64_t task_rows = std::max<int64_t>(1, kTaskValues / columns);
  const int64_t tasks = (end - begin + task_rows - 1) / task_rows;
  std::atomic<int64_t> first_bad{end};
  pool.parallel_for(
      tasks + 1,
      [&](int64_t index) {
        if (index == 0) return beside();
        const int64_t first = begin + (index - 1) * task_rows;
        std::byte* dst = out + static_cast<uint64_t>(first - begin) * to_bytes;
        const int64_t bad = encode_rows(job, first, std::min(end, first + task_rows), dst);
        int64_t known = first_bad.load();
        while (bad >= 0 && bad < known && !first_bad.compare_exchange_weak(known, bad)) {
        }
      },
      Priority::kBackground);
  if (first_bad.load() < end) return bad_row(job, first_bad.load());
  return {};
}

}  // namespace

int64_t columns_of(const io::Tensor& tensor) { return tensor.shape.back(); }

int64_t rows_of(const io::Tensor& tensor) {
  int64_t rows = 1;
  for (size_t d = 0; d + 1 < tensor.shape.size(); ++d) rows *= tensor.shape[d];
  return rows;
}

uint64_t row_bytes(const kernels::Format& format, int64_t columns) {
  return static_cast<uint64_t>(columns / format.block_elems) * static_cast<uint64_t>(format.block_bytes);
}

uint64_t tensor_bytes(const kernels::Format& format, const io::Tensor& tensor) {
  return static_cast<uint64_t>(rows_of(tensor)) * row_bytes(format, columns_of(tensor));
}

Status check_reencodable(const io::TensorFile& source) {
  if (!model::is_packed(source)) return {};
  return fail(ErrorCode::kUnsupported,
              "the model is packed for running; convert or quantize the file it was made from");
}

Status reencode(const Reencoding& job, ThreadPool& pool, const ByteSink& sink) {
  const int64_t columns = columns_of(*job.tensor);
  const int64_t rows = rows_of(*job.tensor);
  const int64_t chunk_rows = std::max<int64_t>(1, kChunkValues / columns);
  std::array<std::vector<std::byte>, 2> out;  // one is written while the other is filled
  int64_t filled = 0;
  Status written;
  auto write = [&](size_t which) {
    if (!out[which].empty() && written.ok()) written = sink(out[which]);
  };
  for (int64_t begin = 0; begin < rows; begin += chunk_rows, ++filled) {
    const int64_t end = std::min(rows, begin + chunk_rows);
    const auto now = static_cast<size_t>(filled % 2);
    out[now].resize(static_cast<size_t>(end - begin) * row_bytes(*job.to, columns));
    HEARTH_RETURN_IF_ERROR(encode_chunk(job, begin, end, out[now].data(), pool, [&] { write(1 - now); }));
    HEARTH_RETURN_IF_ERROR(written);
  }
  write(static_cast<size_t>((filled + 1) % 2));
  io::MappedFile::release_pages(job.tensor->data);
  return written;
}

Status reencode_into(const Reencoding& job, ThreadPool& pool, std::span<std::byte> out) {
  return encode_chunk(job, 0, rows_of(*job.tensor), out.data(), pool, [] {});
}

Status copy_tensor(const io::Tensor& tensor, const ByteSink& sink) {
  for (std::span<const std::byte> rest = tensor.data; !rest.empty();) {
    const size_t take = std::min(rest.size(), kCopyBytes);
    HEARTH_RETURN_IF_ERROR(sink(rest.first(take)));
    rest = rest.subspan(take);
  }
  io::MappedFile::release_pages(tensor.data);
  return {};
}

}  // namespace hearth::lab
