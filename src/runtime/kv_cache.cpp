// Page tables, reference counts and free lists. Everything is sized at creation, so appending never
// allocates.
#include "runtime/kv_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "runtime/kv_pages.h"

namespace hearth::runtime {
namespace {

using kernels::kPageTokens;

void free_bytes(std::byte* bytes) { std::free(bytes); }

/// Large stores ask for huge pages: decoding reads them end to end, and walks of page tables cost it a tenth.
std::byte* allocate_pages(size_t bytes) {
  constexpr size_t kHugePage = size_t{1} << 21;
  const size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  void* memory = nullptr;  // of just so many bytes, which aligned_alloc may refuse
  if (::posix_memalign(&memory, alignment, bytes) != 0) return nullptr;
#if defined(MADV_HUGEPAGE)
  if (bytes >= kHugePage) (void)madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return static_cast<std::byte*>(memory);
}

}  // namespace

int64_t KvCache::group_blocks(const Group& group, const KvCacheOptions& o) {
  const int64_t context_pages = pages_for(o.context_tokens);
  if (group.window == 0) {
    return o.cache_tokens > 0 ? pages_for(o.cache_tokens) : context_pages + o.max_sequences - 1;
  }
  // Enough for every sequence at once (one more for the copy of a shared page): a windowed group never runs
  // out first.
  const int64_t held = pages_for(group.window + kWindowSlack + o.max_append_tokens) + 1;
  return o.max_sequences * std::min(held, context_pages) + 1;
}

std::vector<KvCache::Group> KvCache::make_groups(std::span<const KvLayer> layers,
                                                 const KvCacheOptions& options,
                                                 std::vector<size_t>& group_of) {
  std::vector<Group> groups;
  for (size_t i = 0; i < layers.size(); ++i) {
    const int64_t window = layers[i].window >= options.context_tokens ? 0 : layers[i].window;
    size_t g = 0;
    while (g < groups.size() && groups[g].window != window) ++g;
    if (g == groups.size()) groups.emplace_back().window = window;
    groups[g].layers.push_back(i);
    groups[g].block_bytes += layers[i].format->page_bytes(layers[i].dims) * layers[i].kv_heads;
    group_of.push_back(g);
  }
  return groups;
}

int64_t KvCache::reserved_bytes(std::span<const KvLayer> layers, const KvCacheOptions& options) {
  std::vector<size_t> group_of;
  int64_t bytes = 0;
  for (const Group& group : make_groups(layers, options, group_of)) {
    bytes += group.block_bytes * group_blocks(group, options);
  }
  return bytes;
}

Result<std::unique_ptr<KvCache>> KvCache::create(std::span<const KvLayer> layers,
                                                 const KvCacheOptions& options) {
  constexpr int64_t kMostTokens = int64_t{1} << 31;  // block numbers are 32-bit
  if (options.context_tokens < 1 || options.context_tokens > kMostTokens || options.cache_tokens < 0 ||
      options.cache_tokens > kMostTokens || options.max_sequences < 1 || options.max_sequences > (1 << 16) ||
      options.max_append_tokens < 1) {
    return fail(ErrorCode::kUsage, "KV cache: context ", options.context_tokens, ", cache ",
                options.cache_tokens, " and sequences ", options.max_sequences,
                " must be positive and below 2^31 (2^16 sequences)");
  }
  auto cache = std::unique_ptr<KvCache>(new KvCache);
  cache->options_ = options;
  std::vector<size_t> group_of;
  cache->groups_ = make_groups(layers, options, group_of);
  for (Group& group : cache->groups_) {
    const int64_t blocks = group_blocks(group, options);
    group.references.assign(static_cast<size_t>(blocks), 0);
    for (int64_t b = blocks; b-- > 0;) group.free.push_back(static_cast<int32_t>(b));
  }
  for (size_t i = 0; i < layers.size(); ++i) {
    LayerStore& store = cache->layers_.emplace_back();
    store.group = group_of[i];
    store.format = layers[i].format;
    store.head_bytes = store.format->page_bytes(layers[i].dims);
    store.block_bytes = store.head_bytes * layers[i].kv_heads;
    const auto bytes = static_cast<size_t>(store.block_bytes) * cache->groups_[store.group].references.size();
    cache->layout_ += concat(store.format->name, ' ', layers[i].kv_heads, 'x', layers[i].dims.dim_k, '+',
                             layers[i].dims.dim_v, " window ", cache->groups_[store.group].window, '\n');
    store.bytes = {allocate_pages(bytes), free_bytes};
    if (!store.bytes) {
      return fail(ErrorCode::kNoMemory, "no memory for the KV cache (",
                  reserved_bytes(layers, options) / (1 << 20), " MiB for ", options.context_tokens,
                  " tokens of context); ask for a smaller context");
    }
  }
  cache->sequences_.resize(static_cast<size_t>(options.max_sequences));
  for (Sequence& sequence : cache->sequences_) {
    sequence.tables.resize(cache->groups_.size());
    sequence.forgotten.resize(cache->groups_.size());
    for (auto& table : sequence.tables) table.reserve(static_cast<size_t>(pages_for(options.context_tokens)));
  }
  return cache;
}

bool KvCache::is_open(SeqId sequence) const {
  return sequence >= 0 && static_cast<size_t>(sequence) < sequences_.size() &&
         sequences_[static_cast<size_t>(sequence)].open;
}

Result<SeqId> KvCache::open() {
  for (size_t i = 0; i < sequences_.size(); ++i) {
    Sequence& sequence = sequences_[i];
    if (sequence.open) continue;
    sequence.open = true;
    sequence.length = 0;
    for (auto& table : sequence.tables) table.clear();
    std::fill(sequence.forgotten.begin(), sequence.forgotten.end(), 0);
    return static_cast<SeqId>(i);
  }
  return fail(ErrorCode::kTooLarge, "all ", sequences_.size(),
              " sequences are in use; close one or raise the number of sequences");
}

Result<SeqId> KvCache::fork(SeqId source) {
  HEARTH_ASSIGN(const SeqId made, open());
  const Sequence& from = sequences_[static_cast<size_t>(source)];
  Sequence& to = sequences_[static_cast<size_t>(made)];
  to.length = from.length;
  to.forgotten = from.forgotten;
  for (size_t g = 0; g < groups_.size(); ++g) {
    to.tables[g].assign(from.tables[g].begin(), from.tables[g].end());
    for (const int32_t block : to.tables[g]) {
      if (block >= 0 && ++groups_[g].references[static_cast<size_t>(block)] == 2) ++groups_[g].shared;
    }
  }
  return made;
}

void KvCache::close(SeqId id) {
  HEARTH_CHECK(is_open(id));
  Sequence& sequence = sequences_[static_cast<size_t>(id)];
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (const int32_t block : sequence.tables[g]) {
      if (block >= 0) drop_block(groups_[g], block);
    }
    sequence.tables[g].clear();
  }
  sequence.open = false;
  sequence.length = 0;
}

int32_t KvCache::take_block(Group& group) {
  HEARTH_CHECK(!group.free.empty());
  const int32_t block = group.free.back();
  group.free.pop_back();
  group.references[static_cast<size_t>(block)] = 1;
  return block;
}

void KvCache::drop_block(Group& group, int32_t block) {
  const int32_t left = --group.references[static_cast<size_t>(block)];
  if (left == 1) --group.shared;
  if (left == 0) group.free.push_back(block);
}

void KvCache::copy_block(const Group& group, int32_t from, int32_t to) {
  for (const size_t layer : group.layers) {
    LayerStore& store = layers_[layer];
    std::memcpy(store.bytes.get() + to * store.block_bytes, store.bytes.get() + from * store.block_bytes,
                static_cast<size_t>(store.block_bytes));
  }
}

Status KvCache::can_append(std::span<const KvAppend> appends) const {
  const auto writes_last = [&](const KvAppend& append) {  // into a page that has begun
    return append.tokens > 0 && sequences_[static_cast<size_t>(append.sequence)].length % kPageTokens != 0;
  };
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    if (group.window > 0) continue;  // sized so that it cannot run out
    int64_t needed = 0;
    int64_t tokens = 0;
    for (size_t a = 0; a < appends.size(); ++a) {
      const KvAppend& append = appends[a];
      const Sequence& sequence = sequences_[static_cast<size_t>(append.sequence)];
      const auto& table = sequence.tables[g];
      needed += pages_for(sequence.length + append.tokens) - static_cast<int64_t>(table.size());
      tokens += append.tokens;
      if (!writes_last(append)) continue;
      // Of forks that share the last page, each but the last owner to write needs a copy.
      const int32_t last = table.back();
      const auto copies =
          std::count_if(appends.begin(), appends.begin() + static_cast<int64_t>(a), [&](const auto& earlier) {
            return writes_last(earlier) &&
                   sequences_[static_cast<size_t>(earlier.sequence)].tables[g].back() == last;
          });
      if (group.references[static_cast<size_t>(last)] - copies > 1) ++needed;
    }
    if (needed > static_cast<int64_t>(group.free.size())) {
      return fail(ErrorCode::kTooLarge, "KV cache full: ", tokens, " tokens need ", needed, " pages of ",
                  int{kPageTokens}, " tokens, but only ", group.free.size(), " of ", group.references.size(),
                  " are free; close or shorten a sequence, or ask for a larger cache");
    }
  }
  return {};
}

void KvCache::prepare(SeqId id, int64_t tokens) {
  HEARTH_CHECK(is_open(id) && tokens <= options_.max_append_tokens);
  Sequence& sequence = sequences_[static_cast<size_t>(id)];
  HEARTH_CHECK(sequence.length + tokens <= options_.context_tokens);
  if (tokens == 0) return;
  for (size_t g = 0; g < groups_.size(); ++g) {
    Group& group = groups_[g];
    auto& table = sequence.tables[g];
    if (sequence.length % kPageTokens != 0) {
      const int32_t last = table[static_cast<size_t>(sequence.length / kPageTokens)];
      if (group.references[static_cast<size_t>(last)] > 1) {
        const int32_t own = take_block(group);
        copy_block(group, last, own);
        drop_block(group, last);
        table[static_cast<size_t>(sequence.length / kPageTokens)] = own;
      }
    }
    const auto wanted = static_cast<size_t>(pages_for(sequence.length + tokens));
    while (table.size() < wanted) table.push_back(take_block(group));
  }
}

void KvCache::commit(SeqId id, int64_t tokens) {
  Sequence& sequence = sequences_[static_cast<size_t>(id)];
  sequence.length += tokens;
  for (size_t g = 0; g < groups_.size(); ++g) {
    const int64_t leave = forgettable_pages(groups_[g].window, sequence.length, kWindowSlack);
    for (int64_t& gone = sequence.forgotten[g]; gone < leave; ++gone) {
      int32_t& block = sequence.tables[g][static_cast<size_t>(gone)];
      drop_block(groups_[g], block);
      block = -1;
    }
  }
}

Status KvCache::truncate(SeqId id, int64_t tokens) {
  Sequence& sequence = sequences_[static_cast<size_t>(id)];
  if (tokens < 0 || tokens > sequence.length) {
    return fail(ErrorCode::kUsage, "cannot cut a sequence of ", sequence.length, " tokens to ", tokens);
  }
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (tokens > 0 && forgettable_pages(groups_[g].window, tokens, 0) < sequence.forgotten[g]) {
      return fail(ErrorCode::kUnsupported, "cannot go back to ", tokens, " of ", sequence.length,
                  " tokens: layers with a window of ", groups_[g].window,
                  " have forgotten what came before; feed the tokens again in a new sequence");
    }
  }
  for (size_t g = 0; g < groups_.size(); ++g) {
    auto& table = sequence.tables[g];
    for (const auto keep = static_cast<size_t>(pages_for(tokens)); table.size() > keep; table.pop_back()) {
      if (table.back() >= 0) drop_block(groups_[g], table.back());
    }
    sequence.forgotten[g] = std::min(sequence.forgotten[g], static_cast<int64_t>(table.size()));
  }
  sequence.length = tokens;
  return {};
}

LayerPages KvCache::pages(size_t layer, SeqId sequence) const {
  const LayerStore& store = layers_[layer];
  return {store.format, store.bytes.get(), store.block_bytes, store.head_bytes,
          sequences_[static_cast<size_t>(sequence)].tables[store.group]};
}

int64_t KvCache::free_tokens() const {
  size_t pages = static_cast<size_t>(pages_for(options_.context_tokens)) * sequences_.size();
  for (const Group& group : groups_) {
    if (group.window == 0) pages = std::min(pages, group.free.size());
  }
  return static_cast<int64_t>(pages) * kPageTokens;
}

int64_t KvCache::bytes_in_use() const {
  int64_t bytes = 0;
  for (const Group& group : groups_) {
    bytes += group.block_bytes * static_cast<int64_t>(group.references.size() - group.free.size());
  }
  return bytes;
}

KvPageCounts KvCache::pages_in_use() const {
  KvPageCounts out;
  for (const Group& group : groups_) {
    out.pages += static_cast<int64_t>(group.references.size() - group.free.size());
    out.shared += group.shared;
  }
  return out;
}

std::string KvCache::find_fault() const {
  for (size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    std::vector<int32_t> counted(group.references.size(), 0);
    for (const Sequence& sequence : sequences_) {
      if (!sequence.open) continue;
      const auto& table = sequence.tables[g];
      if (static_cast<int64_t>(table.size()) != pages_for(sequence.length)) return "table length";
      for (size_t i = 0; i < table.size(); ++i) {
        if ((table[i] < 0) != (static_cast<int64_t>(i) < sequence.forgotten[g])) return "forgotten pages";
        if (table[i] >= 0) ++counted[static_cast<size_t>(table[i])];
      }
    }
    if (counted != group.references) return "reference counts";
    if (std::count_if(counted.begin(), counted.end(), [](int32_t n) { return n > 1; }) != group.shared)
      return "shared pages";
    for (const int32_t block : group.free) {
      if (++counted[static_cast<size_t>(block)] != 1) return "free list";
    }
    if (std::find(counted.begin(), counted.end(), 0) != counted.end()) return "lost block";
  }
  return "";
}

}  // namespace hearth::runtime
