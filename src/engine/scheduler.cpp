// A step: take in what came, compute one batch of those whose turn it is, draw tokens.
#include "engine/scheduler.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "base/clock.h"
#include "engine/prompt.h"
#include "engine/scheduler_answer.h"

namespace hearth::engine {
namespace {

constexpr int64_t kLeastPiece = 32;  // tokens of a prompt in a step
constexpr int64_t kColumns = 8;      // of one pass that cost little more than one: proposals fill them

}  // namespace

Result<std::unique_ptr<Scheduler>> Scheduler::create(LocalModel& model, const SchedulerOptions& options,
                                                     PrefixArchive* archive) {
  if (options.max_running < 1 || options.max_waiting < 0 ||
      model.runtime().options().max_sequences < options.max_running) {
    return fail(ErrorCode::kUsage, "a model loaded for ", model.runtime().options().max_sequences,
                " sequences cannot compute ", options.max_running, " answers at a time");
  }
  return std::unique_ptr<Scheduler>(new Scheduler(model, options, archive));
}

Scheduler::Scheduler(LocalModel& model, const SchedulerOptions& options, PrefixArchive* archive)
    : model_(&model),
      options_(options),
      windowed_(std::any_of(
          model.model().spec().layers.begin(), model.model().spec().layers.end(),
          [&](const auto& layer) { return layer.window > 0 && layer.window < model.context_tokens(); })),
      archive_(archive),
      prefixes_(
          model.runtime(),
          std::max(0, model.runtime().options().max_sequences - options.max_running - (archive ? 1 : 0)),
          options.prefix_bytes, !windowed_) {
  if (!archive_) return;
  archive_->on_done([this] { wake(); });
  archive_->read_at_most(options.prefix_bytes);
}

Scheduler::~Scheduler() = default;

Result<std::unique_ptr<Scheduler::Answer>> Scheduler::prepare(Submission submission) const {
  const CompletionRequest& request = submission.request;
  HEARTH_ASSIGN(std::vector<int32_t> ids, prompt_ids(*model_, request));
  const auto count = static_cast<int64_t>(ids.size());
  // The last token drawn needs no place. So bounded, a grammar closes before the context ends, too.
  const int64_t room = model_->context_tokens() - count + 1;
  const bool by_context = request.max_tokens < 0 || request.max_tokens > room;
  if (by_context) submission.request.max_tokens = room;
  HEARTH_ASSIGN(Generation generation,
                Generation::create(request, model_->tokenizer(), model_->runtime().vocabulary()));
  auto answer = std::make_unique<Answer>(std::move(submission), std::move(ids), std::move(generation));
  answer->prompt_tokens = count;
  answer->ends_with_context = by_context;
  answer->submitted_s = now_s();
  if (answer->submission.embed) {
    HEARTH_ASSIGN(const Pooling pooling, pooling_of(model_->model()));
    answer->pooler.emplace(pooling, model_->runtime().hidden_width());
  }
  Usage& usage = answer->generation.completion().usage;
  usage.prompt_tokens = count;
  usage.context_tokens = model_->context_tokens();
  return answer;
}

/// Of the queue, while the prompt is made.
Status Scheduler::take_place(bool tries_again) {
  if (stopping_) return fail(ErrorCode::kUnavailable, "the model is being unloaded; try again later");
  const int64_t queued = waiting_now_ + static_cast<int64_t>(incoming_.size()) + preparing_;
  if (queued >= most_answers()) {
    if (!tries_again) ++refused_;
    return fail(ErrorCode::kBusy, queued,
                " answers are asked for already, which is the limit; try again later");
  }
  ++preparing_;
  return {};
}

Status Scheduler::submit(Submission submission) {
  {
    const std::lock_guard lock(mutex_);
    HEARTH_RETURN_IF_ERROR(take_place(submission.tries_again));
  }
  struct Place {  // also given back when memory runs out
    Scheduler* scheduler;
    ~Place() {
      const std::lock_guard lock(scheduler->mutex_);
      --scheduler->preparing_;
    }
  } const place{this};
  auto answer = prepare(std::move(submission));
  const std::lock_guard lock(mutex_);
  if (!answer) return answer.error();
  if (stopping_) return fail(ErrorCode::kUnavailable, "the model is being unloaded; try again later");
  ++accepted_;
  incoming_.push_back(std::move(answer).value());
  wake_.notify_one();
  return {};
}

void Scheduler::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  wake_.notify_one();
}

void Scheduler::stop(bool finish, double save_until_s) {
  const std::lock_guard lock(mutex_);
  save_until_s_ = save_until_s;
  stopping_ = true;
  finishing_ = finish;
  wake_.notify_one();
}

/// Requests often come in bursts, with prompts that begin alike: before a long step those that come a moment
/// later are waited for.
void Scheduler::gather(std::unique_lock<std::mutex>& lock) {
  constexpr double kShare = 0.02, kMostS = 0.01;
  if (prompt_tokens_per_s_ == 0) return;
  int64_t tokens = 0;
  for (const auto& answer : incoming_) tokens += answer->prompt_tokens;
  const double wait_s = std::min(kMostS, kShare * static_cast<double>(tokens) / prompt_tokens_per_s_);
  if (wait_s < kMostS / 10) return;
  wake_.wait_for(lock, std::chrono::duration<double>(wait_s), [&] { return stopping_; });
}

/// False when there is nothing left to do.
bool Scheduler::wait_for_work() {
  std::unique_lock lock(mutex_);
  if (running_.empty() && waiting_.empty()) {
    wake_.wait(lock, [&] { return stopping_ || woken_ || !incoming_.empty(); });
    gather(lock);
  }
  woken_ = false;
  for (auto& answer : incoming_) {
    turns_.come(answer->submission.client);
    waiting_.push_back(std::move(answer));
  }
  waiting_now_ += static_cast<int64_t>(incoming_.size());
  incoming_.clear();
  if (!stopping_) return true;
  return finishing_ && !(running_.empty() && waiting_.empty());
}

void Scheduler::run() {
  while (wait_for_work()) {
    step();
    if (planned_.empty()) wait_for_archive();
  }
  for (Answers* answers : {&running_, &waiting_}) {
    for (auto& answer : *answers) cut(*answer);
    answers->clear();
  }
  archive_prefixes();
  publish();
}

void Scheduler::step() {
  const std::lock_guard turn(model_->turn());
  drop_cancelled(waiting_);
  drop_cancelled(running_);
  take_from_archive();
  admit();
  plan_batch();
  if (!planned_.empty()) {
    const double start_s = now_s();
    const Status computed = compute();
    if (computed) {
      learn_speed(now_s() - start_s);
      draw_first();
      for (size_t i = 0; i < planned_.size(); ++i) digest_safely(*planned_[i], i);
    } else if (!make_room(computed.error())) {
      for (Answer* answer : planned_) end(*answer, computed.error());
    }
    std::erase_if(running_, [](const auto& answer) { return answer->over; });
  }
  publish();
}

void Scheduler::drop_cancelled(Answers& answers) {
  for (auto& answer : answers) {
    const std::atomic<bool>* cancel = answer->submission.request.cancel;
    if (!cancel || !cancel->load(std::memory_order_relaxed)) continue;
    cut(*answer);
  }
  std::erase_if(answers, [](const auto& answer) { return answer->over; });
}

/// Moves answers to the running ones while there is room: by priority, then those of the client that has been
/// served least, then by age.
void Scheduler::admit() {
  while (!waiting_.empty() && static_cast<int64_t>(running_.size()) < options_.max_running) {
    const auto next = std::min_element(waiting_.begin(), waiting_.end(), [&](const auto& a, const auto& b) {
      if (a->submission.priority != b->submission.priority)
        return a->submission.priority > b->submission.priority;
      return turns_.had(a->submission.client) < turns_.had(b->submission.client);
    });
    Answer& answer = **next;
    if (answer.admitted_s == 0) {
      answer.admitted_s = now_s();
      own_.queue_s.add(answer.admitted_s - answer.submitted_s);
    }
    running_.push_back(std::move(*next));
    waiting_.erase(next);
  }
}

/// What the batch just computed says about how fast prompts are read.
void Scheduler::learn_speed(double elapsed_s) {
  constexpr double kKept = 0.7;  // of what was known before
  const auto mix = [&](double& known, double seen) {
    known = known == 0 ? seen : kKept * known + (1 - kKept) * seen;
  };
  int64_t read = 0;
  bool writing = false;
  for (size_t i = 0; i < planned_.size(); ++i) {
    if (planned_[i]->writing()) {
      writing = true;
    } else {
      read += static_cast<int64_t>(batch_[i].tokens.size());
    }
  }
  if (read == 0) return mix(writing_step_s_, elapsed_s);
  if (read < kLeastPiece) return;
  const double for_writing_s = writing ? std::min(writing_step_s_, elapsed_s / 2) : 0;
  mix(prompt_tokens_per_s_, static_cast<double>(read) / std::max(1e-6, elapsed_s - for_writing_s));
}

/// Tokens of prompts in the next step: as many as are computed in stall_s while others write, else in four
/// times that, so that a client that goes away is soon noticed; never more than a batch holds.
int64_t Scheduler::prompt_budget(bool writing) const {
  constexpr int64_t kWhole = 16;
  const int64_t most = model_->runtime().options().max_batch_tokens;
  if (prompt_tokens_per_s_ == 0) return std::min(most, 4 * kLeastPiece);
  const double time_s = writing ? options_.stall_s : 4 * options_.stall_s;
  const auto in_time = static_cast<int64_t>(time_s * prompt_tokens_per_s_);
  return std::clamp(in_time / kWhole * kWhole, std::min(kLeastPiece, most), most);
}

/// Puts the answer's next tokens into the batch.
void Scheduler::plan(Answer& answer, int64_t& budget) {
  const int64_t first = answer.computed;
  int64_t count = answer.left();
  answer.proposed = 0;
  if (!answer.writing() || count > 1) {
    if (answer.snapshot_at > first) count = std::min(count, answer.snapshot_at - first);
    if (first < answer.prompt_tokens && !answer.pooler) count = std::min(count, fork_point(answer) - first);
    if (windowed_ && first < answer.prompt_tokens) count = std::min(count, answer.prompt_tokens - first);
    count = std::min(count, budget);
    budget -= count;
  }
  if (count <= 0) return;
  answer.chunk.assign(answer.ids.begin() + first, answer.ids.begin() + first + count);
  const bool draws = count == answer.left();
  const bool alone = count == 1 && answer.writing();
  if (draws && alone && options_.speculate) {
    const int64_t context = model_->context_tokens() - answer.computed - 1;
    const int64_t share = kColumns / static_cast<int64_t>(running_.size()) - 1;
    const auto proposal = answer.drafter.propose(answer.ids, std::min(share, context));
    answer.proposed = static_cast<int64_t>(proposal.size());
    answer.chunk.insert(answer.chunk.end(), proposal.begin(), proposal.end());
  }
  using runtime::LogitsWanted;
  const LogitsWanted wanted = !draws || answer.pooler ? LogitsWanted::kNone
                              : answer.proposed > 0   ? LogitsWanted::kAll
                                                      : LogitsWanted::kLast;
  const auto hidden = answer.pooler ? answer.pooler->wanted(first == 0, draws) : runtime::HiddenWanted::kNone;
  const auto after = first + static_cast<int64_t>(answer.chunk.size());
  planned_room_ +=
      ((after + kPage - 1) / kPage - first / kPage) * kPage;  // a page that others share is copied
  planned_.push_back(&answer);
  batch_.push_back({answer.sequence, answer.chunk, wanted, hidden});
}

void Scheduler::plan_batch() {
  planned_.clear();
  batch_.clear();
  planned_room_ = 0;
  bool writing = false;
  for (auto& answer : running_) writing = writing || (answer->has_sequence && answer->writing());
  int64_t budget = prompt_budget(writing);
  short_of_room_ = false;
  std::vector<Answer*> reading;
  for (auto& answer : running_) {  // those who write first: they never wait
    if (answer->has_sequence && answer->writing()) {
      int64_t own = kPage;  // what a grammar has forced, or is computed again
      plan(*answer, own);
    } else {
      reading.push_back(answer.get());
    }
  }
  std::stable_sort(reading.begin(), reading.end(), [&](const Answer* a, const Answer* b) {
    if (a->submission.priority != b->submission.priority)
      return a->submission.priority > b->submission.priority;
    return turns_.had(a->submission.client) < turns_.had(b->submission.client);
  });
  for (Answer* answer : reading) {
    if (budget <= 0) break;
    // Who comes after one that waits for room must not take it.
    if (answer->has_sequence || (!short_of_room_ && find_sequence(*answer))) plan(*answer, budget);
  }
}

Status Scheduler::compute() {
  runtime::ForwardOptions options;
  options.priority = Priority::kDecode;
  ++own_.steps;
  own_.batch.add(static_cast<double>(planned_.size()));
  return model_->runtime().forward(batch_, options);
}

/// One answer for which memory runs out must not end the others.
void Scheduler::digest_safely(Answer& answer, size_t chunk) {
  try {
    digest(answer, chunk);
  } catch (const std::exception& error) {
    end(answer, fail(ErrorCode::kInternal, "an answer failed: ", error.what()));
  }
}

/// What the batch gave an answer: tokens in the cache, and the next ones drawn.
void Scheduler::digest(Answer& answer, size_t chunk) {
  const auto fed = static_cast<int64_t>(batch_[chunk].tokens.size()) - answer.proposed;
  const bool was_reading = !answer.writing();
  answer.computed += fed;
  turns_.charge(answer.submission.client, static_cast<double>(fed));
  if (answer.pooler) return pool(answer, chunk);
  if (windowed_ && was_reading && (answer.computed == answer.snapshot_at || answer.writing()))
    snapshot(answer);
  if (batch_[chunk].logits == runtime::LogitsWanted::kNone) return;
  if (answer.generation.completion().tokens.empty()) {
    own_.prompt_tokens += answer.prompt_tokens;
    own_.cached_tokens += answer.generation.completion().usage.cached_tokens;
  }
  const bool goes_on = draw(answer, chunk);
  tell(answer);
  if (answer.over) return;
  if (goes_on) return;
  Completion& completion = answer.generation.completion();
  if (completion.finish == FinishReason::kLength && answer.ends_with_context)
    completion.finish = FinishReason::kContextFull;
  answer.generation.flush([&](std::string_view text) {
    return !answer.submission.on_text || answer.submission.on_text(text, {});
  });
  end(answer, std::move(completion));
}

/// An embedding is over with the last token of its text.
void Scheduler::pool(Answer& answer, size_t chunk) {
  answer.pooler->add(model_->runtime().hidden(chunk));
  if (answer.left() > 0) return;
  own_.prompt_tokens += answer.prompt_tokens;
  auto embedding = answer.pooler->pooled();
  if (!embedding) return end(answer, embedding.error());
  Completion& completion = answer.generation.completion();
  completion.embedding = std::move(embedding).value();
  end(answer, std::move(completion));
}

/// The first token of each answer that draws in this step: those of a large vocabulary take a while, which
/// the threads share.
void Scheduler::draw_first() {
  const auto vocabulary = static_cast<size_t>(model_->runtime().vocabulary());
  model_->pool().parallel_for(
      static_cast<int64_t>(planned_.size()),
      [&](int64_t i) {
        const auto chunk = static_cast<size_t>(i);
        if (batch_[chunk].logits == runtime::LogitsWanted::kNone) return;
        Answer& answer = *planned_[chunk];
        answer.generation.draw_ahead(model_->runtime().logits(chunk).first(vocabulary), answer.ids);
      },
      Priority::kDecode);
}

/// Draws a token, and one more for every proposed one that was drawn. False when the answer is over.
bool Scheduler::draw(Answer& answer, size_t chunk) {
  const std::span<const float> logits = model_->runtime().logits(chunk);
  const auto vocabulary = static_cast<size_t>(model_->runtime().vocabulary());
  const int64_t fed = static_cast<int64_t>(answer.chunk.size()) - answer.proposed;
  const TextSink sink = [&](std::string_view text) {
    const auto& tokens = answer.generation.completion().tokens;
    const auto fresh = std::span(tokens).subspan(answer.told);
    answer.told = tokens.size();
    return !answer.submission.on_text || answer.submission.on_text(text, fresh);
  };
  int64_t accepted = 0;
  bool goes_on = true;
  for (int64_t row = 0; goes_on && row <= answer.proposed; ++row) {
    if (answer.generation.is_full()) break;
    const auto drawn = answer.generation.advance(
        logits.subspan(static_cast<size_t>(row) * vocabulary, vocabulary), answer.ids, sink);
    if (!drawn) {
      end(answer, drawn.error());
      return false;
    }
    goes_on = *drawn && !answer.generation.is_full();
    answer.ids.push_back(answer.generation.last_token());
    ++own_.generated_tokens;
    if (row == answer.proposed || answer.chunk[static_cast<size_t>(fed + row)] != answer.ids.back()) break;
    ++accepted;
  }
  const size_t drawn = answer.ids.size();
  if (goes_on) goes_on = answer.generation.take_forced(answer.ids, sink);
  own_.generated_tokens += static_cast<int64_t>(answer.ids.size() - drawn);
  if (goes_on && answer.generation.is_full()) goes_on = false;
  answer.computed += accepted;
  turns_.charge(answer.submission.client, static_cast<double>(accepted));
  if (answer.proposed > accepted) {
    const Status cut = model_->runtime().truncate(answer.sequence, answer.computed);
    HEARTH_CHECK(cut.ok());  // a few tokens: every window has that slack
  }
  answer.drafter.learn(answer.proposed, accepted);
  own_.drafted_tokens += answer.proposed;
  own_.accepted_drafts += accepted;
  return goes_on;
}

/// Keeps the times of an answer that has drawn.
void Scheduler::tell(Answer& answer) {
  if (answer.over) return;
  const double now = now_s();
  Usage& usage = answer.generation.completion().usage;
  if (answer.first_s == 0) {
    answer.first_s = now;
    usage.first_token_s = now - answer.submitted_s;
    usage.prefill_s = now - answer.admitted_s;
    own_.first_token_s.add(usage.first_token_s);
  } else {
    own_.between_tokens_s.add(now - answer.last_s);
  }
  answer.last_s = now;
  usage.decode_s = now - answer.first_s;
}

/// Ends an answer early. What it used is what of its prompt was read, and what was written.
void Scheduler::cut(Answer& answer) {
  Completion& completion = answer.generation.completion();
  completion.finish = FinishReason::kCancelled;
  if (completion.tokens.empty())
    completion.usage.prompt_tokens = std::min(answer.computed, answer.prompt_tokens);
  end(answer, std::move(completion));
}

/// The answer is over: its sequence is kept as a prefix, its owner told. It is erased by whoever walks the
/// list.
void Scheduler::end(Answer& answer, Result<Completion> result) {
  if (answer.over) return;
  answer.over = true;
  // After an error a proposal may still be in the cache.
  const auto is_cut = [&] {
    return model_->runtime().length(answer.sequence) == answer.computed ||
           model_->runtime().truncate(answer.sequence, answer.computed).ok();
  };
  if (answer.has_sequence && (answer.pooler || !is_cut())) {  // nobody goes on from there
    model_->runtime().close_sequence(answer.sequence);
  } else if (answer.has_sequence) {
    prefixes_.keep(answer.sequence, {answer.ids.begin(), answer.ids.begin() + answer.computed});
  }
  answer.has_sequence = false;
  turns_.go(answer.submission.client);
  own_.answer_s.add(now_s() - answer.submitted_s);
  if (!result) {
    ++own_.failed;
  } else if (result->finish == FinishReason::kCancelled) {
    ++own_.cancelled;
  } else {
    ++(result->finish == FinishReason::kStop ? own_.stopped : own_.cut_by_length);
  }
  if (answer.submission.on_done) answer.submission.on_done(std::move(result));
}

void Scheduler::publish() {
  own_.running = static_cast<int64_t>(running_.size());
  own_.prefixes = prefixes_.size();
  own_.evicted_prefixes = prefixes_.evicted();
  own_.prefix_bytes = prefixes_.bytes();
  if (archive_) own_.archive = archive_->stats();
  own_.kv_bytes = model_->runtime().kv_bytes_in_use();
  const runtime::KvPageCounts pages = model_->runtime().kv_pages_in_use();
  own_.kv_pages = pages.pages;
  own_.kv_shared_pages = pages.shared;
  own_.kv_tokens_free = model_->runtime().free_tokens();
  const std::lock_guard lock(mutex_);
  waiting_now_ = static_cast<int64_t>(waiting_.size() + running_.size());
  published_ = own_;
}

SchedulerStats Scheduler::stats() const {
  const std::lock_guard lock(mutex_);
  SchedulerStats out = published_;
  out.waiting =
      std::max<int64_t>(0, waiting_now_ - out.running) + static_cast<int64_t>(incoming_.size()) + preparing_;
  out.accepted = accepted_;
  out.refused = refused_;
  return out;
}

}  // namespace hearth::engine
