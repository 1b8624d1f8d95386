// A model that answers many clients, on a thread of its own: a file behind the scheduler, or the specialist
// in the box, which answers one at a time. Must not know HTTP.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/grammar_cache.h"
#include "engine/local_model.h"
#include "engine/scheduler.h"
#include "engine/specialist.h"
#include "wire/answer_format.h"
#include "wire/response.h"

namespace hearth::serve {

class HostedModel {
 public:
  virtual ~HostedModel() = default;

  /// As engine::Scheduler::submit; its callbacks run on this model's thread.
  virtual Status submit(engine::Submission submission) = 0;
  /// Look at the cancel flags.
  virtual void wake() = 0;
  /// Ends the thread: with `finish` when all answers are given, else at once. What is worth it is saved until
  /// `save_until_s` (of now_s()).
  virtual void stop(bool finish, double save_until_s) = 0;
  virtual engine::SchedulerStats stats() const = 0;
  /// Answers that can be here at a time, running and waiting.
  virtual int64_t most_answers() const = 0;

  virtual runtime::SamplingParams sampling_defaults() const = 0;
  /// What `chat_json` becomes before the model reads it.
  virtual Result<std::string> render_chat(const std::string& chat_json) const = 0;
  virtual Result<std::vector<int32_t>> tokenize(const std::string& text, bool add_special,
                                                bool parse_special) const = 0;
  /// What the embedding of a raw prompt is made from: at least one id, at most the context. Errors: as
  /// engine::prompt_ids; kUnsupported where the model makes no embeddings.
  virtual Result<std::vector<int32_t>> embedding_ids(const engine::CompletionRequest& request) const;
  /// Text of one token, "" for control tokens.
  virtual std::string token_text(int32_t id) const = 0;
  virtual std::string detokenize(std::span<const int32_t> ids) const = 0;

  /// The grammar compiled for this model's vocabulary; one that was asked for lately is there already. `key`
  /// names it. Errors: those of `compile`; kUnsupported where answers cannot be constrained.
  virtual Result<std::shared_ptr<const text::GrammarMasks>> grammar(
      const std::string& key, const engine::CompileGrammar& compile) = 0;

  const wire::ModelInfo& info() const { return info_; }
  const wire::AnswerFormat& format() const { return *format_; }
  /// What it takes by the plan of its loading; set by who loads it.
  int64_t memory_bytes() const { return memory_bytes_; }
  void set_memory_bytes(int64_t bytes) { memory_bytes_ = bytes; }

 protected:
  explicit HostedModel(wire::ModelInfo info);

 private:
  wire::ModelInfo info_;
  int64_t memory_bytes_ = 0;
  const wire::AnswerFormat* format_;
};

/// `info` is completed from the model; `archive` (may be null) is one of this model. Errors: as
/// Scheduler::create.
Result<std::unique_ptr<HostedModel>> host_local_model(
    std::unique_ptr<engine::LocalModel> model, const engine::SchedulerOptions& options, wire::ModelInfo info,
    std::unique_ptr<engine::PrefixArchive> archive = nullptr);
/// Answers the last user message; `max_waiting` more may wait.
std::unique_ptr<HostedModel> host_specialist(std::unique_ptr<engine::Specialist> specialist,
                                             int32_t max_waiting, wire::ModelInfo info);

}  // namespace hearth::serve
