// hearth imatrix: measures which inputs of a model's matrices matter, for hearth quantize and llama.cpp.
#include "lab/imatrix.h"

#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "cli/model_options.h"
#include "cli/number_checks.h"
#include "cli/output_file.h"
#include "cli/verb.h"
#include "io/file.h"
#include "store/packed.h"

namespace hearth::cli {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{1} << 30;
constexpr double kSaveEvery_s = 60;

class ImatrixCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("MODEL", model_, "Model: a name in the store, a .gguf file or a Hugging Face folder")
        ->required();
    app.add_option("TEXT", text_, "A text file like what the model will be used for")->required();
    app.add_option("-o,--out", out_, "The importance matrix to write (GGUF)")->required();
    app.add_option("--chunk", chunk_tokens_, "Tokens of a chunk; each is read without the one before")
        ->check(CLI::Range(8, 1 << 20).description("8 or more"))
        ->capture_default_str();
    app.add_option("--chunks", max_chunks_, "Chunks at most; default: the whole text")->check(not_negative());
    app.add_flag("--parse-special", parse_special_, "Recognise control tokens written in the text");
    app.add_flag("--output", with_output_, "Measure the output matrix too");
    app.add_flag("--resume", resume_, "Go on where the file that -o names stopped");
    app.add_flag("--replace", replace_, "Replace the file if it exists");
    load_.declare(app);
  }

  Status run(Console& console) override {
    LoadFlags flags = load_;
    flags.says_fallbacks = true;
    if (flags.context.empty()) flags.context = std::to_string(chunk_tokens_);
    io::ImportanceMatrix matrix;
    HEARTH_ASSIGN(const auto path, resolve_model(model_));
    HEARTH_RETURN_IF_ERROR(check_output_file({path, text_}, out_, replace_ || resume_,
                                             "--resume goes on with it, --replace starts anew"));
    const std::string source = store::model_source(path);
    if (resume_ && std::filesystem::exists(out_)) {
      HEARTH_ASSIGN(matrix, io::read_imatrix(out_));
      if (matrix.source != source) {
        return fail(ErrorCode::kUsage, out_, " was made by another program or with another model than ",
                    model_, "; --replace starts anew");
      }
    }
    matrix.source = source;
    HEARTH_ASSIGN(const std::string text, io::read_file(text_, kMaxTextBytes));
    HEARTH_ASSIGN(auto model, flags.load(model_, console));
    HEARTH_ASSIGN(const lab::CalibrationText chunks,
                  lab::cut_text(*model, text, std::filesystem::path(text_).filename().string(), chunk_tokens_,
                                max_chunks_, parse_special_));
    const int64_t before = matrix.chunks;
    const Status collected = collect(*model, chunks, matrix, console);
    console.progress_done();
    const bool stopped = !collected && collected.error().code == ErrorCode::kCancelled;
    if (!collected && !stopped) return collected;
    const bool grown = matrix.chunks > before;
    if (grown) HEARTH_RETURN_IF_ERROR(io::write_imatrix(out_, matrix));
    const std::string done =
        concat(matrix.chunks, " of ", chunks.chunks.size(), " chunks of ", chunk_tokens_, " tokens");
    if (stopped) {
      return fail(
          ErrorCode::kCancelled, "stopped after ", done,
          matrix.chunks > 0 ? concat("; ", out_, " holds them, --resume goes on") : "; nothing was written");
    }
    console.note(concat(grown ? "wrote " : "nothing to do for ", out_, ": ", matrix.entries.size(),
                        " matrices, ", done));
    return {};
  }

 private:
  Status collect(engine::LocalModel& model, const lab::CalibrationText& chunks, io::ImportanceMatrix& matrix,
                 Console& console) const {
    ProgressDetail detail("chunks");
    const auto progress = [&](int64_t done, int64_t total) {
      const double fraction = static_cast<double>(done) / static_cast<double>(total);
      if (console.err_is_terminal()) {
        console.progress("measuring " + text_, fraction,
                         detail(static_cast<uint64_t>(done), static_cast<uint64_t>(total)));
      }
      return !interrupted().load();
    };
    double saved_s = now_s();
    const auto save = [&]() -> Status {
      if (now_s() - saved_s < kSaveEvery_s) return {};
      saved_s = now_s();
      return io::write_imatrix(out_, matrix);
    };
    return lab::collect_importance(model, chunks, with_output_, matrix, progress, save);
  }

  std::string model_, text_, out_;
  int64_t chunk_tokens_ = 512;
  int64_t max_chunks_ = 0;
  bool parse_special_ = false;
  bool with_output_ = false;
  bool resume_ = false;
  bool replace_ = false;
  LoadFlags load_;
};

}  // namespace

const Verb& verb_imatrix() {
  static const Verb kVerb{
      "imatrix", "measure which inputs of a model matter, for quantize",
      "  hearth imatrix model-f16.gguf text.txt -o model.imatrix\n"
      "  hearth imatrix model-f16.gguf text.txt -o model.imatrix --resume\n"
      "  hearth quantize model-f16.gguf model-iq4_xs.gguf --type iq4_xs --imatrix model.imatrix\n",
      [] { return std::unique_ptr<Command>(std::make_unique<ImatrixCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
