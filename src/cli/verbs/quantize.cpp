// hearth quantize: a model in smaller weight types, by a named mix.
#include "lab/quantize.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "cli/model_options.h"
#include "cli/output_file.h"
#include "cli/verb.h"
#include "io/file.h"
#include "io/json.h"
#include "io/utf8.h"

namespace hearth::cli {
namespace {

std::string known_mixes() {
  std::string names;
  for (const lab::Mix& mix : lab::mixes()) names += concat(names.empty() ? "" : ", ", mix.name);
  return names;
}

class QuantizeCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("IN", in_, "Model: a name in the store, a .gguf file or a Hugging Face folder")->required();
    app.add_option("OUT", out_, "The .gguf file to write")->required();
    app.add_option("--type", type_, "Mix of weight types: " + known_mixes())->required();
    app.add_option("--imatrix", imatrix_, "Importance matrix (hearth imatrix), to weigh the errors by");
    app.add_flag("--dry-run", dry_run_, "Only show the type of each tensor and the size; write nothing");
    app.add_flag("--json", json_, "Print one JSON object with the type of each tensor");
    app.add_flag("--force", force_, "Replace OUT if it exists");
    app.add_option("--threads", threads_, "Threads; default: all this process may use")
        ->check(CLI::Range(1, 1024).description("1 to 1024"));
  }

  Status run(Console& console) override {
    const lab::Mix* mix = lab::find_mix(type_);
    if (mix == nullptr) {
      return fail(ErrorCode::kUsage, "--type ", io::printable(type_), ": known mixes are ", known_mixes(),
                  " (hearth convert writes plain types)");
    }
    HEARTH_ASSIGN(const auto path, resolve_model(in_));
    if (!dry_run_) HEARTH_RETURN_IF_ERROR(check_output_file(path, out_, force_));
    HEARTH_ASSIGN(const engine::OpenedModel opened, engine::open_model(path));
    io::ImportanceMatrix importance;
    if (!imatrix_.empty()) {
      HEARTH_ASSIGN(importance, io::read_imatrix(imatrix_));
    }
    HEARTH_ASSIGN(lab::QuantizePlan plan,
                  lab::plan_quantization(opened.file, *mix, imatrix_.empty() ? nullptr : &importance));
    if (!imatrix_.empty())
      plan.metadata.set("quantize.imatrix.file",
                        io::Value::of(std::filesystem::path(imatrix_).filename().string()));
    warn(plan, console);
    if (!dry_run_) {
      HEARTH_RETURN_IF_ERROR(write(plan, console));
    }
    report(plan, console);
    return {};
  }

 private:
  Status write(const lab::QuantizePlan& plan, Console& console) const {
    ThreadPool pool(threads_ > 0 ? threads_ : available_cpus());
    ProgressDetail detail;
    const auto progress = [&](uint64_t done, uint64_t total) {
      const double fraction = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1.0;
      if (console.err_is_terminal()) console.progress("writing " + out_, fraction, detail(done, total));
      return !interrupted().load();
    };
    const Status written = lab::write_quantized(plan, out_, pool, progress);
    console.progress_done();
    return written;
  }

  /// What a person should know although it is no error.
  void warn(const lab::QuantizePlan& plan, Console& console) const {
    int64_t again = 0;
    for (const lab::TensorPlan& row : plan.tensors)
      again += row.to != row.from && row.from != nullptr && row.from->block_elems > 1;
    if (again > 0) {
      console.note(concat("warning: ", again,
                          " tensors are quantised already; quantised again they lose more than from the original"));
    }
    if (plan.fell_back > 0) {
      console.note(concat(plan.fell_back, " tensors get a larger type: their rows are no whole blocks of the one "
                                          "that ", type_, " has for them"));
    }
    if (plan.without_importance > 0)
      console.note(concat(plan.without_importance, " matrices are not in ", imatrix_, "; their errors count alike"));
  }

  void report(const lab::QuantizePlan& plan, Console& console) const {
    uint64_t source_bytes = 0;
    for (const lab::TensorPlan& row : plan.tensors) source_bytes += row.tensor->data.size();
    if (json_) {
      io::Json tensors = io::Json::array();
      for (const lab::TensorPlan& row : plan.tensors) {
        const uint32_t type = row.to != nullptr ? row.to->id : row.tensor->type;
        tensors.push_back({{"name", row.tensor->name},
                           {"from", kernels::type_name(row.tensor->type)},
                           {"type", kernels::type_name(type)},
                           {"bytes", row.bytes()}});
      }
      const io::Json out = {{"type", type_},
                            {"bits_per_weight", plan.bits_per_weight()},
                            {"source_bytes", source_bytes},
                            {"tensor_bytes", plan.bytes()},
                            {"tensors", std::move(tensors)}};
      console.out(out.dump(-1, ' ', false, io::Json::error_handler_t::replace) + "\n");
      return;
    }
    if (dry_run_) {
      for (const lab::TensorPlan& row : plan.tensors) console.out(describe(row));
    }
    char bits[32];
    std::snprintf(bits, sizeof(bits), "%.2f", plan.bits_per_weight());
    console.note(concat(dry_run_ ? "would write " : "wrote ", out_, ": ", io::human_bytes(source_bytes), " -> ",
                        io::human_bytes(plan.bytes()), ", ", bits, " bits per weight"));
  }

  static std::string describe(const lab::TensorPlan& row) {
    const uint32_t type = row.to != nullptr ? row.to->id : row.tensor->type;
    char line[160];
    std::snprintf(line, sizeof(line), "%-8s %-8s %10s  ",
                  std::string(kernels::type_name(row.tensor->type)).c_str(),
                  std::string(kernels::type_name(type)).c_str(), io::human_bytes(row.bytes()).c_str());
    return line + io::printable(row.tensor->name) + "\n";
  }

  std::string in_, out_, type_, imatrix_;
  bool dry_run_ = false;
  bool json_ = false;
  bool force_ = false;
  int32_t threads_ = 0;
};

}  // namespace

const Verb& verb_quantize() {
  static const Verb kVerb{"quantize", "write a model in smaller weight types",
                          "  hearth quantize model-f16.gguf model-q4_k_m.gguf --type q4_k_m\n"
                          "  hearth quantize ./my-model my-model.gguf --type iq4_xs --imatrix my-model.imatrix\n"
                          "  hearth quantize model-f16.gguf out.gguf --type q5_k_m --dry-run\n",
                          [] { return std::unique_ptr<Command>(std::make_unique<QuantizeCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
