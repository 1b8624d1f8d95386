// Mixers: the parts of a layer that let tokens look at each other. Each kind is one file here that appends
// its steps, from the normed input (Slot::kNormed) to the branch (Slot::kBranch), and says what it keeps per
// token. Must not know architectures.
#pragma once

#include "model/model.h"
#include "runtime/frame.h"

namespace hearth::runtime {

/// What a mixer is compiled from.
struct MixerContext {
  const model::LayerSpec* spec = nullptr;
  const model::Layer* weights = nullptr;
  float norm_eps = 0;
  int64_t dim = 0;
  size_t kv_layer = 0;   // index into the KvCache
  bool is_last = false;  // of the model: only the output rows are needed past the mixing
  /// The rotation of the layer; null for none.
  const model::RopeTable* rope = nullptr;
};

/// The attention of a layer, as the kernels take it.
kernels::AttentionShape attention_shape(const model::LayerSpec& spec);

/// Softmax attention over the KV cache.
void append_attention(const MixerContext& context, StepList& steps);

}  // namespace hearth::runtime
