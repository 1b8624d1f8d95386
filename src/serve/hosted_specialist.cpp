// The specialist in the box behind the same door as other models: a bounded queue, and a thread that takes
// from it by priority, then from the client that has had least, then by age.
#include <algorithm>
#include <condition_variable>
#include <exception>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "engine/turns.h"
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
  ~HostedSpecialist() override { stop(false, 0); }

  Status submit(engine::Submission submission) override {
    HEARTH_ASSIGN(submission.request.prompt, household_request(submission.request));
    submission.request.chat_json.clear();
    const std::lock_guard lock(mutex_);
    if (stopping_) return fail(ErrorCode::kUnavailable, "the model is being unloaded; try again later");
    const int64_t here = static_cast<int64_t>(queue_.size()) + stats_.running;
    if (here >= most_answers()) {
      ++stats_.refused;
      return fail(ErrorCode::kBusy, here,
                  " answers are asked for already, which is the limit; try again later");
    }
    ++stats_.accepted;
    turns_.come(submission.client);
    queue_.push_back({std::move(submission), now_s()});
    wake_.notify_one();
    return {};
  }
  void wake() override {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    wake_.notify_one();
  }
  void stop(bool finish, double /*save_until_s*/) override {
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
  int64_t most_answers() const override { return int64_t{max_waiting_} + 1; }

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

  using Queue = std::list<Waiting>;

  static bool is_cancelled(const Waiting& waiting) {
    const std::atomic<bool>* cancel = waiting.submission.request.cancel;
    return cancel && cancel->load();
  }

  void run() {
    while (true) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || woken_ || !queue_.empty(); });
      woken_ = false;
      Queue ended = take_cancelled();
      const bool drop = !ended.empty();
      if (!drop && !queue_.empty()) {
        take_next(ended);
        stats_.running = 1;
        stats_.queue_s.add(now_s() - ended.front().since_s);
      }
      if (ended.empty() && stopping_) return;
      lock.unlock();
      for (Waiting& one : ended) end(one, drop ? cancelled() : answer(one.submission));
    }
  }

  /// Those whose client has gone, or all where nothing is to be answered any more: their places are free.
  Queue take_cancelled() {
    Queue out;
    for (auto it = queue_.begin(); it != queue_.end();) {
      const auto next = std::next(it);
      if (dropping_ || is_cancelled(*it)) out.splice(out.end(), queue_, it);
      it = next;
    }
    return out;
  }

  void take_next(Queue& out) {
    const auto next = std::min_element(queue_.begin(), queue_.end(), [&](const auto& a, const auto& b) {
      if (a.submission.priority != b.submission.priority)
        return a.submission.priority > b.submission.priority;
      return turns_.had(a.submission.client) < turns_.had(b.submission.client);
    });
    out.splice(out.end(), queue_, next);
    turns_.charge(out.front().submission.client, 1);
  }

  static engine::Completion cancelled() {
    engine::Completion none;
    none.finish = engine::FinishReason::kCancelled;
    return none;
  }

  Result<engine::Completion> answer(engine::Submission& asked) {
    try {  // one answer for which memory runs out must not end the others
      auto result = specialist_->complete(asked.request, {});
      if (result && asked.on_text && !asked.on_text(result->text, result->tokens))
        result->finish = engine::FinishReason::kCancelled;
      return result;
    } catch (const std::exception& error) {
      return fail(ErrorCode::kInternal, "an answer failed: ", error.what());
    }
  }

  void end(Waiting& waiting, Result<engine::Completion> result) {
    record(waiting, result);
    if (waiting.submission.on_done) waiting.submission.on_done(std::move(result));
  }

  void record(const Waiting& waiting, const Result<engine::Completion>& result) {
    const double seconds = now_s() - waiting.since_s;
    const std::lock_guard lock(mutex_);
    turns_.go(waiting.submission.client);
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
  Queue queue_;
  engine::Turns turns_;
  bool woken_ = false;
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
