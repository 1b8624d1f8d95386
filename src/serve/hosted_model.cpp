// The threads that drive a scheduler and its archive.
#include "serve/hosted_model.h"

#include <thread>
#include <utility>

#include "engine/pooling.h"
#include "engine/prompt.h"

namespace hearth::serve {

HostedModel::HostedModel(wire::ModelInfo info)
    : info_(std::move(info)), format_(&wire::detect_answer_format(info_.chat_template)) {}

Result<std::vector<int32_t>> HostedModel::embedding_ids(const engine::CompletionRequest& /*request*/) const {
  return fail(ErrorCode::kUnsupported, info_.id, " makes no embeddings; name another model");
}

namespace {

class ScheduledModel : public HostedModel {
 public:
  ScheduledModel(std::unique_ptr<engine::LocalModel> model, std::unique_ptr<engine::PrefixArchive> archive,
                 std::unique_ptr<engine::Scheduler> scheduler, wire::ModelInfo info)
      : HostedModel(std::move(info)),
        model_(std::move(model)),
        archive_(std::move(archive)),
        scheduler_(std::move(scheduler)),
        grammars_(*model_, shown()) {
    if (archive_) archive_thread_ = std::thread([this] { archive_->run(); });
    thread_ = std::thread([this] { scheduler_->run(); });
  }
  ~ScheduledModel() override { stop(false, 0); }

  Status submit(engine::Submission submission) override {
    if (!submission.request.chat_json.empty() && !model_->chat_template_status()) {
      return fail(ErrorCode::kUnsupported, info().id, ": ", model_->chat_template_status().error().message,
                  " (/v1/completions)");
    }
    return scheduler_->submit(std::move(submission));
  }
  void wake() override { scheduler_->wake(); }
  void stop(bool finish, double save_until_s) override {
    scheduler_->stop(finish, save_until_s);
    if (thread_.joinable()) thread_.join();
    if (archive_) archive_->stop();
    if (archive_thread_.joinable()) archive_thread_.join();
  }
  engine::SchedulerStats stats() const override { return scheduler_->stats(); }
  int64_t most_answers() const override { return scheduler_->most_answers(); }

  runtime::SamplingParams sampling_defaults() const override { return model_->sampling_defaults(); }
  Result<std::string> render_chat(const std::string& chat_json) const override {
    return model_->render_chat(chat_json);
  }
  Result<std::vector<int32_t>> tokenize(const std::string& text, bool add_special,
                                        bool parse_special) const override {
    if (!model_->tokenizer()) return fail(ErrorCode::kUnsupported, info().id, " has no tokenizer");
    return model_->tokenizer()->encode(text, {.add_special = add_special, .parse_special = parse_special});
  }
  Result<std::vector<int32_t>> embedding_ids(const engine::CompletionRequest& request) const override {
    HEARTH_RETURN_IF_ERROR(engine::pooling_of(model_->model()));
    return engine::prompt_ids(*model_, request);
  }
  std::string token_text(int32_t id) const override {
    return model_->tokenizer() ? model_->tokenizer()->piece(id, false) : "";
  }
  std::string detokenize(std::span<const int32_t> ids) const override {
    return model_->tokenizer() ? model_->tokenizer()->decode(ids, true) : "";
  }

  Result<std::shared_ptr<const text::GrammarMasks>> grammar(const std::string& key,
                                                            const engine::CompileGrammar& compile) override {
    return grammars_.get(key, compile);
  }

 private:
  std::vector<std::string_view> shown() const {
    return format().needs_special_text ? format().markers() : std::vector<std::string_view>();
  }

  std::unique_ptr<engine::LocalModel> model_;
  std::unique_ptr<engine::PrefixArchive> archive_;
  std::unique_ptr<engine::Scheduler> scheduler_;
  engine::GrammarCache grammars_;
  std::thread archive_thread_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<HostedModel>> host_local_model(std::unique_ptr<engine::LocalModel> model,
                                                      const engine::SchedulerOptions& options,
                                                      wire::ModelInfo info,
                                                      std::unique_ptr<engine::PrefixArchive> archive) {
  HEARTH_ASSIGN(auto scheduler, engine::Scheduler::create(*model, options, archive.get()));
  const io::Metadata& metadata = model->metadata();
  if (const auto source = metadata.get_string("tokenizer.chat_template"); source && *source)
    info.chat_template = **source;
  info.chat = model->chat_template_status().ok();
  if (const auto name = metadata.get_string("general.architecture"); name && *name)
    info.architecture = **name;
  info.context_tokens = model->context_tokens();
  info.embedding_length = model->model().spec().hp.dim;
  info.embedding = metadata.contains(concat(info.architecture, ".pooling_type"));
  info.loaded = true;
  const wire::AnswerFormat& format = wire::detect_answer_format(info.chat_template);
  info.tools = info.chat && format.syntax != wire::CallSyntax::kNone;
  info.thinking = info.chat && format.reasons();
  return std::unique_ptr<HostedModel>(
      new ScheduledModel(std::move(model), std::move(archive), std::move(scheduler), std::move(info)));
}

}  // namespace hearth::serve
