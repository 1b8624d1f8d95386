// From a TensorFile to a Model: finds every tensor the spec needs, reports all that are missing or misshapen
// in one error, packs matrices, decodes vectors. Must not know any architecture's name.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/log.h"
#include "io/file.h"
#include "model/model.h"
#include "model/packed.h"
#include "model/rope.h"
#include "model/tensors.h"

namespace hearth::model {
namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += concat(i == 0 ? "" : ", ", shape[i]);
  return text + ")";
}

/// Tensor names come from untrusted files; needed ones are ours, so only these need care.
std::string shown(std::string_view name) {
  std::string text;
  for (char c : name.substr(0, 80)) text.push_back(c >= ' ' && c <= '~' ? c : '?');
  return text;
}

std::string type_text(uint32_t type) {
  const std::string_view name = kernels::type_name(type);
  return name.empty() ? concat("number ", type) : std::string(name);
}

std::string computable_types() {
  std::string list;
  for (const kernels::Format* format : kernels::format_registry()) {
    list += concat(list.empty() ? "" : ", ", format->name);
  }
  return list;
}

}  // namespace

/// Builds one Model.
class Binder {
 public:
  Binder(io::TensorFile file, kernels::Precision precision, ThreadPool& pool,
         std::span<const std::string> float32_tensors)
      : file_(std::move(file)),
        precision_(precision),
        pool_(pool),
        float32_tensors_(float32_tensors),
        model_(new Model()) {}

  Result<std::unique_ptr<Model>> bind() {
    HEARTH_ASSIGN(model_->spec_, spec_of(file_));
    const std::vector<TensorNeed> needs = needed_tensors(model_->spec_);
    HEARTH_RETURN_IF_ERROR(match(needs));
    model_->layers_.resize(model_->spec_.layers.size());
    for (size_t i = 0; i < needs.size(); ++i) {
      if (matches_[i] == nullptr) continue;
      HEARTH_RETURN_IF_ERROR(bind_tensor(needs[i], *matches_[i]));
      *matches_[i] = io::Tensor{};  // drops the bytes where nothing else holds them
    }
    if (model_->rope_long_.empty() != model_->rope_short_.empty()) {
      return fail(ErrorCode::kCorrupt,
                  "the file has only one of rope_factors_long.weight and rope_factors_short.weight");
    }
    model_->metadata_ = std::move(file_.metadata);
    return std::move(model_);
  }

 private:
  /// Pairs needs with the file's tensors; all problems in one error.
  Status match(const std::vector<TensorNeed>& needs) {
    std::unordered_map<std::string_view, io::Tensor*> by_name;
    for (io::Tensor& tensor : file_.tensors) by_name.emplace(tensor.name, &tensor);
    std::string missing;
    std::string broken;
    std::string uncomputable;
    for (const TensorNeed& need : needs) {
      const auto found = by_name.find(need.name);
      io::Tensor* tensor = found == by_name.end() ? nullptr : found->second;
      matches_.push_back(tensor);
      if (tensor == nullptr) {
        if (need.presence == Presence::kRequired) missing += concat(missing.empty() ? "" : ", ", need.name);
        continue;
      }
      by_name.erase(found);
      if (tensor->shape != need.shape) {
        broken += concat(broken.empty() ? "" : ", ", need.name, " is ", shape_text(tensor->shape),
                         " and should be ", shape_text(need.shape));
      } else if (kernels::find_format(tensor->packed_from.value_or(tensor->type)) == nullptr) {
        uncomputable +=
            concat(uncomputable.empty() ? "" : ", ", need.name, " (", type_text(tensor->type), ')');
      }
    }
    if (!missing.empty() || !broken.empty()) {
      return fail(ErrorCode::kCorrupt, missing.empty() ? "" : "missing tensors: ", missing,
                  missing.empty() || broken.empty() ? "" : "; ",
                  broken.empty() ? "" : "misshapen tensors: ", broken);
    }
    if (!uncomputable.empty()) {
      return fail(ErrorCode::kUnsupported, "weight types that hearth cannot compute with yet: ", uncomputable,
                  "; it can with ", computable_types());
    }
    for (const auto& [name, tensor] : by_name) {
      log_line(LogLevel::kDebug, concat("tensor ", shown(name), " is not used by this architecture"));
    }
    return {};
  }

  Status bind_tensor(const TensorNeed& need, const io::Tensor& tensor) {
    if (tensor.packed_from) return bind_packed(need, tensor);
    const kernels::Format& format = *kernels::find_format(tensor.type);
    const int64_t cols = need.shape.back();
    if (cols % format.block_elems != 0) {
      return fail(ErrorCode::kUnsupported, need.name, ": rows of ", cols, " values are not whole ",
                  format.name, " blocks of ", format.block_elems);
    }
    int64_t values = 1;
    for (int64_t n : need.shape) values *= n;  // within 2^44 by the bounds of read_hparams
    const int64_t bytes = values / format.block_elems * format.block_bytes;
    if (tensor.data.size() != static_cast<size_t>(bytes)) {
      return fail(ErrorCode::kCorrupt, need.name, " has ", tensor.data.size(), " bytes instead of ", bytes);
    }
    const bool is_matrix = need.shape.size() == 2;
    if (!is_matrix) return bind_vector(need, tensor, format);
    const int64_t row_bytes = cols / format.block_elems * format.block_bytes;
    const kernels::Precision precision = precision_of(need.name);
    bool read_later = false;
    for (const Part& part : need.parts) {
      const auto rows = tensor.data.subspan(static_cast<size_t>(part.row * row_bytes),
                                            static_cast<size_t>(part.rows * row_bytes));
      auto matrix = kernels::Matrix::create(format, part.rows, cols, rows, precision, pool_);
      if (!matrix) return Error{matrix.error().code, concat(need.name, ": ", matrix.error().message)};
      read_later = read_later || matrix->owned_bytes() == 0;
      matrix_slot(need, part) = std::move(*matrix);
    }
    if (read_later) {
      model_->kept_alive_.push_back(tensor.owner);
    } else {
      io::MappedFile::release_pages(tensor.data);
    }
    return {};
  }

  /// A matrix that lies ready in a packed file: its parts one after another, each in whole panels.
  Status bind_packed(const TensorNeed& need, const io::Tensor& tensor) {
    const kernels::Format& format = *kernels::find_format(*tensor.packed_from);
    kernels::Precision precision = precision_of(need.name);
    if (precision == kernels::Precision::kReference) precision = kernels::Precision::kFloat32;
    std::span<const std::byte> rest = tensor.data;
    for (const Part& part : need.parts) {
      const int64_t bytes =
          need.shape.size() == 2 ? kernels::packed_bytes(format, part.rows, need.shape[1]) : 0;
      if (bytes == 0 || static_cast<size_t>(packed_part_bytes(bytes)) > rest.size()) {
        return fail(ErrorCode::kCorrupt, need.name, " is not a packed ", format.name, " matrix of ",
                    shape_text(need.shape));
      }
      auto matrix = kernels::Matrix::from_packed(format, part.rows, need.shape[1],
                                                 rest.first(static_cast<size_t>(bytes)), tensor.owner, precision);
      if (!matrix) return Error{matrix.error().code, concat(need.name, ": ", matrix.error().message)};
      matrix_slot(need, part) = std::move(*matrix);
      rest = rest.subspan(static_cast<size_t>(packed_part_bytes(bytes)));
    }
    if (rest.empty()) return {};
    return fail(ErrorCode::kCorrupt, need.name, " has ", rest.size(), " bytes more than its packed form");
  }

  kernels::Precision precision_of(const std::string& name) const {
    const bool chosen = precision_ == kernels::Precision::kFast &&
                        std::find(float32_tensors_.begin(), float32_tensors_.end(), name) !=
                            float32_tensors_.end();
    return chosen ? kernels::Precision::kFloat32 : precision_;
  }

  Status bind_vector(const TensorNeed& need, const io::Tensor& tensor, const kernels::Format& format) {
    std::vector<float> values(static_cast<size_t>(need.shape[0]));
    format.decode(tensor.data.data(), values.data(), need.shape[0]);
    const auto bad = std::find_if(values.begin(), values.end(), [](float x) { return !std::isfinite(x); });
    if (bad != values.end()) {
      return fail(ErrorCode::kCorrupt, need.name, ": value ", bad - values.begin(),
                  " is infinite or not a number (NaN)");
    }
    for (const Part& part : need.parts) {
      const auto begin = values.begin() + part.row;
      vector_slot(need, part).assign(begin, begin + part.rows);
    }
    if (need.layer < 0 && !std::all_of(values.begin(), values.end(), [](float x) { return x > 0; }) &&
        static_cast<Global>(need.parts[0].slot) != Global::kOutputNorm) {
      return fail(ErrorCode::kCorrupt, need.name, ": rotation factors must be positive");
    }
    return {};
  }

  std::optional<kernels::Matrix>& matrix_slot(const TensorNeed& need, const Part& part) {
    if (part.kind == Part::Kind::kMatrix)
      return model_->layers_[static_cast<size_t>(need.layer)].matrices_[part.slot];
    return static_cast<Global>(part.slot) == Global::kEmbedding ? model_->embedding_ : model_->output_;
  }

  std::vector<float>& vector_slot(const TensorNeed& need, const Part& part) {
    if (part.kind == Part::Kind::kVector)
      return model_->layers_[static_cast<size_t>(need.layer)].vectors_[part.slot];
    switch (static_cast<Global>(part.slot)) {
      case Global::kRopeFreqs:
        return model_->rope_freqs_;
      case Global::kRopeLong:
        return model_->rope_long_;
      case Global::kRopeShort:
        return model_->rope_short_;
      default:
        return model_->output_norm_;
    }
  }

  io::TensorFile file_;
  kernels::Precision precision_;
  ThreadPool& pool_;
  std::span<const std::string> float32_tensors_;
  std::unique_ptr<Model> model_;
  std::vector<io::Tensor*> matches_;  // per need; nullptr: absent
};

Result<std::unique_ptr<Model>> Model::load(io::TensorFile file, kernels::Precision precision,
                                           ThreadPool& pool, std::span<const std::string> float32_tensors) {
  return Binder(std::move(file), precision, pool, float32_tensors).bind();
}

RopeTable Model::rope_table(int index, int64_t context) const {
  const RopeSpec& rope = spec_.ropes[static_cast<size_t>(index)];
  std::span<const float> factors;
  if (rope.factors == RopeFactors::kFreqs) factors = rope_freqs_;
  if (rope.factors == RopeFactors::kLongShort)
    factors = context > rope.original_context ? rope_long_ : rope_short_;
  return make_rope_table(rope, factors);
}

std::vector<NamedMatrix> Model::matrices() const {
  std::vector<NamedMatrix> out;
  for (const TensorNeed& need : needed_tensors(spec_)) {
    for (const Part& part : need.parts) {
      const kernels::Matrix* matrix = nullptr;
      if (part.kind == Part::Kind::kMatrix) {
        matrix = layer(need.layer).matrix(static_cast<Weight>(part.slot));
      } else if (part.kind == Part::Kind::kGlobal && static_cast<Global>(part.slot) == Global::kEmbedding) {
        matrix = &*embedding_;
      } else if (part.kind == Part::Kind::kGlobal && static_cast<Global>(part.slot) == Global::kOutput) {
        matrix = output_ ? &*output_ : nullptr;
      }
      if (matrix != nullptr) out.push_back({need.name, matrix});
    }
  }
  return out;
}

template <typename Visit>
void Model::for_each_matrix(Visit&& visit) const {
  visit(*embedding_);
  if (output_) visit(*output_);
  for (const Layer& layer : layers_) {
    for (const auto& matrix : layer.matrices_) {
      if (matrix) visit(*matrix);
    }
  }
}

int64_t Model::owned_bytes() const {
  int64_t bytes = 0;
  for_each_matrix([&](const kernels::Matrix& matrix) { bytes += matrix.owned_bytes(); });
  return bytes;
}

int64_t Model::mapped_bytes() const {
  int64_t bytes = 0;
  for_each_matrix([&](const kernels::Matrix& m) { bytes += m.owned_bytes() == 0 ? m.read_bytes() : 0; });
  return bytes;
}

int64_t Model::read_bytes_per_token() const {
  int64_t bytes = 0;
  for_each_matrix(
      [&](const kernels::Matrix& m) { bytes += &m == &*embedding_ && output_ ? 0 : m.read_bytes(); });
  return bytes;
}

}  // namespace hearth::model
