// What the scheduler has to do with the prefixes on disk: prompts wait for what is being read of them, what
// several prompts begin with is written while they are computed, and the rest when the work is over.
#include <chrono>

#include "base/clock.h"
#include "engine/scheduler.h"

namespace hearth::engine {
namespace {

constexpr int64_t kWorthReading = 64;  // tokens: fewer are computed again
constexpr double kFarewellS = 10;      // for saving what is kept when the model goes

}  // namespace

/// What the archive has done: a prefix more, or a sequence that nobody needs any longer.
void Scheduler::take_from_archive() {
  if (!archive_) return;
  auto done = archive_->take();
  if (!done) return;
  if (done->restored) {
    prefixes_.keep(done->sequence, std::move(done->tokens));
  } else {
    model_->runtime().close_sequence(done->sequence);
  }
}

/// Whether a prompt should wait for what the archive has of it beyond the `available` tokens. Begins to read
/// that, once for each answer (`asked`).
bool Scheduler::awaits_archive(std::span<const int32_t> ids, int64_t available, bool& asked) {
  if (!archive_) return false;
  const auto limit = static_cast<int64_t>(ids.size()) - 1;
  if (archive_->restoring(ids, limit) - available >= kWorthReading) return true;
  if (asked || archive_->stored(ids, limit) - available < kWorthReading) return false;
  if (archive_->busy()) return true;  // soon over
  if (!has_room(limit + 1)) {
    short_of_room_ = true;
    return true;
  }
  asked = true;
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

/// Gets back what the archive holds. False when that is nothing.
bool Scheduler::end_archiving() {
  if (!archive_ || !archive_->busy()) return false;
  archive_->finish(true);
  take_from_archive();
  return true;
}

/// Where every answer waits for the archive, so does this thread; but cancelled and new ones wake it.
void Scheduler::wait_for_archive() {
  constexpr auto kMost = std::chrono::milliseconds(20);
  if (!archive_ || !archive_->busy()) return;
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, kMost, [&] { return woken_ || !incoming_.empty(); });
}

/// All that is kept and worth it, the last used first.
void Scheduler::archive_prefixes() {
  if (!archive_) return;
  const std::lock_guard turn(model_->turn());
  archive_->finish(false);
  take_from_archive();
  const double deadline_s = now_s() + kFarewellS;
  for (const PrefixCache::Entry& entry : prefixes_.entries()) {
    if (!archive_->worth_saving(entry.tokens)) continue;
    if (!archive_->save_now(entry.sequence, entry.tokens, deadline_s)) return;
  }
}

}  // namespace hearth::engine
