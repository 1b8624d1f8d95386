// The pool runs every index exactly once, nested and concurrent callers included.
#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

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

TEST(AvailableCpus, IsPositive) { EXPECT_GE(available_cpus(), 1); }

}  // namespace
}  // namespace hearth
