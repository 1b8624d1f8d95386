// The list of needed tensors. Names are those of GGUF files (ggml-org/ggml docs/gguf.md, "Standardized tensor
// names"). Must not know any architecture's name.
#include "model/tensors.h"

#include <algorithm>

namespace hearth::model {
namespace {

/// Appends the tensors of one layer.
class LayerNeeds {
 public:
  LayerNeeds(const ModelSpec& spec, int64_t index, std::vector<TensorNeed>& out)
      : dim_(spec.hp.dim), layer_(spec.layers[static_cast<size_t>(index)]), index_(index), out_(out) {}

  void append() {
    const int64_t q = layer_.n_heads * layer_.head_dim_k;
    const int64_t k = layer_.n_kv_heads * layer_.head_dim_k;
    const int64_t v = layer_.n_kv_heads * layer_.head_dim_v;
    norm("attn_norm", layer_.pre_attention_norm, Vector::kPreAttentionNorm, dim_);
    if (layer_.fused_qkv) {
      matrix("attn_qkv", dim_, {{Weight::kQ, q}, {Weight::kK, k}, {Weight::kV, v}});
      bias("attn_qkv", layer_.qkv_bias, {{Vector::kQBias, q}, {Vector::kKBias, k}, {Vector::kVBias, v}});
    } else {
      matrix("attn_q", dim_, {{Weight::kQ, q}});
      bias("attn_q", layer_.qkv_bias, {{Vector::kQBias, q}});
      matrix("attn_k", dim_, {{Weight::kK, k}});
      bias("attn_k", layer_.qkv_bias, {{Vector::kKBias, k}});
      matrix("attn_v", dim_, {{Weight::kV, v}});
      bias("attn_v", layer_.qkv_bias, {{Vector::kVBias, v}});
    }
    norm("attn_q_norm", layer_.qk_norm, Vector::kQNorm, layer_.head_dim_k);
    norm("attn_k_norm", layer_.qk_norm, Vector::kKNorm, layer_.head_dim_k);
    matrix("attn_output", layer_.n_heads * layer_.head_dim_v, {{Weight::kO, dim_}});
    bias("attn_output", layer_.output_bias, {{Vector::kOBias, dim_}});
    norm("post_attention_norm", layer_.post_attention_norm, Vector::kPostAttentionNorm, dim_);
    norm("ffn_norm", layer_.pre_ffn_norm, Vector::kPreFfnNorm, dim_);
    append_ffn();
    norm("post_ffw_norm", layer_.post_ffn_norm, Vector::kPostFfnNorm, dim_);
  }

 private:
  template <typename Slot>
  struct Rows {
    Slot slot;
    int64_t rows;
  };

  void append_ffn() {
    const int64_t f = layer_.ffn_dim;
    if (layer_.gated && layer_.fused_gate_up) {
      matrix("ffn_up", dim_, {{Weight::kGate, f}, {Weight::kUp, f}});
      bias("ffn_up", layer_.ffn_bias, {{Vector::kGateBias, f}, {Vector::kUpBias, f}});
    } else {
      if (layer_.gated) {
        matrix("ffn_gate", dim_, {{Weight::kGate, f}});
        bias("ffn_gate", layer_.ffn_bias, {{Vector::kGateBias, f}});
      }
      matrix("ffn_up", dim_, {{Weight::kUp, f}});
      bias("ffn_up", layer_.ffn_bias, {{Vector::kUpBias, f}});
    }
    matrix("ffn_down", f, {{Weight::kDown, dim_}});
    bias("ffn_down", layer_.ffn_bias, {{Vector::kDownBias, dim_}});
  }

  template <typename Slot>
  TensorNeed& add(std::string_view stem, std::string_view suffix, Part::Kind kind, Presence presence,
                  std::initializer_list<Rows<Slot>> parts) {
    TensorNeed need{concat("blk.", index_, '.', stem, suffix), {}, presence, index_, {}};
    int64_t row = 0;
    for (const auto& part : parts) {
      need.parts.push_back({kind, static_cast<uint8_t>(part.slot), row, part.rows});
      row += part.rows;
    }
    need.shape = {row};
    out_.push_back(std::move(need));
    return out_.back();
  }

  void matrix(std::string_view stem, int64_t cols, std::initializer_list<Rows<Weight>> parts) {
    add(stem, ".weight", Part::Kind::kMatrix, Presence::kRequired, parts).shape.push_back(cols);
  }
  void bias(std::string_view stem, Presence presence, std::initializer_list<Rows<Vector>> parts) {
    if (presence != Presence::kAbsent) add(stem, ".bias", Part::Kind::kVector, presence, parts);
  }
  void norm(std::string_view stem, bool there, Vector slot, int64_t n) {
    if (there) add(stem, ".weight", Part::Kind::kVector, Presence::kRequired, {Rows<Vector>{slot, n}});
  }

  int64_t dim_;
  const LayerSpec& layer_;
  int64_t index_;
  std::vector<TensorNeed>& out_;
};

void add_global(std::vector<TensorNeed>& out, std::string_view name, std::vector<int64_t> shape, Global slot,
                Presence presence) {
  const int64_t rows = shape[0];
  out.push_back({std::string(name),
                 std::move(shape),
                 presence,
                 -1,
                 {{Part::Kind::kGlobal, static_cast<uint8_t>(slot), 0, rows}}});
}

}  // namespace

std::vector<TensorNeed> needed_tensors(const ModelSpec& spec) {
  std::vector<TensorNeed> out;
  const int64_t dim = spec.hp.dim;
  add_global(out, "token_embd.weight", {spec.hp.vocab, dim}, Global::kEmbedding, Presence::kRequired);
  for (const RopeSpec& rope : spec.ropes) {
    if (rope.factors == RopeFactors::kFreqs) {
      add_global(out, "rope_freqs.weight", {rope.dims / 2}, Global::kRopeFreqs, Presence::kOptional);
      break;
    }
    if (rope.factors == RopeFactors::kLongShort) {
      add_global(out, "rope_factors_long.weight", {rope.dims / 2}, Global::kRopeLong, Presence::kOptional);
      add_global(out, "rope_factors_short.weight", {rope.dims / 2}, Global::kRopeShort, Presence::kOptional);
      break;
    }
  }
  for (int64_t i = 0; i < spec.hp.n_layers; ++i) LayerNeeds(spec, i, out).append();
  add_global(out, "output_norm.weight", {dim}, Global::kOutputNorm, Presence::kRequired);
  add_global(out, "output.weight", {spec.hp.vocab, dim}, Global::kOutput,
             spec.hp.tied_output ? Presence::kOptional : Presence::kRequired);
  return out;
}

Result<ModelSpec> spec_of(const io::TensorFile& file) {
  int64_t vocab_rows = 0;
  bool tied = true;
  for (const io::Tensor& tensor : file.tensors) {
    if (tensor.name == "token_embd.weight" && tensor.shape.size() == 2) vocab_rows = tensor.shape[0];
    if (tensor.name == "output.weight") tied = false;
  }
  return build_spec(file.metadata, vocab_rows, tied);
}

}  // namespace hearth::model
