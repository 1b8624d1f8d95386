// Chooses what happens to each tensor; reencode does it and the GGUF writer takes the bytes.
#include "lab/convert.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "io/file.h"
#include "io/gguf.h"
#include "io/utf8.h"
#include "kernels/format.h"
#include "lab/mixes.h"
#include "lab/reencode.h"

namespace hearth::lab {
namespace {

using kernels::Format;

constexpr uint32_t kFloat32Type = 0;

std::string known_types() {
  std::string names = "keep";
  for (const Format* format : kernels::format_registry()) names += concat(", ", format->name);
  return names;
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
  if (const auto file_type = file_type_of(most->first))
    metadata.set("general.file_type", io::Value::of(*file_type));
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
  HEARTH_RETURN_IF_ERROR(check_reencodable(source));
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
      write.produce = [&tensor](const ByteSink& sink) { return copy_tensor(tensor, sink); };
    } else {
      write.type = to->id;
      write.bytes = tensor_bytes(*to, tensor);
      write.produce = [job = Reencoding{&tensor, own, to}, &pool](const ByteSink& sink) {
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
