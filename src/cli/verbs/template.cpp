// hearth template: renders a chat request with a model's own template, or a .jinja file.
#include <CLI/CLI.hpp>

#include "cli/answer.h"
#include "cli/model_options.h"
#include "cli/verb.h"
#include "engine/local_model.h"
#include "io/file.h"
#include "io/json.h"

namespace hearth::cli {
namespace {

constexpr uint64_t kMaxTemplateBytes = 1 << 20;

class TemplateCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("MODEL_OR_FILE", source_, "A model, or a file FILE.jinja")->required();
  }

  Status run(Console& console) override {
    HEARTH_ASSIGN(const std::string request, read_standard_input());
    if (std::filesystem::path(source_).extension() == ".jinja") {
      HEARTH_ASSIGN(const std::string source, io::read_file(source_, kMaxTemplateBytes));
      HEARTH_ASSIGN(const text::ChatTemplate chat_template, text::ChatTemplate::parse(source));
      HEARTH_ASSIGN(const std::string prompt, chat_template.render(request));
      console.out(prompt);
      return {};
    }
    HEARTH_ASSIGN(const auto path, resolve_model(source_));
    HEARTH_ASSIGN(const engine::OpenedModel opened, engine::open_model(path));
    HEARTH_ASSIGN(const auto tokenizer, engine::make_tokenizer(opened.file.metadata));
    HEARTH_ASSIGN(const auto chat_template, engine::make_chat_template(opened.file.metadata));
    if (!chat_template) return fail(ErrorCode::kUnsupported, opened.name, " has no chat template");
    HEARTH_ASSIGN(const std::string prompt, engine::render_chat(*chat_template, tokenizer.get(), request));
    console.out(prompt);
    return {};
  }

 private:
  std::string source_;
};

}  // namespace

const Verb& verb_template() {
  static const Verb kVerb{
      "template", "the prompt that a chat request becomes",
      "  echo '{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"add_generation_prompt\":true}' | "
      "hearth template model.gguf\n"
      "  hearth template chat.jinja < request.json\n",
      [] { return std::unique_ptr<Command>(std::make_unique<TemplateCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
