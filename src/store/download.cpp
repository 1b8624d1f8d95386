// Probe, transfer, check, put in place; see the header.
#include "store/download.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "io/file.h"
#include "store/disk.h"
#include "store/part_file.h"
#include "store/transfer.h"

namespace hearth::store {
namespace {

constexpr double kTick_s = 0.1;
constexpr int kMaxRestarts = 2;

/// Content with a promised hash is that hash, wherever it lies; else the best tag the server gives. A weak
/// tag may stand for other bytes, so nothing is continued by it.
ContentIdentity identity_of(const DownloadJob& job, const RemoteFile& remote) {
  ContentIdentity out;
  out.size = remote.size;
  if (!job.expected_sha256.empty()) {
    out.validator = "sha256:" + job.expected_sha256;
  } else if (!remote.linked_etag.empty() && !net::is_weak_etag(remote.linked_etag)) {
    out.validator = "linked-etag:" + remote.linked_etag;
  } else if (!remote.etag.empty() && !net::is_weak_etag(remote.etag)) {
    out.validator = "etag:" + remote.etag;
  } else if (!remote.last_modified.empty()) {
    out.validator = "date:" + remote.last_modified;
  }
  return out;
}

bool is_web_page(std::string_view content_type) {
  return net::equal_ignoring_case(content_type.substr(0, 9), "text/html");
}

bool same_origin(const std::string& a, const std::string& b) {
  const auto first = net::parse_url(a);
  const auto second = net::parse_url(b);
  return first && second && first->origin == second->origin;
}

/// Hashes what has arrived without a hole while the rest is still coming, so that little is left to do at the
/// end.
class TrailingHash {
 public:
  explicit TrailingHash(const PartFile& file) : file_(file), buffer_(kBlock) {}

  /// Goes on up to `end` or until `deadline_s`; true when `end` is reached.
  Result<bool> advance(uint64_t end, double deadline_s) {
    while (at_ < end) {
      const size_t want = static_cast<size_t>(std::min<uint64_t>(kBlock, end - at_));
      HEARTH_ASSIGN(const size_t got, file_.read_at(at_, {buffer_.data(), want}));
      if (got == 0) return fail(ErrorCode::kIo, "the partial file shrank while it was written; pull again");
      hash_.update({buffer_.data(), got});
      at_ += got;
      if (now_s() > deadline_s) break;
    }
    return at_ >= end;
  }
  std::string finish() { return hash_.finish(); }

 private:
  static constexpr size_t kBlock = 1 << 20;
  const PartFile& file_;
  std::vector<std::byte> buffer_;
  Sha256 hash_;
  uint64_t at_ = 0;
};

class Download {
 public:
  Download(const DownloadJob& job, RemoteFile remote, const DownloadOptions& options)
      : job_(job), remote_(std::move(remote)), options_(options) {}

  Result<Downloaded> run() {
    ContentIdentity identity = identity_of(job_, remote_);
    if (const auto sha256 = PartFile::finished(job_.target, identity)) {
      return Downloaded{*identity.size, *sha256, remote_.etag};
    }
    HEARTH_ASSIGN(file_, PartFile::open(job_.target, std::move(identity)));
    bool ranged = remote_.ranges && remote_.size.has_value();
    for (int restarts = 0;; ++restarts) {
      if (remote_.size) {
        HEARTH_RETURN_IF_ERROR(
            check_disk_space(job_.target.parent_path(), file_->disk_needed(*remote_.size)));
        HEARTH_RETURN_IF_ERROR(file_->reserve(*remote_.size));
      }
      hash_ = std::make_unique<TrailingHash>(*file_);
      Transfer transfer(job_, remote_, options_, *file_, ranged ? piece_bytes() : 0);
      const Status watched = watch(transfer, ranged);
      if (!watched) return watched.error();
      switch (transfer.outcome()) {
        case Transfer::Outcome::kDone:
          return check_and_finish(transfer.size().value_or(0));
        case Transfer::Outcome::kNoRanges:
          ranged = false;
          break;
        case Transfer::Outcome::kChanged:
          if (restarts >= kMaxRestarts) {
            file_->discard();
            return fail(ErrorCode::kNetwork, job_.what,
                        ": keeps changing on the server while it is fetched; try later, or give its SHA-256 "
                        "to pull it anyway");
          }
          HEARTH_RETURN_IF_ERROR(begin_again(ranged));
          break;
        default:
          return transfer.error();
      }
    }
  }

 private:
  /// Small enough that all connections have work until near the end, large enough that asking costs nothing.
  uint64_t piece_bytes() const {
    constexpr uint64_t kSmallest = 1u << 20;
    const auto connections = static_cast<uint64_t>(std::max(1, options_.connections));
    return std::min(options_.piece_bytes, std::max(kSmallest, *remote_.size / (4 * connections)));
  }

  /// Runs the transfer, saving state, hashing and reporting from this thread.
  Status watch(Transfer& transfer, bool ranged) {
    transfer.start();
    double saved_s = now_s();
    Status trouble;
    for (;;) {
      const Transfer::Outcome outcome = transfer.wait_for(kTick_s);
      if (options_.http.cancelled() || !trouble) transfer.stop();
      report(transfer);
      if (outcome != Transfer::Outcome::kRunning) break;
      if (!ranged || !trouble) continue;
      if (const Result<bool> hashed = hash_->advance(file_->prefix(), now_s() + kTick_s); !hashed) {
        trouble = hashed.error();
      }
      if (now_s() - saved_s >= options_.save_every_s) {
        if (const Status saved = file_->save(); !saved) trouble = saved;
        saved_s = now_s();
      }
    }
    transfer.join();
    if (ranged) {
      const Status saved = file_->save();
      if (transfer.outcome() == Transfer::Outcome::kDone && !saved) return saved;
    }
    return trouble;
  }

  void report(const Transfer& transfer) {
    if (options_.progress) options_.progress(file_->covered(), transfer.size().value_or(0));
  }

  Status begin_again(bool& ranged) {
    net::HttpClient client(options_.http);
    HEARTH_ASSIGN(remote_, probe(client, job_));
    ranged = remote_.ranges && remote_.size.has_value();
    return file_->start_over(identity_of(job_, remote_));
  }

  Result<Downloaded> check_and_finish(uint64_t size) {
    for (;;) {
      HEARTH_ASSIGN(const bool whole, hash_->advance(size, now_s() + kTick_s));
      if (options_.http.cancelled()) return fail(ErrorCode::kCancelled, "stopped");
      if (whole) break;
    }
    const std::string sha256 = hash_->finish();
    if (!job_.expected_sha256.empty() && sha256 != job_.expected_sha256) {
      file_->discard();
      return fail(ErrorCode::kCorrupt, job_.what, ": what arrived has SHA-256 ", sha256, " instead of ",
                  job_.expected_sha256, "; it was thrown away, pull again or check the source");
    }
    HEARTH_RETURN_IF_ERROR(check_magic(size));
    HEARTH_RETURN_IF_ERROR(file_->finish(size, sha256));
    return Downloaded{size, sha256, remote_.etag};
  }

  /// Without a promised hash, at least what calls itself GGUF must begin like one: error pages come with
  /// status 200 too.
  Status check_magic(uint64_t size) {
    if (!job_.expected_sha256.empty() || job_.target.extension() != ".gguf") return {};
    static constexpr std::string_view kMagic = "GGUF";
    std::array<std::byte, 4> start{};
    HEARTH_ASSIGN(const size_t got, file_->read_at(0, start));
    if (size >= kMagic.size() && got == kMagic.size() && std::memcmp(start.data(), kMagic.data(), got) == 0)
      return {};
    file_->discard();
    return fail(ErrorCode::kCorrupt, job_.what, ": what arrived is no GGUF file (", size,
                " bytes); it was thrown away, check the address");
  }

  const DownloadJob& job_;
  RemoteFile remote_;
  const DownloadOptions& options_;
  std::unique_ptr<PartFile> file_;
  std::unique_ptr<TrailingHash> hash_;
};

}  // namespace

Result<RemoteFile> probe(net::HttpClient& client, const DownloadJob& job) {
  net::HttpRequest request;
  request.url = job.url;
  request.bearer_token = job.bearer_token;
  request.head_only = true;
  request.range = net::ByteRange{0, 0};
  HEARTH_ASSIGN(const net::HttpExchange answer, client.head(request));
  const net::HttpResponse& head = answer.response;
  const auto range = net::parse_content_range(head.headers.find("Content-Range"));
  RemoteFile out;
  if (head.status == 206 && range && !range->unsatisfied && range->first == 0) {
    out.ranges = range->total.has_value();
    out.size = range->total;
  } else if (head.status == 416 && range && range->unsatisfied && range->total == uint64_t{0}) {
    out.size = 0;  // an empty file has no first byte
  } else if (head.status == 200) {
    out.size = head.content_length;
  } else if (head.status >= 200 && head.status < 300) {
    return fail(ErrorCode::kNetwork, job.what, ": HTTP ", head.status, " from ", net::printable_url(head.url),
                " is no file");
  } else {
    return net::http_status_error(head, job.what, !job.bearer_token.empty());
  }
  if (job.expected_sha256.empty() && is_web_page(head.headers.find("Content-Type"))) {
    return fail(ErrorCode::kNetwork, job.what, ": ", net::printable_url(head.url),
                " is a web page, not a model file; check the address (a login may be needed)");
  }
  if (job.expected_size && out.size && *job.expected_size != *out.size) {
    return fail(ErrorCode::kNetwork, job.what, ": the listing promises ", *job.expected_size,
                " bytes, the server has ", *out.size, "; try again later");
  }
  if (!out.size) out.size = job.expected_size;
  out.final_url = head.url;
  out.etag = head.headers.find("ETag");
  out.last_modified = head.headers.find("Last-Modified");
  out.at_home = same_origin(job.url, head.url);
  for (const net::HttpResponse& hop : answer.redirects) {
    out.at_home = out.at_home && same_origin(job.url, hop.url);
    const std::string_view linked = hop.headers.find("X-Linked-ETag");
    if (linked.empty()) continue;
    out.linked_etag = linked;
    out.linked_sha256 = net::sha256_from_etag(linked);
  }
  return out;
}

Result<Downloaded> download(const DownloadJob& job, const RemoteFile& remote,
                            const DownloadOptions& options) {
  return Download(job, remote, options).run();
}

}  // namespace hearth::store
