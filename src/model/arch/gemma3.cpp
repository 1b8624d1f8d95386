// Gemma 3 text models: norms before and after both halves of a layer, normed q and k heads, five windowed
// layers to one full one with their own rotation base, GELU, embeddings scaled by sqrt(dim). Reference:
// transformers modeling_gemma3.py (Gemma3ForCausalLM, and the language model of
// Gemma3ForConditionalGeneration).
#include <cmath>

#include "model/spec.h"

namespace hearth::model {
namespace {

constexpr int64_t kWindowPeriod = 6;        // unless the metadata says otherwise
constexpr float kLocalRopeBase = 10000.0F;  // unless the metadata says otherwise

LayerSpec layer(const HParams& hp, int64_t i) {
  LayerSpec spec = default_layer(hp, i, RopeKind::kNeox);
  spec.window = hp.window_of(i, kWindowPeriod);
  if (hp.windowed(i, kWindowPeriod)) {  // windowed layers rotate with their own base and are never stretched
    spec.rope.base = hp.rope_base_local > 0 ? hp.rope_base_local : kLocalRopeBase;
    spec.rope.scaling = RopeScaling::kNone;
    spec.rope.factor = 1;
  }
  spec.rope.factors = RopeFactors::kNone;
  spec.attention_softcap = 0;  // the configuration has the key, the reference does not use it
  spec.activation = Activation::kGeluTanh;
  spec.post_attention_norm = true;
  spec.post_ffn_norm = true;
  spec.qk_norm = true;
  // Files without attention.scale: the 27B model, told apart by its 62 layers (GGUF readers agree on that),
  // scales by dim / heads, its query_pre_attn_scalar; all others by the head dimension.
  if (hp.attention_scale <= 0 && hp.n_layers == 62) {
    spec.attention_scale = 1 / std::sqrt(static_cast<float>(hp.dim) / static_cast<float>(spec.n_heads));
  }
  return spec;
}

void finish(ModelSpec& spec) { spec.embedding_scale = std::sqrt(static_cast<float>(spec.hp.dim)); }

}  // namespace

const ArchSpec& arch_gemma3() {
  static const ArchSpec kArch = {
      .name = "gemma3",
      .hf_classes = {"Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"},
      .layer = layer,
      .finish = finish,
      .hf_names = {{"model.layers.{}.post_attention_layernorm", "blk.{}.post_attention_norm"},
                   {"model.layers.{}.pre_feedforward_layernorm", "blk.{}.ffn_norm"},
                   {"model.layers.{}.post_feedforward_layernorm", "blk.{}.post_ffw_norm"}},
      .hf_transforms = {.norm_plus_one = true},
      // transformers leaves these out of the published multimodal configurations.
      .hf_defaults =
          R"({"vocab_size": 262208, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
                         "rms_norm_eps": 1e-6, "max_position_embeddings": 131072, "query_pre_attn_scalar": 256,
                         "sliding_window": 4096, "sliding_window_pattern": 6, "tie_word_embeddings": true,
                         "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0})",
  };
  return kArch;
}

}  // namespace hearth::model
