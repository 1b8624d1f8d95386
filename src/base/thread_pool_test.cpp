// The pool runs every index exactly once, nested and concurrent callers included.
#include "base/thread_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/log.h"

namespace hearth {
namespace {

TEST(ThreadPool, RunsEveryIndexOnce) {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (int64_t count : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> hits(static_cast<size_t>(count));
      pool.parallel_for(count, [&](int64_t i) { hits[static_cast<size_t>(i)].fetch_add(1); });
      for (const auto& hit : hits) EXPECT_EQ(hit.load(), 1);
    }
  }
}

TEST(ThreadPool, ManySmallJobsDoNotLoseWakeUps) {
  ThreadPool pool(3);
  std::atomic<int64_t> sum{0};
  for (int round = 0; round < 5000; ++round) {
    pool.parallel_for(3, [&](int64_t i) { sum.fetch_add(i + 1, std::memory_order_relaxed); });
  }
  EXPECT_EQ(sum.load(), 5000 * 6);
}

TEST(ThreadPool, NestedCallsFinish) {
  ThreadPool pool(4);
  std::atomic<int> leaves{0};
  pool.parallel_for(8, [&](int64_t) {
    pool.parallel_for(
        8, [&](int64_t) { leaves.fetch_add(1); }, Priority::kBackground);
  });
  EXPECT_EQ(leaves.load(), 64);
}

// What happens when another process takes a worker's processor in the middle of an index: the others do the
// rest.
TEST(ThreadPool, AStalledWorkerHoldsUpOneIndexOnly) {
  ThreadPool pool(2);
  const auto caller = std::this_thread::get_id();
  std::atomic<int> by_worker{0};
  std::atomic<bool> rest_done{false};
  std::atomic<int> by_caller{0};
  pool.parallel_for(100, [&](int64_t) {
    if (std::this_thread::get_id() == caller) {
      // Slow enough that an awake worker gets an index; once it has one it is stuck until all others are
      // done.
      if (by_worker == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (++by_caller >= 99) rest_done = true;
    } else {
      ++by_worker;
      while (!rest_done) std::this_thread::yield();
    }
  });
  EXPECT_LE(by_worker, 1);
  EXPECT_EQ(by_caller + by_worker, 100);
}

/// The order in which two threads take 100 indices while one of them is stuck in its first index until the
/// other has done all the rest.
struct Order {
  std::vector<int64_t> caller;
  std::vector<int64_t> worker;
};
Order order_when_stuck(bool caller_is_stuck) {
  constexpr int64_t kCount = 100;
  ThreadPool pool(2);
  const auto caller = std::this_thread::get_id();
  Order order;
  std::atomic<int64_t> done{0};
  std::atomic<bool> worker_came{false};
  pool.parallel_for(kCount, [&](int64_t i) {
    const bool is_caller = std::this_thread::get_id() == caller;
    (is_caller ? order.caller : order.worker).push_back(i);
    if (!is_caller) worker_came = true;
    while (is_caller && !worker_came) std::this_thread::yield();
    while (is_caller == caller_is_stuck && done < kCount - 1) std::this_thread::yield();
    ++done;
  });
  return order;
}

/// Every thread walks a part of its own upwards, and then takes the other's part from its end.
TEST(ThreadPool, IndicesAreTakenInRuns) {
  Order wanted;
  for (int64_t i = 0; i < 50; ++i) wanted.caller.push_back(i);
  for (int64_t i = 99; i > 50; --i) wanted.caller.push_back(i);
  Order got = order_when_stuck(false);
  EXPECT_EQ(got.caller, wanted.caller);
  EXPECT_EQ(got.worker, std::vector<int64_t>{50});

  for (int64_t i = 50; i < 100; ++i) wanted.worker.push_back(i);
  for (int64_t i = 49; i > 0; --i) wanted.worker.push_back(i);
  got = order_when_stuck(true);
  EXPECT_EQ(got.caller, std::vector<int64_t>{0});
  EXPECT_EQ(got.worker, wanted.worker);
}

TEST(ThreadPool, SeveralCallersShareOnePool) {
  ThreadPool pool(2);
  std::atomic<int64_t> total{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 6; ++c) {
    callers.emplace_back([&, c] {
      for (int round = 0; round < 200; ++round) {
        pool.parallel_for(
            16, [&](int64_t) { total.fetch_add(1, std::memory_order_relaxed); },
            static_cast<Priority>(c % kPriorities));
      }
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(total.load(), 6 * 200 * 16);
}

/// How many warnings a pool of 1000 threads gives; its size goes to `threads`.
int warnings_of_a_large_pool(int& threads) {
  std::atomic<int> warnings{0};
  set_log_sink([&warnings](LogLevel level, std::string_view) { warnings += level == LogLevel::kWarning; });
  {
    ThreadPool pool(1000);
    set_log_sink({});
    threads = pool.threads();
    std::atomic<int> sum{0};
    pool.parallel_for(100, [&sum](int64_t) { ++sum; });
    if (sum != 100) return -1;
  }
  return warnings;
}

#ifdef __GLIBC__
TEST(ThreadPool, WithoutAnyWorkerTheCallerDoesItAlone) {
  pthread_attr_t before;
  pthread_attr_t huge;
  ASSERT_EQ(pthread_getattr_default_np(&before), 0);
  ASSERT_EQ(pthread_attr_init(&huge), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&huge, size_t{1} << 50), 0);  // more than can be mapped
  ASSERT_EQ(pthread_setattr_default_np(&huge), 0);
  int threads = 0;
  EXPECT_EQ(warnings_of_a_large_pool(threads), 1);
  EXPECT_EQ(threads, 1);
  EXPECT_EQ(pthread_setattr_default_np(&before), 0);
}
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

/// In a process of its own: room for some thread stacks is left, then a pool of 1000 is asked for.
[[noreturn]] void make_pool_in_little_memory() {
  constexpr size_t kRoom = size_t{512} << 20;
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t limit = pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE)) + kRoom;
  const rlimit limits{limit, limit};
  ::setrlimit(RLIMIT_AS, &limits);
  if (::mmap(nullptr, 2 * kRoom, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) {
    std::fprintf(stderr, "SKIPPED: memory cannot be limited here\n");  // qemu-user
    std::_Exit(0);
  }
  int threads = 0;
  const int warnings = warnings_of_a_large_pool(threads);
  std::fprintf(stderr, "%d threads, %d warnings\n", threads, warnings);
  std::_Exit(warnings == 1 && threads > 1 && threads < 1000 ? 0 : 1);
}

TEST(ThreadPoolDeathTest, GoesOnWithTheWorkersThereAre) {
  if (kSanitized) GTEST_SKIP() << "SKIPPED: sanitizers need the memory that is taken away here";
  EXPECT_EXIT(make_pool_in_little_memory(), ::testing::ExitedWithCode(0), "");
}

TEST(ThreadPool, PinnedWorkersHaveOneProcessorEach) {
  cpu_set_t all;
  ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
  const auto caller = std::this_thread::get_id();
  for (const Affinity affinity : {Affinity::kAny, Affinity::kPinned}) {
    ThreadPool pool(2, affinity);
    std::atomic<int> worker_cpus{0};
    while (worker_cpus == 0) {  // until the worker has had a turn
      pool.parallel_for(2, [&](int64_t) {
        cpu_set_t mine;
        const bool known = sched_getaffinity(0, sizeof(mine), &mine) == 0;
        if (std::this_thread::get_id() == caller) {
          std::this_thread::yield();
        } else {
          worker_cpus = known ? CPU_COUNT(&mine) : -1;
        }
      });
    }
    EXPECT_EQ(worker_cpus, affinity == Affinity::kPinned ? 1 : CPU_COUNT(&all));
  }
}

}  // namespace
}  // namespace hearth
