// The state of one forward step while it runs: activation buffers, the tokens of the batch, and the tools
// that every step of the list needs. Must not know which layers there are.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/attention/attention.h"
#include "kernels/matrix.h"
#include "kernels/ops/ops.h"
#include "runtime/kv_cache.h"
#include "runtime/observer.h"

namespace hearth::runtime {

/// The activation buffers; each (rows, width) contiguous, with the width of the layer that uses it.
enum class Slot : uint8_t {
  kResidual,  // x, (rows, dim): lives through all layers
  kNormed,    // input of the projections, (rows, dim)
  kQ,         // (rows, n_heads * head_dim_k)
  kK,         // (rows, n_kv_heads * head_dim_k)
  kV,         // (rows, n_kv_heads * head_dim_v)
  kMixed,     // what the mixer made of the tokens, before its output projection
  kBranch,    // output of mixer or FFN before it joins the residual, (rows, dim)
  kGate,      // (rows, ffn_dim)
  kUp,        // (rows, ffn_dim)
};
inline constexpr size_t kSlots = 9;

/// Floats aligned for vectors, not initialised: pages that are never used are never taken.
class FloatBuffer {
 public:
  /// Keeps the contents only when nothing has to grow. False when there is no memory.
  bool reserve(int64_t floats) {
    if (floats <= capacity_) return true;
    const auto bytes = static_cast<size_t>((floats + 15) / 16 * 64);
    data_.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
    capacity_ = data_ ? floats : 0;
    return data_ != nullptr;
  }
  float* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float[], Free> data_;
  int64_t capacity_ = 0;
};

/// Consecutive new tokens of one sequence in the batch; they are rows `row` .. of the buffers.
struct Slice {
  SeqId sequence = 0;
  std::span<const int32_t> tokens;
  int64_t row = 0;
  int64_t position = 0;  // of the first token
};

/// The part of a slice that lies in one KV page: the unit in which keys and values are written.
struct PagePiece {
  size_t slice = 0;
  int64_t row = 0;
  int64_t position = 0;
  int32_t tokens = 0;
};

/// Cosines and sines of every row for one of the model's rotations, magnitude applied: (rows, pairs).
struct RopeRows {
  int64_t pairs = 0;
  FloatBuffer cos;
  FloatBuffer sin;
};

struct Frame {
  ThreadPool* pool = nullptr;
  Priority priority = Priority::kDecode;
  const kernels::Ops* ops = nullptr;
  KvCache* cache = nullptr;
  ForwardObserver* observer = nullptr;  // null: nobody looks
  kernels::MatmulScratch matmul;
  kernels::AttentionScratch attention;

  std::vector<Slice> slices;
  std::vector<PagePiece> pieces;
  std::vector<int64_t> output_rows;     // rows of which logits or hidden states are wanted, ascending
  std::vector<int64_t> logit_outputs;   // those of them whose logits are wanted, by their place among them
  std::vector<int64_t> hidden_outputs;  // and whose hidden states
  std::vector<RopeRows> ropes;          // by LayerSpec::rope_index
  std::vector<kernels::AttentionInput> attention_inputs;
  std::array<FloatBuffer, kSlots> buffers;
  int64_t rows = 0;  // rows the buffers hold now: the batch, and after the last mixer only the output rows

  float* at(Slot slot) const { return buffers[static_cast<size_t>(slot)].data(); }

  /// body(row) for all rows, each of about `width` floats of work: on the caller when that is little, else
  /// over the pool.
  template <typename Body>
  void for_rows(int64_t n, int64_t width, Body&& body) {
    constexpr int64_t kTaskFloats = 16384;  // some microseconds of a norm or a gate
    const int64_t per_task = width >= kTaskFloats || width <= 0 ? 1 : kTaskFloats / width;
    auto task = [&](int64_t i) {
      const int64_t end = (i + 1) * per_task < n ? (i + 1) * per_task : n;
      for (int64_t row = i * per_task; row < end; ++row) body(row);
    };
    pool->parallel_for((n + per_task - 1) / per_task, task, priority);
  }
};

/// One entry of the list that a model is compiled to.
class Step {
 public:
  virtual ~Step() = default;
  virtual void run(Frame& frame) const = 0;
  virtual Phase phase() const = 0;
  /// Called once before any run: takes what decode steps of so many sequences of such a context will need.
  virtual void reserve(Frame& /*frame*/, int64_t /*context_tokens*/, int64_t /*sequences*/) const {}
};
using StepList = std::vector<std::unique_ptr<Step>>;

}  // namespace hearth::runtime
