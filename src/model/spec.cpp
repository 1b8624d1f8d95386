// From metadata to a ModelSpec through the table of architectures; look-up of architectures by name.
// Must not know any architecture's name.
#include "model/spec.h"

#include <algorithm>
#include <cmath>

#include "base/nearest.h"

namespace hearth::model {
namespace {

/// Names are untrusted: at most 60 printable characters of them appear in messages.
std::string shown(std::string_view name) {
  std::string text;
  for (char c : name.substr(0, 60)) text.push_back(c >= ' ' && c <= '~' ? c : '?');
  return text;
}

}  // namespace

const ArchSpec* find_arch(std::string_view name) {
  for (const ArchSpec* arch : arch_registry()) {
    if (arch->name == name) return arch;
  }
  return nullptr;
}

const ArchSpec* find_arch_by_hf_class(std::string_view hf_class) {
  for (const ArchSpec* arch : arch_registry()) {
    if (std::find(arch->hf_classes.begin(), arch->hf_classes.end(), hf_class) != arch->hf_classes.end())
      return arch;
  }
  return nullptr;
}

Error unknown_architecture(std::string_view name) {
  std::vector<std::string> known;
  std::string list;
  for (const ArchSpec* arch : arch_registry()) {
    known.emplace_back(arch->name);
    list += concat(list.empty() ? "" : ", ", arch->name);
    for (std::string_view hf_class : arch->hf_classes) {
      known.emplace_back(hf_class);
      list += concat(", ", hf_class);
    }
  }
  const std::string shown_name = shown(name);
  return fail(ErrorCode::kUnsupported, "unknown architecture '", shown_name,
              "'; the nearest that hearth runs is '", nearest_name(shown_name, known), "'; it runs: ", list);
}

LayerSpec default_layer(const HParams& hp, int64_t i, RopeKind kind) {
  const auto at = static_cast<size_t>(i);
  LayerSpec layer;
  layer.n_heads = hp.n_heads[at];
  layer.n_kv_heads = hp.n_kv_heads[at];
  layer.head_dim_k = hp.head_dim_k;
  layer.head_dim_v = hp.head_dim_v;
  layer.ffn_dim = hp.ffn_dim[at];
  layer.attention_scale =
      hp.attention_scale > 0 ? hp.attention_scale : 1 / std::sqrt(static_cast<float>(hp.head_dim_k));
  layer.attention_softcap = hp.attention_softcap;
  layer.window = hp.window_of(i, 0);
  layer.rope.kind = hp.rope_layers.empty() || hp.rope_layers[at] ? kind : RopeKind::kNone;
  layer.rope.dims = hp.rope_dims;
  layer.rope.base = hp.rope_base;
  layer.rope.scaling = hp.rope_scaling;
  layer.rope.factor = hp.rope_factor;
  layer.rope.factors =
      hp.rope_scaling == RopeScaling::kLongRope ? RopeFactors::kLongShort : RopeFactors::kFreqs;
  layer.rope.original_context = hp.rope_original_context;
  layer.rope.attention_factor = hp.rope_attention_factor;
  layer.rope.yarn_beta_fast = hp.yarn_beta_fast;
  layer.rope.yarn_beta_slow = hp.yarn_beta_slow;
  return layer;
}

Result<ModelSpec> build_spec(const io::Metadata& metadata, int64_t vocab_rows, bool tied_output) {
  HEARTH_ASSIGN(auto name, metadata.get_string("general.architecture"));
  ModelSpec spec;
  if (name) {
    spec.arch = find_arch(*name);
    if (spec.arch == nullptr) return unknown_architecture(*name);
  }
  HEARTH_ASSIGN(spec.hp, read_hparams(metadata, vocab_rows, tied_output));
  spec.final_softcap = spec.hp.final_softcap;
  for (int64_t i = 0; i < spec.hp.n_layers; ++i) {
    LayerSpec layer = spec.arch->layer(spec.hp, i);
    if (layer.rope.kind != RopeKind::kNone) {
      auto found = std::find(spec.ropes.begin(), spec.ropes.end(), layer.rope);
      if (found == spec.ropes.end()) found = spec.ropes.insert(spec.ropes.end(), layer.rope);
      layer.rope_index = static_cast<int>(found - spec.ropes.begin());
    }
    spec.layers.push_back(layer);
  }
  if (spec.arch->finish != nullptr) spec.arch->finish(spec);
  return spec;
}

}  // namespace hearth::model
