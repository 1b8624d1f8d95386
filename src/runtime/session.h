// The public face of the runtime: a model ready to compute, sequences that live in its paged KV cache, and
// one call that feeds tokens and returns logits. Everything above (engine, C API, lab) sees a forward pass
// only through this header. Must not know files, text, sampling or scheduling.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "model/model.h"
#include "runtime/observer.h"
#include "runtime/sequence.h"

namespace hearth::runtime {

struct RuntimeOptions {
  /// Tokens one sequence may hold.
  int64_t context_tokens = 2048;
  /// Tokens all sequences may hold together, shared prefixes counted once; 0: as many as context_tokens, plus
  /// a page for every further sequence.
  int64_t cache_tokens = 0;
  /// Sequences open at a time.
  int32_t max_sequences = 8;
  /// Tokens computed in one internal step: longer inputs are cut. Larger is faster in prefill and needs more
  /// scratch.
  int32_t max_batch_tokens = 512;
  /// How keys and values are kept: "f16", "int8", "f32" or "auto" (int8 from 500 million parameters on, else
  /// f16), and "FORMAT,windowed=FORMAT" where layers with a sliding window keep theirs otherwise.
  std::string kv_format = "auto";
};

/// Bytes a Runtime will need beside the weights when its cache is full. Logits of more than one position per
/// sequence and hidden states come on top for who asks for them.
struct MemoryPlan {
  int64_t kv_bytes = 0;
  int64_t scratch_bytes = 0;
};

/// Positions of a chunk that something is wanted of.
enum class Positions : uint8_t { kNone, kLast, kAll };
/// Logits: only these positions go through the output matrix.
using LogitsWanted = Positions;
/// Hidden states after the final norm, which is what the output matrix reads.
using HiddenWanted = Positions;

/// Tokens to append to one sequence.
struct SequenceChunk {
  SeqId sequence = 0;
  std::span<const int32_t> tokens;
  LogitsWanted logits = LogitsWanted::kLast;
  HiddenWanted hidden = HiddenWanted::kNone;
};

/// How one call of forward runs.
struct ForwardOptions {
  Priority priority = Priority::kDecode;
  /// Called before each internal step with the tokens done and the tokens of the call; false stops the call
  /// with kCancelled. What is done stays in the sequences (see length()). May be empty.
  std::function<bool(int64_t done_tokens, int64_t total_tokens)> progress;
};

/// A model with its KV cache and scratch. Calls on one Runtime must not overlap; several Runtimes may share a
/// model and a pool. Results do not depend on the number of threads, and for a sequence not on what else is
/// in the batch nor on how its tokens are cut into chunks.
class Runtime {
 public:
  /// `model` and `pool` must outlive the runtime.
  /// Errors: kUsage (an option out of range, unknown kv_format), kNoMemory (for the cache).
  static Result<std::unique_ptr<Runtime>> create(const model::Model& model, ThreadPool& pool,
                                                 const RuntimeOptions& options);
  /// What create would need, and all calls of forward, on a pool of so many threads, without allocating
  /// anything. Errors as create.
  static Result<MemoryPlan> plan(const model::ModelSpec& spec, const RuntimeOptions& options, int threads);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// A new empty sequence. Errors: kTooLarge (max_sequences are open).
  Result<SeqId> open_sequence();
  /// A new sequence that shares all tokens of `sequence`; pages are copied only when one of them writes.
  /// Errors: kUsage (not open), kTooLarge (max_sequences are open).
  Result<SeqId> fork(SeqId sequence);
  /// Frees the sequence; nothing happens when it is not open.
  void close_sequence(SeqId sequence);
  /// Drops the tokens from `tokens` on. Errors: kUsage (not open, or longer than the sequence), kUnsupported
  /// (a sliding-window layer has already forgotten what the shortened sequence would look at: feed the tokens
  /// again from the start).
  Status truncate(SeqId sequence, int64_t tokens);
  /// Tokens the sequence holds; 0 when it is not open.
  int64_t length(SeqId sequence) const;

  /// What an open sequence holds, to be kept elsewhere; see image_pieces().
  SequenceImage image(SeqId sequence) const;
  /// The memory of an open sequence's keys and values in pieces, whose number, sizes and order follow from
  /// its image. As long as the sequence is open and nothing is appended to it, they may be read on any
  /// thread, also while others compute: a fork keeps them as they are.
  std::vector<std::span<std::byte>> image_pieces(SeqId sequence) const;
  /// A new sequence with the pages of `image`. Its pieces must be filled, on whatever thread, with those of a
  /// sequence of a Runtime with the same model and image_layout(); from then on it is bit for bit that
  /// sequence. Errors: kCorrupt (not an image of such a Runtime), kTooLarge (sequences or pages run out).
  Result<SeqId> open_image(const SequenceImage& image);
  /// What two Runtimes of one model must have in common to exchange images, one line a fact.
  std::string image_layout() const;

  /// Appends the tokens of each chunk to its sequence (each sequence at most once) and computes the logits
  /// and hidden states asked for. Checks everything before it computes anything: on kUsage (token id out of
  /// range, sequence not open or named twice) and kTooLarge (context or cache full, with the numbers) no
  /// sequence has changed. A warm call neither allocates nor takes a lock when each chunk asks for as much as
  /// before.
  Status forward(std::span<const SequenceChunk> batch, const ForwardOptions& options = {});

  /// Logits of chunk `chunk` of the last forward: (rows, vocabulary) row-major, rows = 0, 1 or all tokens of
  /// the chunk by its LogitsWanted. Valid until the next call of forward.
  std::span<const float> logits(size_t chunk) const;
  /// Its hidden states, in the same way: (rows, hidden_width) row-major, rows by its HiddenWanted.
  std::span<const float> hidden(size_t chunk) const;

  /// Who looks at every forward from now on; null: nobody. Must outlive its use.
  void observe(ForwardObserver* observer);

  int64_t vocabulary() const;
  int64_t hidden_width() const;
  const RuntimeOptions& options() const;
  /// Tokens that fit into pages no sequence holds.
  int64_t free_tokens() const;
  /// Bytes of KV cache in use now, shared pages counted once.
  int64_t kv_bytes_in_use() const;
  /// See KvCache::pages_in_use.
  KvPageCounts kv_pages_in_use() const;
  /// Of that, what these open sequences hold.
  int64_t kv_bytes_held(std::span<const SeqId> sequences) const;

 private:
  struct Impl;
  explicit Runtime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::runtime
