// Pieces, connections and what a server may do wrong with them; see the header.
#include "store/transfer.h"

#include <algorithm>
#include <chrono>
#include <system_error>

#include "base/log.h"
#include "io/file.h"

namespace hearth::store {
namespace {

bool is_success(int status) { return status >= 200 && status < 300; }

/// False when the tag or, where that proves little, the date says that `head` is of other bytes than
/// `remote`.
bool same_content(const RemoteFile& remote, const net::HttpResponse& head) {
  if (!remote.etag.empty() && head.headers.find("ETag") != remote.etag) return false;
  if (!remote.etag.empty() && !net::is_weak_etag(remote.etag)) return true;
  return remote.last_modified.empty() || head.headers.find("Last-Modified") == remote.last_modified;
}

/// Signed addresses of content networks run out: these answers are worth asking the origin again.
bool may_have_expired(int status) { return status == 401 || status == 403 || status == 404 || status == 410; }

}  // namespace

Transfer::Transfer(const DownloadJob& job, const RemoteFile& remote, const DownloadOptions& options,
                   PartFile& file, uint64_t piece_bytes)
    : job_(job),
      remote_(remote),
      options_(options),
      file_(file),
      ranged_(piece_bytes > 0),
      http_(options.http),
      address_{remote.final_url, remote.at_home},
      size_(remote.size) {
  http_.cancel = &stop_;
  if (ranged_) {
    for (const Range& piece : file_.missing(*remote.size, piece_bytes)) queue_.push_back(piece);
  }
}

Transfer::~Transfer() {
  stop();
  join();
}

void Transfer::start(const Starter& starter) {
  const size_t wanted =
      ranged_ ? std::min(queue_.size(), static_cast<size_t>(std::max(1, options_.connections))) : 1;
  threads_.reserve(wanted);
  enter();  // so that no thread takes itself for the last one while others are still to come
  while (threads_.size() < wanted) {
    enter();
    try {
      threads_.push_back(starter([this] { work(); }));
    } catch (const std::system_error& error) {
      if (threads_.empty())
        end(Outcome::kFailed, fail(ErrorCode::kIo, job_.what, ": cannot start a thread: ", error.what()));
      leave();
      break;
    }
  }
  leave();
}

void Transfer::stop() { stop_.store(true, std::memory_order_relaxed); }

void Transfer::join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

Transfer::Outcome Transfer::wait_for(double seconds) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return running_ == 0; });
  return running_ == 0 ? outcome_ : Outcome::kRunning;
}

Transfer::Outcome Transfer::outcome() const {
  const std::lock_guard lock(mutex_);
  return outcome_;
}

Error Transfer::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

std::optional<uint64_t> Transfer::size() const {
  const std::lock_guard lock(mutex_);
  return size_;
}

/// The first to say so decides; the others are stopped.
void Transfer::end(Outcome outcome, Error error) {
  const std::lock_guard lock(mutex_);
  if (outcome_ == Outcome::kRunning) {
    outcome_ = outcome;
    error_ = std::move(error);
  }
  stop_.store(true, std::memory_order_relaxed);
}

std::optional<Range> Transfer::take() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty() || stop_.load(std::memory_order_relaxed)) return std::nullopt;
  const Range piece = queue_.front();
  queue_.pop_front();
  return piece;
}

Transfer::Address Transfer::address() const {
  const std::lock_guard lock(mutex_);
  return address_;
}

void Transfer::work() {
  try {
    net::HttpClient client(http_);
    if (ranged_) {
      work_ranges(client);
    } else {
      work_stream(client);
    }
  } catch (const std::exception& error) {  // thread root: out of memory, most likely
    end(Outcome::kFailed, fail(ErrorCode::kInternal, job_.what, ": ", error.what()));
  }
  leave();
}

void Transfer::enter() {
  const std::lock_guard lock(mutex_);
  ++running_;
}

/// The last to leave says how it went, unless that is said already.
void Transfer::leave() {
  const std::lock_guard lock(mutex_);
  if (--running_ > 0) return;
  if (outcome_ == Outcome::kRunning) {
    const bool stopped = stop_.load(std::memory_order_relaxed);
    outcome_ = stopped ? Outcome::kFailed : Outcome::kDone;
    if (stopped) error_ = fail(ErrorCode::kCancelled, "stopped");
  }
  changed_.notify_all();
}

void Transfer::work_ranges(net::HttpClient& client) {
  while (const std::optional<Range> piece = take()) {
    if (!fetch_piece(client, *piece)) return;
  }
}

/// What every 2xx head must satisfy; ends the transfer with another outcome where that is the matter.
Status Transfer::check_head(const net::HttpResponse& head, uint64_t at) {
  const std::string_view encoding = head.headers.find("Content-Encoding");
  if (!encoding.empty() && !net::equal_ignoring_case(encoding, "identity")) {
    return fail(ErrorCode::kNetwork, job_.what, ": the server sends it compressed although asked not to");
  }
  // With a promised SHA-256 the tag proves nothing more, and server farms give the same content several tags.
  if (job_.expected_sha256.empty() && !same_content(remote_, head)) {
    end(Outcome::kChanged);
    return fail(ErrorCode::kNetwork, job_.what, ": changed on the server meanwhile");
  }
  if (!ranged_) {
    if (head.status != 200)
      return fail(ErrorCode::kNetwork, job_.what, ": HTTP ", head.status, " without being asked for a part");
    const std::optional<uint64_t> size = this->size();
    if (size && head.content_length && *size != *head.content_length) {
      return fail(ErrorCode::kNetwork, job_.what, ": ", *size, " bytes were announced, now it is ",
                  *head.content_length);
    }
    if (!head.framed && job_.expected_sha256.empty()) {
      return fail(ErrorCode::kNetwork, job_.what,
                  ": the server does not say how long it is, so a cut could not be told from the end; "
                  "give its SHA-256 to pull it anyway");
    }
    return {};
  }
  if (head.status == 200) {
    end(Outcome::kNoRanges);
    return fail(ErrorCode::kNetwork, job_.what, ": the server ignores ranges");
  }
  const auto range = net::parse_content_range(head.headers.find("Content-Range"));
  if (head.status != 206 || !range || range->unsatisfied || range->first != at) {
    return fail(ErrorCode::kNetwork, job_.what, ": the server answers with another part than was asked for");
  }
  if (range->total && *range->total != *remote_.size) {
    if (job_.expected_sha256.empty()) end(Outcome::kChanged);
    return fail(ErrorCode::kNetwork, job_.what, ": ", *remote_.size, " bytes were announced, now it is ",
                *range->total);
  }
  return {};
}

/// Waits before the next try; false when there should be none, with the error set.
bool Transfer::back_off(net::Backoff& backoff, const net::HttpExchange& tried) {
  const std::string reason =
      !tried.status ? tried.status.error().message
      : is_success(tried.response.status)
          ? concat(job_.what, ": the server ends its answer too early")
          : net::http_status_error(tried.response, job_.what, !job_.bearer_token.empty()).message;
  const std::optional<double> delay_s = backoff.next_s(tried.retry_after_s);
  if (!delay_s) {
    end(Outcome::kFailed, fail(ErrorCode::kNetwork, reason, " (", backoff.failures(),
                               " tries; what arrived is kept: pull again to continue)"));
    return false;
  }
  log_line(LogLevel::kDebug, concat(reason, "; trying again"));
  if (net::HttpClient::wait_s(*delay_s, http_)) return true;
  end(Outcome::kFailed, fail(ErrorCode::kCancelled, "stopped"));
  return false;
}

/// Asks the origin for a fresh address; `seen` is the one that failed. True when there may be a better one
/// now.
bool Transfer::refresh_address(net::HttpClient& client, const std::string& seen) {
  if (seen == job_.url) return false;
  const std::lock_guard one_at_a_time(refresh_mutex_);
  if (address().url != seen) return true;  // another connection did it
  const Result<RemoteFile> fresh = probe(client, job_);
  if (!fresh || fresh->size != remote_.size || fresh->final_url == seen) return false;
  const std::lock_guard lock(mutex_);
  address_ = {fresh->final_url, fresh->at_home};
  return true;
}

bool Transfer::fetch_piece(net::HttpClient& client, Range piece) {
  net::Backoff backoff(http_);
  uint64_t at = piece.begin;
  uint64_t asked_at = at;
  net::HttpHandlers handlers;
  handlers.on_head = [&](const net::HttpResponse& head) { return check_head(head, asked_at); };
  handlers.on_body = [&](std::span<const std::byte> bytes) -> Status {
    if (bytes.size() > piece.end - at) {
      return fail(ErrorCode::kNetwork, job_.what, ": the server sends more than was asked for");
    }
    HEARTH_RETURN_IF_ERROR(file_.write_at(at, bytes));
    at += bytes.size();
    return {};
  };
  while (at < piece.end) {
    net::HttpRequest request;
    const Address from = address();
    request.url = from.url;
    if (from.at_home) request.bearer_token = job_.bearer_token;
    request.range = net::ByteRange{at, piece.end - 1};
    asked_at = at;
    const net::HttpExchange tried = client.exchange(request, handlers);
    if (at == piece.end) return true;
    if (at > asked_at) backoff.reset();
    const int status = tried.response.status;
    const bool whole = tried.status.ok();
    if (whole && status == 416) {
      end(Outcome::kFailed, fail(ErrorCode::kNetwork, job_.what, ": the server announced ", *remote_.size,
                                 " bytes but has none at ", at, "; its length is wrong"));
      return false;
    }
    const bool expired = whole && may_have_expired(status) && refresh_address(client, request.url);
    if (!tried.transient && !expired && !(whole && is_success(status))) {
      end(Outcome::kFailed,
          whole ? net::http_status_error(tried.response, job_.what, !job_.bearer_token.empty())
                : tried.status.error());
      return false;
    }
    if (!back_off(backoff, tried)) return false;
  }
  return true;
}

void Transfer::work_stream(net::HttpClient& client) {
  net::Backoff backoff(http_);
  uint64_t at = 0;
  net::HttpHandlers handlers;
  handlers.on_head = [&](const net::HttpResponse& head) { return check_head(head, 0); };
  handlers.on_body = [&](std::span<const std::byte> bytes) -> Status {
    if (const auto size = this->size(); size && bytes.size() > *size - at) {
      return fail(ErrorCode::kNetwork, job_.what, ": the server sends more than the ", *size,
                  " bytes announced");
    }
    HEARTH_RETURN_IF_ERROR(file_.write_at(at, bytes));
    at += bytes.size();
    return {};
  };
  net::HttpRequest request;
  request.url = job_.url;
  request.bearer_token = job_.bearer_token;
  for (;;) {
    at = 0;
    if (const Status empty = file_.start_over(); !empty) {
      return end(Outcome::kFailed, empty.error());
    }
    const net::HttpExchange tried = client.exchange(request, handlers);
    const bool whole = tried.status.ok();
    if (whole && is_success(tried.response.status)) {
      const std::lock_guard lock(mutex_);
      if (size_ && *size_ != at && outcome_ == Outcome::kRunning) {
        outcome_ = Outcome::kFailed;
        error_ = fail(ErrorCode::kNetwork, job_.what, ": ", *size_, " bytes were announced, ", at, " came");
      }
      size_ = at;
      return;
    }
    if (!tried.transient) {
      return end(Outcome::kFailed,
                 whole ? net::http_status_error(tried.response, job_.what, !job_.bearer_token.empty())
                       : tried.status.error());
    }
    if (!back_off(backoff, tried)) return;
  }
}

}  // namespace hearth::store
