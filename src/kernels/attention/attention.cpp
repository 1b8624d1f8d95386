// Cuts the work of attend() into tasks: per KV head, either a tile of queries that walks all its pages, or,
// when one tile holds all queries, one task per segment of pages, merged by whichever task finishes last.
// Both ways compute the same numbers in the same order.
#include "kernels/attention/attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/check.h"
#include "kernels/attention/softmax_step.h"

namespace hearth::kernels {
namespace {

constexpr int64_t kSegmentPages = 8;      // 512 tokens: part of what defines the result, not a tuning knob
constexpr int32_t kTileRows = 48;         // query rows that share a walk over the pages
constexpr int64_t kInlineWork = 1 << 17;  // multiply-adds that are not worth waking another thread for

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t segment_of(int64_t page) { return page / kSegmentPages; }

/// How the queries of a shape are cut and laid out.
struct Tiling {
  Tiling(const KvFormat& format, const AttentionShape& shape)
      : stride(padded_dim(shape.dims.dim_v)),
        query_floats(format.query_bytes(shape.dims) / static_cast<int64_t>(sizeof(float))),
        tokens(std::max(1, kTileRows / shape.group)),
        rows(tokens * shape.group) {}

  /// Queries, scores, and the states and accumulators of a segment and of the whole.
  int64_t workspace_floats() const { return rows * (query_floats + kPageTokens + 2 * (stride + 2)); }
  /// State and accumulator of one query row.
  int64_t partial_row_floats() const { return stride + 2; }

  int64_t stride;
  int64_t query_floats;
  int32_t tokens;
  int32_t rows;
};

/// Contexts grow token by token: growing by half again keeps most steps free of allocations even without a
/// reserve.
int64_t with_room_to_grow(int64_t partial_floats) { return partial_floats + partial_floats / 2; }

/// Where everything about one input of the call is in the task list and the buffers.
struct InputPlan {
  const AttentionInput* input;
  int64_t first_page;      // first page any query of it can see
  int64_t end_page;        // one past the page of the last token
  int64_t tiles;           // 1: cut by segments
  int64_t tasks_per_head;  // tiles, or segments
  int64_t first_task;
  int64_t partial_offset;  // floats, for inputs cut by segments
  int64_t partial_stride;  // floats of one (head, segment) partial
  int64_t counter_offset;  // one counter per KV head
};

}  // namespace

struct AttentionScratch::Impl {
  std::vector<InputPlan> plans;
  std::vector<float> partials;
  std::vector<float> workspaces;
  std::unique_ptr<std::atomic<bool>[]> taken;  // per workspace
  int64_t workspace_floats = 0;
  int64_t workspace_count = 0;
  std::unique_ptr<std::atomic<int32_t>[]> counters;  // segments of a (input, KV head) still to come
  int64_t counter_capacity = 0;

  /// At most pool.threads() tasks run at a time, so one is always free.
  int64_t take() {
    for (int64_t i = 0;; i = (i + 1) % workspace_count) {
      if (!taken[static_cast<size_t>(i)].exchange(true, std::memory_order_acquire)) return i;
    }
  }
  void give_back(int64_t i) { taken[static_cast<size_t>(i)].store(false, std::memory_order_release); }

  void reserve(int64_t count, int64_t floats, int64_t partial_floats, int64_t n_counters) {
    if (count > workspace_count) {
      taken = std::make_unique<std::atomic<bool>[]>(static_cast<size_t>(count));
      workspace_count = count;
    }
    workspace_floats = std::max(workspace_floats, floats);
    const auto wanted = static_cast<size_t>(workspace_count * workspace_floats);
    if (workspaces.size() < wanted) workspaces.resize(wanted);
    if (static_cast<int64_t>(partials.size()) < partial_floats) {
      partials = {};  // first, so that both are never there
      partials.resize(static_cast<size_t>(with_room_to_grow(partial_floats)));
    }
    if (n_counters > counter_capacity) {
      counters = std::make_unique<std::atomic<int32_t>[]>(static_cast<size_t>(n_counters));
      counter_capacity = n_counters;
    }
  }
};

AttentionScratch::AttentionScratch() : impl_(std::make_unique<Impl>()) {}
AttentionScratch::~AttentionScratch() = default;

AttentionNeed attention_need(const KvFormat& format, const AttentionShape& shape, int64_t context_tokens,
                             int64_t sequences, int64_t tokens) {
  const Tiling tiling(format, shape);
  const int64_t segments = segment_of(ceil_div(context_tokens, kPageTokens) - 1) + 1;
  const int64_t cut_by_segments = std::min(tokens, sequences * tiling.tokens);
  return {tiling.workspace_floats(),
          cut_by_segments * segments * shape.kv_heads * shape.group * tiling.partial_row_floats(),
          sequences * shape.kv_heads};
}

void AttentionNeed::widen(const AttentionNeed& other) {
  workspace_floats = std::max(workspace_floats, other.workspace_floats);
  partial_floats = std::max(partial_floats, other.partial_floats);
  counters = std::max(counters, other.counters);
}

int64_t AttentionNeed::bytes(int threads) const {
  return (threads * workspace_floats + with_room_to_grow(partial_floats)) *
             static_cast<int64_t>(sizeof(float)) +
         counters * static_cast<int64_t>(sizeof(int32_t));
}

namespace {

/// Softmax state and weighted values of some query rows: acc (rows, stride).
struct Partial {
  RowState* state;
  float* acc;
};

/// One call of attend: everything its tasks share.
class Attend {
 public:
  Attend(const KvFormat& format, const AttentionShape& shape, AttentionScratch::Impl& scratch, Isa isa)
      : shape_(shape),
        kernels_(format.kernels(isa)),
        step_(softmax_step(isa)),
        scratch_(scratch),
        tiling_(format, shape),
        stride_(tiling_.stride),
        query_floats_(tiling_.query_floats),
        tile_tokens_(tiling_.tokens) {}

  void plan(std::span<const AttentionInput> inputs, int threads);
  int64_t tasks() const { return tasks_; }
  int64_t work() const { return work_; }
  void run(int64_t task) const;

 private:
  int64_t first_visible(int64_t position) const {
    return shape_.window > 0 ? std::max<int64_t>(0, position - shape_.window + 1) : 0;
  }

  struct Slots {
    int32_t first, end;
    bool operator==(const Slots&) const = default;
  };
  Slots slots_seen(int64_t position, int64_t page_start) const;
  Slots soften(const AttentionInput& input, int64_t token, int64_t tokens, int64_t page_start, float* scores,
               Partial out) const;
  void load_queries(const InputPlan& plan, int64_t head, int64_t token, int64_t tokens, float* q) const;
  void walk(const InputPlan& plan, int64_t head, int64_t token, int64_t tokens, int64_t first_page,
            int64_t end_page, const float* q, float* scores, Partial out) const;
  void reset(Partial part, int64_t rows) const;
  void merge(Partial total, Partial part, int64_t rows) const;
  void finish(const InputPlan& plan, int64_t head, int64_t token, int64_t tokens, Partial total) const;
  void run_tile(const InputPlan& plan, int64_t head, int64_t tile, float* workspace) const;
  void run_segment(const InputPlan& plan, int64_t head, int64_t segment, float* workspace) const;
  Partial stored_partial(const InputPlan& plan, int64_t head, int64_t segment) const;

  const AttentionShape& shape_;
  const PageKernels& kernels_;
  SoftmaxStep step_;
  AttentionScratch::Impl& scratch_;
  Tiling tiling_;
  int64_t stride_;
  int64_t query_floats_;
  int32_t tile_tokens_;
  int64_t tasks_ = 0;
  int64_t work_ = 0;
};

void Attend::plan(std::span<const AttentionInput> inputs, int threads) {
  scratch_.plans.clear();
  int64_t partial_floats = 0;
  int64_t counters = 0;
  for (const AttentionInput& input : inputs) {
    if (input.tokens == 0) continue;
    InputPlan p = {};
    p.input = &input;
    p.first_page = first_visible(input.position) / kPageTokens;
    p.end_page = ceil_div(input.position + input.tokens, kPageTokens);
    HEARTH_CHECK(p.end_page <= static_cast<int64_t>(input.blocks.size()));
    p.tiles = ceil_div(input.tokens, tile_tokens_);
    p.first_task = tasks_;
    const int64_t segments = segment_of(p.end_page - 1) - segment_of(p.first_page) + 1;
    p.tasks_per_head = p.tiles;
    if (p.tiles == 1) {
      p.tasks_per_head = segments;
      p.partial_stride = input.tokens * shape_.group * tiling_.partial_row_floats();
      p.partial_offset = partial_floats;
      partial_floats += p.partial_stride * segments * shape_.kv_heads;
      p.counter_offset = counters;
      counters += shape_.kv_heads;
    }
    tasks_ += p.tasks_per_head * shape_.kv_heads;
    work_ += input.tokens * shape_.group * shape_.kv_heads * (p.end_page - p.first_page) * kPageTokens *
             (shape_.dims.dim_k + stride_);
    scratch_.plans.push_back(p);
  }
  scratch_.reserve(threads, tiling_.workspace_floats(), partial_floats, counters);
  for (const InputPlan& p : scratch_.plans) {
    if (p.tiles > 1) continue;
    for (int64_t h = 0; h < shape_.kv_heads; ++h) {
      scratch_.counters[static_cast<size_t>(p.counter_offset + h)].store(
          static_cast<int32_t>(p.tasks_per_head), std::memory_order_relaxed);
    }
  }
}

void Attend::run(int64_t task) const {
  const auto& plans = scratch_.plans;
  size_t i = plans.size() - 1;
  while (plans[i].first_task > task) --i;
  const InputPlan& plan = plans[i];
  const int64_t head = (task - plan.first_task) / plan.tasks_per_head;
  const int64_t part = (task - plan.first_task) % plan.tasks_per_head;
  const int64_t slot = scratch_.take();
  float* workspace = scratch_.workspaces.data() + slot * scratch_.workspace_floats;
  if (plan.tiles > 1) {
    run_tile(plan, head, plan.tiles - 1 - part, workspace);  // the tiles with most to see first
  } else {
    run_segment(plan, head, part, workspace);
  }
  scratch_.give_back(slot);
}

/// Prepares the queries of a KV head's group: q (tokens * group, query_floats_).
void Attend::load_queries(const InputPlan& plan, int64_t head, int64_t token, int64_t tokens,
                          float* q) const {
  const int64_t width = shape_.group * shape_.dims.dim_k;
  for (int64_t t = 0; t < tokens; ++t) {
    const float* from = plan.input->q + (token + t) * plan.input->q_stride + head * width;
    for (int64_t g = 0; g < shape_.group; ++g, q += query_floats_) {
      kernels_.load_query(shape_.dims, from + g * shape_.dims.dim_k, shape_.scale,
                          reinterpret_cast<std::byte*>(q));
    }
  }
}

void Attend::reset(Partial part, int64_t rows) const {
  for (int64_t r = 0; r < rows; ++r) part.state[r] = {-std::numeric_limits<float>::infinity(), 0.0f};
  std::fill(part.acc, part.acc + rows * stride_, 0.0f);
}

/// The slots of the page from `page_start` on that the token at `position` sees.
Attend::Slots Attend::slots_seen(int64_t position, int64_t page_start) const {
  const auto slot = [&](int64_t at) {
    return static_cast<int32_t>(std::clamp<int64_t>(at - page_start, 0, kPageTokens));
  };
  return {slot(first_visible(position)), slot(position + 1)};
}

/// Scores of a page become weights, all tokens that see the same slots at once; returns what any of them
/// sees.
Attend::Slots Attend::soften(const AttentionInput& input, int64_t token, int64_t tokens, int64_t page_start,
                             float* scores, Partial out) const {
  Slots any = {kPageTokens, 0};
  for (int64_t t = 0; t < tokens;) {
    const Slots seen = slots_seen(input.position + token + t, page_start);
    int64_t next = t + 1;
    while (next < tokens && slots_seen(input.position + token + next, page_start) == seen) ++next;
    const int64_t row = t * shape_.group;
    step_(scores + row * kPageTokens, static_cast<int32_t>((next - t) * shape_.group), seen.first, seen.end,
          shape_.softcap, out.state + row, out.acc + row * stride_, static_cast<int32_t>(stride_));
    if (seen.first < seen.end) any = {std::min(any.first, seen.first), std::max(any.end, seen.end)};
    t = next;
  }
  return any;
}

/// Attends the queries to pages [first_page, end_page), which lie in one segment.
void Attend::walk(const InputPlan& plan, int64_t head, int64_t token, int64_t tokens, int64_t first_page,
                  int64_t end_page, const float* q, float* scores, Partial out) const {
  const AttentionInput& input = *plan.input;
  const int64_t rows = tokens * shape_.group;
  auto page_of = [&](int64_t page) {
    return input.pages + input.blocks[static_cast<size_t>(page)] * input.block_bytes +
           head * input.head_bytes;
  };
  for (int64_t page = first_page; page < end_page; ++page) {
    const int64_t page_start = page * kPageTokens;
    const std::byte* bytes = page_of(page);
    const int64_t last = input.position + token + tokens - 1;
    kernels_.scores(bytes, shape_.dims, reinterpret_cast<const std::byte*>(q), static_cast<int32_t>(rows),
                    static_cast<int32_t>(std::min<int64_t>(kPageTokens, last + 1 - page_start)), scores);
    const Slots seen = soften(input, token, tokens, page_start, scores, out);
    if (seen.first < seen.end) {
      kernels_.accumulate(bytes, shape_.dims, scores, static_cast<int32_t>(rows), seen.first, seen.end,
                          out.acc, page + 1 < end_page ? page_of(page + 1) : nullptr);
    }
  }
}

/// total joins with the next segment's part; rows that saw nothing there are left as they are.
void Attend::merge(Partial total, Partial part, int64_t rows) const {
  for (int64_t r = 0; r < rows; ++r) {
    RowState& to = total.state[r];
    const RowState& from = part.state[r];
    if (from.sum == 0.0f) continue;
    float* acc = total.acc + r * stride_;
    const float* add = part.acc + r * stride_;
    if (to.sum == 0.0f) {
      to = from;
      std::copy(add, add + stride_, acc);
      continue;
    }
    const float max = std::max(to.max, from.max);
    const float keep = std::exp(to.max - max);
    const float join = std::exp(from.max - max);
    for (int64_t d = 0; d < stride_; ++d) acc[d] = acc[d] * keep + add[d] * join;
    to.sum = to.sum * keep + from.sum * join;
    to.max = max;
  }
}

void Attend::finish(const InputPlan& plan, int64_t head, int64_t token, int64_t tokens, Partial total) const {
  const int64_t dim_v = shape_.dims.dim_v;
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t g = 0; g < shape_.group; ++g) {
      const int64_t r = t * shape_.group + g;
      float* out = plan.input->out + (token + t) * plan.input->out_stride + (head * shape_.group + g) * dim_v;
      const RowState& state = total.state[r];
      float factor = 1.0f / state.sum;
      if (shape_.sinks) {
        const float sink = shape_.sinks[head * shape_.group + g];
        const float max = std::max(state.max, sink);
        const float keep = std::exp(state.max - max);
        factor = keep / (state.sum * keep + std::exp(sink - max));
      }
      for (int64_t d = 0; d < dim_v; ++d) out[d] = total.acc[r * stride_ + d] * factor;
    }
  }
}

void Attend::run_tile(const InputPlan& plan, int64_t head, int64_t tile, float* workspace) const {
  const int64_t token = tile * tile_tokens_;
  const int64_t tokens = std::min<int64_t>(tile_tokens_, plan.input->tokens - token);
  const int64_t rows = tokens * shape_.group;
  float* q = workspace;
  float* scores = q + rows * query_floats_;
  const Partial total = {reinterpret_cast<RowState*>(scores + rows * kPageTokens),
                         scores + rows * (kPageTokens + 2)};
  const Partial part = {reinterpret_cast<RowState*>(total.acc + rows * stride_),
                        total.acc + rows * (stride_ + 2)};
  load_queries(plan, head, token, tokens, q);
  reset(total, rows);
  const int64_t position = plan.input->position + token;
  const int64_t end_page = ceil_div(position + tokens, kPageTokens);
  for (int64_t page = first_visible(position) / kPageTokens; page < end_page;) {
    const int64_t segment_end = std::min(end_page, (segment_of(page) + 1) * kSegmentPages);
    reset(part, rows);
    walk(plan, head, token, tokens, page, segment_end, q, scores, part);
    merge(total, part, rows);
    page = segment_end;
  }
  finish(plan, head, token, tokens, total);
}

Partial Attend::stored_partial(const InputPlan& plan, int64_t head, int64_t segment) const {
  const int64_t rows = plan.input->tokens * shape_.group;
  float* start = scratch_.partials.data() + plan.partial_offset +
                 (head * plan.tasks_per_head + segment) * plan.partial_stride;
  return {reinterpret_cast<RowState*>(start), start + 2 * rows};
}

void Attend::run_segment(const InputPlan& plan, int64_t head, int64_t segment, float* workspace) const {
  const int64_t tokens = plan.input->tokens;
  const int64_t rows = tokens * shape_.group;
  float* scores = workspace + rows * query_floats_;
  load_queries(plan, head, 0, tokens, workspace);
  const Partial part = stored_partial(plan, head, segment);
  reset(part, rows);
  const int64_t absolute = segment_of(plan.first_page) + segment;
  walk(plan, head, 0, tokens, std::max(plan.first_page, absolute * kSegmentPages),
       std::min(plan.end_page, (absolute + 1) * kSegmentPages), workspace, scores, part);
  auto& left = scratch_.counters[static_cast<size_t>(plan.counter_offset + head)];
  if (left.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  const Partial total = stored_partial(plan, head, 0);
  for (int64_t s = 1; s < plan.tasks_per_head; ++s) merge(total, stored_partial(plan, head, s), rows);
  finish(plan, head, 0, tokens, total);
}

}  // namespace

void AttentionScratch::reserve(const KvFormat& format, const AttentionShape& shape, int64_t context_tokens,
                               int64_t sequences, int threads) {
  const AttentionNeed need = attention_need(format, shape, context_tokens, sequences, sequences);
  impl_->plans.reserve(static_cast<size_t>(sequences));
  impl_->reserve(threads, need.workspace_floats, need.partial_floats, need.counters);
}

void attend(const KvFormat& format, const AttentionShape& shape, std::span<const AttentionInput> inputs,
            AttentionScratch& scratch, ThreadPool& pool, Priority priority, Isa isa) {
  Attend job(format, shape, scratch.impl(), isa);
  job.plan(inputs, pool.threads());
  if (job.work() < kInlineWork) {
    for (int64_t i = 0; i < job.tasks(); ++i) job.run(i);
    return;
  }
  pool.parallel_for(
      job.tasks(), [&job](int64_t i) { job.run(i); }, priority);
}

}  // namespace hearth::kernels
