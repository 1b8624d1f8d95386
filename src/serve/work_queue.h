// A few threads that do what an io thread must not wait for: parse a body, render a template, tokenize. Work
// is bounded in number. Must not know what it is.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hearth::serve {

class WorkQueue {
 public:
  WorkQueue(int threads, size_t most_waiting);
  /// As stop().
  ~WorkQueue();

  /// False when too much waits already, or after stop(); `work` is then not called.
  bool post(std::function<void()> work);
  /// Waits for what runs; what waits is dropped.
  void stop();

 private:
  void run();

  size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hearth::serve
