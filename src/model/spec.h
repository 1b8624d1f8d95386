// What a model is, as data: hyper-parameters read from metadata, one LayerSpec per layer, one ArchSpec row
// per architecture. Why: the forward pass, the binder, the memory plan and conversion all follow these
// tables, so a new architecture is one file in arch/. Must not know any architecture's name, nor do
// arithmetic on activations.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/metadata.h"

namespace hearth::model {

// ---- hyper-parameters
// -------------------------------------------------------------------------------------------------

enum class RopeScaling : uint8_t { kNone, kLinear, kYarn, kLongRope };

/// Everything the metadata says, read by one generic reader under the prefix "{general.architecture}.";
/// validated: positive, bounded, heads divisible. Per-layer vectors have n_layers entries.
struct HParams {
  std::string architecture;
  int64_t n_layers = 0;                           // block_count
  int64_t dim = 0;                                // embedding_length
  int64_t vocab = 0;                              // vocab_size, or rows of token_embd.weight
  int64_t context_length = 0;                     // context_length: what the model was trained for
  std::vector<int64_t> ffn_dim;                   // feed_forward_length
  std::vector<int64_t> n_heads;                   // attention.head_count
  std::vector<int64_t> n_kv_heads;                // attention.head_count_kv
  int64_t head_dim_k = 0;                         // attention.key_length, default dim / n_heads
  int64_t head_dim_v = 0;                         // attention.value_length, default head_dim_k
  float norm_eps = 0;                             // attention.layer_norm_rms_epsilon
  float attention_scale = 0;                      // attention.scale; 0: not given
  float attention_softcap = 0;                    // attn_logit_softcapping; 0: none
  float final_softcap = 0;                        // final_logit_softcapping; 0: none
  int64_t rope_dims = 0;                          // rope.dimension_count, default head_dim_k
  float rope_base = 10000;                        // rope.freq_base
  float rope_base_local = 0;                      // rope.freq_base_swa: windowed layers; 0: not given
  RopeScaling rope_scaling = RopeScaling::kNone;  // rope.scaling.type
  float rope_factor = 1;                          // rope.scaling.factor
  int64_t rope_original_context = 0;  // rope.scaling.original_context_length, default context_length
  float rope_attention_factor = 1;    // rope.scaling.attn_factor
  float yarn_beta_fast = 32;          // rope.scaling.yarn_beta_fast
  float yarn_beta_slow = 1;           // rope.scaling.yarn_beta_slow
  int64_t window = 0;                 // attention.sliding_window; 0: none
  int64_t window_period = 0;  // attention.sliding_window_pattern as a number n: every n-th layer is full
  std::vector<bool> windowed_layers;  // the same key as a per-layer array; empty: not given
  std::vector<bool> rope_layers;      // rope.layers (hearth's own key): which layers rotate; empty: not given
  bool tied_output = false;           // no tensor output.weight

  /// Whether layer `i` is a windowed one. `default_period` n (every n-th layer is full; 0: none is) counts
  /// when the metadata gives no pattern.
  bool windowed(int64_t i, int64_t default_period) const;
  /// Window of layer `i`: `window` where it is windowed, else 0.
  int64_t window_of(int64_t i, int64_t default_period) const;
};

// ---- layers
// -----------------------------------------------------------------------------------------------------------

/// How tokens are mixed. New kinds come with one file in runtime/mixers.
enum class MixerKind : uint8_t { kAttention };

enum class RopeKind : uint8_t {
  kNone,
  kNorm,  // pairs (2j, 2j + 1)
  kNeox,  // pairs (j, j + dims / 2)
};

/// Which tensor, if the file has it, divides the rotation frequencies.
enum class RopeFactors : uint8_t {
  kNone,
  kFreqs,      // rope_freqs.weight (dims / 2); absent: all 1
  kLongShort,  // rope_factors_long / rope_factors_short.weight (dims / 2), chosen by the session's context
};

/// Rotary position embedding of the first `dims` values of every q and k head; the other values pass
/// unchanged.
struct RopeSpec {
  RopeKind kind = RopeKind::kNorm;
  int64_t dims = 0;  // even
  float base = 10000;
  RopeScaling scaling = RopeScaling::kNone;
  float factor = 1;  // kLinear, kYarn: positions are stretched by this
  RopeFactors factors = RopeFactors::kNone;
  int64_t original_context =
      0;  // kLongShort: the long factors count where the session's context exceeds it; kYarn
  float attention_factor = 1;  // cos and sin are multiplied by it (kYarn: times its own 0.1 ln(factor) + 1)
  float yarn_beta_fast = 32;
  float yarn_beta_slow = 1;

  bool operator==(const RopeSpec&) const = default;
};

enum class Activation : uint8_t {
  kSilu,      // x / (1 + exp(-x))
  kGeluTanh,  // 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
};

/// Whether a tensor belongs to the layer. kOptional: used when the file has it.
enum class Presence : uint8_t { kAbsent, kOptional, kRequired };

/// One layer; the defaults are Llama's. The forward pass of every layer is
///   x += post_attention_norm(mixer(pre_attention_norm(x)));  x += post_ffn_norm(ffn(pre_ffn_norm(x)))
/// with absent norms skipped, attention being: q, k, v = projections (+ biases); q, k = per-head RMSNorm
/// (qk_norm); q, k = rope(q, k); scores = q.k * attention_scale; scores = softcap * tanh(scores / softcap) if
/// softcap > 0; causal mask, of the last `window` positions (itself included) if window > 0; softmax;
/// weighted sum of v; output projection (+ bias); and the FFN: down(act(gate(x)) * up(x)), or
/// down(act(up(x))) where not gated (+ biases).
struct LayerSpec {
  MixerKind mixer = MixerKind::kAttention;
  int64_t n_heads = 0;
  int64_t n_kv_heads = 0;  // divides n_heads; query head h reads kv head h / (n_heads / n_kv_heads)
  int64_t head_dim_k = 0;
  int64_t head_dim_v = 0;
  float attention_scale = 0;
  float attention_softcap = 0;  // 0: none
  int64_t window = 0;           // 0: full
  RopeSpec rope;                // kind kNone: no rotation
  int rope_index = -1;          // into ModelSpec::ropes; -1: no rotation. Filled by build_spec.

  int64_t ffn_dim = 0;
  bool gated = true;
  Activation activation = Activation::kSilu;

  bool pre_attention_norm = true;    // attn_norm (dim)
  bool post_attention_norm = false;  // post_attention_norm (dim)
  bool pre_ffn_norm = true;          // ffn_norm (dim)
  bool post_ffn_norm = false;        // post_ffw_norm (dim)
  bool qk_norm = false;              // attn_q_norm, attn_k_norm (head_dim_k), one vector for all heads

  Presence qkv_bias = Presence::kAbsent;
  Presence output_bias = Presence::kAbsent;
  Presence ffn_bias = Presence::kAbsent;

  // How the file stores the projections; the binder splits them, the forward pass never sees it.
  bool fused_qkv = false;      // attn_qkv: rows of q, then k, then v
  bool fused_gate_up = false;  // ffn_up: rows of gate, then up
};

struct ArchSpec;

/// The whole model: what the forward pass is compiled from.
///   x = embedding[token] * embedding_scale; layers; x = output_norm(x); logits = output(x);
///   logits = final_softcap * tanh(logits / final_softcap) if final_softcap > 0
struct ModelSpec {
  const ArchSpec* arch = nullptr;
  HParams hp;
  float embedding_scale = 1;
  float final_softcap = 0;      // 0: none
  std::vector<RopeSpec> ropes;  // the distinct rotations of the layers
  std::vector<LayerSpec> layers;
};

// ---- architectures
// ----------------------------------------------------------------------------------------------------

/// One row of the Hugging Face name map: `hf` with "{}" for the layer number, without ".weight" / ".bias".
struct HfName {
  std::string_view hf;    // "model.layers.{}.self_attn.q_proj"
  std::string_view gguf;  // "blk.{}.attn_q"
};

/// What Hugging Face stores differently from GGUF.
struct HfTransforms {
  bool permute_qk = false;     // q and k rows from half-split to interleaved pairs (rope kind kNorm)
  bool norm_plus_one = false;  // norm weights are stored as w - 1
};

/// An architecture: one file in arch/, registered by its name.
struct ArchSpec {
  std::string_view name;                          // general.architecture
  std::vector<std::string_view> hf_classes;       // "architectures" of config.json
  LayerSpec (*layer)(const HParams&, int64_t i);  // the layer table; start from default_layer
  void (*finish)(ModelSpec&) = nullptr;           // model-level scalars; nullptr: none to set
  std::vector<HfName> hf_names = {};              // rows beyond, or instead of, the common ones
  HfTransforms hf_transforms = {};
  std::string_view hf_defaults = "{}";  // values config.json leaves out when they equal the class's defaults
};

/// All architectures, generated from the files of src/model/arch.
std::span<const ArchSpec* const> arch_registry();
/// nullptr when unknown.
const ArchSpec* find_arch(std::string_view name);
const ArchSpec* find_arch_by_hf_class(std::string_view hf_class);
/// "unknown architecture 'x'; did you mean 'y'? hearth knows: ...".
Error unknown_architecture(std::string_view name);

/// The layer that most architectures start from: sizes, scale 1/sqrt(head_dim_k), softcap and rope from the
/// metadata; rope of `kind` on all layers with whatever scaling and factors the metadata names; window by
/// `hp.window_of(i, 0)`.
LayerSpec default_layer(const HParams& hp, int64_t i, RopeKind kind);

/// Reads and validates the hyper-parameters. `vocab_rows` is the number of rows of token_embd.weight (0:
/// unknown).
Result<HParams> read_hparams(const io::Metadata& metadata, int64_t vocab_rows, bool tied_output);
/// Hyper-parameters through the architecture's table. Errors: unknown architecture, broken or absurd sizes.
Result<ModelSpec> build_spec(const io::Metadata& metadata, int64_t vocab_rows, bool tied_output);

}  // namespace hearth::model
