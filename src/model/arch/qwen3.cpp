// Qwen3, dense (also its embedding and reranking models): half-split rotation, an RMSNorm on every q and k
// head before it. Reference: transformers modeling_qwen3.py.
#include "model/spec.h"

namespace hearth::model {
namespace {

LayerSpec layer(const HParams& hp, int64_t i) {
  LayerSpec spec = default_layer(hp, i, RopeKind::kNeox);
  spec.qk_norm = true;
  spec.qkv_bias = Presence::kOptional;  // "attention_bias"
  spec.output_bias = Presence::kOptional;
  return spec;
}

}  // namespace

const ArchSpec& arch_qwen3() {
  static const ArchSpec kArch = {
      .name = "qwen3",
      .hf_classes = {"Qwen3ForCausalLM"},
      .layer = layer,
      .hf_defaults = R"({"rms_norm_eps": 1e-6, "rope_theta": 10000.0, "head_dim": 128,
                         "use_sliding_window": false, "max_window_layers": 28})",
  };
  return kArch;
}

}  // namespace hearth::model
