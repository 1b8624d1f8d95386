// The tensors a model needs, derived from its spec: GGUF name, shape, and where each row range goes. The
// binder, conversion, the memory plan and makers of random models all read this list, so none of them can
// disagree with another. Must not know any architecture's name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/tensor_source.h"
#include "model/model.h"

namespace hearth::model {

/// Tensors that belong to no layer.
enum class Global : uint8_t { kEmbedding, kOutput, kOutputNorm, kRopeFreqs, kRopeLong, kRopeShort };

/// Rows [row, row + rows) of a tensor and the slot they fill. For a vector a row is one value.
struct Part {
  enum class Kind : uint8_t { kMatrix, kVector, kGlobal } kind = Kind::kMatrix;
  uint8_t slot = 0;  // a Weight, Vector or Global
  int64_t row = 0;
  int64_t rows = 0;
};

/// One tensor. More than one part: the file fuses several projections.
struct TensorNeed {
  std::string name;            // "blk.3.attn_q.weight"
  std::vector<int64_t> shape;  // (rows, cols) or (n)
  Presence presence = Presence::kRequired;
  int64_t layer = -1;  // -1: of the whole model
  std::vector<Part> parts;
};

/// Every tensor the model may or must have, in the order GGUF files list them.
std::vector<TensorNeed> needed_tensors(const ModelSpec& spec);

/// The spec of a file: build_spec with what its tensors say (rows of the token embeddings, tied output).
Result<ModelSpec> spec_of(const io::TensorFile& file);

}  // namespace hearth::model
