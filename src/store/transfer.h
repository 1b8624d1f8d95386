// The connections of one download: threads that take missing pieces and ask for them until nothing is
// missing. Threads rather than one event loop, because each piece is then a plain loop of ask, write, wait
// and ask again. Knows nothing of hashes of whole files or of final names.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/http_client.h"
#include "store/download.h"
#include "store/part_file.h"

namespace hearth::store {

class Transfer {
 public:
  enum class Outcome {
    kRunning,
    kDone,
    kFailed,    // error() says why
    kChanged,   // the content is another one now: probe again and start over
    kNoRanges,  // partial requests are not answered after all: start over as one stream
  };

  /// Everything must outlive the transfer. `piece_bytes` 0: one stream from the first byte.
  Transfer(const DownloadJob& job, const RemoteFile& remote, const DownloadOptions& options, PartFile& file,
           uint64_t piece_bytes);
  ~Transfer();

  /// Makes the thread that runs `body`; throws std::system_error where there can be none.
  using Starter = std::function<std::thread(std::function<void()> body)>;
  /// Fewer threads than connections asked for is no error, none at all is. Tests give a starter that fails.
  void start(const Starter& starter = start_thread);
  /// Ends early and keeps what is written; no-op once over.
  void stop();
  /// Waits up to `seconds`, less when it ends.
  Outcome wait_for(double seconds);
  /// Joins the threads.
  void join();

  Outcome outcome() const;
  Error error() const;
  /// Size of the content once known (a stream may only know at its end).
  std::optional<uint64_t> size() const;

 private:
  static std::thread start_thread(std::function<void()> body) { return std::thread(std::move(body)); }
  void work();
  void enter();
  void leave();
  void work_ranges(net::HttpClient& client);
  void work_stream(net::HttpClient& client);
  bool fetch_piece(net::HttpClient& client, Range piece);
  bool back_off(net::Backoff& backoff, const net::HttpExchange& tried);
  Status check_head(const net::HttpResponse& head, uint64_t at);
  /// Where pieces are asked for, and whether the token may be shown there.
  struct Address {
    std::string url;
    bool at_home = false;
  };
  bool refresh_address(net::HttpClient& client, const std::string& seen);
  Address address() const;
  std::optional<Range> take();
  void end(Outcome outcome, Error error = {});

  const DownloadJob& job_;
  const RemoteFile& remote_;
  const DownloadOptions& options_;
  PartFile& file_;
  const bool ranged_;
  net::HttpOptions http_;  // the caller's, but cancelled by stop_
  std::atomic<bool> stop_{false};

  mutable std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::deque<Range> queue_;
  Address address_;
  std::optional<uint64_t> size_;
  Outcome outcome_ = Outcome::kRunning;
  Error error_;
  int running_ = 0;  // threads, and start() while it is at it
  std::mutex refresh_mutex_;
  std::vector<std::thread> threads_;
};

}  // namespace hearth::store
