// The one forward pass: a model's layer table compiled once into a list of steps, then run for every batch.
// New kinds of layer come as mixers; nothing here knows an architecture. Must not know who asks or what
// becomes of the logits.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/model.h"
#include "runtime/frame.h"
#include "runtime/kv_formats.h"

namespace hearth::runtime {

/// Sizes a Forward is compiled for.
struct ForwardLimits {
  int64_t context_tokens = 0;    // the context the sequences live in: longrope chooses its factors by it
  int64_t max_batch_tokens = 0;  // rows of the buffers
  int32_t max_sequences = 1;
};

/// Of how many tokens there is to be an output, logits or hidden states after the final norm.
struct OutputCounts {
  int64_t logits = 0;
  int64_t hidden = 0;
};

/// The KV layers a spec needs, in layer order.
std::vector<KvLayer> kv_layers(const model::ModelSpec& spec, const KvFormats& formats);

class Forward {
 public:
  /// `model`, `cache` and `pool` must outlive it. Errors: kNoMemory (for the buffers).
  static Result<std::unique_ptr<Forward>> compile(const model::Model& model, KvCache& cache, ThreadPool& pool,
                                                  const ForwardLimits& limits);
  /// Bytes of the activation buffers.
  static int64_t activation_bytes(const model::ModelSpec& spec, const ForwardLimits& limits);
  /// Bytes of the buffers of attention at their largest.
  static int64_t attention_bytes(const model::ModelSpec& spec, std::span<const KvLayer> layers,
                                 const ForwardLimits& limits, int threads);

  /// Empties the batch.
  void begin();
  /// Adds tokens (ids valid, pages prepared) of one sequence; `wanted` are the outputs of the last of them.
  void add(SeqId sequence, std::span<const int32_t> tokens, int64_t position, const OutputCounts& wanted);
  /// Computes the batch; logits (rows wanted, vocab) and hidden states (rows wanted, dim) in the order of
  /// add().
  void run(Priority priority, float* logits, float* hidden);
  /// Who looks at every pass from now on; null: nobody. Must outlive its use.
  void observe(ForwardObserver* observer) { frame_.observer = observer; }

 private:
  Forward() = default;
  void compile_layer(const model::Model& model, size_t index);
  void embed();
  void rotate();
  void take_hidden(float* hidden);
  void output(float* logits);

  const model::Model* model_ = nullptr;
  std::vector<model::RopeTable> ropes_;
  StepList steps_;
  Frame frame_;
};

}  // namespace hearth::runtime
