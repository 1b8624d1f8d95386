// Checks what the caller asks, cuts it into steps that fit the buffers, and runs them.
#include "runtime/session.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "kernels/isa.h"
#include "runtime/forward.h"

namespace hearth::runtime {

struct Runtime::Impl {
  RuntimeOptions options;
  int64_t vocab = 0;
  std::unique_ptr<KvCache> cache;
  std::unique_ptr<Forward> forward;
  std::vector<KvAppend> appends;
  FloatBuffer logits;
  std::vector<int64_t> first_row;  // per chunk of the last call, and one past the last

  Status check(std::span<const SequenceChunk> batch);
  int64_t fill(std::span<const SequenceChunk> batch, size_t& chunk, int64_t& offset);
};

namespace {

int64_t rows_wanted(const SequenceChunk& chunk) {
  const auto n = static_cast<int64_t>(chunk.tokens.size());
  switch (chunk.logits) {
    case LogitsWanted::kNone:
      return 0;
    case LogitsWanted::kLast:
      return std::min<int64_t>(n, 1);
    case LogitsWanted::kAll:
      return n;
  }
  return 0;
}

/// Checks all options; what the cache has to hold.
Result<std::vector<KvLayer>> check_options(const RuntimeOptions& o, const model::ModelSpec& spec) {
  HEARTH_ASSIGN(const KvFormats formats, parse_kv_formats(o.kv_format, spec));
  if (o.max_batch_tokens < 1 || o.max_batch_tokens > (1 << 20)) {
    return fail(ErrorCode::kUsage, "max_batch_tokens is ", o.max_batch_tokens, "; it must be from 1 to ",
                1 << 20);
  }
  if (o.max_sequences < 1 || o.max_sequences > (1 << 16)) {
    return fail(ErrorCode::kUsage, "max_sequences is ", o.max_sequences, "; it must be from 1 to ", 1 << 16);
  }
  if (o.context_tokens < 1 || o.context_tokens > (int64_t{1} << 31)) {
    return fail(ErrorCode::kUsage, "context_tokens is ", o.context_tokens, "; it must be from 1 to ",
                int64_t{1} << 31);
  }
  return kv_layers(spec, formats);
}

KvCacheOptions cache_options(const RuntimeOptions& o) {
  return {.context_tokens = o.context_tokens,
          .cache_tokens = o.cache_tokens,
          .max_sequences = o.max_sequences,
          .max_append_tokens = o.max_batch_tokens};
}

ForwardLimits forward_limits(const RuntimeOptions& o) {
  return {.context_tokens = o.context_tokens,
          .max_batch_tokens = o.max_batch_tokens,
          .max_sequences = o.max_sequences};
}

Error not_open(SeqId sequence) { return fail(ErrorCode::kUsage, "sequence ", sequence, " is not open"); }

}  // namespace

Runtime::Runtime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Runtime::~Runtime() = default;

Result<MemoryPlan> Runtime::plan(const model::ModelSpec& spec, const RuntimeOptions& options, int threads) {
  HEARTH_ASSIGN(const std::vector<KvLayer> layers, check_options(options, spec));
  MemoryPlan plan;
  plan.kv_bytes = KvCache::reserved_bytes(layers, cache_options(options));
  plan.scratch_bytes = Forward::activation_bytes(spec, forward_limits(options)) +
                       Forward::attention_bytes(spec, layers, forward_limits(options), threads) +
                       spec.hp.vocab * options.max_sequences * static_cast<int64_t>(sizeof(float));
  return plan;
}

Result<std::unique_ptr<Runtime>> Runtime::create(const model::Model& model, ThreadPool& pool,
                                                 const RuntimeOptions& options) {
  HEARTH_ASSIGN(const std::vector<KvLayer> layers, check_options(options, model.spec()));
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->vocab = model.output().rows();
  HEARTH_ASSIGN(impl->cache, KvCache::create(layers, cache_options(options)));
  HEARTH_ASSIGN(impl->forward, Forward::compile(model, *impl->cache, pool, forward_limits(options)));
  impl->appends.reserve(static_cast<size_t>(options.max_sequences));
  impl->first_row.reserve(static_cast<size_t>(options.max_sequences) + 1);
  return std::unique_ptr<Runtime>(new Runtime(std::move(impl)));
}

Result<SeqId> Runtime::open_sequence() { return impl_->cache->open(); }

Result<SeqId> Runtime::fork(SeqId sequence) {
  if (!impl_->cache->is_open(sequence)) return not_open(sequence);
  return impl_->cache->fork(sequence);
}

void Runtime::close_sequence(SeqId sequence) {
  if (impl_->cache->is_open(sequence)) impl_->cache->close(sequence);
}

Status Runtime::truncate(SeqId sequence, int64_t tokens) {
  if (!impl_->cache->is_open(sequence)) return not_open(sequence);
  return impl_->cache->truncate(sequence, tokens);
}

int64_t Runtime::length(SeqId sequence) const {
  return impl_->cache->is_open(sequence) ? impl_->cache->length(sequence) : 0;
}

SequenceImage Runtime::image(SeqId sequence) const { return impl_->cache->image(sequence); }

std::vector<std::span<std::byte>> Runtime::image_pieces(SeqId sequence) const {
  return impl_->cache->image_pieces(sequence);
}

Result<SeqId> Runtime::open_image(const SequenceImage& image) { return impl_->cache->open_image(image); }

/// Instruction sets differ in the last bits of norms and rotations, so that keys and values of one are not
/// quite those of another.
std::string Runtime::image_layout() const {
  constexpr int kNumerics = 1;  // to be raised when keys or values come out otherwise for the same input
  return concat("numerics ", kNumerics, " on ", kernels::to_string(kernels::active_isa()), '\n',
                impl_->cache->layout());
}

Status Runtime::Impl::check(std::span<const SequenceChunk> batch) {
  if (batch.size() > static_cast<size_t>(options.max_sequences)) {
    return fail(ErrorCode::kUsage, "a batch of ", batch.size(), " chunks, but only ", options.max_sequences,
                " sequences can be open");
  }
  appends.clear();
  for (const SequenceChunk& chunk : batch) {
    if (!cache->is_open(chunk.sequence)) return not_open(chunk.sequence);
    for (const KvAppend& other : appends) {
      if (other.sequence == chunk.sequence) {
        return fail(ErrorCode::kUsage, "sequence ", chunk.sequence, " is named twice in one batch");
      }
    }
    const auto n = static_cast<int64_t>(chunk.tokens.size());
    const int64_t held = cache->length(chunk.sequence);
    if (held + n > options.context_tokens) {
      return fail(ErrorCode::kTooLarge, "context full: ", held, " tokens held and ", n,
                  " more do not fit into ", options.context_tokens,
                  "; shorten the input or ask for a larger context");
    }
    for (size_t i = 0; i < chunk.tokens.size(); ++i) {
      if (chunk.tokens[i] < 0 || chunk.tokens[i] >= vocab) {
        return fail(ErrorCode::kUsage, "token id ", chunk.tokens[i], " at position ",
                    held + static_cast<int64_t>(i), " is out of range; the model's vocabulary has ", vocab);
      }
    }
    appends.push_back({chunk.sequence, n});
  }
  return cache->can_append(appends);
}

/// Adds tokens from (chunk, offset) on until the buffers are full; moves both on, and returns the logits rows
/// they give.
int64_t Runtime::Impl::fill(std::span<const SequenceChunk> batch, size_t& chunk, int64_t& offset) {
  int64_t room = options.max_batch_tokens;
  int64_t rows = 0;
  forward->begin();
  appends.clear();
  while (room > 0 && chunk < batch.size()) {
    const SequenceChunk& from = batch[chunk];
    const auto size = static_cast<int64_t>(from.tokens.size());
    const int64_t n = std::min(room, size - offset);
    const bool ends = offset + n == size;
    if (n > 0) {
      const int64_t outputs =
          from.logits == LogitsWanted::kAll ? n : std::min<int64_t>(n, ends ? rows_wanted(from) : 0);
      cache->prepare(from.sequence, n);
      forward->add(from.sequence, from.tokens.subspan(static_cast<size_t>(offset), static_cast<size_t>(n)),
                   cache->length(from.sequence), outputs);
      appends.push_back({from.sequence, n});
      rows += outputs;
    }
    room -= n;
    offset += n;
    if (ends) {
      ++chunk;
      offset = 0;
    }
  }
  return rows;
}

Status Runtime::forward(std::span<const SequenceChunk> batch, const ForwardOptions& how) {
  Impl& impl = *impl_;
  HEARTH_RETURN_IF_ERROR(impl.check(batch));
  int64_t total = 0;
  int64_t rows = 0;
  impl.first_row.clear();
  for (const SequenceChunk& chunk : batch) {
    impl.first_row.push_back(rows);
    rows += rows_wanted(chunk);
    total += static_cast<int64_t>(chunk.tokens.size());
  }
  impl.first_row.push_back(rows);
  if (!impl.logits.reserve(rows * impl.vocab)) {
    impl.first_row.clear();
    return fail(ErrorCode::kTooLarge, "no memory for the logits of ", rows,
                " positions; ask for fewer at a time");
  }
  size_t chunk = 0;
  int64_t offset = 0;
  int64_t done_rows = 0;
  for (int64_t done = 0; done < total;) {
    if (how.progress && !how.progress(done, total)) {
      impl.first_row.clear();
      return fail(ErrorCode::kCancelled, "stopped after ", done, " of ", total, " tokens");
    }
    const int64_t step_rows = impl.fill(batch, chunk, offset);
    impl.forward->run(how.priority, impl.logits.data() + done_rows * impl.vocab);
    for (const KvAppend& append : impl.appends) {
      impl.cache->commit(append.sequence, append.tokens);
      done += append.tokens;
    }
    done_rows += step_rows;
  }
  return {};
}

std::span<const float> Runtime::logits(size_t chunk) const {
  const Impl& impl = *impl_;
  if (chunk + 1 >= impl.first_row.size()) return {};
  const int64_t rows = impl.first_row[chunk + 1] - impl.first_row[chunk];
  return {impl.logits.data() + impl.first_row[chunk] * impl.vocab, static_cast<size_t>(rows * impl.vocab)};
}

void Runtime::observe(ForwardObserver* observer) { impl_->forward->observe(observer); }

int64_t Runtime::vocabulary() const { return impl_->vocab; }
const RuntimeOptions& Runtime::options() const { return impl_->options; }
int64_t Runtime::free_tokens() const { return impl_->cache->free_tokens(); }
int64_t Runtime::kv_bytes_in_use() const { return impl_->cache->bytes_in_use(); }
int64_t Runtime::kv_bytes_held(std::span<const SeqId> sequences) const {
  return impl_->cache->bytes_held(sequences);
}

}  // namespace hearth::runtime
