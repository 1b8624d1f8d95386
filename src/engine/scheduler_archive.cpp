// What the scheduler has to do with the prefixes on disk: prompts wait for what is being read of them, what
// several prompts begin with is written while they are computed, and the rest when the work is over.
#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>

#include "base/clock.h"
#include "base/log.h"
#include "engine/scheduler_answer.h"

namespace hearth::engine {
namespace {

constexpr int64_t kWorthReading = 64;  // tokens: fewer are computed again
constexpr double kMostWaitS = 1;       // for the end of what the archive does for others

}  // namespace

/// What the archive has done: a prefix more, or a sequence that nobody needs any longer.
bool Scheduler::take_from_archive() {
  if (!archive_) return false;
  auto done = archive_->take();
  if (!done) return false;
  if (done->restored) {
    prefixes_.keep(done->sequence, std::move(done->tokens));
  } else {
    model_->runtime().close_sequence(done->sequence);
  }
  return true;
}

/// Whether a prompt should wait for what the archive has of it beyond the `available` tokens. Begins to read
/// that, once for each answer; where the archive is at work for somebody else it waits, but not for long.
bool Scheduler::awaits_archive(Answer& answer, int64_t available) {
  if (!archive_) return false;
  const std::span<const int32_t> ids = answer.ids;
  const auto limit = static_cast<int64_t>(ids.size()) - 1;
  if (archive_->restoring(ids, limit) - available >= kWorthReading) return true;
  if (answer.asked_archive || archive_->stored(ids, limit) - available < kWorthReading) return false;
  if (archive_->busy()) {
    if (answer.archive_busy_s == 0) answer.archive_busy_s = now_s();
    return now_s() - answer.archive_busy_s < kMostWaitS;
  }
  if (!has_room(limit + 1)) {
    short_of_room_ = true;
    return true;
  }
  answer.asked_archive = true;
  Status begun = archive_->restore(ids, limit);
  while (!begun && begun.error().code == ErrorCode::kTooLarge && prefixes_.evict())
    begun = archive_->restore(ids, limit);
  return begun.ok();
}

/// A prefix that has been asked for twice.
void Scheduler::offer_to_archive(runtime::SeqId sequence, std::span<const int32_t> tokens) {
  if (!archive_ || archive_->busy() || !archive_->worth_saving(tokens)) return;
  const auto fork = model_->runtime().fork(sequence);
  if (fork && !archive_->save(*fork, tokens)) model_->runtime().close_sequence(*fork);
}

/// Gets back what the archive holds, finished or not. False when that is nothing.
bool Scheduler::end_archiving() {
  if (!archive_) return false;
  archive_->finish(0);
  return take_from_archive();
}

/// Where every answer waits for the archive, so does this thread; but cancelled and new ones wake it.
void Scheduler::wait_for_archive() {
  constexpr auto kMost = std::chrono::milliseconds(20);
  if (!archive_ || !archive_->busy()) return;
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, kMost, [&] { return woken_ || !incoming_.empty(); });
}

/// All that is kept and worth it, the last used first: when the time is over, or the room on disk, it is the
/// others that are not there after a restart.
void Scheduler::archive_prefixes() {
  constexpr std::chrono::seconds kApart(1);  // one use and the next; it is the order that counts
  if (!archive_) return;
  const std::lock_guard turn(model_->turn());
  double until_s = 0;
  {
    const std::lock_guard lock(mutex_);
    until_s = save_until_s_;
  }
  archive_->finish(until_s);
  take_from_archive();
  if (!archive_->rest(until_s)) return;
  auto used = std::filesystem::file_time_type::clock::now();
  try {
    for (const PrefixCache::Entry& entry : prefixes_.entries()) {
      if (!archive_->worth_saving(entry.tokens)) continue;
      if (!archive_->save_now(entry.sequence, entry.tokens, used, until_s)) return;
      used -= kApart;
    }
  } catch (const std::exception& error) {
    log_line(LogLevel::kWarning, concat("prefixes were not saved: ", error.what()));
  }
}

}  // namespace hearth::engine
