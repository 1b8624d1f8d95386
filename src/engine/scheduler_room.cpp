// Where an answer's keys and values live: which known beginning it goes on from, whether there is room beside
// the others, and who gives way when there is not.
#include <algorithm>
#include <utility>

#include "engine/scheduler_answer.h"

namespace hearth::engine {
namespace {

constexpr int64_t kLeastPrefix = 16;   // tokens: less is computed again as fast
constexpr int64_t kWorthWaiting = 64;  // tokens that another answer is about to compute

}  // namespace

/// Whether a running answer will soon have computed much more of what this one's prompt begins with than
/// there is now. One of lower priority will not: it has to wait for this one.
bool Scheduler::awaits_prefix(const Answer& answer, int64_t available) const {
  for (const auto& other : running_) {
    if (other.get() == &answer || !other->has_sequence || other->writing() || other->pooler) continue;
    if (other->submission.priority < answer.submission.priority) continue;
    const int64_t shared = common_prefix(other->ids, answer.ids);
    if (other->computed < shared && shared - available >= kWorthWaiting) return true;
  }
  return false;
}

/// Where the reading of a prompt should pause because others wait to go on from there; the end of the prompt
/// where none do.
int64_t Scheduler::fork_point(const Answer& answer) const {
  int64_t point = std::max(answer.prompt_tokens, static_cast<int64_t>(answer.ids.size()));
  for (const auto& other : running_) {
    if (other->has_sequence || other->pooler) continue;
    const int64_t shared = common_prefix(other->ids, answer.ids);
    if (shared >= answer.computed + kWorthWaiting) point = std::min(point, shared);
  }
  return point;
}

/// Whether so many more tokens, and some to write, fit beside what is planned and what others still have to
/// read; kept prefixes give way where that helps. Always for an answer that has the cache for itself.
bool Scheduler::has_room(int64_t tokens) {
  const runtime::RuntimeOptions& options = model_->runtime().options();
  int64_t held = 0, to_read = 0, holders = 0;
  for (const auto& other : running_) {
    if (!other->has_sequence) continue;
    ++holders;
    held += static_cast<int64_t>(other->ids.size()) + kPage;
    if (!other->writing()) to_read += other->left();
  }
  if (holders == 0) {
    while (model_->runtime().free_tokens() < tokens + kPage && prefixes_.evict()) {
    }
    return true;
  }
  if (held + tokens + kPage > std::max(options.cache_tokens, options.context_tokens)) return false;
  const auto missing = [&] {
    return tokens + kPage + planned_room_ + to_read - model_->runtime().free_tokens();
  };
  while (missing() > 0 && prefixes_.evict()) {
  }
  return missing() <= 0;
}

/// Gives the answer a sequence, with as much of its prompt as is known. False: not now.
bool Scheduler::find_sequence(Answer& answer) {
  runtime::Runtime& runtime = model_->runtime();
  const auto length = static_cast<int64_t>(answer.ids.size());
  const int64_t limit = answer.pooler ? 0 : length - 1;  // the others' outputs are wanted
  Answer* live = nullptr;
  int64_t of_live = 0;
  for (const auto& other : running_) {
    if (!other->has_sequence) continue;
    const int64_t shared = std::min({common_prefix(other->ids, answer.ids), other->computed, limit});
    if (shared > of_live) live = other.get(), of_live = shared;
  }
  const int64_t kept = std::min(prefixes_.longest(answer.ids), limit);
  if (limit > 0 &&
      (awaits_prefix(answer, std::max(kept, of_live)) || awaits_archive(answer, std::max(kept, of_live)))) {
    return false;
  }
  std::optional<PrefixFork> fork;
  if (live && of_live >= kLeastPrefix && of_live > kept) {
    if (auto made = runtime.fork(live->sequence); made) {
      if (runtime.truncate(*made, of_live)) {
        fork = PrefixFork{*made, of_live};
      } else {
        runtime.close_sequence(*made);
      }
    }
  }
  if (!fork) fork = prefixes_.fork(answer.ids, kLeastPrefix, limit);
  if (windowed_ && std::max(kept, of_live) - (fork ? fork->tokens : 0) >= kWorthWaiting)
    answer.snapshot_at = std::max(kept, of_live);  // where prompts part: the next one is to find it
  auto opened = fork ? Result<runtime::SeqId>(fork->sequence) : runtime.open_sequence();
  while (!opened && prefixes_.evict()) opened = runtime.open_sequence();
  if (!opened) return false;
  const int64_t computed = fork ? fork->tokens : 0;
  if (!has_room(length - computed)) {  // when others are over there will be
    runtime.close_sequence(*opened);
    short_of_room_ = true;
    return false;
  }
  if (fork) offer_to_archive(*opened, std::span(answer.ids).first(static_cast<size_t>(computed)));
  answer.has_sequence = true;
  answer.sequence = *opened;
  answer.computed = computed;
  if (answer.pooler) answer.pooler->clear();  // of before it had to give up its keys and values
  if (answer.generation.completion().tokens.empty())
    answer.generation.completion().usage.cached_tokens = answer.computed;
  return true;
}

/// After a batch that did not fit: gives up a kept prefix, else the keys and values of the youngest answer of
/// the lowest priority, which are computed again later. False when there is nothing to give up.
bool Scheduler::make_room(const Error& why) {
  const bool no_memory = why.code == ErrorCode::kNoMemory;  // for outputs: fewer answers need less
  if (why.code != ErrorCode::kTooLarge && !no_memory) return false;
  for (Answer* answer : planned_) {  // cannot be: drawn tokens are bounded by the context
    if (answer->computed + static_cast<int64_t>(answer->chunk.size()) > model_->context_tokens())
      return false;
  }
  if (!no_memory && (prefixes_.evict() || end_archiving())) return true;
  Answer* least = nullptr;
  int64_t holders = 0;
  const auto gives_way = [](const Answer& a, const Answer& b) {
    if (a.submission.priority != b.submission.priority) return a.submission.priority < b.submission.priority;
    return a.admitted_s >= b.admitted_s;
  };
  for (auto& answer : running_) {
    if (!answer->has_sequence) continue;
    ++holders;
    if (!least || gives_way(*answer, *least)) least = answer.get();
  }
  if (holders < 2) return false;
  model_->runtime().close_sequence(least->sequence);
  least->has_sequence = false;
  least->computed = 0;
  ++own_.preempted;
  const auto it = std::find_if(running_.begin(), running_.end(),
                               [&](const auto& answer) { return answer.get() == least; });
  waiting_.insert(waiting_.begin(), std::move(*it));
  running_.erase(it);
  return true;
}

void Scheduler::snapshot(Answer& answer) {
  auto fork = model_->runtime().fork(answer.sequence);
  while (!fork && prefixes_.evict()) fork = model_->runtime().fork(answer.sequence);
  if (!fork) return;
  prefixes_.keep(*fork, {answer.ids.begin(), answer.ids.begin() + answer.computed});
}

}  // namespace hearth::engine
