// Many answers at a time: each is what it would be alone, prefixes are computed once, nobody waits for ever,
// and whoever goes away leaves nothing behind. The model is the specialist's file; what it says does not
// matter here.
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <future>
#include <thread>
#include <utility>

#include "engine/local_completer.h"
#include "model/model.h"

namespace hearth::engine {
namespace {

constexpr const char* kModel = HEARTH_SOURCE_DIR "/models/device/device.gguf";
constexpr std::string_view kText = "turn the kitchen lights down to nine percent and lock the front door ";

struct Load {
  int64_t context = 256;
  int64_t window = 0;
  int32_t sequences = 16;
  int64_t cache_tokens = 0;
  int32_t batch = 512;
};

std::unique_ptr<LocalModel> load(const Load& how) {
  OpenedModel opened = open_model(kModel).value();
  if (how.window > 0) {
    opened.file.metadata.set("llama.attention.sliding_window",
                             io::Value::of(static_cast<uint32_t>(how.window)));
  }
  LoadOptions options;
  options.threads = 2;
  options.context_tokens = how.context;
  options.max_sequences = how.sequences;
  options.cache_tokens = how.cache_tokens;
  options.max_batch_tokens = how.batch;
  auto model = LocalModel::load(std::move(opened), options);
  EXPECT_TRUE(model.ok()) << model.error().message;
  return std::move(model).value();
}

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

CompletionRequest request(std::string prompt, int64_t max_tokens) {
  CompletionRequest out;
  out.prompt = std::move(prompt);
  out.sampling = runtime::SamplingParams::greedy();
  out.max_tokens = max_tokens;
  out.ignore_end = true;
  return out;
}

CompletionRequest sampled(std::string prompt, int64_t max_tokens, uint64_t seed) {
  CompletionRequest out = request(std::move(prompt), max_tokens);
  out.sampling = runtime::SamplingParams();
  out.sampling.seed = seed;
  return out;
}

Completion alone(const Load& how, const CompletionRequest& asked) {
  const auto model = load({how.context, how.window, 1, 0, 512});
  return LocalCompleter::create(*model).value()->complete(asked, {}).value();
}

/// What became of one answer.
struct Outcome {
  std::string streamed;
  size_t tokens_told = 0;
  std::vector<int64_t> text_at;  // number of the event, over all answers
  int64_t done_at = -1;
  int dones = 0;
  std::optional<Result<Completion>> result;

  const Completion& completion() const { return result->value(); }
};

/// A scheduler on a thread of its own, and the answers asked of it.
class Running {
 public:
  explicit Running(const Load& how, SchedulerOptions options = {.stall_s = 0.01})
      : model_(load(how)), scheduler_(Scheduler::create(*model_, options).value()) {}
  ~Running() { stop(true); }

  void start() {
    thread_ = std::thread([this] { scheduler_->run(); });
  }
  void stop(bool finish) {
    scheduler_->stop(finish);
    if (thread_.joinable()) thread_.join();
  }

  Status submit(CompletionRequest asked, std::string client = "", int32_t priority = 0) {
    outcomes_.emplace_back();
    Outcome* outcome = &outcomes_.back();
    Submission submission{std::move(asked), std::move(client), priority, {}, {}};
    submission.on_text = [this, outcome](std::string_view text, std::span<const TokenSignal> tokens) {
      outcome->streamed += text;
      outcome->tokens_told += tokens.size();
      outcome->text_at.push_back(++events_);
      if (on_event) on_event(*outcome);
      return true;
    };
    submission.on_done = [this, outcome](Result<Completion> result) {
      outcome->result = std::move(result);
      outcome->done_at = ++events_;
      ++outcome->dones;
    };
    return scheduler_->submit(std::move(submission));
  }
  Outcome& outcome(size_t i) { return outcomes_[i]; }
  Scheduler& scheduler() { return *scheduler_; }
  LocalModel& model() { return *model_; }
  std::function<void(const Outcome&)> on_event;  // on the scheduler's thread

 private:
  std::unique_ptr<LocalModel> model_;
  std::unique_ptr<Scheduler> scheduler_;
  std::deque<Outcome> outcomes_;
  int64_t events_ = 0;
  std::thread thread_;
};

std::vector<CompletionRequest> mixed_requests() {
  std::vector<CompletionRequest> out;
  for (int i = 0; i < 12; ++i) {
    const std::string prompt = std::string(kText).substr(0, 20 + 4 * static_cast<size_t>(i)) + "now";
    out.push_back(i % 2 ? sampled(prompt, 8 + i, static_cast<uint64_t>(i)) : request(prompt, 20 - i));
  }
  out[3].stop = {"e"};
  out[5].ignore_end = false;
  return out;
}

TEST(Scheduler, AnswersTogetherAreThoseAlone) {
  for (const int64_t window : {int64_t{0}, int64_t{24}}) {
    for (const int32_t running : {1, 3, 8}) {
      const Load how{.window = window};
      Running all(how, {.max_running = running, .stall_s = 0.001});
      const auto requests = mixed_requests();
      for (const auto& asked : requests) ASSERT_TRUE(all.submit(asked));
      all.start();
      all.stop(true);
      for (size_t i = 0; i < requests.size(); ++i) {
        const Completion expected = alone(how, requests[i]);
        const Outcome& outcome = all.outcome(i);
        ASSERT_EQ(outcome.dones, 1);
        ASSERT_TRUE(outcome.result->ok()) << outcome.result->error().message;
        EXPECT_EQ(outcome.completion().text, expected.text)
            << i << " of " << running << ", window " << window;
        EXPECT_EQ(outcome.streamed, expected.text);
        EXPECT_EQ(outcome.completion().finish, expected.finish);
        ASSERT_EQ(outcome.completion().tokens.size(), expected.tokens.size());
        for (size_t t = 0; t < expected.tokens.size(); ++t)
          EXPECT_EQ(outcome.completion().tokens[t].logprob, expected.tokens[t].logprob);
      }
    }
  }
}

TEST(Scheduler, ASharedPrefixIsComputedOnceAlsoByThoseWhoComeTogether) {
  Running all({}, {.max_running = 8, .stall_s = 0.001});
  const std::string shared = repeated(kText, 7);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(all.submit(request(shared + std::to_string(i), 4)));
  all.start();
  all.stop(true);
  const int64_t prompt = all.outcome(0).completion().usage.prompt_tokens;
  ASSERT_GT(prompt, 80);
  EXPECT_EQ(all.outcome(0).completion().usage.cached_tokens, 0);
  for (size_t i = 1; i < 6; ++i) {
    EXPECT_GE(all.outcome(i).completion().usage.cached_tokens, prompt - 3) << i;
    EXPECT_EQ(all.outcome(i).completion().text, alone({}, request(shared + std::to_string(i), 4)).text);
  }
  const SchedulerStats stats = all.scheduler().stats();
  EXPECT_EQ(stats.prompt_tokens, 6 * prompt);
  EXPECT_GE(stats.cached_tokens, 5 * (prompt - 3));
  EXPECT_EQ(stats.generated_tokens, 24);
  EXPECT_EQ(stats.cut_by_length, 6);
}

TEST(Scheduler, APromptPausesWhereAnotherGoesOn) {
  for (const int64_t window : {0, 16}) {
    const Load how{.context = 1024, .window = window};
    Running all(how, {.max_running = 2});
    const std::string shared = repeated(kText, 5);
    const std::vector<CompletionRequest> requests = {request(shared + "one: play some jazz", 6),
                                                     request(shared + "two: what is the weather", 6)};
    for (const auto& asked : requests) ASSERT_TRUE(all.submit(asked));
    all.start();
    all.stop(true);
    ASSERT_LT(all.outcome(0).completion().usage.prompt_tokens, 128);  // it could be read in one step
    EXPECT_GT(all.outcome(1).completion().usage.cached_tokens, 64);
    EXPECT_EQ(all.outcome(1).text_at.at(0), 2) << "both draw their first tokens in one step";
    for (size_t i = 0; i < 2; ++i)
      EXPECT_EQ(all.outcome(i).completion().text, alone(how, requests[i]).text) << i;
  }
}

TEST(Scheduler, AWindowedModelFindsWherePromptsPart) {
  const Load how{.context = 1024, .window = 16};
  Running all(how);
  all.start();
  const std::string shared = repeated(kText, 7);
  const std::string rest = repeated("play some jazz on the speaker in the living room ", 40);
  const auto ask = [&](const std::string& prompt) {
    const auto outcomes = std::make_shared<std::promise<Completion>>();
    Submission submission{request(prompt, 4), "", 0, {}, {}};
    submission.on_done = [outcomes](Result<Completion> result) { outcomes->set_value(result.value()); };
    EXPECT_TRUE(all.scheduler().submit(std::move(submission)));
    return outcomes->get_future().get();
  };
  const int64_t begin = ask(shared + "one " + rest).usage.prompt_tokens;
  ASSERT_GT(begin, 16 + 256 + 64 + 50);
  const Completion second =
      ask(shared + "two " + rest);  // the first one's window has forgotten where they part
  EXPECT_EQ(second.usage.cached_tokens, 0);
  const Completion third = ask(shared + "three " + rest);
  EXPECT_GT(third.usage.cached_tokens, 80);
  EXPECT_EQ(third.text, alone(how, request(shared + "three " + rest, 4)).text);
}

TEST(Scheduler, PreemptsWhereTheCacheIsFull) {
  const Load how{.context = 256, .sequences = 4, .cache_tokens = 320};
  Running all(how, {.max_running = 4, .stall_s = 0.001});
  std::vector<CompletionRequest> requests;
  for (int i = 0; i < 4; ++i)
    requests.push_back(sampled(std::to_string(i) + std::string(kText), 100, static_cast<uint64_t>(i + 1)));
  for (const auto& asked : requests) ASSERT_TRUE(all.submit(asked));
  all.start();
  all.stop(true);
  EXPECT_GT(all.scheduler().stats().preempted, 0);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_EQ(all.outcome(i).completion().text, alone({}, requests[i]).text) << i;
}

TEST(Scheduler, LowerPriorityGivesWayWhereTheCacheIsFull) {
  Running all({.context = 256, .sequences = 2, .cache_tokens = 320}, {.max_running = 2, .stall_s = 0.001});
  std::promise<void> writes;
  bool told = false;
  all.on_event = [&](const Outcome&) {
    if (!std::exchange(told, true)) writes.set_value();
  };
  const CompletionRequest first = request("1 " + std::string(kText), 180);
  const CompletionRequest urgent = request("2 " + std::string(kText), 180);
  ASSERT_TRUE(all.submit(first));
  all.start();
  writes.get_future().wait();
  ASSERT_TRUE(all.submit(urgent, "", 1));
  all.stop(true);
  EXPECT_GT(all.scheduler().stats().preempted, 0);
  EXPECT_LT(all.outcome(1).done_at, all.outcome(0).done_at);
  EXPECT_EQ(all.outcome(0).completion().text, alone({}, first).text);
  EXPECT_EQ(all.outcome(1).completion().text, alone({}, urgent).text);
}

TEST(Scheduler, ProposalsChangeNoAnswer) {
  const std::string prompt = repeated("lock the front door and dim the lights; ", 6);
  for (const auto& asked : {request(prompt, 100), sampled(prompt, 100, 7), sampled(prompt, 100, 8)}) {
    Running with({.context = 512});
    Running without({.context = 512}, {.speculate = false});
    for (Running* one : {&with, &without}) {
      ASSERT_TRUE(one->submit(asked));
      one->start();
      one->stop(true);
    }
    EXPECT_EQ(with.outcome(0).completion().text, without.outcome(0).completion().text);
    EXPECT_EQ(with.outcome(0).tokens_told, without.outcome(0).tokens_told);
    EXPECT_EQ(without.scheduler().stats().drafted_tokens, 0);
    EXPECT_GT(with.scheduler().stats().drafted_tokens, 0);
    EXPECT_EQ(with.scheduler().stats().generated_tokens, 100);
  }
  Running greedy({.context = 512});
  ASSERT_TRUE(greedy.submit(request(prompt, 100)));
  greedy.start();
  greedy.stop(true);
  EXPECT_GT(greedy.scheduler().stats().accepted_drafts, 0);
  EXPECT_LT(greedy.scheduler().stats().steps, 100);
}

TEST(Scheduler, WhoGoesAwayLeavesNothingBehind) {
  Running all({}, {.max_running = 2, .stall_s = 0.001});
  const int64_t free = all.model().runtime().free_tokens();
  std::atomic<bool> before{true}, amid{false};
  CompletionRequest unborn = request(std::string(kText), 50);
  unborn.cancel = &before;
  CompletionRequest cut = request(std::string(kText), 50);
  cut.cancel = &amid;
  ASSERT_TRUE(all.submit(unborn));
  ASSERT_TRUE(all.submit(cut));
  ASSERT_TRUE(all.submit(request("open the blinds", 30)));
  all.on_event = [&](const Outcome& outcome) { amid = amid || &outcome == &all.outcome(1); };
  all.start();
  all.stop(true);
  for (const size_t i : {size_t{0}, size_t{1}}) {
    ASSERT_EQ(all.outcome(i).dones, 1);
    EXPECT_EQ(all.outcome(i).completion().finish, FinishReason::kCancelled);
  }
  EXPECT_EQ(all.outcome(0).streamed, "");
  EXPECT_LT(all.outcome(1).completion().usage.generated_tokens, 12);
  EXPECT_EQ(all.outcome(2).completion().text, alone({}, request("open the blinds", 30)).text);
  EXPECT_EQ(all.scheduler().stats().cancelled, 2);
  EXPECT_EQ(all.scheduler().stats().running + all.scheduler().stats().waiting, 0);
  EXPECT_LE(free - all.model().runtime().free_tokens(), 256);  // what is kept as prefixes
}

TEST(Scheduler, AFullQueueRefuses) {
  Running all({}, {.max_running = 1, .max_waiting = 2});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(all.submit(request("open the blinds", 2)));
  const Status refused = all.submit(request("open the blinds", 2));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
  EXPECT_EQ(all.scheduler().stats().waiting, 3);
  EXPECT_EQ(all.scheduler().stats().refused, 1);
  all.start();
  all.stop(true);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(all.outcome(i).dones, 1);
  EXPECT_EQ(all.outcome(3).dones, 0);
  EXPECT_EQ(all.submit(request("open the blinds", 2)).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(all.scheduler().submit({request(std::string(2000, 'x'), 2), "", 0, {}, {}}).error().code,
            ErrorCode::kUnavailable);
}

TEST(Scheduler, RefusesWhatCannotBeAnswered) {
  Running all({.context = 64});
  const std::string long_prompt = repeated(kText, 9);
  EXPECT_EQ(all.submit(request(long_prompt, 2)).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(all.submit(request("", 2)).error().code, ErrorCode::kUsage);
  EXPECT_EQ(all.scheduler().stats().waiting, 0);
}

TEST(Scheduler, ClientsTakeTurns) {
  Running all({}, {.max_running = 1});
  for (int i = 0; i < 6; ++i)
    ASSERT_TRUE(all.submit(request(std::to_string(i) + std::string(kText), 8), "many"));
  ASSERT_TRUE(all.submit(request("open the blinds", 8), "one"));
  ASSERT_TRUE(all.submit(request("close the blinds", 8), "urgent", 1));
  all.start();
  all.stop(true);
  EXPECT_LT(all.outcome(7).done_at, all.outcome(0).done_at);  // by priority
  EXPECT_LT(all.outcome(6).done_at, all.outcome(1).done_at);  // after the first of those who ask often
}

TEST(Scheduler, ANewcomerDoesNotWaitForABacklog) {
  Running all({}, {.max_running = 1});
  for (int i = 0; i < 8; ++i)
    ASSERT_TRUE(all.submit(request(std::to_string(i) + std::string(kText), 30), "many"));
  all.start();
  while (all.scheduler().stats().cut_by_length < 2) std::this_thread::yield();
  ASSERT_TRUE(
      all.submit(request("open the blinds", 8), "one"));  // when much has been done for the other already
  all.stop(true);
  int before = 0;
  for (size_t i = 0; i < 8; ++i) before += all.outcome(i).done_at < all.outcome(8).done_at;
  EXPECT_LE(before, 5);  // two, the one under way, the one begun meanwhile
}

TEST(Scheduler, ClientsThatAlwaysComeBackDoNotStarveABacklog) {
  Running all({}, {.max_running = 1});
  std::atomic<int> of_backlog{0}, of_others{0};
  for (int i = 0; i < 4; ++i) {
    Submission submission{request(std::to_string(i) + std::string(kText), 4), "many", 0, {}, {}};
    submission.on_done = [&](const Result<Completion>&) { ++of_backlog; };
    ASSERT_TRUE(all.scheduler().submit(std::move(submission)));
  }
  const auto come_back = [&](const std::string& client) {
    while (of_backlog < 4 && of_others < 400) {
      std::promise<void> over;
      Submission submission{request(client + std::string(kText), 4), client, 0, {}, {}};
      submission.on_done = [&](const Result<Completion>&) { over.set_value(); };
      EXPECT_TRUE(all.scheduler().submit(std::move(submission)));
      over.get_future().wait();
      ++of_others;
    }
  };
  std::vector<std::thread> clients;
  for (const char* client : {"b", "c", "d"}) clients.emplace_back(come_back, client);
  while (all.scheduler().stats().waiting < 7) std::this_thread::yield();
  all.start();
  for (std::thread& client : clients) client.join();
  all.stop(true);
  EXPECT_EQ(of_backlog, 4);
  EXPECT_LT(of_others, 40);  // of three others, some thirteen are fair
}

TEST(Scheduler, RoomThatALongPromptWaitsForIsNotTaken) {
  Running all({.context = 256, .sequences = 8, .cache_tokens = 256}, {.max_running = 4, .stall_s = 0.001});
  ASSERT_TRUE(all.submit(request("0 open the blinds", 60)));
  ASSERT_TRUE(all.submit(request("1 " + repeated(kText, 14), 4)));
  for (int i = 2; i < 10; ++i) ASSERT_TRUE(all.submit(request(std::to_string(i) + " close the blinds", 40)));
  all.start();
  all.stop(true);
  ASSERT_GT(all.outcome(1).completion().usage.prompt_tokens, 150);
  const int64_t first = all.outcome(1).text_at.at(0);
  EXPECT_GT(first, all.outcome(0).text_at.back());  // there was no room before
  for (size_t i = 2; i < 10; ++i) EXPECT_GT(all.outcome(i).text_at.at(0), first) << i;
}

TEST(Scheduler, WhatACancelledAnswerUsedIsTold) {
  Running all({.context = 2048}, {.max_running = 1, .stall_s = 0.0005});
  std::atomic<bool> waiting{false}, reading{false};
  CompletionRequest long_prompt = request(repeated(kText, 60), 4);
  long_prompt.cancel = &reading;
  CompletionRequest queued = request("open the blinds", 4);
  queued.cancel = &waiting;
  ASSERT_TRUE(all.submit(long_prompt));
  ASSERT_TRUE(all.submit(queued));
  all.start();
  while (all.scheduler().stats().steps < 2) std::this_thread::yield();
  waiting = reading = true;
  all.stop(true);
  const Usage& read = all.outcome(0).completion().usage;
  EXPECT_GT(read.prompt_tokens, 0);
  EXPECT_EQ(read.generated_tokens, 0);
  EXPECT_EQ(all.outcome(1).completion().usage.prompt_tokens, 0);
}

TEST(Scheduler, WhoWritesGoesOnWhileALongPromptIsRead) {
  Running all({.context = 2048}, {.max_running = 2, .stall_s = 0.0005});
  const std::string long_prompt = repeated(kText, 40);
  ASSERT_TRUE(all.submit(request("open the blinds", 400), "a"));
  all.start();
  while (all.scheduler().stats().generated_tokens < 5) std::this_thread::yield();
  ASSERT_TRUE(all.submit(request(long_prompt, 2), "b"));
  all.stop(true);
  // Between the arrival of the prompt and its first token the other one has gone on.
  const int64_t first = all.outcome(1).text_at.empty() ? all.outcome(1).done_at : all.outcome(1).text_at[0];
  const auto& writer = all.outcome(0).text_at;
  const auto before = std::count_if(writer.begin(), writer.end(), [&](int64_t at) { return at < first; });
  EXPECT_GT(before, 8);
  EXPECT_GT(all.outcome(0).done_at, first);
}

TEST(Scheduler, StopsAtOnceOrWhenAllIsSaid) {
  Running all({}, {.max_running = 1});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(all.submit(request(std::string(kText), 200)));
  all.start();
  all.stop(false);
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_EQ(all.outcome(i).dones, 1);
    EXPECT_TRUE(all.outcome(i).result->ok());
  }
  EXPECT_EQ(all.outcome(2).completion().finish, FinishReason::kCancelled);
}

}  // namespace
}  // namespace hearth::engine
