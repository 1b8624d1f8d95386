// A window over the texts: each that is done lets another into the queue.
#include "serve/embedding_session.h"

#include <utility>

#include "base/clock.h"
#include "engine/pooling.h"
#include "serve/routes.h"

namespace hearth::serve {
namespace {

/// Texts of one request in the model's queue at a time: enough that it never waits for the next ones, few
/// enough that others find room.
constexpr size_t kAhead = 16;

}  // namespace

EmbeddingSession::EmbeddingSession(wire::Protocol errors, Encode encode, wire::EmbeddingRequest request,
                                   std::shared_ptr<net::Responder> responder, std::string client, Post post,
                                   std::function<void(const AnswerRecord&)> on_over)
    : errors_(errors),
      encode_(encode),
      request_(std::move(request)),
      responder_(std::move(responder)),
      client_(std::move(client)),
      post_(std::move(post)),
      on_over_(std::move(on_over)) {
  record_.model = request_.model;
}

void EmbeddingSession::start(std::shared_ptr<HostedModel> model, double load_s) {
  model_ = std::move(model);
  begun_s_ = now_s() - load_s;
  record_.model = answer_.model = model_->info().id;
  answer_.load_s = load_s;
  responder_->on_gone([self = weak_from_this()] {
    if (const auto session = self.lock()) {
      session->cancel_ = true;
      session->model_->wake();
    }
  });
  if (const Status read = read_inputs(); !read) return refuse(read.error());
  answer_.vectors.resize(ids_.size());
  submit_more();
}

/// All texts as ids, each within the context.
Status EmbeddingSession::read_inputs() {
  const int64_t width = model_->info().embedding_length;
  for (size_t i = 0; i < request_.inputs.size(); ++i) {
    if (cancel_) return fail(ErrorCode::kCancelled, "the client has gone");
    engine::CompletionRequest text;
    text.prompt = std::move(request_.inputs[i]);
    text.prompt_ids = std::move(request_.input_ids[i]);
    auto ids = model_->embedding_ids(text);
    if (!ids && request_.inputs.size() > 1)
      return fail(ids.error().code, "input[", i, "]: ", ids.error().message);
    if (!ids) return ids.error();
    ids_.push_back(std::move(ids).value());
  }
  if (request_.dimensions.value_or(1) > width) {
    return fail(ErrorCode::kUsage, "dimensions: is ", *request_.dimensions,
                " but this model's embeddings have ", width);
  }
  return {};
}

/// Puts texts into the queue until enough of them wait there. By one thread at a time, and without the mutex
/// while the model takes one in: its callback may come before that returns.
void EmbeddingSession::submit_more() {
  while (true) {
    size_t index = 0, over = 0;
    {
      const std::lock_guard lock(mutex_);
      submitting_ = !closed_ && submitted_ < ids_.size() && submitted_ - over_ < kAhead;
      if (!submitting_) return;
      index = submitted_++;
      over = over_;
    }
    const bool others = index > over;  // of this request, in the model
    const Status accepted = submit(index, others);
    if (accepted) continue;
    const std::lock_guard lock(mutex_);
    --submitted_;
    if (accepted.error().code != ErrorCode::kBusy || !others) give_up(accepted.error());
    if (closed_) return settle();
    if (over_ != over) continue;  // one of ours has just made room
    submitting_ = false;          // on_done tries again
    return;
  }
}

Status EmbeddingSession::submit(size_t index, bool tries_again) {
  engine::Submission submission;
  submission.request.prompt_ids = ids_[index];
  submission.request.cancel = &cancel_;
  submission.client = client_;
  submission.priority = -request_.priority;  // there, larger goes first
  submission.embed = true;
  submission.tries_again = tries_again;
  submission.on_done = [self = shared_from_this(), index](Result<engine::Completion> result) {
    self->on_done(index, std::move(result));
  };
  return model_->submit(std::move(submission));
}

void EmbeddingSession::on_done(size_t index, Result<engine::Completion> result) {
  const std::lock_guard lock(mutex_);
  ++over_;
  if (result) {  // also where nobody waits for it any more
    record_.prompt_tokens += result->usage.prompt_tokens;
    record_.cancelled = record_.cancelled || result->finish == engine::FinishReason::kCancelled;
  }
  if (!closed_) take_in(index, std::move(result));
  settle();
}

void EmbeddingSession::take_in(size_t index, Result<engine::Completion> result) {
  if (!result) return give_up(result.error());
  if (result->finish == engine::FinishReason::kCancelled) {
    return give_up(responder_->gone() ? fail(ErrorCode::kCancelled, "the client has gone")
                                      : fail(ErrorCode::kUnavailable, "the server is shutting down"));
  }
  answer_.vectors[index] = std::move(result->embedding);
  if (request_.dimensions) engine::shorten(answer_.vectors[index], *request_.dimensions);
  const bool all = over_ == ids_.size();
  if (!all && (submitting_ || submitted_ == ids_.size())) return;
  submitting_ = true;
  // This is the model's thread, and others wait for it.
  const Status posted =
      post_([self = shared_from_this(), all] { all ? self->answer() : self->submit_more(); });
  if (!posted) give_up(posted.error());
}

void EmbeddingSession::answer() {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  answer_.prompt_tokens = record_.prompt_tokens;
  answer_.total_s = now_s() - begun_s_;
  closed_ = true;
  settle();  // before the client can ask again: it is charged here
  responder_->respond(200, {{"Content-Type", "application/json"}}, encode_(request_, answer_));
}

void EmbeddingSession::refuse(const Error& error) {
  const std::lock_guard lock(mutex_);
  give_up(error);
  settle();
}

/// Ends a request that cannot be answered; those of its texts that still wait are cancelled.
void EmbeddingSession::give_up(const Error& error) {
  if (closed_) return;
  cancel_ = true;
  record_.error = error.message;
  wire::ErrorBody body = wire::error_body(errors_, error);
  record_.status = body.status;
  respond_json(*responder_, body.status, std::move(body.json));
  closed_ = true;
}

void EmbeddingSession::settle() {
  if (!closed_ || over_ < submitted_ || !on_over_) return;
  std::exchange(on_over_, nullptr)(record_);
}

}  // namespace hearth::serve
