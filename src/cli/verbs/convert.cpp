// hearth convert: a Hugging Face folder (or a GGUF) to one GGUF file that hearth and llama.cpp read.
#include "lab/convert.h"

#include <CLI/CLI.hpp>

#include "base/cpus.h"
#include "cli/model_options.h"
#include "cli/output_file.h"
#include "cli/verb.h"
#include "io/file.h"

namespace hearth::cli {
namespace {

class ConvertCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("IN", in_, "A Hugging Face folder or a .gguf file")->required();
    app.add_option("OUT", out_, "The .gguf file to write")->required();
    app.add_option("--type", type_, "Weight type of the matrices; default: as they are");
    app.add_flag("--force", force_, "Replace OUT if it exists");
    app.add_option("--threads", threads_, "Threads; default: all this process may use")
        ->check(CLI::Range(1, 1024).description("1 to 1024"));
  }

  Status run(Console& console) override {
    HEARTH_ASSIGN(const auto path, resolve_model(in_));
    HEARTH_RETURN_IF_ERROR(check_output_file({path}, out_, force_));
    HEARTH_ASSIGN(const engine::OpenedModel opened, engine::open_model(path));
    ThreadPool pool(threads_ > 0 ? threads_ : available_cpus());
    const auto progress = [&](uint64_t done, uint64_t total) {
      const double fraction = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1.0;
      if (console.err_is_terminal()) console.progress("writing " + out_, fraction, io::human_bytes(done));
      return !interrupted().load();
    };
    HEARTH_ASSIGN(const lab::ConvertReport report,
                  lab::convert(opened.file, out_, {.weight_type = type_}, pool, progress));
    console.progress_done();
    std::string line =
        concat("wrote ", out_, ": ", report.tensors, " tensors, ", io::human_bytes(report.written_bytes));
    if (report.reencoded > 0) line += concat(" (", report.reencoded, " re-encoded)");
    if (report.kept_odd_shape > 0)
      line += concat("; ", report.kept_odd_shape, " kept, their rows are not whole blocks of ", type_);
    console.note(line);
    return {};
  }

 private:
  std::string in_, out_, type_;
  bool force_ = false;
  int32_t threads_ = 0;
};

}  // namespace

const Verb& verb_convert() {
  static const Verb kVerb{"convert", "write a model as one GGUF file",
                          "  hearth convert ./SmolLM2-135M-Instruct smollm2.gguf\n"
                          "  hearth convert ./my-model my-model.gguf --type f16\n",
                          [] { return std::unique_ptr<Command>(std::make_unique<ConvertCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
