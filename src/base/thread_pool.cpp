// A fixed table of job slots that callers publish into and workers scan. Slots are never freed, so a worker
// may look at one at any time; a caller leaves only when no worker is inside its slot, so jobs can live on
// the caller's stack. Every thread walks a run of indices of its own upwards, so that it reads memory as one
// stream, and helps with the ends of others' runs when it is through. No lock and no allocation on the way;
// idle workers spin for a moment and then sleep on a futex.
#include "base/thread_pool.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "base/result.h"

namespace hearth {
namespace {

constexpr int kSlots = 32;
constexpr int kIdleSpins = 4000;  // about 50 us of pause instructions before a worker sleeps
constexpr int kJoinSpins = 2000;

void cpu_pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Indices [begin, end) of one thread that are left: it takes the first, others steal the last.
class alignas(64) Run {
 public:
  void set(uint32_t begin, uint32_t end) {
    bounds_.store((uint64_t{end} << 32) | begin, std::memory_order_relaxed);
  }
  bool empty() const {
    const uint64_t bounds = bounds_.load(std::memory_order_relaxed);
    return begin_of(bounds) >= end_of(bounds);
  }
  bool take_first(int64_t& index) {
    uint64_t bounds = bounds_.load(std::memory_order_relaxed);
    while (begin_of(bounds) < end_of(bounds)) {
      if (bounds_.compare_exchange_weak(bounds, bounds + 1, std::memory_order_relaxed)) {
        index = begin_of(bounds);
        return true;
      }
    }
    return false;
  }
  bool steal_last(int64_t& index) {
    uint64_t bounds = bounds_.load(std::memory_order_relaxed);
    while (begin_of(bounds) < end_of(bounds)) {
      if (bounds_.compare_exchange_weak(bounds, bounds - (uint64_t{1} << 32), std::memory_order_relaxed)) {
        index = int64_t{end_of(bounds)} - 1;
        return true;
      }
    }
    return false;
  }

 private:
  static uint32_t begin_of(uint64_t bounds) { return static_cast<uint32_t>(bounds); }
  static uint32_t end_of(uint64_t bounds) { return static_cast<uint32_t>(bounds >> 32); }
  std::atomic<uint64_t> bounds_{0};
};

}  // namespace

struct ThreadPool::State {
  struct alignas(64) Slot {
    std::atomic<bool> claimed{false};  // some caller owns this slot
    std::atomic<bool> open{false};     // the fields below are valid and indices may be left
    Invoke invoke = nullptr;
    void* context = nullptr;
    Priority priority = Priority::kDecode;
    std::unique_ptr<Run[]> runs;                // one a thread; 0 is the caller's
    alignas(64) std::atomic<int32_t> users{0};  // workers inside the slot
  };

  std::array<Slot, kSlots> slots;
  alignas(64) std::atomic<uint32_t> epoch{0};  // changes whenever there is something new to look at
  std::array<std::atomic<int32_t>, kPriorities> open_jobs{};
  std::atomic<bool> stopping{false};
  const size_t threads;  // as asked for, the caller counted; fewer may have started
  std::vector<std::thread> workers;

  explicit State(size_t wanted) : threads(wanted) {
    for (Slot& slot : slots) slot.runs = std::make_unique<Run[]>(wanted);
  }

  bool overtaken(Priority priority) const {
    for (int p = 0; p < static_cast<int>(priority); ++p) {
      if (open_jobs[static_cast<size_t>(p)].load(std::memory_order_relaxed) > 0) return true;
    }
    return false;
  }

  bool any_left(const Slot& slot) const {
    return std::any_of(slot.runs.get(), slot.runs.get() + threads,
                       [](const Run& run) { return !run.empty(); });
  }

  /// The next index for thread `self`: of its own run, else of another's.
  bool take(Slot& slot, size_t self, int64_t& index) const {
    if (slot.runs[self].take_first(index)) return true;
    for (size_t other = self + 1; other < self + threads; ++other) {
      if (slot.runs[other % threads].steal_last(index)) return true;
    }
    return false;
  }

  /// Takes indices of the slot until none are left, or (for workers) until a more urgent job is open.
  void drain(Slot& slot, size_t self) {
    int64_t index = 0;
    while (!(self > 0 && overtaken(slot.priority)) && take(slot, self, index))
      slot.invoke(slot.context, index);
  }

  /// Joins one open job; false when there is none.
  bool work_once(size_t self) {
    Slot* slot = nullptr;
    for (Slot& candidate : slots) {
      if (!candidate.open.load(std::memory_order_relaxed)) continue;
      candidate.users.fetch_add(1, std::memory_order_seq_cst);
      const bool valid = candidate.open.load(std::memory_order_seq_cst) && any_left(candidate);
      if (valid && (!slot || candidate.priority < slot->priority)) {
        if (slot) leave(*slot);
        slot = &candidate;
      } else {
        leave(candidate);
      }
    }
    if (!slot) return false;
    drain(*slot, self);
    leave(*slot);
    return true;
  }

  static void leave(Slot& slot) {
    if (slot.users.fetch_sub(1, std::memory_order_seq_cst) == 1) slot.users.notify_all();
  }

  void worker_loop(size_t self) {
    while (true) {
      // Before the question whether to stop: a stop after it changes the epoch, which ends the sleep below.
      const uint32_t seen = epoch.load(std::memory_order_acquire);
      if (stopping.load(std::memory_order_acquire)) return;
      if (work_once(self)) continue;
      bool changed = false;
      for (int spin = 0; spin < kIdleSpins && !changed; ++spin) {
        cpu_pause();
        changed = epoch.load(std::memory_order_relaxed) != seen;
      }
      if (!changed) epoch.wait(seen, std::memory_order_acquire);
    }
  }

  Slot* claim() {
    for (Slot& slot : slots) {
      bool expected = false;
      if (!slot.claimed.load(std::memory_order_relaxed) &&
          slot.claimed.compare_exchange_strong(expected, true, std::memory_order_acquire)) {
        return &slot;
      }
    }
    return nullptr;
  }

  static void wait_until_empty(Slot& slot) {
    for (int spin = 0;; ++spin) {
      const int32_t users = slot.users.load(std::memory_order_seq_cst);
      if (users == 0) return;
      if (spin < kJoinSpins) {
        cpu_pause();
      } else {
        slot.users.wait(users, std::memory_order_seq_cst);
      }
    }
  }
};

namespace {

/// Each worker on a processor of its own; the first is left to the caller. False: the system does not allow
/// it.
bool pin(std::vector<std::thread>& workers) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof(mask), &mask) != 0) return false;
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &mask)) cpus.push_back(cpu);
  }
  bool pinned = true;
  for (size_t i = 0; i < workers.size(); ++i) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpus[(i + 1) % cpus.size()], &one);
    pinned = pthread_setaffinity_np(workers[i].native_handle(), sizeof(one), &one) == 0 && pinned;
  }
  return pinned;
}

}  // namespace

ThreadPool::ThreadPool(int threads, Affinity affinity)
    : state_(std::make_unique<State>(static_cast<size_t>(std::max(threads, 1)))) {
  HEARTH_CHECK(threads >= 1);
  state_->workers.reserve(static_cast<size_t>(threads) - 1);
  try {
    while (this->threads() < threads) {
      const size_t self = state_->workers.size() + 1;
      state_->workers.emplace_back([state = state_.get(), self] { state->worker_loop(self); });
    }
  } catch (const std::system_error& error) {  // a limit on processes or memory; fewer workers do the same
    log_line(LogLevel::kWarning,
             concat("only ", this->threads(), " of ", threads, " threads can be had here (", error.what(),
                    "); going on with these"));
  }
  if (affinity == Affinity::kPinned && !pin(state_->workers)) {
    log_line(LogLevel::kWarning, "threads cannot be pinned to processors here; going on without");
  }
}

ThreadPool::~ThreadPool() {
  state_->stopping.store(true, std::memory_order_release);
  state_->epoch.fetch_add(1, std::memory_order_release);
  state_->epoch.notify_all();
  for (std::thread& worker : state_->workers) worker.join();
}

int ThreadPool::threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::run(int64_t count, void* context, Invoke invoke, Priority priority) {
  if (count <= 0) return;
  HEARTH_CHECK(count <= INT32_MAX);
  State::Slot* slot = (count == 1 || state_->workers.empty()) ? nullptr : state_->claim();
  if (!slot) {  // nothing to share, or the table is full: the caller does it alone
    for (int64_t i = 0; i < count; ++i) invoke(context, i);
    return;
  }
  slot->invoke = invoke;
  slot->context = context;
  slot->priority = priority;
  const auto threads = static_cast<int64_t>(state_->threads);
  for (int64_t i = 0; i < threads; ++i) {
    slot->runs[static_cast<size_t>(i)].set(static_cast<uint32_t>(count * i / threads),
                                           static_cast<uint32_t>(count * (i + 1) / threads));
  }
  auto& open_jobs = state_->open_jobs[static_cast<size_t>(priority)];
  open_jobs.fetch_add(1, std::memory_order_relaxed);
  slot->open.store(true, std::memory_order_seq_cst);
  state_->epoch.fetch_add(1, std::memory_order_release);
  state_->epoch.notify_all();

  state_->drain(*slot, 0);

  slot->open.store(false, std::memory_order_seq_cst);
  open_jobs.fetch_sub(1, std::memory_order_relaxed);
  State::wait_until_empty(*slot);
  slot->claimed.store(false, std::memory_order_release);
}

}  // namespace hearth
