// A named tensor as it lies in a file, and the container of all of them: what GGUF and safetensors readers
// hand out. Knows nothing of architectures; the caller of the readers tells how large a block of a weight
// type is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/metadata.h"

namespace hearth::io {

/// How a weight type is laid out: `elements` consecutive values of a row in `bytes` bytes. Injected by the
/// caller (kernels::block_of_type), because the formats live in kernels.
struct BlockLayout {
  int64_t elements = 0;
  int64_t bytes = 0;
};
using BlockLayoutOf = std::optional<BlockLayout> (*)(uint32_t type);

/// One tensor. `shape` is row-major, outermost first: a matrix is (rows, cols) with `cols` contiguous (GGUF's
/// ne reversed). `data` stays valid while `owner` lives.
struct Tensor {
  std::string name;
  uint32_t type = 0;  // GGUF tensor type id
  std::vector<int64_t> shape;
  std::span<const std::byte> data;
  std::shared_ptr<const void> owner;
  /// Of a matrix that lies there packed for computing: the type number it was packed from. Then `type` is
  /// that of plain bytes, which nobody takes for weights, and model/packed.h knows how `data` is laid out.
  std::optional<uint32_t> packed_from = std::nullopt;
};

/// Everything a model file holds.
struct TensorFile {
  Metadata metadata;
  std::vector<Tensor> tensors;
  /// What lies before the first tensor of a single GGUF file; valid as long as the file's bytes.
  std::span<const std::byte> header = {};
  /// Of what was translated into this vocabulary (a Hugging Face folder): the version of the translation.
  std::optional<uint32_t> translation = std::nullopt;
};

}  // namespace hearth::io
