// Checks what the caller asks, cuts it into steps that fit the buffers, and runs them.
#include "runtime/session.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "kernels/isa.h"
#include "runtime/forward.h"

namespace hearth::runtime {

namespace {

/// What a call gives of one kind: rows in the order of the chunks.
struct OutputRows {
  int64_t width = 0;
  FloatBuffer values;
  std::vector<int64_t> first;  // row of each chunk of the last call, and one past the last

  std::span<const float> of(size_t chunk) const {
    if (chunk + 1 >= first.size()) return {};
    const int64_t rows = first[chunk + 1] - first[chunk];
    return {values.data() + first[chunk] * width, static_cast<size_t>(rows * width)};
  }
  float* row(int64_t i) const { return values.data() + i * width; }
};

/// How many of n tokens are among the positions; `ends`: they are the last of their chunk.
int64_t count_rows(Positions wanted, int64_t n, bool ends) {
  switch (wanted) {
    case Positions::kNone:
      return 0;
    case Positions::kLast:
      return ends ? std::min<int64_t>(n, 1) : 0;
    case Positions::kAll:
      return n;
  }
  return 0;
}

}  // namespace

struct Runtime::Impl {
  RuntimeOptions options;
  int64_t vocab = 0;
  std::unique_ptr<KvCache> cache;
  std::unique_ptr<Forward> forward;
  std::vector<KvAppend> appends;
  OutputRows logits;
  OutputRows hidden;

  Status check(std::span<const SequenceChunk> batch);
  Status place_outputs(std::span<const SequenceChunk> batch);
  void forget_outputs();
  OutputCounts fill(std::span<const SequenceChunk> batch, size_t& chunk, int64_t& offset);
};

namespace {

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
  impl->logits.width = impl->vocab;
  impl->hidden.width = model.spec().hp.dim;
  for (OutputRows* rows : {&impl->logits, &impl->hidden})
    rows->first.reserve(static_cast<size_t>(options.max_sequences) + 1);
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

/// Where the outputs of each chunk will stand, and the room for them.
Status Runtime::Impl::place_outputs(std::span<const SequenceChunk> batch) {
  OutputCounts all;
  forget_outputs();
  for (const SequenceChunk& chunk : batch) {
    const auto n = static_cast<int64_t>(chunk.tokens.size());
    logits.first.push_back(all.logits);
    hidden.first.push_back(all.hidden);
    all.logits += count_rows(chunk.logits, n, true);
    all.hidden += count_rows(chunk.hidden, n, true);
  }
  logits.first.push_back(all.logits);
  hidden.first.push_back(all.hidden);
  if (logits.values.reserve(all.logits * logits.width) && hidden.values.reserve(all.hidden * hidden.width))
    return {};
  forget_outputs();
  return fail(ErrorCode::kNoMemory, "no memory for the logits of ", all.logits,
              " positions and the hidden states of ", all.hidden, "; ask for fewer at a time");
}

void Runtime::Impl::forget_outputs() {
  logits.first.clear();
  hidden.first.clear();
}

/// Adds tokens from (chunk, offset) on until the buffers are full; moves both on, and returns the rows they
/// give.
OutputCounts Runtime::Impl::fill(std::span<const SequenceChunk> batch, size_t& chunk, int64_t& offset) {
  int64_t room = options.max_batch_tokens;
  OutputCounts rows;
  forward->begin();
  appends.clear();
  while (room > 0 && chunk < batch.size()) {
    const SequenceChunk& from = batch[chunk];
    const auto size = static_cast<int64_t>(from.tokens.size());
    const int64_t n = std::min(room, size - offset);
    const bool ends = offset + n == size;
    if (n > 0) {
      const OutputCounts outputs = {count_rows(from.logits, n, ends), count_rows(from.hidden, n, ends)};
      cache->prepare(from.sequence, n);
      forward->add(from.sequence, from.tokens.subspan(static_cast<size_t>(offset), static_cast<size_t>(n)),
                   cache->length(from.sequence), outputs);
      appends.push_back({from.sequence, n});
      rows.logits += outputs.logits;
      rows.hidden += outputs.hidden;
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
  HEARTH_RETURN_IF_ERROR(impl.place_outputs(batch));
  int64_t total = 0;
  for (const SequenceChunk& chunk : batch) total += static_cast<int64_t>(chunk.tokens.size());
  size_t chunk = 0;
  int64_t offset = 0;
  OutputCounts given;
  for (int64_t done = 0; done < total;) {
    if (how.progress && !how.progress(done, total)) {
      impl.forget_outputs();
      return fail(ErrorCode::kCancelled, "stopped after ", done, " of ", total, " tokens");
    }
    const OutputCounts rows = impl.fill(batch, chunk, offset);
    impl.forward->run(how.priority, impl.logits.row(given.logits), impl.hidden.row(given.hidden));
    for (const KvAppend& append : impl.appends) {
      impl.cache->commit(append.sequence, append.tokens);
      done += append.tokens;
    }
    given.logits += rows.logits;
    given.hidden += rows.hidden;
  }
  return {};
}

std::span<const float> Runtime::logits(size_t chunk) const { return impl_->logits.of(chunk); }
std::span<const float> Runtime::hidden(size_t chunk) const { return impl_->hidden.of(chunk); }

void Runtime::observe(ForwardObserver* observer) { impl_->forward->observe(observer); }

int64_t Runtime::vocabulary() const { return impl_->vocab; }
int64_t Runtime::hidden_width() const { return impl_->hidden.width; }
const RuntimeOptions& Runtime::options() const { return impl_->options; }
int64_t Runtime::free_tokens() const { return impl_->cache->free_tokens(); }
int64_t Runtime::kv_bytes_in_use() const { return impl_->cache->bytes_in_use(); }
KvPageCounts Runtime::kv_pages_in_use() const { return impl_->cache->pages_in_use(); }
int64_t Runtime::kv_bytes_held(std::span<const SeqId> sequences) const {
  return impl_->cache->bytes_held(sequences);
}

}  // namespace hearth::runtime
