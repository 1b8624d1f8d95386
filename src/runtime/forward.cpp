// Compilation of the layer table, and what surrounds the layers: embedding, rotation angles, output.
#include "runtime/forward.h"

#include <algorithm>
#include <cmath>

#include "runtime/mixers/mixer.h"
#include "runtime/steps.h"

namespace hearth::runtime {
namespace {

using model::Vector;
using model::Weight;

/// Widest row of every buffer over all layers.
std::array<int64_t, kSlots> slot_widths(const model::ModelSpec& spec) {
  std::array<int64_t, kSlots> widths{};
  auto widen = [&widths](Slot slot, int64_t width) {
    int64_t& w = widths[static_cast<size_t>(slot)];
    w = std::max(w, width);
  };
  for (const model::LayerSpec& layer : spec.layers) {
    widen(Slot::kQ, layer.n_heads * layer.head_dim_k);
    widen(Slot::kK, layer.n_kv_heads * layer.head_dim_k);
    widen(Slot::kV, layer.n_kv_heads * layer.head_dim_v);
    widen(Slot::kMixed, layer.n_heads * layer.head_dim_v);
    widen(Slot::kGate, layer.ffn_dim);
    widen(Slot::kUp, layer.gated ? layer.ffn_dim : 0);
  }
  for (const Slot slot : {Slot::kResidual, Slot::kNormed, Slot::kBranch}) widen(slot, spec.hp.dim);
  return widths;
}

}  // namespace

std::vector<KvLayer> kv_layers(const model::ModelSpec& spec, const KvFormats& formats) {
  std::vector<KvLayer> layers;
  for (const model::LayerSpec& layer : spec.layers) {
    layers.push_back(
        {.format = layer.window > 0 ? formats.windowed : formats.full,
         .kv_heads = static_cast<int32_t>(layer.n_kv_heads),
         .dims = {static_cast<int32_t>(layer.head_dim_k), static_cast<int32_t>(layer.head_dim_v)},
         .window = layer.window});
  }
  return layers;
}

int64_t Forward::activation_bytes(const model::ModelSpec& spec, const ForwardLimits& limits) {
  int64_t floats_per_row = 0;
  const auto widths = slot_widths(spec);
  for (const int64_t width : widths) floats_per_row += width;
  for (const model::RopeSpec& rope : spec.ropes) floats_per_row += rope.dims;
  return floats_per_row * limits.max_batch_tokens * static_cast<int64_t>(sizeof(float)) +
         kernels::MatmulScratch::input_bytes(limits.max_batch_tokens,
                                             *std::max_element(widths.begin(), widths.end()));
}

int64_t Forward::attention_bytes(const model::ModelSpec& spec, std::span<const KvLayer> layers,
                                 const ForwardLimits& limits, int threads) {
  kernels::AttentionNeed need;
  for (size_t i = 0; i < layers.size(); ++i) {
    need.widen(kernels::attention_need(*layers[i].format, attention_shape(spec.layers[i]),
                                       limits.context_tokens, limits.max_sequences, limits.max_batch_tokens));
  }
  return need.bytes(threads);
}

Result<std::unique_ptr<Forward>> Forward::compile(const model::Model& model, KvCache& cache, ThreadPool& pool,
                                                  const ForwardLimits& limits) {
  auto forward = std::unique_ptr<Forward>(new Forward);
  forward->model_ = &model;
  Frame& frame = forward->frame_;
  frame.pool = &pool;
  frame.ops = &kernels::ops();
  frame.cache = &cache;
  const auto sequences = static_cast<size_t>(limits.max_sequences);
  frame.slices.reserve(sequences);
  frame.attention_inputs.reserve(sequences);
  frame.pieces.reserve(2 * sequences + static_cast<size_t>(limits.max_batch_tokens / kernels::kPageTokens));
  for (auto* rows : {&frame.output_rows, &frame.logit_outputs, &frame.hidden_outputs})
    rows->reserve(static_cast<size_t>(limits.max_batch_tokens));
  bool enough = true;
  const auto widths = slot_widths(model.spec());
  for (size_t i = 0; i < kSlots; ++i) {
    enough = enough && frame.buffers[i].reserve(widths[i] * limits.max_batch_tokens);
  }
  enough = enough &&
           frame.matmul.reserve(limits.max_batch_tokens, *std::max_element(widths.begin(), widths.end()));
  for (size_t i = 0; i < model.spec().ropes.size(); ++i) {
    forward->ropes_.push_back(model.rope_table(static_cast<int>(i), limits.context_tokens));
    RopeRows& rows = frame.ropes.emplace_back();
    rows.pairs = forward->ropes_.back().dims / 2;
    enough = enough && rows.cos.reserve(rows.pairs * limits.max_batch_tokens) &&
             rows.sin.reserve(rows.pairs * limits.max_batch_tokens);
  }
  if (!enough) {
    return fail(ErrorCode::kNoMemory, "no memory for ", activation_bytes(model.spec(), limits) / (1 << 20),
                " MiB of activations; ask for a smaller batch");
  }
  for (size_t i = 0; i < model.spec().layers.size(); ++i) forward->compile_layer(model, i);
  for (const auto& step : forward->steps_) step->reserve(frame, limits.context_tokens, limits.max_sequences);
  return forward;
}

void Forward::compile_layer(const model::Model& model, size_t index) {
  const model::LayerSpec& spec = model.spec().layers[index];
  const model::Layer& layer = model.layer(static_cast<int64_t>(index));
  const bool is_last = index + 1 == model.spec().layers.size();
  const float eps = model.spec().hp.norm_eps;
  const int64_t dim = model.spec().hp.dim;
  if (index == 0) {
    steps_.push_back(std::make_unique<ResidualNormStep>(
        dim, eps,
        ResidualNormStep::Norms{.has_branch = false, .pre = layer.vector(Vector::kPreAttentionNorm)}));
  }

  const MixerContext context = {
      .spec = &spec,
      .weights = &layer,
      .norm_eps = eps,
      .dim = dim,
      .kv_layer = index,
      .is_last = is_last,
      .rope = spec.rope_index >= 0 ? &ropes_[static_cast<size_t>(spec.rope_index)] : nullptr};
  switch (spec.mixer) {
    case model::MixerKind::kAttention:
      append_attention(context, steps_);
      break;
  }
  steps_.push_back(std::make_unique<ResidualNormStep>(
      dim, eps,
      ResidualNormStep::Norms{.bias = layer.vector(Vector::kOBias),
                              .post = layer.vector(Vector::kPostAttentionNorm),
                              .pre = layer.vector(Vector::kPreFfnNorm)}));

  using Outs = std::initializer_list<MultiplyStep::Out>;
  if (spec.gated) {
    steps_.push_back(std::make_unique<MultiplyStep>(
        Slot::kNormed,
        Outs{{layer.matrix(Weight::kGate), Slot::kGate}, {layer.matrix(Weight::kUp), Slot::kUp}}));
  } else {
    steps_.push_back(
        std::make_unique<MultiplyStep>(Slot::kNormed, Outs{{layer.matrix(Weight::kUp), Slot::kGate}}));
  }
  steps_.push_back(
      std::make_unique<ActivateStep>(spec.ffn_dim, spec.activation, spec.gated,
                                     layer.vector(spec.gated ? Vector::kGateBias : Vector::kUpBias),
                                     spec.gated ? layer.vector(Vector::kUpBias) : std::span<const float>{}));
  steps_.push_back(
      std::make_unique<MultiplyStep>(Slot::kGate, Outs{{layer.matrix(Weight::kDown), Slot::kBranch}}));
  steps_.push_back(std::make_unique<ResidualNormStep>(
      dim, eps,
      ResidualNormStep::Norms{
          .bias = layer.vector(Vector::kDownBias),
          .post = layer.vector(Vector::kPostFfnNorm),
          .pre = is_last ? model.output_norm()
                         : model.layer(static_cast<int64_t>(index) + 1).vector(Vector::kPreAttentionNorm)}));
}

void Forward::begin() {
  frame_.slices.clear();
  frame_.pieces.clear();
  for (auto* rows : {&frame_.output_rows, &frame_.logit_outputs, &frame_.hidden_outputs}) rows->clear();
  frame_.rows = 0;
}

void Forward::add(SeqId sequence, std::span<const int32_t> tokens, int64_t position,
                  const OutputCounts& wanted) {
  if (tokens.empty()) return;
  const auto n = static_cast<int64_t>(tokens.size());
  frame_.slices.push_back({sequence, tokens, frame_.rows, position});
  for (int64_t t = 0; t < n;) {
    const int64_t room = kernels::kPageTokens - (position + t) % kernels::kPageTokens;
    const int64_t count = std::min(room, n - t);
    frame_.pieces.push_back(
        {frame_.slices.size() - 1, frame_.rows + t, position + t, static_cast<int32_t>(count)});
    t += count;
  }
  for (int64_t t = n - std::max(wanted.logits, wanted.hidden); t < n; ++t) {
    const auto output = static_cast<int64_t>(frame_.output_rows.size());
    if (t >= n - wanted.logits) frame_.logit_outputs.push_back(output);
    if (t >= n - wanted.hidden) frame_.hidden_outputs.push_back(output);
    frame_.output_rows.push_back(frame_.rows + t);
  }
  frame_.rows += n;
}

void Forward::embed() {
  const int64_t dim = model_->spec().hp.dim;
  const float scale = model_->spec().embedding_scale;
  for (const Slice& slice : frame_.slices) {
    frame_.for_rows(static_cast<int64_t>(slice.tokens.size()), dim, [&](int64_t t) {
      float* x = frame_.at(Slot::kResidual) + (slice.row + t) * dim;
      model_->embedding().decode_row(slice.tokens[static_cast<size_t>(t)], x);
      if (scale != 1.0f) frame_.ops->scale(x, scale, dim);
    });
  }
}

/// Angles are computed in double: at position 100,000 float would be off by 0.004 radians.
void Forward::rotate() {
  constexpr int64_t kSinCosCost = 16;  // about as long as this many floats of a norm
  for (size_t i = 0; i < ropes_.size(); ++i) {
    const model::RopeTable& table = ropes_[i];
    const RopeRows& rows = frame_.ropes[i];
    for (const Slice& slice : frame_.slices) {
      const auto n = static_cast<int64_t>(slice.tokens.size());
      frame_.for_rows(n, rows.pairs * kSinCosCost, [&](int64_t t) {
        const auto position = static_cast<double>(slice.position + t);
        const auto magnitude = static_cast<double>(table.magnitude);
        const int64_t start = (slice.row + t) * rows.pairs;
        for (int64_t j = 0; j < rows.pairs; ++j) {
          const double angle = position * table.frequency[static_cast<size_t>(j)];
          rows.cos.data()[start + j] = static_cast<float>(std::cos(angle) * magnitude);
          rows.sin.data()[start + j] = static_cast<float>(std::sin(angle) * magnitude);
        }
      });
    }
  }
}

void Forward::take_hidden(float* hidden) {
  const int64_t dim = model_->spec().hp.dim;
  for (const int64_t output : frame_.hidden_outputs) {
    const float* row = frame_.at(Slot::kNormed) + output * dim;
    hidden = std::copy(row, row + dim, hidden);
  }
}

void Forward::output(float* logits) {
  keep_rows(frame_.at(Slot::kNormed), model_->spec().hp.dim, frame_.logit_outputs);
  frame_.rows = static_cast<int64_t>(frame_.logit_outputs.size());
  if (frame_.rows == 0) return;
  const int64_t vocab = model_->output().rows();
  const kernels::Product product = {&model_->output(), logits, vocab};
  if (frame_.observer) frame_.observer->product(model_->output(), frame_.at(Slot::kNormed), frame_.rows);
  kernels::multiply({&product, 1}, frame_.at(Slot::kNormed), frame_.rows, frame_.matmul, *frame_.pool,
                    frame_.priority);
  const float cap = model_->spec().final_softcap;
  if (cap <= 0) return;
  frame_.for_rows(frame_.rows, 4 * vocab,
                  [&](int64_t row) { frame_.ops->softcap(logits + row * vocab, cap, vocab); });
}

void Forward::run(Priority priority, float* logits, float* hidden) {
  frame_.priority = priority;
  if (frame_.rows == 0) return;
  auto finished = [this](Phase phase) {
    if (frame_.observer) frame_.observer->finished(phase);
  };
  embed();
  finished(Phase::kEmbed);
  rotate();
  finished(Phase::kRopeAngles);
  for (const auto& step : steps_) {
    step->run(frame_);
    finished(step->phase());
    if (frame_.rows == 0)
      return;  // no output wanted: the keys and values of the last layer were all that mattered
  }
  take_hidden(hidden);
  output(logits);
  finished(Phase::kOutput);
}

}  // namespace hearth::runtime
