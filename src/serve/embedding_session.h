// One request for embeddings from its texts to its answer. All texts become token ids first, so that one that
// is too long is refused before anything is computed; then a few at a time wait in the model's queue, however
// many there are. Must not know routes or keys.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "serve/answer_session.h"

namespace hearth::serve {

class EmbeddingSession : public std::enable_shared_from_this<EmbeddingSession> {
 public:
  using Encode = std::string (*)(const wire::EmbeddingRequest& request, const wire::EmbeddingAnswer& answer);
  /// Has work done on another thread. Errors: why it will not be.
  using Post = std::function<Status(std::function<void()> work)>;

  /// `errors`: in whose shape they are told.
  EmbeddingSession(wire::Protocol errors, Encode encode, wire::EmbeddingRequest request,
                   std::shared_ptr<net::Responder> responder, std::string client, Post post,
                   std::function<void(const AnswerRecord&)> on_over);

  /// Takes its time to read the texts, then returns. `load_s`: how long the request waited for its model.
  void start(std::shared_ptr<HostedModel> model, double load_s);

 private:
  Status read_inputs();
  void submit_more();
  Status submit(size_t index, bool tries_again);
  void on_done(size_t index, Result<engine::Completion> result);
  void take_in(size_t index, Result<engine::Completion> result);
  void answer();
  void refuse(const Error& error);
  void give_up(const Error& error);
  void settle();

  wire::Protocol errors_;
  Encode encode_;
  wire::EmbeddingRequest request_;
  std::shared_ptr<net::Responder> responder_;
  std::string client_;
  Post post_;
  std::function<void(const AnswerRecord&)> on_over_;
  std::shared_ptr<HostedModel> model_;
  std::vector<std::vector<int32_t>> ids_;  // of each text
  double begun_s_ = 0;
  std::atomic<bool> cancel_{false};

  std::mutex mutex_;  // what follows; callbacks come from the model's thread
  wire::EmbeddingAnswer answer_;
  size_t submitted_ = 0;
  size_t over_ = 0;         // of those, ended by the model
  bool submitting_ = true;  // somebody is in submit_more
  bool closed_ = false;     // nothing more goes to the client
  AnswerRecord record_;
};

}  // namespace hearth::serve
