// hearth's weight encoders and the tensors of a GGUF file behind a C interface, so that a Python test can
// compare them with a peer's in one process. Built with the tests only, never installed.
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
