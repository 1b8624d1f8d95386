// hearth's weight encoders and the tensors of GGUF files behind a C interface, so that Python tests can
// compare them with a peer's in one process. Built with the tests only, never installed.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "io/gguf.h"
#include "kernels/format.h"

namespace {

using hearth::kernels::Format;

std::optional<hearth::io::BlockLayout> block_layout(uint32_t type) {
  const auto shape = hearth::kernels::block_of_type(type);
  if (!shape) return std::nullopt;
  return hearth::io::BlockLayout{shape->elems, shape->bytes};
}

}  // namespace

#define HEARTH_EXPORT extern "C" __attribute__((visibility("default")))

/// Bytes of n values; 0 when the type is unknown.
HEARTH_EXPORT int64_t hearth_bytes(uint32_t type, int64_t n) {
  const Format* format = hearth::kernels::find_format(type);
  return format == nullptr ? 0 : n / format->block_elems * format->block_bytes;
}

/// `importance` may be null, else one weight a column. The type must be known.
HEARTH_EXPORT void hearth_encode(uint32_t type, const float* src, std::byte* dst, int64_t rows,
                                 int64_t columns, const float* importance) {
  const Format* format = hearth::kernels::find_format(type);
  for (int64_t r = 0; r < rows; ++r) {
    format->encode(src + r * columns, dst + hearth_bytes(type, r * columns), columns, importance);
  }
}

HEARTH_EXPORT void hearth_decode(uint32_t type, const std::byte* src, float* dst, int64_t n) {
  hearth::kernels::find_format(type)->decode(src, dst, n);
}

/// Sum of the squared differences between `src` and what `encoded` decodes to, weighted by column.
HEARTH_EXPORT double hearth_error(uint32_t type, const float* src, const std::byte* encoded, int64_t rows,
                                  int64_t columns, const float* importance) {
  const Format* format = hearth::kernels::find_format(type);
  std::vector<float> decoded(static_cast<size_t>(columns));
  double error = 0;
  for (int64_t r = 0; r < rows; ++r) {
    format->decode(encoded + hearth_bytes(type, r * columns), decoded.data(), columns);
    for (int64_t k = 0; k < columns; ++k) {
      const double miss = double{src[r * columns + k]} - double{decoded[static_cast<size_t>(k)]};
      error += miss * miss * (importance != nullptr ? double{importance[k]} : 1.0);
    }
  }
  return error;
}

/// Calls `take(name, values, rows, columns)` for every matrix of a GGUF file; 0 when it cannot be read.
HEARTH_EXPORT int hearth_matrices(const char* path, void (*take)(const char* name, const float* values,
                                                                 int64_t rows, int64_t columns)) {
  const auto file = hearth::io::read_gguf(path, block_layout);
  if (!file) return 0;
  for (const hearth::io::Tensor& tensor : file->tensors) {
    const Format* format = hearth::kernels::find_format(tensor.type);
    if (tensor.shape.size() != 2 || format == nullptr) continue;
    std::vector<float> values(static_cast<size_t>(tensor.shape[0] * tensor.shape[1]));
    format->decode(tensor.data.data(), values.data(), static_cast<int64_t>(values.size()));
    take(tensor.name.c_str(), values.data(), tensor.shape[0], tensor.shape[1]);
  }
  return 1;
}

/// Calls `take(name, error, energy)` for every matrix that `encoded` and its `source` have: the squared
/// differences, and the squares of the source's values, both weighted by column where `importance(name)` is
/// not null. 0 when a file cannot be read or lacks a matrix.
HEARTH_EXPORT int hearth_file_errors(const char* source, const char* encoded,
                                     const float* (*importance)(const char* name),
                                     void (*take)(const char* name, double error, double energy)) {
  const auto before = hearth::io::read_gguf(source, block_layout);
  const auto after = hearth::io::read_gguf(encoded, block_layout);
  if (!before || !after) return 0;
  for (const hearth::io::Tensor& tensor : before->tensors) {
    if (tensor.shape.size() != 2) continue;
    const auto other = std::find_if(after->tensors.begin(), after->tensors.end(),
                                    [&](const hearth::io::Tensor& one) { return one.name == tensor.name; });
    const Format* format = hearth::kernels::find_format(tensor.type);
    if (format == nullptr || other == after->tensors.end() || other->shape != tensor.shape ||
        hearth::kernels::find_format(other->type) == nullptr)
      return 0;
    std::vector<float> values(static_cast<size_t>(tensor.shape[0] * tensor.shape[1]));
    format->decode(tensor.data.data(), values.data(), static_cast<int64_t>(values.size()));
    const float* weights = importance(tensor.name.c_str());
    double energy = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const double weight = weights ? double{weights[i % static_cast<size_t>(tensor.shape[1])]} : 1.0;
      energy += weight * double{values[i]} * double{values[i]};
    }
    take(tensor.name.c_str(),
         hearth_error(other->type, values.data(), other->data.data(), tensor.shape[0], tensor.shape[1],
                      weights),
         energy);
  }
  return 1;
}
