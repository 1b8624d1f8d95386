// Llama 2 and 3.x, and what shares their graph: SmolLM2, TinyLlama, Mistral's dense models.
// Reference: transformers modeling_llama.py, modeling_mistral.py.
#include "model/spec.h"

namespace hearth::model {
namespace {

LayerSpec layer(const HParams& hp, int64_t i) {
  LayerSpec spec = default_layer(hp, i, RopeKind::kNorm);
  spec.qkv_bias = Presence::kOptional;  // "attention_bias", "mlp_bias": some fine-tunes have them
  spec.output_bias = Presence::kOptional;
  spec.ffn_bias = Presence::kOptional;
  return spec;
}

}  // namespace

const ArchSpec& arch_llama() {
  static const ArchSpec kArch = {
      .name = "llama",
      .hf_classes = {"LlamaForCausalLM", "MistralForCausalLM"},
      .layer = layer,
      .hf_transforms = {.permute_qk = true},
      .hf_defaults = R"({"rms_norm_eps": 1e-6, "rope_theta": 10000.0})",
  };
  return kArch;
}

}  // namespace hearth::model
