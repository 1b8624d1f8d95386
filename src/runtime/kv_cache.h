// The paged KV cache: pages of 64 tokens, reference counted, shared by forked sequences until one of them
// writes, and given back when they leave a sliding window. Layers that remember the same tokens form a group
// with one page table per sequence. Must not know the forward pass or what is in a page; storage is memory
// only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernels/attention/kv_format.h"
#include "runtime/sequence.h"

namespace hearth::runtime {

/// What one layer keeps.
struct KvLayer {
  const kernels::KvFormat* format = nullptr;
  int32_t kv_heads = 0;
  kernels::PageDims dims;
  int64_t window = 0;  // tokens it looks back, itself included; 0: all
};

struct KvCacheOptions {
  int64_t context_tokens = 0;  // most one sequence may hold
  int64_t cache_tokens =
      0;  // most all may hold, shared pages once; 0: context_tokens and a page per further sequence
  int32_t max_sequences = 1;
  int64_t max_append_tokens = 1;  // most that prepare() is asked for at once
};

/// Where the pages of one layer and sequence are; see kernels::AttentionInput.
struct LayerPages {
  const kernels::KvFormat* format = nullptr;
  std::byte* base = nullptr;
  int64_t block_bytes = 0;
  int64_t head_bytes = 0;
  std::span<const int32_t> blocks;  // by page number of the sequence; -1: forgotten

  std::byte* page(int64_t number, int64_t head) const {
    return base + blocks[static_cast<size_t>(number)] * block_bytes + head * head_bytes;
  }
};

/// Tokens to be appended to a sequence.
struct KvAppend {
  SeqId sequence = 0;
  int64_t tokens = 0;
};

/// Sequences and their pages. Not thread-safe, except that pages of prepared tokens may be written from many
/// threads.
class KvCache {
 public:
  /// A windowed group keeps this many tokens more than its window, so that a few tokens can be taken back.
  static constexpr int64_t kWindowSlack = 256;

  /// Errors: kUsage (sizes out of range), kNoMemory.
  static Result<std::unique_ptr<KvCache>> create(std::span<const KvLayer> layers,
                                                 const KvCacheOptions& options);
  /// Bytes of all pages that create would reserve (they are touched, and so really taken, only as they fill).
  static int64_t reserved_bytes(std::span<const KvLayer> layers, const KvCacheOptions& options);

  /// Errors: kTooLarge (max_sequences are open).
  Result<SeqId> open();
  /// Shares all pages of an open sequence. Errors: kTooLarge.
  Result<SeqId> fork(SeqId sequence);
  /// Gives the pages back; `sequence` must be open.
  void close(SeqId sequence);
  bool is_open(SeqId sequence) const;
  int64_t length(SeqId sequence) const { return sequences_[static_cast<size_t>(sequence)].length; }

  /// Whether all these appends (of different open sequences) fit together. Errors: kTooLarge, with the
  /// numbers.
  Status can_append(std::span<const KvAppend> appends) const;
  /// Makes positions length .. length + tokens - 1 writable: takes pages, copies a shared last page. Needs a
  /// can_append that said yes; tokens <= max_append_tokens.
  void prepare(SeqId sequence, int64_t tokens);
  /// The prepared tokens are written: the sequence is longer, and pages that left their window are given
  /// back.
  void commit(SeqId sequence, int64_t tokens);
  /// Forgets the tokens from `tokens` on. Errors: kUsage (longer than the sequence), kUnsupported (pages
  /// needed to go on from there have left a window).
  Status truncate(SeqId sequence, int64_t tokens);

  /// What the sequence holds.
  SequenceImage image(SeqId sequence) const;
  /// The memory of an image: a piece for each layer of each page held, in an order that the image settles.
  /// It may be read on any thread as long as the sequence is open and nothing is appended to it.
  std::vector<std::span<std::byte>> image_pieces(SeqId sequence) const;
  /// A sequence that holds what `image` says, with anything in its pages: to be filled through
  /// image_pieces() before it is used. Errors: kCorrupt (not an image of such a cache), kTooLarge.
  Result<SeqId> open_image(const SequenceImage& image);
  /// What caches must have in common to exchange images: equal texts, equal pages.
  const std::string& layout() const { return layout_; }

  LayerPages pages(size_t layer, SeqId sequence) const;
  const kernels::KvFormat& format(size_t layer) const { return *layers_[layer].format; }

  int64_t free_tokens() const;
  /// Bytes of the pages that sequences hold.
  int64_t bytes_in_use() const;
  /// Those pages, a page of every layer with the same window being one; and of them those of several
  /// sequences.
  KvPageCounts pages_in_use() const;
  /// Of those that the given ones hold, shared pages counted once.
  int64_t bytes_held(std::span<const SeqId> sequences) const;
  /// Checks counts and lists against each other; a description of the first fault, empty when there is none.
  /// For tests.
  std::string find_fault() const;

 private:
  /// Layers with the same window: one pool of blocks, a block being one page of every layer and head of the
  /// group.
  struct Group {
    int64_t window = 0;
    std::vector<size_t> layers;
    std::vector<int32_t> references;  // per block
    std::vector<int32_t> free;        // stack; reserved, so that pushing never allocates
    int64_t shared = 0;               // blocks with more than one reference
    int64_t block_bytes = 0;          // of all layers together
  };
  struct LayerStore {
    const kernels::KvFormat* format = nullptr;
    size_t group = 0;
    int64_t head_bytes = 0;
    int64_t block_bytes = 0;
    std::unique_ptr<std::byte[], void (*)(std::byte*)> bytes{nullptr, nullptr};
  };
  struct Sequence {
    bool open = false;
    int64_t length = 0;
    std::vector<std::vector<int32_t>> tables;  // per group: blocks by page number
    std::vector<int64_t> forgotten;            // per group: leading pages given back
  };

  KvCache() = default;
  static std::vector<Group> make_groups(std::span<const KvLayer> layers, const KvCacheOptions& options,
                                        std::vector<size_t>& group_of);
  static int64_t group_blocks(const Group& group, const KvCacheOptions& options);
  int32_t take_block(Group& group);
  void drop_block(Group& group, int32_t block);
  void copy_block(const Group& group, int32_t from, int32_t to);

  KvCacheOptions options_;
  std::string layout_;
  std::vector<Group> groups_;
  std::vector<LayerStore> layers_;
  std::vector<Sequence> sequences_;
};

}  // namespace hearth::runtime
