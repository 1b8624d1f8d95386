// Everything small in whole, everything large by samples.
#include "model/fingerprint.h"

#include <span>
#include <string>
#include <vector>

#include "base/xxhash64.h"

namespace hearth::model {
namespace {

template <typename T>
void add(XxHash64& hash, std::span<const T> values) {
  hash.update(std::as_bytes(std::span<const T>(values.data(), values.size())));
}

void add(XxHash64& hash, const std::string& text) { add(hash, std::span<const char>(text)); }

}  // namespace

uint64_t fingerprint(const Model& model, int64_t context) {
  XxHash64 hash;
  const ModelSpec& spec = model.spec();
  add(hash, concat(spec.arch->name, ' ', spec.hp.dim, ' ', spec.hp.vocab, ' ', spec.hp.norm_eps, ' ',
                   spec.embedding_scale, '\n'));
  for (const LayerSpec& layer : spec.layers) {
    add(hash, concat(layer.n_heads, ' ', layer.n_kv_heads, ' ', layer.head_dim_k, ' ', layer.head_dim_v, ' ',
                     layer.attention_scale, ' ', layer.attention_softcap, ' ', layer.window, ' ',
                     layer.rope_index, ' ', static_cast<int>(layer.activation), '\n'));
  }
  for (size_t i = 0; i < spec.ropes.size(); ++i) {
    const RopeTable table = model.rope_table(static_cast<int>(i), context);
    add(hash, concat(static_cast<int>(table.kind), ' ', table.dims, ' ', table.magnitude, '\n'));
    add(hash, std::span<const double>(table.frequency));
  }
  for (int64_t i = 0; i < model.n_layers(); ++i) {
    for (int v = 0; v < kVectors; ++v) add(hash, model.layer(i).vector(static_cast<Vector>(v)));
  }
  add(hash, model.output_norm());
  std::vector<float> row;
  for (const NamedMatrix& named : model.matrices()) {
    const kernels::Matrix& matrix = *named.matrix;
    add(hash, concat(named.tensor, ' ', matrix.format().name, ' ', matrix.rows(), ' ', matrix.cols(), '\n'));
    row.resize(static_cast<size_t>(matrix.cols()));
    for (const int64_t at : {int64_t{0}, matrix.rows() / 2, matrix.rows() - 1}) {
      matrix.decode_row(at, row.data());
      add(hash, std::span<const float>(row));
    }
  }
  return hash.digest();
}

}  // namespace hearth::model
