// Softmax attention: q, k, v in one product; per head bias, norm and rotation; keys and values into their
// pages; attention; output projection.
#include "kernels/attention/attention.h"

#include <algorithm>

#include "runtime/mixers/mixer.h"
#include "runtime/steps.h"

namespace hearth::runtime {
namespace {

using model::Vector;
using model::Weight;

/// Bias, norm and rotation of the heads of q and k, and v's bias; then k and v go into their pages. Work is
/// handed out by page and KV head, so that one task alone writes a page.
class PrepareStep final : public Step {
 public:
  explicit PrepareStep(const MixerContext& context)
      : spec_(*context.spec),
        layer_(*context.weights),
        eps_(context.norm_eps),
        kv_layer_(context.kv_layer),
        group_(context.spec->n_heads / context.spec->n_kv_heads) {
    if (context.rope) rope_kind_ = context.rope->kind;
  }

  Phase phase() const override { return Phase::kPrepareKv; }
  void run(Frame& frame) const override {
    const int64_t per_token = (group_ + 2) * spec_.head_dim_k;  // floats of one KV head and its queries
    const int64_t tokens_per_piece = frame.rows / static_cast<int64_t>(frame.pieces.size());
    constexpr int64_t kTaskFloats = 8192;
    const int64_t heads_per_task = std::clamp<int64_t>(
        kTaskFloats / (per_token * std::max<int64_t>(1, tokens_per_piece)), 1, spec_.n_kv_heads);
    const int64_t tasks_per_piece = (spec_.n_kv_heads + heads_per_task - 1) / heads_per_task;
    auto task = [&](int64_t i) {
      const PagePiece& piece = frame.pieces[static_cast<size_t>(i / tasks_per_piece)];
      const int64_t first = i % tasks_per_piece * heads_per_task;
      for (int64_t head = first; head < std::min(first + heads_per_task, spec_.n_kv_heads); ++head) {
        prepare(frame, piece, head);
      }
    };
    const int64_t tasks = tasks_per_piece * static_cast<int64_t>(frame.pieces.size());
    if (frame.rows * per_token * spec_.n_kv_heads <= kTaskFloats) {
      for (int64_t i = 0; i < tasks; ++i) task(i);
    } else {
      frame.pool->parallel_for(tasks, task, frame.priority);
    }
  }

 private:
  /// One head of one token.
  void turn(const Frame& frame, float* head, int64_t row, std::span<const float> norm) const {
    if (!norm.empty()) frame.ops->rms_norm(head, norm.data(), eps_, head, spec_.head_dim_k);
    if (rope_kind_ == model::RopeKind::kNone) return;
    const RopeRows& rope = frame.ropes[static_cast<size_t>(spec_.rope_index)];
    const float* cos = rope.cos.data() + row * rope.pairs;
    const float* sin = rope.sin.data() + row * rope.pairs;
    const bool interleaved = rope_kind_ == model::RopeKind::kNorm;
    (interleaved ? frame.ops->rope_interleaved : frame.ops->rope_neox)(head, cos, sin, rope.pairs);
  }

  static void add_bias(const Frame& frame, float* to, std::span<const float> bias, int64_t first, int64_t n) {
    if (!bias.empty()) frame.ops->add(to, bias.data() + first, n);
  }

  void prepare(Frame& frame, const PagePiece& piece, int64_t head) const {
    const int64_t dim_k = spec_.head_dim_k;
    const int64_t dim_v = spec_.head_dim_v;
    const int64_t k_stride = spec_.n_kv_heads * dim_k;
    const int64_t v_stride = spec_.n_kv_heads * dim_v;
    float* k = frame.at(Slot::kK) + piece.row * k_stride + head * dim_k;
    float* v = frame.at(Slot::kV) + piece.row * v_stride + head * dim_v;
    for (int64_t t = 0; t < piece.tokens; ++t) {
      const int64_t row = piece.row + t;
      for (int64_t h = head * group_; h < (head + 1) * group_; ++h) {
        float* q = frame.at(Slot::kQ) + row * spec_.n_heads * dim_k + h * dim_k;
        add_bias(frame, q, layer_.vector(Vector::kQBias), h * dim_k, dim_k);
        turn(frame, q, row, layer_.vector(Vector::kQNorm));
      }
      add_bias(frame, k + t * k_stride, layer_.vector(Vector::kKBias), head * dim_k, dim_k);
      turn(frame, k + t * k_stride, row, layer_.vector(Vector::kKNorm));
      add_bias(frame, v + t * v_stride, layer_.vector(Vector::kVBias), head * dim_v, dim_v);
    }
    const LayerPages pages = frame.cache->pages(kv_layer_, frame.slices[piece.slice].sequence);
    const kernels::PageDims dims = {static_cast<int32_t>(dim_k), static_cast<int32_t>(dim_v)};
    pages.format->kernels(kernels::active_isa())
        .write(pages.page(piece.position / kernels::kPageTokens, head), dims,
               static_cast<int32_t>(piece.position % kernels::kPageTokens), piece.tokens, k, k_stride, v,
               v_stride);
  }

  const model::LayerSpec& spec_;
  const model::Layer& layer_;
  float eps_;
  size_t kv_layer_;
  int64_t group_;
  model::RopeKind rope_kind_ = model::RopeKind::kNone;
};

class AttendStep final : public Step {
 public:
  explicit AttendStep(const MixerContext& context)
      : shape_(attention_shape(*context.spec)), kv_layer_(context.kv_layer) {}

  Phase phase() const override { return Phase::kAttention; }
  void run(Frame& frame) const override {
    const int64_t heads = int64_t{shape_.kv_heads} * shape_.group;
    const int64_t q_width = heads * shape_.dims.dim_k;
    const int64_t out_width = heads * shape_.dims.dim_v;
    frame.attention_inputs.clear();
    for (const Slice& slice : frame.slices) {
      const LayerPages pages = frame.cache->pages(kv_layer_, slice.sequence);
      frame.attention_inputs.push_back({.q = frame.at(Slot::kQ) + slice.row * q_width,
                                        .q_stride = q_width,
                                        .out = frame.at(Slot::kMixed) + slice.row * out_width,
                                        .out_stride = out_width,
                                        .tokens = static_cast<int64_t>(slice.tokens.size()),
                                        .position = slice.position,
                                        .pages = pages.base,
                                        .block_bytes = pages.block_bytes,
                                        .head_bytes = pages.head_bytes,
                                        .blocks = pages.blocks});
    }
    kernels::attend(frame.cache->format(kv_layer_), shape_, frame.attention_inputs, frame.attention,
                    *frame.pool, frame.priority);
  }

  void reserve(Frame& frame, int64_t context_tokens, int64_t sequences) const override {
    frame.attention.reserve(frame.cache->format(kv_layer_), shape_, context_tokens, sequences,
                            frame.pool->threads());
  }

 private:
  kernels::AttentionShape shape_;
  size_t kv_layer_;
};

}  // namespace

kernels::AttentionShape attention_shape(const model::LayerSpec& spec) {
  return {.kv_heads = static_cast<int32_t>(spec.n_kv_heads),
          .group = static_cast<int32_t>(spec.n_heads / spec.n_kv_heads),
          .dims = {static_cast<int32_t>(spec.head_dim_k), static_cast<int32_t>(spec.head_dim_v)},
          .scale = spec.attention_scale,
          .softcap = spec.attention_softcap,
          .window = spec.window};
}

void append_attention(const MixerContext& context, StepList& steps) {
  const model::Layer& w = *context.weights;
  steps.push_back(std::make_unique<MultiplyStep>(
      Slot::kNormed, std::initializer_list<MultiplyStep::Out>{{w.matrix(Weight::kQ), Slot::kQ},
                                                              {w.matrix(Weight::kK), Slot::kK},
                                                              {w.matrix(Weight::kV), Slot::kV}}));
  steps.push_back(std::make_unique<PrepareStep>(context));
  steps.push_back(std::make_unique<AttendStep>(context));
  if (context.is_last) {
    steps.push_back(
        std::make_unique<NarrowStep>(context.dim, context.spec->n_heads * context.spec->head_dim_v));
  }
  steps.push_back(std::make_unique<MultiplyStep>(
      Slot::kMixed, std::initializer_list<MultiplyStep::Out>{{w.matrix(Weight::kO), Slot::kBranch}}));
}

}  // namespace hearth::runtime
