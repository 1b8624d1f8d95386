// Re-encodes row by row on the pool: decode to float32, check, encode, hand the chunk to the GGUF writer.
#include "lab/convert.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>
#include <vector>

#include "io/file.h"
#include "io/gguf.h"
#include "io/utf8.h"
#include "kernels/format.h"

namespace hearth::lab {
namespace {

using kernels::Format;
using Sink = std::function<Status(std::span<const std::byte>)>;

constexpr uint32_t kFloat32Type = 0;
constexpr int64_t kChunkValues = int64_t{4} << 20;  // decoded at a time: 16 MB of float32
constexpr int64_t kTaskValues = int64_t{1} << 16;   // one index of the pool: a good 50 us of work
constexpr size_t kCopyBytes = size_t{4} << 20;

/// llama.cpp's general.file_type by tensor type number (llama.h, enum llama_ftype); other types have no such
/// number.
const std::map<uint32_t, uint32_t>& file_types() {
  static const std::map<uint32_t, uint32_t> kTypes = {{0, 0},   {1, 1},   {2, 2},  {8, 7},
                                                      {30, 32}, {12, 15}, {14, 18}};
  return kTypes;
}

std::string known_types() {
  std::string names = "keep";
  for (const Format* format : kernels::format_registry()) names += concat(", ", format->name);
  return names;
}

int64_t columns_of(const io::Tensor& tensor) { return tensor.shape.back(); }

int64_t rows_of(const io::Tensor& tensor) {
  int64_t rows = 1;
  for (size_t d = 0; d + 1 < tensor.shape.size(); ++d) rows *= tensor.shape[d];
  return rows;
}

uint64_t row_bytes(const Format& format, int64_t columns) {
  return static_cast<uint64_t>(columns / format.block_elems) * static_cast<uint64_t>(format.block_bytes);
}

/// One tensor on its way from one format to another.
struct Reencoding {
  const io::Tensor* tensor;
  const Format* from;
  const Format* to;
};

const std::byte* row_of(const Reencoding& job, int64_t row) {
  return job.tensor->data.data() + static_cast<uint64_t>(row) * row_bytes(*job.from, columns_of(*job.tensor));
}

/// Encodes rows [first, last) of `job` into `out`, which holds the chunk that starts at row `chunk_first`.
/// Returns the first row with a bad value, or -1.
int64_t encode_rows(const Reencoding& job, int64_t chunk_first, int64_t first, int64_t last, std::byte* out) {
  const int64_t columns = columns_of(*job.tensor);
  const uint64_t to_bytes = row_bytes(*job.to, columns);
  std::vector<float> values(static_cast<size_t>(columns));
  for (int64_t row = first; row < last; ++row) {
    const std::byte* src = row_of(job, row);
    std::byte* dst = out + static_cast<uint64_t>(row - chunk_first) * to_bytes;
    if (!job.from->finite(src, columns)) return row;
    job.from->decode(src, values.data(), columns);
    job.to->encode(values.data(), dst, columns, nullptr);
    // A narrower exponent can turn a finite value into an infinite one.
    if (!job.to->finite(dst, columns)) return row;
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

Status reencode(const Reencoding& job, ThreadPool& pool, const Sink& sink) {
  const int64_t columns = columns_of(*job.tensor);
  const int64_t rows = rows_of(*job.tensor);
  const int64_t chunk_rows = std::max<int64_t>(1, kChunkValues / columns);
  const int64_t task_rows = std::max<int64_t>(1, kTaskValues / columns);
  std::vector<std::byte> out;
  for (int64_t begin = 0; begin < rows; begin += chunk_rows) {
    const int64_t end = std::min(rows, begin + chunk_rows);
    out.resize(static_cast<size_t>(end - begin) * row_bytes(*job.to, columns));
    std::atomic<int64_t> first_bad{rows};
    const int64_t tasks = (end - begin + task_rows - 1) / task_rows;
    pool.parallel_for(
        tasks,
        [&](int64_t task) {
          const int64_t first = begin + task * task_rows;
          const int64_t bad = encode_rows(job, begin, first, std::min(end, first + task_rows), out.data());
          int64_t known = first_bad.load();
          while (bad >= 0 && bad < known && !first_bad.compare_exchange_weak(known, bad)) {
          }
        },
        Priority::kBackground);
    if (first_bad.load() < rows) return bad_row(job, first_bad.load());
    HEARTH_RETURN_IF_ERROR(sink(out));
  }
  return {};
}

Status copy(const io::Tensor& tensor, const Sink& sink) {
  for (std::span<const std::byte> rest = tensor.data; !rest.empty();) {
    const size_t take = std::min(rest.size(), kCopyBytes);
    HEARTH_RETURN_IF_ERROR(sink(rest.first(take)));
    rest = rest.subspan(take);
  }
  return {};
}

/// The format a tensor gets; its own when it stays.
const Format* target_of(const io::Tensor& tensor, const Format& own, const Format* wanted,
                        ConvertReport& report) {
  const bool vector = rows_of(tensor) == 1 && tensor.shape.size() == 1;
  const Format* target = vector ? kernels::find_format(kFloat32Type) : wanted;
  if (target == nullptr) return &own;
  if (columns_of(tensor) % target->block_elems != 0) {
    ++report.kept_odd_shape;
    return &own;
  }
  return target;
}

Result<const Format*> find_wanted(const std::string& name) {
  if (name.empty() || name == "keep") return static_cast<const Format*>(nullptr);
  const Format* format = kernels::find_format(name);
  if (format != nullptr) return format;
  return fail(ErrorCode::kUsage, "unknown weight type ", io::printable(name), "; known are ", known_types());
}

/// general.file_type and general.quantization_version, from the type that most bytes have.
void set_file_type(io::Metadata& metadata, const std::vector<io::TensorToWrite>& tensors) {
  std::map<uint32_t, uint64_t> bytes_by_type;
  for (const io::TensorToWrite& tensor : tensors) bytes_by_type[tensor.type] += tensor.bytes;
  const auto most = std::max_element(bytes_by_type.begin(), bytes_by_type.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  metadata.erase("general.file_type");
  metadata.erase("general.quantization_version");
  if (most == bytes_by_type.end()) return;
  const auto file_type = file_types().find(most->first);
  if (file_type != file_types().end()) metadata.set("general.file_type", io::Value::of(file_type->second));
  const Format* format = kernels::find_format(most->first);
  if (format != nullptr && format->block_elems > 1) {
    metadata.set("general.quantization_version", io::Value::of(uint32_t{2}));
  }
}

}  // namespace

Result<ConvertReport> convert(const io::TensorFile& source, const std::filesystem::path& out,
                              const ConvertOptions& options, ThreadPool& pool,
                              const std::function<bool(uint64_t, uint64_t)>& progress) {
  HEARTH_ASSIGN(const Format* wanted, find_wanted(options.weight_type));
  ConvertReport report;
  std::vector<io::TensorToWrite> tensors;
  for (const io::Tensor& tensor : source.tensors) {
    const Format* own = kernels::find_format(tensor.type);
    if (own == nullptr && wanted != nullptr) {
      return fail(ErrorCode::kUnsupported, "tensor ", io::printable(tensor.name), " has weight type ",
                  kernels::type_name(tensor.type),
                  ", which hearth cannot decode yet; convert from another quantisation");
    }
    const Format* to = own == nullptr ? nullptr : target_of(tensor, *own, wanted, report);
    io::TensorToWrite write{tensor.name, tensor.type, tensor.shape, tensor.data.size(), nullptr};
    ++report.tensors;
    report.source_bytes += tensor.data.size();
    if (to == own) {
      write.produce = [&tensor](const Sink& sink) { return copy(tensor, sink); };
    } else {
      write.type = to->id;
      write.bytes = static_cast<uint64_t>(rows_of(tensor)) * row_bytes(*to, columns_of(tensor));
      write.produce = [job = Reencoding{&tensor, own, to}, &pool](const Sink& sink) {
        return reencode(job, pool, sink);
      };
      ++report.reencoded;
    }
    tensors.push_back(std::move(write));
  }
  io::Metadata metadata = source.metadata;
  if (wanted != nullptr || !metadata.contains("general.file_type")) set_file_type(metadata, tensors);
  HEARTH_RETURN_IF_ERROR(io::write_gguf(out, metadata, tensors, progress));
  HEARTH_ASSIGN(report.written_bytes, io::size_of_file(out));
  return report;
}

}  // namespace hearth::lab
