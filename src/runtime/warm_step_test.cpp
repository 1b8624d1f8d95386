// A warm decode step allocates nothing and takes no lock, for every weight format: malloc and friends and the
// mutex of this test binary count. And a runtime takes the memory that its plan says. Under sanitizers, which
// bring their own malloc, the tests say so and are skipped.
#include <gtest/gtest.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEARTH_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HEARTH_SANITIZED 1
#endif
#endif

#ifdef HEARTH_SANITIZED

TEST(WarmStep, AllocatesNothingAndTakesNoLock) {
  GTEST_SKIP() << "the sanitizer replaces malloc: nothing to count";
}

#else

#include <dlfcn.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <set>

#include "kernels/matrix.h"
#include "runtime/test_model.h"

namespace {
std::atomic<bool> g_counting{false};
std::atomic<int> g_allocations{0};
std::atomic<int> g_locks{0};
std::atomic<int64_t> g_bytes{0};  // given out and not given back: large blocks, the others do not matter
std::atomic<int64_t> g_most_bytes{0};

void count(std::atomic<int>& counter) {
  if (g_counting.load(std::memory_order_relaxed)) counter.fetch_add(1, std::memory_order_relaxed);
}

/// The large blocks that were given out while counting: free does not say how much was asked for.
struct Block {
  std::atomic<void*> start{nullptr};
  size_t bytes = 0;
};
constexpr size_t kLarge = 1024;
std::array<Block, 1024> g_blocks;

void* given(void* start, size_t bytes) {
  if (bytes < kLarge || start == nullptr || !g_counting.load(std::memory_order_relaxed)) return start;
  for (Block& block : g_blocks) {
    void* none = nullptr;
    if (!block.start.compare_exchange_strong(none, start)) continue;
    block.bytes = bytes;
    const int64_t now = g_bytes += static_cast<int64_t>(bytes);
    int64_t most = g_most_bytes;
    while (most < now && !g_most_bytes.compare_exchange_weak(most, now)) {
    }
    return start;
  }
  std::abort();  // more blocks than there are places
}

void taken_back(void* start) {
  if (start == nullptr || g_bytes.load(std::memory_order_relaxed) == 0) return;
  for (Block& block : g_blocks) {
    if (block.start.load(std::memory_order_relaxed) != start) continue;
    g_bytes -= static_cast<int64_t>(block.bytes);
    block.start = nullptr;
    return;
  }
}
}  // namespace

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);

void* malloc(size_t bytes) {
  count(g_allocations);
  return given(__libc_malloc(bytes), bytes);
}
void* calloc(size_t n, size_t bytes) {
  count(g_allocations);
  return given(__libc_calloc(n, bytes), n * bytes);
}
void* realloc(void* p, size_t bytes) {
  count(g_allocations);
  taken_back(p);
  return given(__libc_realloc(p, bytes), bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) {
  count(g_allocations);
  return given(__libc_memalign(alignment, bytes), bytes);
}
int posix_memalign(void** p, size_t alignment, size_t bytes) {
  count(g_allocations);
  *p = given(__libc_memalign(alignment, bytes), bytes);
  return *p == nullptr ? ENOMEM : 0;
}
void free(void* p) {
  taken_back(p);
  __libc_free(p);
}
int pthread_mutex_lock(pthread_mutex_t* mutex) {
  using Lock = int (*)(pthread_mutex_t*);
  static const Lock kReal = reinterpret_cast<Lock>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  count(g_locks);
  return kReal(mutex);
}
}

namespace hearth::runtime {
namespace {

TEST(WarmStep, TheCountersCount) {
  g_counting = true;
  g_allocations = 0;
  auto kept = std::make_unique<std::vector<int> >(1000);
  g_counting = false;
  EXPECT_GE(g_allocations, 2);
  EXPECT_EQ(kept->size(), 1000u);
}

void expect_no_allocation(const char* kv_format) {
  ThreadPool pool(2);
  for (const kernels::Format* format : kernels::format_registry()) {
    const TestModel model = make_test_model({.arch = std::string(model::arch_registry()[0]->name),
                                             .window = 20,
                                             .layers = 1,
                                             .dim = 256,
                                             .heads = 4,
                                             .kv_heads = 2,
                                             .head_dim = 64,
                                             .ffn_dim = 256,
                                             .format = format,
                                             .precision = kernels::Precision::kFast},
                                            pool);
    const auto runtime = Runtime::create(*model.model, pool,
                                         {.context_tokens = 1200, .max_sequences = 2, .kv_format = kv_format})
                             .value();
    const auto tokens = random_tokens(600, 61, 5);
    const SeqId a = runtime->open_sequence().value();
    const SeqId b = runtime->open_sequence().value();
    const SequenceChunk prompts[] = {{a, std::span(tokens).first(30)}, {b, std::span(tokens).first(50)}};
    ASSERT_TRUE(runtime->forward(prompts));
    auto step = [&](size_t i) {
      const SequenceChunk next[] = {
          {a, std::span(tokens).subspan(i, 1), LogitsWanted::kLast, HiddenWanted::kAll},
          {b, std::span(tokens).subspan(i + 1, 1)}};
      return runtime->forward(next).ok();
    };
    ASSERT_TRUE(step(0));
    g_allocations = 0;
    g_locks = 0;
    bool ok = true;
    g_counting = true;  // 500 steps: across pages, and past the 512 tokens of a segment
    for (size_t i = 0; i < 500; ++i) ok = step(i) && ok;
    g_counting = false;
    EXPECT_TRUE(ok);
    EXPECT_EQ(g_allocations, 0) << format->name;
    EXPECT_EQ(g_locks, 0) << format->name;
  }
}

struct TakenMemory {
  int64_t filled = 0;  // after the prompts
  int64_t all = 0;     // the most there was at a time
  MemoryPlan plan;
};

/// The worst calls: short pieces of every sequence at the end of a full context, whose work is cut by
/// segments.
TakenMemory memory_of(int64_t window, const char* kv_format) {
  constexpr int kThreads = 2;
  constexpr int64_t kContext = 2048;
  constexpr int32_t kSequences = 4;
  ThreadPool pool(kThreads);
  const TestModel model = make_test_model({.arch = "gemma3",  // the last layer of each six sees everything
                                           .window = window,
                                           .layers = window > 0 ? 6 : 1,
                                           .dim = 64,
                                           .heads = 8,
                                           .kv_heads = 4,
                                           .head_dim = 128,
                                           .ffn_dim = 64,
                                           .precision = kernels::Precision::kFast},
                                          pool);
  const RuntimeOptions options = {.context_tokens = kContext,
                                  .cache_tokens = kContext * kSequences,
                                  .max_sequences = kSequences,
                                  .max_batch_tokens = 96,
                                  .kv_format = kv_format};
  TakenMemory taken{.plan = Runtime::plan(model.model->spec(), options, kThreads).value()};
  g_most_bytes = 0;
  g_counting = true;
  const auto runtime = Runtime::create(*model.model, pool, options).value();
  const auto tokens = random_tokens(kContext, 61, 5);
  std::vector<SequenceChunk> chunks;
  for (int32_t i = 0; i < kSequences; ++i) {
    const SeqId sequence = runtime->open_sequence().value();
    const SequenceChunk prompt = {sequence, std::span(tokens).first(kContext - 24)};
    EXPECT_TRUE(runtime->forward({&prompt, 1}));
    chunks.push_back({sequence, std::span(tokens).last(24)});
  }
  taken.filled = g_most_bytes;
  EXPECT_TRUE(runtime->forward(chunks));
  g_counting = false;
  taken.all = g_most_bytes;
  return taken;
}

/// Of pages of more than one format; and of layers with a window, that keep fewer, in a format of their own.
TEST(MemoryPlan, IsWhatIsTaken) {
  struct Case {
    int64_t window;
    const char* kv_format;
  };
  std::set<int64_t> kv_bytes;
  for (const Case& c : {Case{0, "f16"}, Case{0, "int8"}, Case{300, "int8"}, Case{300, "f16,windowed=int8"},
                        Case{300, "int8,windowed=f16"}}) {
    const TakenMemory taken = memory_of(c.window, c.kv_format);
    const std::string what = concat(c.kv_format, ", window ", c.window);
    EXPECT_GT(taken.all, taken.filled + (1 << 20)) << "these calls take more than any before: " << what;
    const auto planned = static_cast<double>(taken.plan.kv_bytes + taken.plan.scratch_bytes);
    EXPECT_LT(static_cast<double>(taken.all), 1.03 * planned)
        << "lists of pages and of steps are not planned: " << what;
    EXPECT_GT(static_cast<double>(taken.all), 0.98 * planned) << what;
    EXPECT_TRUE(kv_bytes.insert(taken.plan.kv_bytes).second) << "as much as another: " << what;
  }
}

TEST(WarmStep, AllocatesNothingAndTakesNoLock) {
  for (const char* kv_format : {"f16", "int8"}) expect_no_allocation(kv_format);
}

}  // namespace
}  // namespace hearth::runtime

#endif
