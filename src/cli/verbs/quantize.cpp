// hearth quantize: a model in smaller weight types, by a named mix.
#include "lab/quantize.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>

#include "base/cpus.h"
#include "cli/model_options.h"
#include "cli/number_checks.h"
#include "cli/output_file.h"
#include "cli/verb.h"
#include "io/file.h"
#include "io/json.h"
#include "io/utf8.h"
#include "lab/auto_mix.h"
#include "lab/calibrated.h"
#include "lab/imatrix.h"

namespace hearth::cli {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{1} << 30;

std::string known_mixes() {
  std::string names;
  for (const lab::Mix& mix : lab::mixes()) names += concat(names.empty() ? "" : ", ", mix.name);
  return names;
}

class QuantizeCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("IN", in_, "Model: a name in the store, a .gguf file or a Hugging Face folder")
        ->required();
    app.add_option("OUT", out_, "The .gguf file to write")->required();
    app.add_option("--type", type_,
                   "Mix of weight types: " + known_mixes() + "; auto measures which tensors need more")
        ->required();
    app.add_option("--size", size_, "For auto: bytes of the new file's tensors, e.g. 400MB")
        ->transform(CLI::AsSizeValue(true))
        ->transform(CLI::Validator(  // before that one, to which -5 is a large number
            [](std::string& text) {
              return text.find('-') != std::string::npos ? "a size is not negative" : std::string();
            },
            ""))
        ->group("Automatic choice");
    app.add_option("--bpw", bits_, "For auto: bits per weight")
        ->check(number_within(1, 32, "from 1 to 32"))
        ->group("Automatic choice");
    app.add_option("--kld", kld_, "For auto: mean KL divergence from IN over the text, in nats")
        ->check(positive())
        ->group("Automatic choice");
    app.add_option("--probe-chunks", probe_chunks_,
                   "For auto: chunks of the text that sensitivity is measured on")
        ->check(CLI::Range(1, 1 << 20).description("1 or more"))
        ->capture_default_str()
        ->group("Automatic choice");
    app.add_option("--imatrix", imatrix_, "Importance matrix (hearth imatrix), to weigh the errors by");
    app.add_option("--calibrate", calibrate_,
                   "A text file: choose the codes by error feedback (GPTQ) over what the model makes of it")
        ->group("Calibration");
    app.add_option("--chunk", chunk_tokens_, "Tokens of a chunk of the text")
        ->check(CLI::Range(8, 1 << 20).description("8 or more"))
        ->capture_default_str()
        ->group("Calibration");
    app.add_option("--chunks", max_chunks_, "Chunks at most; 0: the whole text")
        ->check(not_negative())
        ->capture_default_str()
        ->group("Calibration");
    app.add_flag("--parse-special", parse_special_, "Recognise control tokens written in the text")
        ->group("Calibration");
    app.add_option("--damping", feedback_.damping, "Part of the mean of the moments added to each")
        ->check(number_within(1e-6, 10, "from 1e-6 to 10"))
        ->capture_default_str()
        ->group("Calibration");
    app.add_option("--moments-memory", moments_gib_, "GiB for moments; less means more passes over the text")
        ->check(positive())
        ->capture_default_str()
        ->group("Calibration");
    app.add_flag("--dry-run", dry_run_, "Only show the type of each tensor and the size; write nothing");
    app.add_flag("--json", json_, "Print one JSON object with the type of each tensor");
    app.add_flag("--force", force_, "Replace OUT if it exists");
    app.add_option("--threads", threads_, "Threads; default: all this process may use")
        ->check(CLI::Range(1, 1024).description("1 to 1024"));
  }

  Status run(Console& console) override {
    HEARTH_RETURN_IF_ERROR(check_options());
    HEARTH_ASSIGN(const auto path, resolve_model(in_));
    if (!dry_run_) HEARTH_RETURN_IF_ERROR(check_output_file(inputs(path), out_, force_));
    HEARTH_ASSIGN(engine::OpenedModel opened, engine::open_model(path));
    HEARTH_RETURN_IF_ERROR(lab::check_reencodable(opened.file));
    if (!imatrix_.empty()) {
      HEARTH_ASSIGN(importance_, io::read_imatrix(imatrix_));
    }
    if (!calibrate_.empty() && (!dry_run_ || automatic())) HEARTH_RETURN_IF_ERROR(load_calibration(opened));
    HEARTH_ASSIGN(lab::QuantizePlan plan, make_plan(opened, console));
    if (!imatrix_.empty()) {
      const std::string name = std::filesystem::path(imatrix_).filename().string();
      plan.metadata.set("quantize.imatrix.file", io::Value::of(name));
    }
    warn(plan, console);
    if (!dry_run_) HEARTH_RETURN_IF_ERROR(model_ ? write_calibrated(plan, console) : write(plan, console));
    report(plan, console);
    return {};
  }

 private:
  bool automatic() const { return type_ == "auto"; }

  std::vector<std::filesystem::path> inputs(const std::filesystem::path& model) const {
    std::vector<std::filesystem::path> paths = {model};
    for (const std::string& name : {imatrix_, calibrate_}) {
      if (!name.empty()) paths.emplace_back(name);
    }
    return paths;
  }

  Status check_options() const {
    if (!automatic() && lab::find_mix(type_) == nullptr) {
      return fail(ErrorCode::kUsage, "--type ", io::printable(type_), ": known mixes are ", known_mixes(),
                  " and auto (hearth convert writes plain types)");
    }
    const int budgets = (size_ > 0) + (bits_ > 0) + (kld_ > 0);
    if (!automatic() && budgets > 0)
      return fail(ErrorCode::kUsage, "--size, --bpw and --kld go with --type auto");
    if (automatic() && budgets != 1)
      return fail(ErrorCode::kUsage, "--type auto needs one budget: --size, --bpw or --kld");
    if (automatic() && calibrate_.empty())
      return fail(ErrorCode::kUsage, "--type auto measures the model: give it a text with --calibrate");
    return {};
  }

  /// The model itself, to read the calibration text with.
  Status load_calibration(const engine::OpenedModel& opened) {
    HEARTH_ASSIGN(const std::string text, io::read_file(calibrate_, kMaxTextBytes));
    engine::LoadOptions load;
    load.threads = threads_;
    load.context_tokens = chunk_tokens_;
    HEARTH_ASSIGN(model_, engine::LocalModel::load(opened, load));
    const std::string name = std::filesystem::path(calibrate_).filename().string();
    HEARTH_ASSIGN(text_, lab::cut_text(*model_, text, name, chunk_tokens_, max_chunks_, parse_special_));
    return {};
  }

  Result<lab::QuantizePlan> make_plan(const engine::OpenedModel& opened, Console& console) {
    const io::ImportanceMatrix* importance = imatrix_.empty() ? nullptr : &importance_;
    if (!automatic()) return lab::plan_quantization(opened.file, *lab::find_mix(type_), importance);
    if (importance == nullptr) {
      const auto progress = [&](int64_t done, int64_t total) {
        return show(console, "measuring importance", static_cast<double>(done) / static_cast<double>(total),
                    "");
      };
      HEARTH_RETURN_IF_ERROR(lab::collect_importance(*model_, text_, true, importance_, progress, nullptr));
    }
    lab::CalibrationText probe = text_;  // fewer tokens do: every group is a run of its own
    probe.chunks.resize(std::min(probe.chunks.size(), static_cast<size_t>(probe_chunks_)));
    const auto progress = [&](double done, const std::string& what) {
      return show(console, "measuring", done, what);
    };
    HEARTH_ASSIGN(const lab::AutoMix mix,
                  lab::choose_auto_mix(opened, *model_, probe, importance_, budget(opened.file), progress));
    console.progress_done();
    describe(mix, console);
    auto_ = {{"measured_kld", mix.measured_kld}, {"predicted_kld", mix.predicted_kld}};
    HEARTH_ASSIGN(lab::QuantizePlan plan, lab::plan_quantization(opened.file, 0, mix.choices, &importance_));
    lab::describe_auto(plan, mix);
    return plan;
  }

  lab::AutoBudget budget(const io::TensorFile& file) const {
    lab::AutoBudget out{size_, kld_};
    if (bits_ <= 0) return out;
    double bytes = 0;
    const std::vector<lab::TensorChoice> tensors = lab::survey(file);
    for (size_t i = 0; i < tensors.size(); ++i) {
      const io::Tensor& tensor = file.tensors[i];
      const auto weights =
          static_cast<double>(lab::rows_of(tensor)) * static_cast<double>(lab::columns_of(tensor));
      bytes +=
          tensors[i].role == lab::Role::kKept ? static_cast<double>(tensor.data.size()) : weights * bits_ / 8;
    }
    out.bytes = static_cast<uint64_t>(bytes);
    return out;
  }

  static bool show(Console& console, std::string_view label, double fraction, std::string_view detail) {
    if (console.err_is_terminal()) console.progress(label, fraction, detail);
    return !interrupted().load();
  }

  Status write(const lab::QuantizePlan& plan, Console& console) const {
    ThreadPool pool(threads_ > 0 ? threads_ : available_cpus());
    return write_with(plan, pool, console);
  }

  Status write_with(const lab::QuantizePlan& plan, ThreadPool& pool, Console& console) const {
    ProgressDetail detail;
    const auto progress = [&](uint64_t done, uint64_t total) {
      const double fraction = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1.0;
      return show(console, "writing " + out_, fraction, detail(done, total));
    };
    const Status written = lab::write_quantized(plan, out_, pool, progress);
    console.progress_done();
    return written;
  }

  Status write_calibrated(lab::QuantizePlan& plan, Console& console) const {
    const auto progress = [&](double done) { return show(console, "reading " + calibrate_, done, ""); };
    const auto bytes = static_cast<uint64_t>(moments_gib_ * 1073741824.0);
    lab::MomentsStream moments(*model_, text_, bytes, progress);
    lab::use_error_feedback(plan, moments, feedback_, model_->pool());
    const auto tokens = static_cast<uint32_t>(text_.chunks.size()) * static_cast<uint32_t>(chunk_tokens_);
    plan.metadata.set("hearth.quantize.calibration", io::Value::of(text_.name));
    plan.metadata.set("hearth.quantize.calibration_tokens", io::Value::of(tokens));
    return write_with(plan, model_->pool(), console);
  }

  /// The choice of --type auto as a table: one line a role, a column for each type.
  static void describe(const lab::AutoMix& mix, Console& console) {
    std::map<lab::Role, std::map<std::string_view, int>> counts;
    for (const lab::TensorChoice& choice : mix.choices) {
      if (choice.format != nullptr) ++counts[choice.role][choice.format->name];
    }
    for (const auto& [role, formats] : counts) {
      std::string line = concat(lab::to_string(role), ':');
      for (const auto& [format, count] : formats) line += concat("  ", format, " x", count);
      line += "   KL alone, by thirds:";
      for (const lab::GroupSensitivity& group : mix.groups) {
        char kld[32];
        std::snprintf(kld, sizeof(kld), " %.2g", group.kld);
        if (group.role == role) line += kld;
      }
      console.note(line);
    }
    char total[96];
    std::snprintf(total, sizeof(total), "KL divergence %.3g measured, %.3g predicted; ", mix.measured_kld,
                  mix.predicted_kld);
    console.note(total + io::human_bytes(mix.bytes));
  }

  /// What a person should know although it is no error.
  void warn(const lab::QuantizePlan& plan, Console& console) const {
    int64_t again = 0;
    for (const lab::TensorPlan& row : plan.tensors)
      again += row.to != row.from && row.from != nullptr && row.from->block_elems > 1;
    if (again > 0) {
      console.note(
          concat("warning: ", again,
                 " tensors are quantised already; quantised again they lose more than from the original"));
    }
    if (plan.fell_back > 0) {
      console.note(concat(plan.fell_back,
                          " tensors get a larger type: their rows are no whole blocks of the one "
                          "that ",
                          type_, " has for them"));
    }
    if (plan.without_importance > 0 && !imatrix_.empty())
      console.note(
          concat(plan.without_importance, " matrices are not in ", imatrix_, "; their errors count alike"));
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
      io::Json out = {{"type", type_},
                      {"bits_per_weight", plan.bits_per_weight()},
                      {"source_bytes", source_bytes},
                      {"tensor_bytes", plan.bytes()}};
      out.update(auto_);
      out["tensors"] = std::move(tensors);
      console.out(out.dump(-1, ' ', false, io::Json::error_handler_t::replace) + "\n");
      return;
    }
    if (dry_run_) {
      for (const lab::TensorPlan& row : plan.tensors) console.out(describe(row));
    }
    char bits[32];
    std::snprintf(bits, sizeof(bits), "%.2f", plan.bits_per_weight());
    console.note(concat(dry_run_ ? "would write " : "wrote ", out_, ": ", io::human_bytes(source_bytes),
                        " -> ", io::human_bytes(plan.bytes()), ", ", bits, " bits per weight"));
  }

  static std::string describe(const lab::TensorPlan& row) {
    const uint32_t type = row.to != nullptr ? row.to->id : row.tensor->type;
    char line[160];
    std::snprintf(line, sizeof(line), "%-8s %-8s %10s  ",
                  std::string(kernels::type_name(row.tensor->type)).c_str(),
                  std::string(kernels::type_name(type)).c_str(), io::human_bytes(row.bytes()).c_str());
    return line + io::printable(row.tensor->name) + "\n";
  }

  std::string in_, out_, type_, imatrix_, calibrate_;
  int64_t chunk_tokens_ = 512;
  int64_t max_chunks_ = 32;
  double moments_gib_ = 1;
  lab::FeedbackOptions feedback_;
  uint64_t size_ = 0;
  double bits_ = 0;
  double kld_ = 0;
  int32_t probe_chunks_ = 2;
  io::ImportanceMatrix importance_;
  std::unique_ptr<engine::LocalModel> model_;  // reads the calibration text
  lab::CalibrationText text_;
  io::Json auto_ = io::Json::object();  // what --type auto measured
  bool parse_special_ = false;
  bool dry_run_ = false;
  bool json_ = false;
  bool force_ = false;
  int32_t threads_ = 0;
};

}  // namespace

const Verb& verb_quantize() {
  static const Verb kVerb{
      "quantize", "write a model in smaller weight types",
      "  hearth quantize model-f16.gguf model-q4_k_m.gguf --type q4_k_m\n"
      "  hearth quantize ./my-model my-model.gguf --type iq4_xs --imatrix my-model.imatrix\n"
      "  hearth quantize model-f16.gguf model-q4_k_m.gguf --type q4_k_m --calibrate text.txt\n"
      "  hearth quantize model-f16.gguf out.gguf --type q5_k_m --dry-run\n",
      [] { return std::unique_ptr<Command>(std::make_unique<QuantizeCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
