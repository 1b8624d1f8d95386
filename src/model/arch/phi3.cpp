// Phi-3, Phi-3.5, Phi-4 and Phi-4-mini: fused projections, rotation of a part of each head, and rotation
// divisors for long contexts chosen by the session's context. Reference: transformers modeling_phi3.py.
#include "model/spec.h"

namespace hearth::model {
namespace {

LayerSpec layer(const HParams& hp, int64_t i) {
  LayerSpec spec = default_layer(hp, i, RopeKind::kNeox);
  spec.rope.factors = RopeFactors::kLongShort;
  spec.fused_qkv = true;
  spec.fused_gate_up = true;
  return spec;
}

}  // namespace

const ArchSpec& arch_phi3() {
  static const ArchSpec kArch = {
      .name = "phi3",
      .hf_classes = {"Phi3ForCausalLM"},
      .layer = layer,
      .hf_names = {{"model.layers.{}.self_attn.qkv_proj", "blk.{}.attn_qkv"},
                   {"model.layers.{}.mlp.gate_up_proj", "blk.{}.ffn_up"}},
      .hf_defaults = R"({"rms_norm_eps": 1e-5, "rope_theta": 10000.0})",
  };
  return kArch;
}

}  // namespace hearth::model
