// The one place that must know every count: what models did that are gone must not be forgotten.
#include "engine/stats.h"

namespace hearth::engine {

void SchedulerStats::add_past(const SchedulerStats& past) {
  constexpr int64_t SchedulerStats::*kCounts[] = {
      &SchedulerStats::accepted,       &SchedulerStats::refused,         &SchedulerStats::stopped,
      &SchedulerStats::cut_by_length,  &SchedulerStats::cancelled,       &SchedulerStats::failed,
      &SchedulerStats::prompt_tokens,  &SchedulerStats::cached_tokens,   &SchedulerStats::generated_tokens,
      &SchedulerStats::drafted_tokens, &SchedulerStats::accepted_drafts, &SchedulerStats::steps,
      &SchedulerStats::preempted,      &SchedulerStats::evicted_prefixes};
  constexpr size_t kNow =
      8;  // waiting, running, prefixes, prefix_bytes, kv_bytes, kv_pages (and shared), kv_tokens_free
  static_assert(
      sizeof(SchedulerStats) == (std::size(kCounts) + kNow) * sizeof(int64_t) + sizeof(ArchiveStats) +
                                    4 * sizeof(Histogram<14>) + sizeof(Histogram<8>),
      "a new member of SchedulerStats: a count belongs into kCounts, what says 'now' is one more of kNow");
  for (const auto member : kCounts) this->*member += past.*member;
  constexpr int64_t ArchiveStats::*kArchiveCounts[] = {&ArchiveStats::saved, &ArchiveStats::restored,
                                                       &ArchiveStats::restored_tokens, &ArchiveStats::damaged,
                                                       &ArchiveStats::failed};
  static_assert(sizeof(ArchiveStats) == (std::size(kArchiveCounts) + 1) * sizeof(int64_t));  // bytes: now
  for (const auto member : kArchiveCounts) archive.*member += past.archive.*member;
  first_token_s.add(past.first_token_s);
  between_tokens_s.add(past.between_tokens_s);
  queue_s.add(past.queue_s);
  answer_s.add(past.answer_s);
  batch.add(past.batch);
}

}  // namespace hearth::engine
