// The status line waits for the first text, so that what fails before it is an HTTP error.
#include "serve/answer_session.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <random>
#include <utility>

#include "wire/answer_grammar.h"

namespace hearth::serve {
namespace {

double unix_now_s() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

uint64_t random_seed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace

AnswerSession::AnswerSession(wire::Protocol protocol, wire::GenerationRequest request,
                             std::shared_ptr<net::Responder> responder, std::string client,
                             std::function<void(const AnswerRecord&)> on_over)
    : protocol_(protocol),
      request_(std::move(request)),
      responder_(std::move(responder)),
      client_(std::move(client)),
      on_over_(std::move(on_over)) {
  record_.model = request_.model;
}

void AnswerSession::start(std::shared_ptr<HostedModel> model, double load_s) {
  model_ = std::move(model);
  Status begun;
  try {
    begun = begin(load_s);
  } catch (const std::exception& error) {  // no memory
    begun = fail(ErrorCode::kInternal, "the request failed: ", error.what());
  }
  const std::lock_guard lock(mutex_);
  if (!begun) give_up(begun.error());
  --outstanding_;
  settle();
}

Status AnswerSession::begin(double load_s) {
  record_.model = model_->info().id;
  if (responder_->gone()) return fail(ErrorCode::kCancelled, "the client has gone");
  const int64_t asked = static_cast<int64_t>(request_.prompts.size()) * request_.n;
  if (asked > model_->most_answers()) {
    return fail(ErrorCode::kUsage, request_.n > 1 ? "n" : "prompt", ": asks for ", asked,
                " answers at once, but there is never room for more than ", model_->most_answers());
  }
  for (auto& one : request_.prompts) {
    if (!one.chat_json.empty())
      one.chat_json =
          wire::prepare_chat(std::move(one.chat_json), model_->format(), model_->info().chat_template);
  }
  HEARTH_RETURN_IF_ERROR(prepare(load_s));
  std::vector<engine::CompletionRequest> prompts;
  for (size_t p = 0; p < request_.prompts.size(); ++p) {
    HEARTH_ASSIGN(prompts.emplace_back(), prompt(p));
  }
  responder_->on_gone([self = weak_from_this()] {  // weak: a slow reader must not keep a model in memory
    if (const auto session = self.lock()) {
      session->cancel_ = true;
      session->model_->wake();
    }
  });
  return submit_all(std::move(prompts));
}

/// The encoder, and a parser for every answer.
Status AnswerSession::prepare(double load_s) {
  wire::EncoderOptions options;
  options.ids = wire::random_ids(random_seed());
  options.now_s = unix_now_s;
  options.token_text = [model = model_](int32_t id) { return model->token_text(id); };
  options.model = model_->info().id;
  options.load_s = load_s;
  encoder_ = wire::make_encoder(protocol_, request_, std::move(options));
  for (auto& asked : request_.prompts) {
    wire::AnswerOptions how;
    how.tools = request_.tools;
    how.separate_reasoning = request_.separate_reasoning;
    const bool chat = !asked.chat_json.empty();
    if (chat && model_->format().reasons()) {
      HEARTH_ASSIGN(const std::string rendered, model_->render_chat(asked.chat_json));
      how.in_reasoning = wire::prompt_opens_reasoning(model_->format(), rendered);
    }
    if (wire::needs_grammar(request_, model_->format())) {
      const wire::Thoughts thoughts = !chat              ? wire::Thoughts::kNone
                                      : how.in_reasoning ? wire::Thoughts::kBegun
                                                         : wire::Thoughts::kMayCome;
      const std::string key = wire::grammar_key(request_, model_->format(), thoughts);
      HEARTH_ASSIGN(asked.grammar, model_->grammar(key, [&] {
        return wire::answer_grammar(request_, model_->format(), thoughts);
      }));
    }
    how.stream_arguments = asked.grammar != nullptr;
    for (int32_t k = 0; k < request_.n; ++k) {
      Choice& choice = choices_.emplace_back();
      if (!asked.chat_json.empty())
        choice.parser = std::make_unique<wire::AnswerParser>(model_->format(), how);
    }
  }
  unsent_ = encoder_->begin();
  for (size_t i = 0; request_.echo && i < choices_.size(); ++i) {
    const size_t p = i / static_cast<size_t>(request_.n);
    const bool ids = p < request_.prompt_ids.size() && !request_.prompt_ids[p].empty();
    wire::AnswerEvent event;
    event.text = ids ? model_->detokenize(request_.prompt_ids[p]) : request_.prompts[p].prompt;
    unsent_ += encoder_->push(static_cast<int32_t>(i), {&event, 1}, {});
  }
  return {};
}

/// What the engine is asked for one prompt.
Result<engine::CompletionRequest> AnswerSession::prompt(size_t index) const {
  engine::CompletionRequest out = request_.prompts[index];
  if (index < request_.prompt_ids.size()) out.prompt_ids = request_.prompt_ids[index];
  out.cancel = &cancel_;
  if (out.chat_json.empty()) return out;
  const wire::AnswerFormat& format = model_->format();
  if (format.needs_special_text) {
    for (const std::string_view marker : format.markers()) out.shown_tokens.emplace_back(marker);
  }
  return out;
}

Status AnswerSession::submit_all(std::vector<engine::CompletionRequest> prompts) {
  prompt_tokens_.resize(prompts.size());
  int32_t choice = 0;
  for (const engine::CompletionRequest& asked : prompts) {
    for (int32_t k = 0; k < request_.n; ++k, ++choice) {
      engine::Submission submission;
      submission.request = asked;
      if (asked.sampling.seed != 0) submission.request.sampling.seed += static_cast<uint64_t>(k);
      submission.client = client_;
      submission.priority = -request_.priority;  // there, larger goes first
      submission.on_text = [self = shared_from_this(), choice](std::string_view text, auto tokens) {
        return self->on_text(choice, text, tokens);
      };
      submission.on_done = [self = shared_from_this(), choice](Result<engine::Completion> result) {
        self->on_done(choice, std::move(result));
      };
      if (const Status accepted = submit(std::move(submission)); !accepted) {
        cancel_ = true;
        model_->wake();
        return accepted;
      }
    }
  }
  return {};
}

Status AnswerSession::submit(engine::Submission submission) {
  {
    const std::lock_guard lock(mutex_);
    ++outstanding_;
  }
  Status accepted;
  try {
    accepted = model_->submit(std::move(submission));
  } catch (const std::exception& error) {
    accepted = fail(ErrorCode::kInternal, "the request failed: ", error.what());
  }
  if (!accepted) {
    const std::lock_guard lock(mutex_);
    --outstanding_;
  }
  return accepted;
}

/// A raw prompt's answer is text as it stands.
std::vector<wire::AnswerEvent> AnswerSession::take_apart(Choice& choice, std::string_view text) {
  if (choice.parser) return choice.parser->push(text);
  std::vector<wire::AnswerEvent> events(1);
  events[0].text = text;
  return events;
}

bool AnswerSession::on_text(int32_t choice, std::string_view text,
                            std::span<const engine::TokenSignal> tokens) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  Choice& one = choices_[static_cast<size_t>(choice)];
  one.tokens_seen += tokens.size();
  send(encoder_->push(choice, take_apart(one, text), tokens));
  return !cancel_;
}

void AnswerSession::on_done(int32_t choice, Result<engine::Completion> result) {
  const std::lock_guard lock(mutex_);
  --outstanding_;
  account(choice, result);
  try {
    if (!closed_) take_in(choice, std::move(result));
  } catch (const std::exception& error) {
    give_up(fail(ErrorCode::kInternal, "the answer failed: ", error.what()));
  }
  settle();
}

/// Also for answers whose client has gone.
void AnswerSession::account(int32_t choice, const Result<engine::Completion>& result) {
  if (!result) {
    record_.generated_tokens += static_cast<int64_t>(choices_[static_cast<size_t>(choice)].tokens_seen);
    return;
  }
  const engine::Usage& usage = result->usage;
  int64_t& read = prompt_tokens_[static_cast<size_t>(choice / request_.n)];
  record_.prompt_tokens += std::max<int64_t>(0, usage.prompt_tokens - read);
  read = std::max(read, usage.prompt_tokens);
  if (choice % request_.n == 0) record_.cached_tokens += usage.cached_tokens;
  record_.generated_tokens += usage.generated_tokens;
  record_.cancelled = record_.cancelled || result->finish == engine::FinishReason::kCancelled;
}

/// The end of one answer, and with the last one that of the response.
void AnswerSession::take_in(int32_t choice, Result<engine::Completion> result) {
  if (!result) return give_up(result.error());
  Choice& one = choices_[static_cast<size_t>(choice)];
  one.over = true;
  const auto rest = std::span(result->tokens).subspan(std::min(one.tokens_seen, result->tokens.size()));
  send(encoder_->push(choice, one.parser ? one.parser->finish() : std::vector<wire::AnswerEvent>(), rest) +
       encoder_->end(choice, result->finish, result->usage));
  if (!std::all_of(choices_.begin(), choices_.end(), [](const Choice& c) { return c.over; })) return;
  if (record_.cancelled && !responder_->gone())
    return give_up(fail(ErrorCode::kUnavailable, "the server is shutting down"));
  if (request_.stream) {
    send(encoder_->finish());
    responder_->finish();
  } else {
    responder_->respond(200, {{"Content-Type", std::string(encoder_->content_type())}}, encoder_->finish());
  }
  closed_ = true;
}

void AnswerSession::send(std::string bytes) {
  if (!request_.stream || bytes.empty()) return;
  if (!begun_) {
    begun_ = true;
    responder_->begin(200, {{"Content-Type", std::string(encoder_->content_type())},
                            {"Cache-Control", "no-cache"},
                            {"X-Accel-Buffering", "no"}});
    bytes = unsent_ + bytes;
  }
  if (!responder_->write(bytes)) cancel_ = true;
}

/// Ends a request that cannot be answered; those of its answers that still run are cancelled.
void AnswerSession::give_up(const Error& error) {
  if (closed_) return;
  cancel_ = true;
  record_.error = error.message;
  if (begun_) {
    responder_->write(encoder_->fail(error));
    responder_->finish();
  } else {
    const wire::ErrorBody body = wire::error_body(protocol_, error);
    record_.status = body.status;
    net::AnswerHeaders headers = {{"Content-Type", "application/json"}};
    if (body.status == 429 || body.status == 503) headers.emplace_back("Retry-After", "1");
    responder_->respond(body.status, std::move(headers), body.json);
  }
  closed_ = true;
}

void AnswerSession::settle() {
  if (!closed_ || outstanding_ > 0 || !on_over_) return;
  std::exchange(on_over_, nullptr)(record_);
}

}  // namespace hearth::serve
