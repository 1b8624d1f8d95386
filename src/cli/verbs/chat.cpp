// hearth chat: a conversation in the terminal. The KV cache stays between turns, so a turn costs what is new
// in it.
#include <CLI/CLI.hpp>
#include <map>

#include "cli/answer.h"
#include "cli/line_editor.h"
#include "cli/model_check.h"
#include "cli/model_options.h"
#include "cli/output_file.h"
#include "cli/verb.h"
#include "engine/local_completer.h"
#include "io/file.h"
#include "io/json.h"

namespace hearth::cli {
namespace {

constexpr uint64_t kMaxChatBytes = uint64_t{64} << 20;
constexpr std::string_view kHelp =
    "/system TEXT   set the system message        /reset       forget the conversation\n"
    "/save FILE     keep it as JSON               /load FILE   take it up again\n"
    "/model NAME    change the model              /set NAME V  change an option, e.g. /set temp 0.2\n"
    "/stats         numbers of the last answer    /exit        leave (Ctrl-D too)\n"
    "A line that ends with \\ goes on in the next one; \"\"\" begins and ends a block. Ctrl-C stops an "
    "answer.";

class ChatCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option(
        "MODEL", model_name_,
        "Model: a name in the store, a .gguf file or a Hugging Face folder; default: the specialist");
    app.add_option("--system", system_, "System message");
    app.add_option("--catalogue", catalogue_, "The built-in specialist's devices and rooms (TOML)");
    load_.declare(app);
    generation_.declare(app);
  }

  Status run(Console& console) override {
    if (!catalogue_.empty() && !model_name_.empty())
      return fail(ErrorCode::kUsage, "--catalogue is for the built-in specialist; leave out MODEL");
    HEARTH_RETURN_IF_ERROR(load(model_name_, console));
    console.dim("/help lists the commands");
    LineEditor editor(console.in_is_terminal());
    while (true) {
      std::string input;
      const LineEditor::Outcome outcome = read_input(editor, input);
      if (terminated().load()) return fail(ErrorCode::kCancelled, "stopped");
      if (outcome == LineEditor::Outcome::kEnd) break;
      if (outcome == LineEditor::Outcome::kInterrupted) {
        if (interrupted_at_prompt_) break;  // twice in a row, with nothing typed
        interrupted_at_prompt_ = true;
        interrupted().store(false);
        console.note("(Ctrl-C again or Ctrl-D leaves)");
        continue;
      }
      interrupted_at_prompt_ = false;
      if (input.empty()) continue;
      if (input == "/exit" || input == "/quit") break;
      const Status status = input.front() == '/' ? command(input, console) : turn(input, console);
      HEARTH_RETURN_IF_ERROR(console.out_status());
      if (!status) console.note("hearth: " + status.error().message);
      if (terminated().load()) return fail(ErrorCode::kCancelled, "stopped");
      interrupted().store(false);
    }
    completer_.reset();  // the check must not find the memory taken
    model_.reset();
    if (!model_name_.empty()) check_in_background(model_name_, load_);
    return {};
  }

 private:
  using Handler = Status (ChatCommand::*)(const std::string& argument, Console& console);

  static LineEditor::Outcome read_input(LineEditor& editor, std::string& input) {
    static constexpr std::string_view kFence = "\"\"\"";
    LineEditor::Outcome outcome = editor.read("> ", input);
    if (outcome != LineEditor::Outcome::kLine) return outcome;
    std::string line;
    if (input.starts_with(kFence)) {
      input.erase(0, kFence.size());
      while (!input.ends_with(kFence)) {
        outcome = editor.read(". ", line);
        if (outcome == LineEditor::Outcome::kEnd)
          return LineEditor::Outcome::kLine;  // what there is of the block
        if (outcome != LineEditor::Outcome::kLine) return outcome;
        input += (input.empty() ? "" : "\n") + line;
      }
      input.resize(input.size() - kFence.size());
      if (input.ends_with('\n')) input.pop_back();  // the fence stood on a line of its own
      return LineEditor::Outcome::kLine;
    }
    while (input.ends_with('\\')) {
      input.back() = '\n';
      outcome = editor.read(". ", line);
      if (outcome != LineEditor::Outcome::kLine) return outcome;
      input += line;
    }
    return LineEditor::Outcome::kLine;
  }

  Status load(const std::string& name, Console& console) {
    if (name.empty()) return load_specialist(console);
    HEARTH_ASSIGN(auto model, load_.load(name, console));
    HEARTH_RETURN_IF_ERROR(model->chat_template_status());
    HEARTH_ASSIGN(auto completer, engine::LocalCompleter::create(*model));
    local_ = completer.get();
    completer_ = std::move(completer);  // before the model it stands on goes away
    model_ = std::move(model);
    model_name_ = name;
    return {};
  }

  Status load_specialist(Console& console) {
    HEARTH_ASSIGN(completer_, cli::load_specialist(catalogue_, load_));
    local_ = nullptr;
    model_.reset();
    model_name_.clear();
    console.dim(
        "the built-in specialist answers each household command by itself; /model NAME takes a model");
    return {};
  }

  Status command(const std::string& input, Console& console) {
    static const std::map<std::string, Handler, std::less<>> kHandlers = {
        {"/system", &ChatCommand::set_system}, {"/reset", &ChatCommand::reset},
        {"/save", &ChatCommand::save},         {"/load", &ChatCommand::restore},
        {"/model", &ChatCommand::load},        {"/set", &ChatCommand::set_option},
        {"/stats", &ChatCommand::show_stats},  {"/help", &ChatCommand::show_help}};
    const std::string name = input.substr(0, input.find(' '));
    const size_t begin = input.find_first_not_of(' ', name.size());
    const std::string argument = begin == std::string::npos ? "" : input.substr(begin);
    const auto handler = kHandlers.find(name);
    if (handler == kHandlers.end())
      return fail(ErrorCode::kUsage, "unknown command ", name, "; /help lists them");
    return (this->*handler->second)(argument, console);
  }

  Status set_system(const std::string& text, Console& console) {
    system_ = text;
    console.note(text.empty() ? "system message removed" : "system message set");
    return {};
  }

  Status reset(const std::string&, Console& console) {
    messages_ = io::Json::array();
    console.note("conversation forgotten");
    return local_ ? local_->reset() : Status();
  }

  Status save(const std::string& path, Console& console) {
    if (path.empty()) return fail(ErrorCode::kUsage, "/save needs a file name");
    std::vector<std::filesystem::path> inputs;
    if (const auto model = resolve_model(model_name_); model) inputs.push_back(*model);
    if (!catalogue_.empty()) inputs.emplace_back(catalogue_);
    HEARTH_RETURN_IF_ERROR(check_output_file(inputs, path, true));
    const io::Json chat = {{"model", model_name_}, {"system", system_}, {"messages", messages_}};
    HEARTH_ASSIGN(io::AtomicFile file, io::AtomicFile::create(path));
    HEARTH_RETURN_IF_ERROR(file.write(chat.dump(2, ' ', false, io::Json::error_handler_t::replace) + "\n"));
    HEARTH_RETURN_IF_ERROR(file.commit());
    console.note(concat("saved ", messages_.size(), " messages to ", path));
    return {};
  }

  Status restore(const std::string& path, Console& console) {
    if (path.empty()) return fail(ErrorCode::kUsage, "/load needs a file name");
    HEARTH_ASSIGN(const std::string text, io::read_file(path, kMaxChatBytes));
    HEARTH_ASSIGN(const io::Json chat, io::parse_json(text, path));
    if (!chat.is_object() || !chat.contains("messages") || !is_message_list(chat["messages"])) {
      return fail(ErrorCode::kCorrupt, path,
                  " is not a saved chat: no list of messages with role and content");
    }
    messages_ = chat["messages"];
    if (chat.contains("system") && chat["system"].is_string()) system_ = chat["system"].get<std::string>();
    console.note(concat("loaded ", messages_.size(), " messages from ", path));
    return {};
  }

  static bool is_message_list(const io::Json& messages) {
    return messages.is_array() && std::all_of(messages.begin(), messages.end(), [](const io::Json& message) {
             return message.is_object() && message.contains("role") && message["role"].is_string() &&
                    message.contains("content") && message["content"].is_string();
           });
  }

  Status set_option(const std::string& argument, Console& console) {
    const size_t space = argument.find(' ');
    if (space == std::string::npos)
      return fail(ErrorCode::kUsage, "/set needs a name and a value, e.g. /set temp 0.2");
    HEARTH_RETURN_IF_ERROR(generation_.set(argument.substr(0, space), argument.substr(space + 1)));
    console.note(argument.substr(0, space) + " = " + argument.substr(space + 1));
    return {};
  }

  Status show_stats(const std::string&, Console& console) {
    console.note(stats_.empty() ? "no answer yet" : stats_);
    return {};
  }

  Status show_help(const std::string&, Console& console) {
    console.note(kHelp);
    return {};
  }

  engine::CompletionRequest request_for(const io::Json& user) const {
    if (!model_) {  // the specialist: no history, no system message
      engine::CompletionRequest request = generation_.request(runtime::SamplingParams::greedy());
      request.prompt = user["content"].get<std::string>();
      return request;
    }
    io::Json messages = io::Json::array();
    if (!system_.empty()) messages.push_back({{"role", "system"}, {"content", system_}});
    for (const io::Json& message : messages_) messages.push_back(message);
    messages.push_back(user);
    engine::CompletionRequest request = generation_.request(model_->sampling_defaults());
    request.chat_json =
        io::Json{{"messages", messages}}.dump(-1, ' ', false, io::Json::error_handler_t::replace);
    return request;
  }

  Status turn(const std::string& input, Console& console) {
    const io::Json user = {{"role", "user"}, {"content", input}};
    const engine::CompletionRequest request = request_for(user);
    const auto sink = [&console](std::string_view text) {
      return console.out(text) && !interrupted().load();
    };
    HEARTH_ASSIGN(const engine::Completion completion, completer_->complete(request, sink));
    console.out("\n");
    messages_.push_back(user);
    messages_.push_back({{"role", "assistant"}, {"content", completion.text}});
    stats_ = describe_usage(completion);
    if (const std::string finish = describe_finish(completion); !finish.empty()) console.note(finish);
    console.dim(stats_);
    return {};
  }

  std::string model_name_, system_, catalogue_, stats_;
  LoadFlags load_;
  GenerationFlags generation_;
  std::unique_ptr<engine::LocalModel> model_;     // none: the specialist answers
  std::unique_ptr<engine::Completer> completer_;  // after model_: destroyed first
  engine::LocalCompleter* local_ = nullptr;       // completer_ when it is one
  io::Json messages_ = io::Json::array();
  bool interrupted_at_prompt_ = false;
};

}  // namespace

const Verb& verb_chat() {
  static const Verb kVerb{"chat", "a conversation in the terminal",
                          "  hearth chat                # household commands to the specialist in the box\n"
                          "  hearth chat ./model.gguf\n"
                          "  hearth chat hf:ORG/REPO --system \"You are brief.\" --temp 0.7\n",
                          [] { return std::unique_ptr<Command>(std::make_unique<ChatCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
