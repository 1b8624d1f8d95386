// The specialist in the box behind the same door as other models: a queue, and a thread that takes from it.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "io/json.h"
#include "serve/hosted_model.h"

namespace hearth::serve {
namespace {

/// The text of the last user message.
Result<std::string> household_request(const engine::CompletionRequest& request) {
  if (!request.prompt_ids.empty())
    return fail(ErrorCode::kUnsupported, "the built-in specialist reads text, not token ids");
  if (request.chat_json.empty()) return request.prompt;
  HEARTH_ASSIGN(const io::Json chat, io::parse_json(request.chat_json, "chat"));
  const io::Json* messages = io::json_find(chat, "messages");
  for (size_t i = messages && messages->is_array() ? messages->size() : 0; i-- > 0;) {
    const io::Json& message = (*messages)[i];
    if (message.value("role", "") != "user") continue;
    const io::Json* content = io::json_find(message, "content");
    return content && content->is_string() ? content->get<std::string>() : std::string();
  }
  return fail(ErrorCode::kUsage, "messages: there is none of a user");
}

class HostedSpecialist : public HostedModel {
 public:
  HostedSpecialist(std::unique_ptr<engine::Specialist> specialist, int32_t max_waiting, wire::ModelInfo info)
      : HostedModel(std::move(info)), specialist_(std::move(specialist)), max_waiting_(max_waiting) {
    thread_ = std::thread([this] { run(); });
  }
  ~HostedSpecialist() override { stop(false); }

  Status submit(engine::Submission submission) override {
    HEARTH_ASSIGN(submission.request.prompt, household_request(submission.request));
    submission.request.chat_json.clear();
    const std::lock_guard lock(mutex_);
    if (stopping_) return fail(ErrorCode::kBusy, "the model is being unloaded; try again later");
    if (static_cast<int32_t>(queue_.size()) >= max_waiting_) {
      ++stats_.refused;
      return fail(ErrorCode::kBusy, queue_.size(),
                  " answers are waiting already, which is the limit; try again later");
    }
    ++stats_.accepted;
    queue_.push_back({std::move(submission), now_s()});
    wake_.notify_one();
    return {};
  }
  void wake() override {}
  void stop(bool finish) override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      dropping_ = !finish;
      wake_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
  }
  engine::SchedulerStats stats() const override {
    const std::lock_guard lock(mutex_);
    engine::SchedulerStats out = stats_;
    out.waiting = static_cast<int64_t>(queue_.size());
    return out;
  }

  runtime::SamplingParams sampling_defaults() const override { return runtime::SamplingParams::greedy(); }
  Result<std::string> render_chat(const std::string& chat_json) const override {
    engine::CompletionRequest request;
    request.chat_json = chat_json;
    HEARTH_ASSIGN(const std::string text, household_request(request));
    return specialist_->catalogue().prompt(engine::normalise_request(text));
  }
  Result<std::vector<int32_t>> tokenize(const std::string&, bool, bool) const override {
    return fail(ErrorCode::kUnsupported, "the built-in specialist does not tell its tokens");
  }
  std::string token_text(int32_t) const override { return ""; }
  std::string detokenize(std::span<const int32_t>) const override { return ""; }
  Result<std::shared_ptr<const text::GrammarMasks>> grammar(const std::string&,
                                                            const engine::CompileGrammar&) override {
    return fail(ErrorCode::kUnsupported, "the built-in specialist answers in its own form of JSON only");
  }

 private:
  struct Waiting {
    engine::Submission submission;
    double since_s = 0;
  };

  void run() {
    while (true) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      Waiting next = std::move(queue_.front());
      queue_.pop_front();
      const bool drop = dropping_;
      stats_.running = 1;
      stats_.queue_s.add(now_s() - next.since_s);
      lock.unlock();
      answer(next, drop);
    }
  }

  void answer(Waiting& waiting, bool drop) {
    engine::Submission& asked = waiting.submission;
    const bool gone = drop || (asked.request.cancel && asked.request.cancel->load());
    engine::Completion none;
    none.finish = engine::FinishReason::kCancelled;
    Result<engine::Completion> result = std::move(none);
    if (!gone) result = specialist_->complete(asked.request, {});
    if (result && !gone && asked.on_text) asked.on_text(result->text, result->tokens);
    record(result, now_s() - waiting.since_s);
    if (asked.on_done) asked.on_done(std::move(result));
  }

  void record(const Result<engine::Completion>& result, double seconds) {
    const std::lock_guard lock(mutex_);
    stats_.running = 0;
    stats_.answer_s.add(seconds);
    if (!result) {
      ++stats_.failed;
    } else if (result->finish == engine::FinishReason::kCancelled) {
      ++stats_.cancelled;
    } else {
      ++stats_.stopped;
      ++stats_.steps;
      stats_.first_token_s.add(seconds);
      stats_.prompt_tokens += result->usage.prompt_tokens;
      stats_.cached_tokens += result->usage.cached_tokens;
      stats_.generated_tokens += result->usage.generated_tokens;
    }
  }

  std::unique_ptr<engine::Specialist> specialist_;
  int32_t max_waiting_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Waiting> queue_;
  bool stopping_ = false;
  bool dropping_ = false;
  engine::SchedulerStats stats_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<HostedModel> host_specialist(std::unique_ptr<engine::Specialist> specialist,
                                             int32_t max_waiting, wire::ModelInfo info) {
  info.architecture = "specialist";
  info.loaded = true;
  return std::make_unique<HostedSpecialist>(std::move(specialist), max_waiting, std::move(info));
}

}  // namespace hearth::serve
