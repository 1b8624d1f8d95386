// Attention of new queries over paged keys and values: softmax(q k^T * scale) v, causal, optionally in a
// sliding window or with capped scores. The softmax runs online (Milakov and Gimelshein 2018; Dao et al.
// 2022), page by page, in segments of a fixed number of pages that are merged in order: so a token's result
// depends on its own prefix only, not on threads, batch or chunks. Must not know layers, models or who owns
// the pages.
#pragma once

#include <memory>
#include <span>

#include "base/thread_pool.h"
#include "kernels/attention/kv_format.h"

namespace hearth::kernels {

/// What is the same for all queries of a layer. Query head h reads KV head h / group.
struct AttentionShape {
  int32_t kv_heads = 0;
  int32_t group = 0;  // query heads per KV head
  PageDims dims;
  float scale = 1.0f;
  float softcap = 0.0f;  // 0: none; else scores become softcap * tanh(score / softcap)
  int64_t window = 0;    // 0: all before; else a query at position p sees p - window + 1 .. p
  /// Per query head a logit that joins the softmax without a value (an attention sink), already scaled; null:
  /// none.
  const float* sinks = nullptr;
};

/// The new tokens of one sequence; their own keys and values are already in the pages.
struct AttentionInput {
  const float* q = nullptr;  // (tokens, kv_heads * group * dim_k), q_stride floats between tokens
  int64_t q_stride = 0;
  float* out = nullptr;  // (tokens, kv_heads * group * dim_v), out_stride floats between tokens
  int64_t out_stride = 0;
  int64_t tokens = 0;
  int64_t position = 0;  // of the first token
  /// Page of tokens 64 i .. 64 i + 63 of KV head h: pages + blocks[i] * block_bytes + h * head_bytes. Pages
  /// that lie before every window are not touched and may have any block number.
  const std::byte* pages = nullptr;  // aligned to 64 bytes, as block_bytes and head_bytes are multiples of 64
  int64_t block_bytes = 0;
  int64_t head_bytes = 0;
  std::span<const int32_t> blocks;
};

/// How large the buffers of attend() get; of several shapes, the largest of each.
struct AttentionNeed {
  int64_t workspace_floats = 0;  // of each thread
  int64_t partial_floats = 0;
  int64_t counters = 0;

  void widen(const AttentionNeed& other);
  int64_t bytes(int threads) const;
};
/// For calls with up to `tokens` new tokens of `sequences` sequences together, in contexts of context_tokens.
AttentionNeed attention_need(const KvFormat& format, const AttentionShape& shape, int64_t context_tokens,
                             int64_t sequences, int64_t tokens);

/// Reusable buffers. Grows on first use; a call of a size seen before does not allocate.
class AttentionScratch {
 public:
  AttentionScratch();
  ~AttentionScratch();
  /// Makes room for decode steps of `sequences` sequences of up to `context_tokens` tokens, so that none
  /// allocates.
  void reserve(const KvFormat& format, const AttentionShape& shape, int64_t context_tokens, int64_t sequences,
               int threads);

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Computes out of every input. One pass over the pool. `isa` is for tests.
void attend(const KvFormat& format, const AttentionShape& shape, std::span<const AttentionInput> inputs,
            AttentionScratch& scratch, ThreadPool& pool, Priority priority = Priority::kDecode,
            Isa isa = active_isa());

}  // namespace hearth::kernels
