// Many answers from one model at a time (continuous batching): every step computes one more token of each
// running answer and a piece of the prompts that wait, in one pass over the weights. Prompts that begin as an
// earlier or running one do pay for the rest only. Who drives it calls run() on a thread of its own. Must not
// know protocols or connections.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "engine/completer.h"
#include "engine/local_model.h"
#include "engine/prefix_archive.h"
#include "engine/prefix_cache.h"
#include "engine/stats.h"
#include "engine/turns.h"

namespace hearth::engine {

struct SchedulerOptions {
  /// Answers computed together; the model must have been loaded for more sequences than that: the others keep
  /// prefixes.
  int32_t max_running = 8;
  /// Answers that may wait beside them; more are refused.
  int32_t max_waiting = 128;
  /// How much longer a step may take for the prompts that it reads while answers are being written, in
  /// seconds.
  double stall_s = 0.25;
  bool speculate = true;
  /// Bytes of keys and values that kept prefixes may hold; 0: as many as answers leave them.
  int64_t prefix_bytes = 0;
};

/// An answer asked for. Both callbacks run on the scheduler's thread, between steps: they must return soon,
/// and may not call the scheduler.
struct Submission {
  CompletionRequest request;  // request.cancel is looked at before every step
  std::string client;         // whose turn it is among those of equal priority
  int32_t priority = 0;       // larger goes first
  /// Final text, and the tokens drawn since the last call. False cancels. May be empty.
  std::function<bool(std::string_view text, std::span<const TokenSignal> tokens)> on_text;
  /// Once, when the answer is over: also with finish kCancelled (its usage is then what was really used), or
  /// an error.
  std::function<void(Result<Completion>)> on_done;
  /// Nothing is written: the answer is the prompt's embedding.
  bool embed = false;
  /// Where the queue is full, whoever asks tries again by itself: that is no refusal to be counted.
  bool tries_again = false;
};

class Scheduler {
 public:
  /// `model` must outlive the scheduler and be used by nobody else. Errors: kUsage (no sequence to spare).
  /// `archive` (may be null) keeps prefixes over restarts; it takes one sequence more, must outlive the
  /// scheduler, and somebody must drive it until run() has returned.
  static Result<std::unique_ptr<Scheduler>> create(LocalModel& model, const SchedulerOptions& options,
                                                   PrefixArchive* archive = nullptr);
  ~Scheduler();

  /// Checks, tokenizes and queues; thread-safe. Errors: kBusy (the queue is full), kUnavailable (after
  /// stop()), kTooLarge (the prompt, with the numbers), kUsage, kCorrupt, kUnsupported; on_done is then not
  /// called.
  Status submit(Submission submission);
  /// Looks at the cancel flags soon, also while waiting for work; thread-safe.
  void wake();

  /// Computes until stop(); then every answer still there ends with kCancelled.
  void run();
  /// Thread-safe. Nothing is accepted any more; with `finish`, run() goes on until all answers are over. What
  /// is kept is saved until `save_until_s` (of now_s()).
  void stop(bool finish, double save_until_s);
  void stop(bool finish) { stop(finish, now_s() + kSaveS); }
  static constexpr double kSaveS = 10;  // for saving what is kept when a model goes

  /// Thread-safe.
  SchedulerStats stats() const;
  /// Answers that can be here at a time: those computed and those that wait.
  int64_t most_answers() const { return int64_t{options_.max_running} + options_.max_waiting; }

 private:
  struct Answer;
  using Answers = std::vector<std::unique_ptr<Answer>>;

  Scheduler(LocalModel& model, const SchedulerOptions& options, PrefixArchive* archive);
  Result<std::unique_ptr<Answer>> prepare(Submission submission) const;
  Status take_place(bool tries_again);
  bool wait_for_work();
  void gather(std::unique_lock<std::mutex>& lock);
  void step();
  void drop_cancelled(Answers& answers);
  void admit();
  bool has_room(int64_t tokens);
  bool find_sequence(Answer& answer);
  bool awaits_prefix(const Answer& answer, int64_t available) const;
  bool awaits_archive(Answer& answer, int64_t available);
  bool take_from_archive();
  void offer_to_archive(runtime::SeqId sequence, std::span<const int32_t> tokens);
  void wait_for_archive();
  bool end_archiving();
  void archive_prefixes();
  int64_t fork_point(const Answer& answer) const;
  int64_t prompt_budget(bool writing) const;
  void learn_speed(double elapsed_s);
  void plan(Answer& answer, int64_t& budget);
  void plan_batch();
  Status compute();
  bool make_room(const Error& why);
  void digest_safely(Answer& answer, size_t chunk);
  void digest(Answer& answer, size_t chunk);
  void pool(Answer& answer, size_t chunk);
  void draw_first();
  bool draw(Answer& answer, size_t chunk);
  void snapshot(Answer& answer);
  void tell(Answer& answer);
  void cut(Answer& answer);
  void end(Answer& answer, Result<Completion> result);
  void publish();

  LocalModel* model_;
  SchedulerOptions options_;
  bool windowed_;  // a sequence cannot be shortened at will
  PrefixArchive* archive_;
  PrefixCache prefixes_;
  double prompt_tokens_per_s_ = 0;  // seen lately
  double writing_step_s_ = 0;       // seen lately, of steps that read nothing

  // Of the thread that runs.
  Answers waiting_;
  Answers running_;
  Turns turns_;  // of the clients of both
  std::vector<Answer*> planned_;
  std::vector<runtime::SequenceChunk> batch_;
  int64_t planned_room_ = 0;    // tokens of pages that the batch may take
  bool short_of_room_ = false;  // an answer of this step waits for others to end
  SchedulerStats own_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Answers incoming_;
  int64_t preparing_ = 0;    // prompts being tokenized by those who submit
  int64_t waiting_now_ = 0;  // waiting_ and running_
  bool woken_ = false;
  bool stopping_ = false;
  bool finishing_ = false;
  double save_until_s_ = 0;
  int64_t accepted_ = 0;
  int64_t refused_ = 0;
  SchedulerStats published_;
};

}  // namespace hearth::engine
