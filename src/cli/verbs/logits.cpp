// hearth logits: float32 logits of every position of given ids, for comparing with other implementations.
#include <CLI/CLI.hpp>
#include <charconv>

#include "cli/model_options.h"
#include "cli/output_file.h"
#include "cli/verb.h"
#include "io/file.h"

namespace hearth::cli {
namespace {

class LogitsCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("MODEL", model_, "Model: a name in the store, a .gguf file or a Hugging Face folder")
        ->required();
    app.add_option("--ids", ids_text_, "Token ids, separated by commas")->required();
    app.add_option("--out", out_, "File for float32 values, row-major (tokens, vocabulary)")->required();
    load_.declare(app);
  }

  Status run(Console& console) override {
    LoadFlags flags = load_;
    flags.says_fallbacks = true;
    HEARTH_RETURN_IF_ERROR(read_ids());
    if (flags.context.empty()) flags.context = std::to_string(ids_.size());
    HEARTH_ASSIGN(const auto path, resolve_model(model_));
    HEARTH_RETURN_IF_ERROR(check_output_file({path}, out_, true));
    HEARTH_ASSIGN(auto model, flags.load(model_, console));
    runtime::Runtime& runtime = model->runtime();
    HEARTH_ASSIGN(const runtime::SeqId sequence, runtime.open_sequence());
    const auto row_bytes = static_cast<uint64_t>(runtime.vocabulary()) * sizeof(float);
    HEARTH_ASSIGN(io::AtomicFile file, io::AtomicFile::create(out_, ids_.size() * row_bytes));
    constexpr size_t kStep = 256;  // bounds the logits held at a time
    for (size_t done = 0; done < ids_.size(); done += kStep) {
      const auto tokens = std::span(ids_).subspan(done, std::min(kStep, ids_.size() - done));
      const runtime::SequenceChunk chunk{sequence, tokens, runtime::LogitsWanted::kAll};
      HEARTH_RETURN_IF_ERROR(runtime.forward({&chunk, 1}));
      HEARTH_RETURN_IF_ERROR(file.write(std::as_bytes(runtime.logits(0))));
      if (interrupted().load()) return fail(ErrorCode::kCancelled, "stopped; nothing was written");
    }
    return file.commit();
  }

 private:
  Status read_ids() {
    const char* at = ids_text_.data();
    const char* end = at + ids_text_.size();
    while (true) {
      int32_t id = 0;
      const auto [stop, error] = std::from_chars(at, end, id);
      if (error != std::errc() || (stop != end && *stop != ','))
        return fail(ErrorCode::kUsage, "--ids '", ids_text_.substr(0, 40),
                    "': want token ids with a comma between two");
      ids_.push_back(id);
      if (stop == end) return {};
      at = stop + 1;
    }
  }

  std::string model_, out_, ids_text_;
  std::vector<int32_t> ids_;
  LoadFlags load_;
};

}  // namespace

const Verb& verb_logits() {
  static const Verb kVerb{"logits", "write the float32 logits of every position",
                          "  hearth logits model.gguf --ids 1,5,9 --out logits.f32\n",
                          [] { return std::unique_ptr<Command>(std::make_unique<LogitsCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
