// The one thread pool: every compute loop of the process runs here, in chunks that idle workers take by
// themselves. Priorities let a decode step overtake background work between chunks. Knows nothing of what it
// runs.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace hearth {

/// Smaller runs first.
enum class Priority : uint8_t { kDecode, kPrefill, kEncode, kBackground };
inline constexpr int kPriorities = 4;

/// Where the workers of a pool run.
enum class Affinity : uint8_t {
  kAny,     // wherever the system puts them: right wherever others work on the machine too
  kPinned,  // each on one processor of its own, among those that this process may use, from the second on
};

class ThreadPool {
 public:
  /// A pool of `threads` (at least 1) threads in all, counting the caller of parallel_for. Where the system
  /// gives no more of them, or does not let them be pinned, it does without and the log has a warning.
  explicit ThreadPool(int threads, Affinity affinity = Affinity::kAny);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  /// Runs body(i) once for every i in [0, count), on the caller and the workers; returns when all are done.
  /// The caller takes part, so a busy pool delays but never deadlocks it; nested calls are allowed. No
  /// allocation. `body` must not throw. `count` is at most 2^31 - 1. Each thread begins with a contiguous
  /// part of the indices, in increasing order, one at a time, and then takes over what others have not begun:
  /// make an index worth >= 5 us, and neighbours work on neighbouring memory.
  template <typename Body>
  void parallel_for(int64_t count, Body&& body, Priority priority = Priority::kDecode) {
    auto invoke = [](void* context, int64_t index) {
      (*static_cast<std::remove_reference_t<Body>*>(context))(index);
    };
    run(count, const_cast<void*>(static_cast<const void*>(&body)), invoke, priority);
  }

 private:
  using Invoke = void (*)(void* context, int64_t index);
  void run(int64_t count, void* context, Invoke invoke, Priority priority);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hearth
