// hearth run: one answer. Without MODEL, the specialist that ships inside the binary.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>

#include "cli/answer.h"
#include "cli/model_check.h"
#include "cli/model_options.h"
#include "cli/verb.h"
#include "engine/local_completer.h"

namespace hearth::cli {
namespace {

class RunCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app_ = &app;
    app.add_option(
        "MODEL", model_,
        "Model: a name in the store, a .gguf file or a Hugging Face folder; default: the specialist");
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
    const Status chat = model->chat_template_status();
    if (!raw_ && !chat && chat.error().code != ErrorCode::kNotFound) return chat;  // broken
    if (raw_ || !chat) {
      if (!system_.empty())
        return fail(ErrorCode::kUsage, "--system needs a chat template, and ",
                    raw_ ? "--raw leaves it out" : model_ + " has none");
      request.prompt = prompt_;
      request.parse_special = !raw_;
    } else {
      request.chat_json = chat_request(system_, prompt_);
    }
    const Status answered = answer(*completer, request, console, {.json = json_, .newline = !raw_});
    completer.reset();  // the check must not find the memory taken
    model.reset();
    if (answered) check_in_background(model_, load_);
    return answered;
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

  /// The specialist answers by its contract; an option that it cannot heed is refused, not dropped.
  Status check_specialist_options() const {
    static constexpr std::string_view kHeeded[] = {"--prompt", "--json",      "--catalogue", "--threads",
                                                   "--kv",     "--reference", "--force",     "--logprobs"};
    for (const CLI::Option* option : app_->get_options()) {
      const std::string name = option->get_name();
      if (option->count() > 0 &&
          std::find(std::begin(kHeeded), std::end(kHeeded), name) == std::end(kHeeded)) {
        return fail(ErrorCode::kUsage, name, " has no meaning for the built-in specialist; name a MODEL");
      }
    }
    return {};
  }

  Status run_specialist(Console& console) {
    HEARTH_RETURN_IF_ERROR(check_specialist_options());
    HEARTH_ASSIGN(const auto specialist, load_specialist(catalogue_, load_));
    engine::CompletionRequest request = generation_.request(runtime::SamplingParams::greedy());
    request.prompt = prompt_;
    return answer(*specialist, request, console, {.json = json_, .newline = true});
  }

  CLI::App* app_ = nullptr;
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
