// A model ready to run: spec, packed weights, norm vectors, and the rotation frequencies; made from a
// TensorFile by the binder. Also where model files come from (open_source). Must not know the forward pass,
// tokenizers, or any architecture's name.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "io/tensor_source.h"
#include "kernels/matrix.h"
#include "model/spec.h"

namespace hearth::model {

/// The matrices of a layer, all (rows, cols) with y = W x.
enum class Weight : uint8_t {
  kQ,     // (n_heads * head_dim_k, dim)
  kK,     // (n_kv_heads * head_dim_k, dim)
  kV,     // (n_kv_heads * head_dim_v, dim)
  kO,     // (dim, n_heads * head_dim_v)
  kGate,  // (ffn_dim, dim)
  kUp,    // (ffn_dim, dim)
  kDown,  // (dim, ffn_dim)
};
inline constexpr int kWeights = 7;

/// The float32 vectors of a layer.
enum class Vector : uint8_t {
  kPreAttentionNorm,   // (dim)
  kPostAttentionNorm,  // (dim)
  kPreFfnNorm,         // (dim)
  kPostFfnNorm,        // (dim)
  kQNorm,              // (head_dim_k)
  kKNorm,              // (head_dim_k)
  kQBias,              // (n_heads * head_dim_k)
  kKBias,              // (n_kv_heads * head_dim_k)
  kVBias,              // (n_kv_heads * head_dim_v)
  kOBias,              // (dim)
  kGateBias,           // (ffn_dim)
  kUpBias,             // (ffn_dim)
  kDownBias,           // (dim)
};
inline constexpr int kVectors = 13;

/// The weights of one layer. What the spec or the file leaves out is nullptr / empty, and is skipped by the
/// forward pass.
class Layer {
 public:
  const kernels::Matrix* matrix(Weight w) const {
    const auto& m = matrices_[static_cast<size_t>(w)];
    return m ? &*m : nullptr;
  }
  /// Empty when absent.
  std::span<const float> vector(Vector v) const { return vectors_[static_cast<size_t>(v)]; }

 private:
  friend class Binder;
  friend class Model;
  std::array<std::optional<kernels::Matrix>, kWeights> matrices_;
  std::array<std::vector<float>, kVectors> vectors_;
};

/// Rotation of pair j at position p: angle p * frequency[j] radians, cos and sin multiplied by `magnitude`.
struct RopeTable {
  RopeKind kind = RopeKind::kNone;
  int64_t dims = 0;
  std::vector<double> frequency;  // (dims / 2), radians per position, all scalings and factors applied
  float magnitude = 1;
};

/// A matrix and the name of the tensor it came from; a tensor that fuses several projections gives several.
struct NamedMatrix {
  std::string tensor;
  const kernels::Matrix* matrix = nullptr;
};

/// Immutable and thread-safe after load.
class Model {
 public:
  /// Takes the file over: keeps the metadata, packs the matrices, and releases tensors (and their mapped
  /// pages) that packing made superfluous. The matrices of `float32_tensors` are computed in float32 although
  /// the rest is fast; names that the model does not have are no error. Errors: kUnsupported (architecture,
  /// weight type), kCorrupt (bad hyper-parameters; every missing or misshapen tensor in one line; non-finite
  /// weights by tensor and row).
  static Result<std::unique_ptr<Model>> load(io::TensorFile file, kernels::Precision precision,
                                             ThreadPool& pool,
                                             std::span<const std::string> float32_tensors = {});

  const ModelSpec& spec() const { return spec_; }
  const io::Metadata& metadata() const { return metadata_; }
  int64_t n_layers() const { return static_cast<int64_t>(layers_.size()); }
  const Layer& layer(int64_t i) const { return layers_[static_cast<size_t>(i)]; }
  /// (vocab, dim); embedding look-up with decode_row.
  const kernels::Matrix& embedding() const { return *embedding_; }
  /// (vocab, dim); the embedding itself where the file ties them.
  const kernels::Matrix& output() const { return output_ ? *output_ : *embedding_; }
  /// (dim)
  std::span<const float> output_norm() const { return output_norm_; }
  /// All matrices in the order GGUF files list them; a tied output is the embedding, named once.
  std::vector<NamedMatrix> matrices() const;

  /// Frequencies of spec().ropes[index] for a session of `context` positions (longrope chooses its factors by
  /// it, so they must not change while the session lives).
  RopeTable rope_table(int index, int64_t context) const;

  /// Bytes of weights in memory of our own, and bytes still read from the mapped file.
  int64_t owned_bytes() const;
  int64_t mapped_bytes() const;
  /// Bytes of weights read to decode one token.
  int64_t read_bytes_per_token() const;

 private:
  friend class Binder;
  Model() = default;
  template <typename Visit>
  void for_each_matrix(Visit&& visit) const;

  ModelSpec spec_;
  io::Metadata metadata_;
  std::vector<std::shared_ptr<const void>> kept_alive_;  // owners of bytes that matrices still read
  std::vector<Layer> layers_;
  std::optional<kernels::Matrix> embedding_;
  std::optional<kernels::Matrix> output_;
  std::vector<float> output_norm_;
  std::vector<float> rope_freqs_;  // (dims / 2) or empty
  std::vector<float> rope_long_;   // (dims / 2) or empty
  std::vector<float> rope_short_;  // (dims / 2) or empty
};

/// How weight type `type` is laid out, for io's readers (an io::BlockLayoutOf); nothing when unknown.
std::optional<io::BlockLayout> block_layout(uint32_t type);

/// Opens a GGUF file (any part of a split one) or a Hugging Face folder (config.json + safetensors), the
/// latter presented in GGUF's vocabulary: metadata keys, tensor names, q/k row order, norms. Tensors stay
/// mapped; only those that a transform changes are copied. A folder's tokenizer metadata is not included: the
/// caller merges text's reading of the folder into `metadata` (same keys as a GGUF file), because this module
/// knows no tokenizers.
Result<io::TensorFile> open_source(const std::filesystem::path& path);

}  // namespace hearth::model
