// The plan is made before anything is written, so that what cannot work is refused at once.
#include "lab/quantize.h"

#include <algorithm>
#include <utility>

#include "io/gguf.h"
#include "io/utf8.h"

namespace hearth::lab {
namespace {

using kernels::Format;

constexpr uint32_t kFloat32Type = 0;

/// The importance of a tensor's columns; nothing where the matrix does not name it.
Result<std::vector<float>> importance_for(const io::Tensor& tensor, const io::ImportanceMatrix& importance) {
  const auto found = importance.entries.find(tensor.name);
  if (found == importance.entries.end()) return std::vector<float>();
  const io::ImportanceEntry& entry = found->second;
  const auto columns = static_cast<size_t>(columns_of(tensor));
  const size_t matrices = tensor.shape.size() > 2 ? static_cast<size_t>(tensor.shape.front()) : 1;
  // The older form keeps the experts of a stack in one entry.
  const size_t values = entry.sum_squares.size();
  if (values != columns && values != columns * matrices) {
    return fail(ErrorCode::kCorrupt, "the importance matrix is of another model: tensor ",
                io::printable(tensor.name), " has ", columns, " columns, there it has ", entry.columns());
  }
  return entry.mean_squares();
}

void describe_importance(io::Metadata& metadata, const io::ImportanceMatrix& importance) {
  metadata.set("quantize.imatrix.entries_count",
               io::Value::of(static_cast<uint32_t>(importance.entries.size())));
  metadata.set("quantize.imatrix.chunks_count", io::Value::of(static_cast<uint32_t>(importance.chunks)));
  if (!importance.datasets.empty())
    metadata.set("quantize.imatrix.dataset", io::Value::of(importance.datasets.front()));
}

Status write_tensor(const TensorPlan& plan, ThreadPool& pool, const ByteSink& sink) {
  if (plan.to == plan.from) return copy_tensor(*plan.tensor, sink);
  Reencoding job{.tensor = plan.tensor, .from = plan.from, .to = plan.to, .importance = plan.importance};
  std::unique_ptr<RowsEncoder> encoder;
  if (plan.make_encoder) {
    HEARTH_ASSIGN(encoder, plan.make_encoder());
    job.encoder = encoder.get();
  }
  return reencode(job, pool, sink);
}

}  // namespace

uint64_t TensorPlan::bytes() const {
  return to == nullptr || to == from ? tensor->data.size() : tensor_bytes(*to, *tensor);
}

uint64_t QuantizePlan::bytes() const {
  uint64_t sum = 0;
  for (const TensorPlan& tensor : tensors) sum += tensor.bytes();
  return sum;
}

double QuantizePlan::bits_per_weight() const {
  double bits = 0;
  double weights = 0;
  for (const TensorPlan& plan : tensors) {
    if (plan.role == Role::kKept) continue;
    bits += 8.0 * static_cast<double>(plan.bytes());
    weights += static_cast<double>(rows_of(*plan.tensor)) * static_cast<double>(columns_of(*plan.tensor));
  }
  return weights > 0 ? bits / weights : 0;
}

Result<QuantizePlan> plan_quantization(const io::TensorFile& source, uint32_t file_type,
                                       const std::vector<TensorChoice>& choices,
                                       const io::ImportanceMatrix* importance) {
  HEARTH_RETURN_IF_ERROR(check_reencodable(source));
  QuantizePlan plan;
  plan.metadata = source.metadata;
  for (size_t i = 0; i < source.tensors.size(); ++i) {
    const io::Tensor& tensor = source.tensors[i];
    TensorPlan row{.tensor = &tensor, .from = kernels::find_format(tensor.type), .role = choices[i].role};
    row.to = choices[i].format != nullptr ? choices[i].format : row.from;
    if (tensor.shape.size() == 1) row.to = kernels::find_format(kFloat32Type);
    if (row.from == nullptr && row.to != nullptr) {
      return fail(ErrorCode::kUnsupported, "tensor ", io::printable(tensor.name), " has weight type ",
                  kernels::type_name(tensor.type), ", which hearth cannot decode; start from another file");
    }
    row.fell_back = choices[i].fell_back;
    plan.fell_back += row.fell_back ? 1 : 0;
    if (importance != nullptr && row.to != row.from && row.role != Role::kKept) {
      HEARTH_ASSIGN(row.importance, importance_for(tensor, *importance));
      plan.without_importance += row.importance.empty() ? 1 : 0;
    }
    plan.tensors.push_back(std::move(row));
  }
  plan.metadata.set("general.file_type", io::Value::of(file_type));
  plan.metadata.set("general.quantization_version", io::Value::of(uint32_t{2}));
  if (importance != nullptr) describe_importance(plan.metadata, *importance);
  return plan;
}

Result<QuantizePlan> plan_quantization(const io::TensorFile& source, const Mix& mix,
                                       const io::ImportanceMatrix* importance) {
  HEARTH_RETURN_IF_ERROR(check_reencodable(source));  // before the formats of its tensors are looked at
  HEARTH_ASSIGN(const auto choices,
                choose_formats(mix, {.file = &source, .has_importance = importance != nullptr}));
  return plan_quantization(source, mix.file_type, choices, importance);
}

Status write_quantized(const QuantizePlan& plan, const std::filesystem::path& out, ThreadPool& pool,
                       const std::function<bool(uint64_t, uint64_t)>& progress) {
  std::vector<io::TensorToWrite> tensors;
  for (const TensorPlan& row : plan.tensors) {
    const uint32_t type = row.to != nullptr ? row.to->id : row.tensor->type;
    tensors.push_back({row.tensor->name, type, row.tensor->shape, row.bytes(),
                       [&row, &pool](const ByteSink& sink) { return write_tensor(row, pool, sink); }});
  }
  return io::write_gguf(out, plan.metadata, tensors, progress);
}

}  // namespace hearth::lab
