// hearth run: one answer. Without MODEL, the specialist that ships inside the binary.
#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>

#include "cli/answer.h"
#include "cli/model_options.h"
#include "cli/verb.h"
#include "engine/specialist.h"
#include "io/file.h"

namespace hearth::cli {
namespace {

class RunCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("MODEL", model_, "Model: a name in the store, a .gguf file or a Hugging Face folder");
    app.add_option("-p,--prompt", prompt_, "The prompt; without it, standard input is read");
    app.add_option("--system", system_, "System message");
    app.add_flag("--raw", raw_, "Continue the text as it stands, without the chat template");
    app.add_flag("--json", json_, "Print one JSON object: text, finish_reason, usage, log-probabilities");
    app.add_option("--catalogue", catalogue_, "The built-in specialist's devices and rooms (TOML)");
    load_.declare(app);
    generation_.declare(app);
  }

  Status run(Console& console) override {
    HEARTH_RETURN_IF_ERROR(read_prompt(console));
    if (model_.empty()) return run_specialist(console);
    if (!catalogue_.empty())
      return fail(ErrorCode::kUsage, "--catalogue is for the built-in specialist; leave out MODEL");
    HEARTH_ASSIGN(auto model, load_.load(model_, console));
    HEARTH_ASSIGN(auto completer, engine::LocalCompleter::create(*model));
    engine::CompletionRequest request = generation_.request(model->sampling_defaults());
    if (raw_ || !model->has_chat_template()) {
      request.prompt = prompt_;
      request.parse_special = !raw_;
    } else {
      request.chat_json = chat_request(system_, prompt_);
    }
    return answer(*completer, request, console, {.json = json_, .newline = !raw_});
  }

 private:
  Status read_prompt(Console& console) {
    if (prompt_given()) return {};
    if (console.in_is_terminal()) {
      return fail(ErrorCode::kUsage,
                  "no prompt; give -p TEXT or pipe text in (hearth chat holds a conversation)");
    }
    HEARTH_ASSIGN(prompt_, read_standard_input());
    return {};
  }
  bool prompt_given() const { return !prompt_.empty(); }

  Status run_specialist(Console& console) {
    HEARTH_ASSIGN(const engine::LoadOptions options, load_.options());
    std::string catalogue_text;
    if (!catalogue_.empty()) {
      HEARTH_ASSIGN(catalogue_text, io::read_file(catalogue_, kMaxCatalogueBytes));
    }
    HEARTH_ASSIGN(auto specialist, engine::Specialist::create(catalogue_text, catalogue_, options));
    engine::CompletionRequest request = generation_.request(runtime::SamplingParams::greedy());
    request.prompt = prompt_;
    return answer(*specialist, request, console, {.json = json_, .newline = true});
  }

  static constexpr int64_t kMaxCatalogueBytes = 1 << 20;
  std::string model_, prompt_, system_, catalogue_;
  bool raw_ = false;
  bool json_ = false;
  LoadFlags load_;
  GenerationFlags generation_;
};

}  // namespace

const Verb& verb_run() {
  static const Verb kVerb{
      "run", "one answer, from a model or from the specialist in the box",
      "  hearth run -p \"dim the kitchen lights to 30 percent and lock the front door\"\n"
      "  hearth run ./model.gguf -p \"Why is the sky blue?\" -n 200\n"
      "  hearth run ./stories260K.gguf --raw --temp 0 -n 100 -p \"Once upon a time\"\n"
      "  cat report.txt | hearth run hf:ORG/REPO --system \"Summarise in one sentence.\"\n",
      [] { return std::unique_ptr<Command>(std::make_unique<RunCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
