// SmolLM3: Llama's graph where every fourth layer does not rotate (NoPE).
// Reference: transformers modeling_smollm3.py.
#include "model/spec.h"

namespace hearth::model {
namespace {

LayerSpec layer(const HParams& hp, int64_t i) {
  LayerSpec spec = default_layer(hp, i, RopeKind::kNorm);
  // GGUF files do not say which layers rotate; folders may (rope.layers).
  if (hp.rope_layers.empty() && (i + 1) % 4 == 0) spec.rope.kind = RopeKind::kNone;
  spec.qkv_bias = Presence::kOptional;
  spec.output_bias = Presence::kOptional;
  spec.ffn_bias = Presence::kOptional;
  return spec;
}

}  // namespace

const ArchSpec& arch_smollm3() {
  static const ArchSpec kArch = {
      .name = "smollm3",
      .hf_classes = {"SmolLM3ForCausalLM"},
      .layer = layer,
      .hf_transforms = {.permute_qk = true},
      .hf_defaults = R"({"rms_norm_eps": 1e-6, "rope_theta": 2000000.0, "use_sliding_window": false})",
  };
  return kArch;
}

}  // namespace hearth::model
