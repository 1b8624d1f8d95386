// The specialist behind its queue: clients take turns, urgent requests come first, who goes away frees a
// place at once, and more than there is room for are refused.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "serve/hosted_model.h"

namespace hearth::serve {
namespace {

class SpecialistQueue : public testing::Test {
 protected:
  void SetUp() override {
    engine::LoadOptions options;
    options.threads = 1;
    auto specialist = engine::Specialist::create("", "", options);
    ASSERT_TRUE(specialist.ok()) << specialist.error().message;
    model_ = host_specialist(std::move(specialist).value(), 6, {});
    // The first one holds the thread until all others are there.
    ASSERT_TRUE(submit("first", "many"));
    taken_.get_future().wait();
  }
  void TearDown() override {
    if (!let_go_) release();
  }

  Status submit(const std::string& name, const std::string& client, int32_t priority = 0,
                const std::atomic<bool>* cancel = nullptr) {
    engine::Submission asked;
    asked.request.prompt = "lock the front door";
    asked.request.cancel = cancel;
    asked.client = client;
    asked.priority = priority;
    asked.on_done = [this, name](Result<engine::Completion> result) {
      if (name == "first") {
        taken_.set_value();
        free_.get_future().wait();
      }
      const std::lock_guard lock(mutex_);
      const bool cut = result && result->finish == engine::FinishReason::kCancelled;
      order_.push_back(name + (!result ? " failed" : cut ? " cancelled" : ""));
    };
    return model_->submit(std::move(asked));
  }
  void release() {
    let_go_ = true;
    free_.set_value();
  }
  std::vector<std::string> finish() {
    release();
    model_->stop(true, 0);
    return order_;
  }

  std::promise<void> taken_, free_;
  bool let_go_ = false;
  std::mutex mutex_;
  std::vector<std::string> order_;
  std::unique_ptr<HostedModel> model_;
};

TEST_F(SpecialistQueue, ANewcomerDoesNotWaitForABacklog) {
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(submit(name, "many"));
  ASSERT_TRUE(submit("new", "one"));
  ASSERT_TRUE(submit("late", "other"));
  ASSERT_TRUE(submit("urgent", "many", 1));
  EXPECT_EQ(finish(), (std::vector<std::string>{"first", "urgent", "new", "late", "a", "b", "c"}));
}

TEST_F(SpecialistQueue, IsBoundedAndSaysSo) {
  EXPECT_EQ(model_->most_answers(), 7);
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(submit("x", "many"));
  const Status refused = submit("y", "one");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
  EXPECT_EQ(model_->stats().waiting, 7);
  EXPECT_EQ(model_->stats().refused, 1);
  EXPECT_EQ(finish().size(), 8U);
  EXPECT_EQ(submit("z", "one").error().code, ErrorCode::kUnavailable);
}

TEST_F(SpecialistQueue, WhoGoesAwayIsNotAnswered) {
  std::atomic<bool> gone{false};
  for (const char* name : {"a", "b"}) ASSERT_TRUE(submit(name, "many"));
  for (const char* name : {"x", "y", "z"}) ASSERT_TRUE(submit(name, "leaves", 0, &gone));
  gone = true;
  model_->wake();
  const auto order = finish();  // their places are free before the next answer
  EXPECT_EQ(order,
            (std::vector<std::string>{"first", "x cancelled", "y cancelled", "z cancelled", "a", "b"}));
  EXPECT_EQ(model_->stats().cancelled, 3);
}

TEST_F(SpecialistQueue, StopsAtOnce) {
  for (const char* name : {"a", "b"}) ASSERT_TRUE(submit(name, "many"));
  std::thread stopping([&] { model_->stop(false, 0); });
  while (submit("late", "one").ok()) std::this_thread::yield();
  release();
  stopping.join();
  for (const std::string& name : order_) EXPECT_TRUE(name == "first" || name.ends_with(" cancelled")) << name;
  EXPECT_GE(order_.size(), 3U);
}

}  // namespace
}  // namespace hearth::serve
