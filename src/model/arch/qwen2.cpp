// Qwen2 and Qwen2.5, dense: Llama's graph with half-split rotation and biases on q, k and v.
// Reference: transformers modeling_qwen2.py.
#include "model/spec.h"

namespace hearth::model {
namespace {

LayerSpec layer(const HParams& hp, int64_t i) {
  LayerSpec spec = default_layer(hp, i, RopeKind::kNeox);
  spec.qkv_bias = Presence::kRequired;
  return spec;
}

}  // namespace

const ArchSpec& arch_qwen2() {
  static const ArchSpec kArch = {
      .name = "qwen2",
      .hf_classes = {"Qwen2ForCausalLM"},
      .layer = layer,
      .hf_defaults = R"({"rms_norm_eps": 1e-6, "rope_theta": 10000.0, "use_sliding_window": false,
                         "max_window_layers": 28})",
  };
  return kArch;
}

}  // namespace hearth::model
