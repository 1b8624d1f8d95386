// Embeddings beside answers: bit for bit what one pass over the text alone gives, whatever pieces it is read
// in, who else is there and whose place is taken. The model is the specialist's file; what its embeddings
// mean does not matter here.
#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <limits>
#include <optional>
#include <thread>

#include "engine/pooling.h"
#include "engine/scheduler.h"
#include "model/model.h"

namespace hearth::engine {
namespace {

constexpr const char* kModel = HEARTH_SOURCE_DIR "/models/device/device.gguf";
constexpr const char* kText = "turn the kitchen lights down to nine percent and lock the front door ";

struct Load {
  int64_t context = 512;
  int64_t window = 0;
  int32_t sequences = 16;
  int64_t cache_tokens = 0;
  std::optional<uint32_t> pooling = {};
  int32_t batch = 512;
};

std::unique_ptr<LocalModel> load(const Load& how) {
  OpenedModel opened = open_model(kModel).value();
  io::Metadata& metadata = opened.file.metadata;
  if (how.window > 0)
    metadata.set("llama.attention.sliding_window", io::Value::of(static_cast<uint32_t>(how.window)));
  if (how.pooling) metadata.set("llama.pooling_type", io::Value::of(*how.pooling));
  LoadOptions options;
  options.threads = 2;
  options.context_tokens = how.context;
  options.max_sequences = how.sequences;
  options.cache_tokens = how.cache_tokens;
  options.max_batch_tokens = how.batch;
  return LocalModel::load(std::move(opened), options).value();
}

std::string text_of(int i, int times) {
  std::string out = std::to_string(i) + " ";
  while (times-- > 0) out += kText;
  return out;
}

/// Computed here: all tokens at once, the wanted rows summed in double, divided by the length.
std::vector<float> expected(const Load& how, const std::string& text) {
  const auto model = load({how.context, how.window, 1, 0, how.pooling});
  runtime::Runtime& runtime = model->runtime();
  const auto ids = model->encode_prompt(text, true).value();
  const runtime::SequenceChunk all = {runtime.open_sequence().value(), ids, runtime::LogitsWanted::kNone,
                                      runtime::HiddenWanted::kAll};
  EXPECT_TRUE(runtime.forward({&all, 1}));
  const std::span<const float> hidden = runtime.hidden(0);
  const auto width = static_cast<size_t>(runtime.hidden_width());
  const uint32_t type = how.pooling.value_or(1);
  const size_t begin = type == 3 ? ids.size() - 1 : 0;
  const size_t end = type == 2 ? 1 : ids.size();
  std::vector<double> sum(width);
  for (size_t t = begin; t < end; ++t) {
    for (size_t d = 0; d < width; ++d) sum[d] += static_cast<double>(hidden[t * width + d]);
  }
  double squares = 0;
  for (const double x : sum) squares += x * x;
  std::vector<float> out;
  for (const double x : sum) out.push_back(static_cast<float>(x / std::sqrt(squares)));
  return out;
}

/// A scheduler, and what became of the embeddings and answers asked of it.
class Running {
 public:
  explicit Running(const Load& how, SchedulerOptions options = {.stall_s = 0.001})
      : model_(load(how)), scheduler_(Scheduler::create(*model_, options).value()) {}

  Status embed(const std::string& text, const std::atomic<bool>* cancel = nullptr) {
    Submission submission;
    submission.request.prompt = text;
    submission.request.cancel = cancel;
    submission.embed = true;
    return submit(std::move(submission));
  }
  Status ask(const std::string& text, int64_t tokens) {
    Submission submission;
    submission.request.prompt = text;
    submission.request.sampling = runtime::SamplingParams::greedy();
    submission.request.max_tokens = tokens;
    submission.request.ignore_end = true;
    return submit(std::move(submission));
  }
  void run() {
    std::thread thread([this] { scheduler_->run(); });
    scheduler_->stop(true);
    thread.join();
  }
  const Completion& outcome(size_t i) const { return outcomes_[i]->value(); }
  Scheduler& scheduler() { return *scheduler_; }
  LocalModel& model() { return *model_; }

 private:
  Status submit(Submission submission) {
    std::optional<Result<Completion>>& outcome = outcomes_.emplace_back();
    submission.on_done = [&outcome](Result<Completion> result) {
      EXPECT_FALSE(outcome.has_value());
      outcome = std::move(result);
    };
    return scheduler_->submit(std::move(submission));
  }

  std::unique_ptr<LocalModel> model_;
  std::unique_ptr<Scheduler> scheduler_;
  std::deque<std::optional<Result<Completion>>> outcomes_;
};

TEST(Embeddings, TogetherAreThoseAlone) {
  for (const std::optional<uint32_t> pooling : {std::optional<uint32_t>(), {1U}, {2U}, {3U}}) {
    for (const int64_t window : {int64_t{0}, int64_t{24}}) {
      const Load how{.window = window, .pooling = pooling};
      Running all(how, {.max_running = 5, .stall_s = 0.001});
      for (int i = 0; i < 9; ++i) {
        ASSERT_TRUE(i % 4 == 3 ? all.ask(text_of(i, 1), 30) : all.embed(text_of(i, i)));
      }
      all.run();
      for (int i = 0; i < 9; ++i) {
        const Completion& outcome = all.outcome(static_cast<size_t>(i));
        if (i % 4 == 3) {
          EXPECT_EQ(outcome.usage.generated_tokens, 30);
          continue;
        }
        EXPECT_EQ(outcome.embedding, expected(how, text_of(i, i)))
            << i << ", window " << window << ", pooling " << pooling.value_or(0);
        EXPECT_EQ(outcome.usage.cached_tokens, 0);
        EXPECT_EQ(outcome.usage.generated_tokens, 0);
        EXPECT_TRUE(outcome.text.empty());
      }
    }
  }
}

/// What is known of a prefix lacks the hidden states of its tokens; and it shall not give way to texts that
/// nobody goes on from.
TEST(Embeddings, NeitherUseNorKeepPrefixes) {
  Running all({}, {.max_running = 1, .stall_s = 0.001});
  const std::string text = text_of(0, 5);
  ASSERT_TRUE(all.ask(text, 2));
  ASSERT_TRUE(all.embed(text));
  ASSERT_TRUE(all.embed(text));
  ASSERT_TRUE(all.ask(text, 2));
  all.run();
  for (const size_t i : {size_t{1}, size_t{2}}) {
    EXPECT_EQ(all.outcome(i).embedding, expected({}, text));
    EXPECT_EQ(all.outcome(i).usage.cached_tokens, 0);
  }
  EXPECT_GT(all.outcome(3).usage.cached_tokens, 60);
  EXPECT_EQ(all.outcome(3).text, all.outcome(0).text);
  EXPECT_EQ(all.scheduler().stats().prefixes, 1);
  EXPECT_EQ(all.scheduler().stats().stopped, 2);
}

/// The text is read a token a step while two answers grow by two pages each, which is too many: the
/// embedding, being the youngest, gives up what it has read.
TEST(Embeddings, BeginAnewAfterGivingUpTheirPlace) {
  const Load how{.context = 256, .sequences = 3, .cache_tokens = 448, .batch = 1};
  Running all(how, {.max_running = 3, .speculate = false});
  const std::string text = text_of(9, 9);
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(all.ask(std::to_string(i) + kText, 150));
  ASSERT_TRUE(all.embed(text));
  all.run();
  EXPECT_GE(all.scheduler().stats().preempted, 1);
  EXPECT_EQ(all.outcome(2).embedding, expected(how, text));
}

TEST(Embeddings, WhoGoesAwayLeavesNothingBehind) {
  Running all({});
  const int64_t free = all.model().runtime().free_tokens();
  const std::atomic<bool> gone{true};
  ASSERT_TRUE(all.embed(text_of(1, 3), &gone));
  ASSERT_TRUE(all.embed(text_of(2, 3)));
  all.run();
  EXPECT_EQ(all.outcome(0).finish, FinishReason::kCancelled);
  EXPECT_TRUE(all.outcome(0).embedding.empty());
  EXPECT_EQ(all.outcome(1).embedding, expected({}, text_of(2, 3)));
  EXPECT_EQ(all.model().runtime().free_tokens(), free);
}

TEST(Embeddings, SayWhatTheyCannot) {
  Running ranks({.pooling = 4});
  const Status refused = ranks.embed("x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().message.find("llama.pooling_type is 4"), std::string::npos);
  Running small({.context = 32});
  const Status large = small.embed(text_of(1, 9));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::kTooLarge);
  EXPECT_NE(large.error().message.find("the context holds 32"), std::string::npos);
}

TEST(Pooler, TakesRowsInAnyPieces) {
  const std::vector<float> rows = {3, 0, 1, 1, 0, 3, 5, 12};
  const double length = std::sqrt(337.0);
  const std::vector<float> mean = {static_cast<float>(9 / length), static_cast<float>(16 / length)};
  const auto pooled = [&](Pooling pooling, size_t first) {
    Pooler pooler(pooling, 2);
    pooler.add(std::span(rows).first(first));
    pooler.add(std::span(rows).subspan(first));
    return pooler.pooled().value();
  };
  for (const size_t first : {size_t{0}, size_t{2}, size_t{4}, size_t{8}}) {
    EXPECT_EQ(pooled(Pooling::kMean, first), mean);
    EXPECT_EQ(pooled(Pooling::kFirst, first), (std::vector<float>{1, 0}));
    EXPECT_EQ(pooled(Pooling::kLast, first),
              (std::vector<float>{static_cast<float>(5.0 / 13), static_cast<float>(12.0 / 13)}));
  }
}

TEST(Pooler, RefusesWhatIsNoNumber) {
  Pooler pooler(Pooling::kMean, 1);
  EXPECT_EQ(pooler.pooled().value(), std::vector<float>{0});
  const float bad = std::numeric_limits<float>::quiet_NaN();
  pooler.add({&bad, 1});
  EXPECT_EQ(pooler.pooled().error().code, ErrorCode::kInternal);
}

TEST(Pooler, ShortensToLengthOne) {
  std::vector<float> embedding = {0.6F, 0, 0.8F};
  shorten(embedding, 3);
  EXPECT_EQ(embedding, (std::vector<float>{0.6F, 0, 0.8F}));
  shorten(embedding, 2);
  EXPECT_EQ(embedding, (std::vector<float>{1, 0}));
}

}  // namespace
}  // namespace hearth::engine
