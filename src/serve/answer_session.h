// One request from its body to the last byte of its answer: submits what was asked for, takes the text apart
// as it comes and sends it on in the client's protocol; whatever ends early is cancelled. Must not know
// routes or keys.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_server.h"
#include "serve/hosted_model.h"
#include "wire/answer_parser.h"
#include "wire/request.h"
#include "wire/response.h"

namespace hearth::serve {

/// Told once, when a request and all its answers are over: for the access log, limits and counts. Tokens are
/// those that were really read and written, also where nobody waits for them any more; a prompt counts once,
/// however many answers it got.
struct AnswerRecord {
  int status = 200;
  std::string model;
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t generated_tokens = 0;
  bool cancelled = false;
  std::string error;  // "" or why it failed
};

class AnswerSession : public std::enable_shared_from_this<AnswerSession> {
 public:
  AnswerSession(wire::Protocol protocol, wire::GenerationRequest request,
                std::shared_ptr<net::Responder> responder, std::string client,
                std::function<void(const AnswerRecord&)> on_over);

  /// Submits all answers; returns at once. `load_s`: how long the request waited for its model.
  void start(std::shared_ptr<HostedModel> model, double load_s);

 private:
  struct Choice {
    std::unique_ptr<wire::AnswerParser> parser;  // none for raw prompts
    size_t tokens_seen = 0;
    bool over = false;
  };

  Status begin(double load_s);
  Status prepare(double load_s);
  Result<engine::CompletionRequest> prompt(size_t index) const;
  Status submit_all(std::vector<engine::CompletionRequest> prompts);
  Status submit(engine::Submission submission);
  bool on_text(int32_t choice, std::string_view text, std::span<const engine::TokenSignal> tokens);
  void on_done(int32_t choice, Result<engine::Completion> result);
  void account(int32_t choice, const Result<engine::Completion>& result);
  void take_in(int32_t choice, Result<engine::Completion> result);
  static std::vector<wire::AnswerEvent> take_apart(Choice& choice, std::string_view text);
  void send(std::string bytes);
  void give_up(const Error& error);
  void settle();

  wire::Protocol protocol_;
  wire::GenerationRequest request_;
  std::shared_ptr<net::Responder> responder_;
  std::string client_;
  std::function<void(const AnswerRecord&)> on_over_;
  std::shared_ptr<HostedModel> model_;
  std::atomic<bool> cancel_{false};

  std::mutex mutex_;  // what follows; callbacks come from the model's thread, refusals from others
  std::unique_ptr<wire::ResponseEncoder> encoder_;
  std::vector<Choice> choices_;
  std::string unsent_;  // of before the first byte
  bool begun_ = false;
  bool closed_ = false;                 // nothing more goes to the client
  int64_t outstanding_ = 1;             // answers that the model has not ended, and start() itself
  std::vector<int64_t> prompt_tokens_;  // read, of each prompt
  AnswerRecord record_;
};

}  // namespace hearth::serve
