// hearth perplexity: how well a model predicts a text, and against a base what quantisation or faster
// numerics cost. Resumable, because a long text on a large model takes an hour.
#include "lab/perplexity.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/clock.h"
#include "base/progress_meter.h"
#include "cli/model_options.h"
#include "cli/number_checks.h"
#include "cli/output_file.h"
#include "cli/verb.h"
#include "io/file.h"
#include "io/json.h"
#include "lab/calibration.h"
#include "lab/perplexity_file.h"
#include "model/tensors.h"
#include "store/packed.h"

namespace hearth::cli {
namespace {

constexpr uint64_t kMaxTextBytes = uint64_t{1} << 30;
constexpr int64_t kWindowTokens = 512;
constexpr double kSaveEvery_s = 30;

class PerplexityCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("MODEL", model_name_, "Model: a name in the store, a .gguf file or a Hugging Face folder")
        ->required();
    app.add_option("FILE", text_path_, "Text to predict, UTF-8")->required();
    app.add_option(
        "--base", base_name_,
        "Compare with this model (same vocabulary): KL divergence and agreement of first choices. It is "
        "computed in float32 from the weights on disk, with a float32 KV cache");
    app.add_flag("--base-fast", base_fast_, "Compute the base as fast as MODEL, not in float32");
    app.add_option("--base-kv", base_kv_,
                   "KV cache of the base (default: f32, with --base-fast that of --kv)");
    app.add_option(
           "--stride", stride_,
           "Tokens from one window to the next (default: half of --ctx). The text is cut into windows of "
           "--ctx "
           "tokens (default: 512, or the model's own where smaller); a window scores the tokens that none "
           "before it has. So every token of the text is scored once, all but those of the first window with "
           "at least ctx - stride tokens before them. Where the model wants a BOS, it begins each window; "
           "without one the first token of the text is not scored")
        ->check(whole_number_from(1));
    app.add_option("--tokens", max_tokens_, "Only the first so many tokens of the text")
        ->check(whole_number_from(2));
    app.add_flag("--parse-special", tokenize_.parse_special, "Recognise control tokens written in the text");
    app.add_option(
        "--per-token", scores_path_,
        "File for one JSON array a token: index, id, log-probability, and with a base its log-probability, "
        "KL divergence and whether the first choices agree; natural logarithms");
    app.add_flag("--resume", resume_, "Go on from the --per-token file of an interrupted run");
    app.add_flag("--json", json_, "Print one JSON object");
    load_.declare(app);
  }

  Status run(Console& console) override {
    HEARTH_RETURN_IF_ERROR(check_flags());
    HEARTH_ASSIGN(const std::string text, io::read_file(text_path_, kMaxTextBytes));
    HEARTH_RETURN_IF_ERROR(load(console));
    HEARTH_RETURN_IF_ERROR(encode(text));
    run_ = describe_run();
    if (resume_) {
      HEARTH_ASSIGN(scores_, lab::read_scores(scores_path_, run_, base_ != nullptr, ids_, first_scored()));
    }
    HEARTH_RETURN_IF_ERROR(score(console));
    print(lab::summarise(scores_), console);  // an hour's work is shown even if the file cannot be written
    return scores_path_.empty() ? Status() : lab::write_scores(scores_path_, run_, base_ != nullptr, scores_);
  }

 private:
  Status check_flags() const {
    if (resume_ && scores_path_.empty())
      return fail(ErrorCode::kUsage, "--resume needs the --per-token file of the run to go on with");
    if (base_name_.empty() && (base_fast_ || !base_kv_.empty()))
      return fail(ErrorCode::kUsage, "--base-fast and --base-kv need a --base");
    if (load_.context == "auto") return fail(ErrorCode::kUsage, "--ctx takes a number of tokens here");
    if (scores_path_.empty()) return {};
    std::vector<std::filesystem::path> inputs = {text_path_};
    for (const std::string& name : {model_name_, base_name_}) {
      if (name.empty()) continue;
      HEARTH_ASSIGN(const auto path, resolve_model(name));
      inputs.push_back(path);
    }
    return check_output_file(inputs, scores_path_, resume_, "--resume goes on from it, or delete it");
  }

  Status load(Console& console) {
    LoadFlags flags = load_;
    flags.says_fallbacks = true;
    if (flags.context.empty()) {
      HEARTH_ASSIGN(const auto path, resolve_model(model_name_));
      HEARTH_ASSIGN(const engine::OpenedModel opened, engine::open_model(path));
      HEARTH_ASSIGN(const model::ModelSpec spec, model::spec_of(opened.file));
      const int64_t own = spec.hp.context_length;
      flags.context = std::to_string(own > 0 ? std::min(own, kWindowTokens) : kWindowTokens);
    }
    HEARTH_ASSIGN(model_, flags.load(model_name_, console));
    options_.context_tokens = model_->context_tokens();
    options_.stride = stride_ > 0 ? stride_ : std::max<int64_t>(1, options_.context_tokens / 2);
    if (base_name_.empty()) return {};
    flags.reference = !base_fast_;
    if (!base_fast_) flags.kv_format = "f32";
    if (!base_kv_.empty()) flags.kv_format = base_kv_;
    HEARTH_ASSIGN(base_, flags.load(base_name_, console));
    return {};
  }

  Status encode(const std::string& text) {
    const text::Tokenizer* tokenizer = model_->tokenizer();
    if (!tokenizer) return fail(ErrorCode::kUnsupported, model_name_, " has no tokenizer");
    ids_ = tokenizer->encode(text, tokenize_);
    if (base_ && base_->tokenizer() && base_->tokenizer()->encode(text, tokenize_) != ids_) {
      return fail(ErrorCode::kUsage, base_name_, " cuts this text into other tokens than ", model_name_,
                  "; only models with the same tokenizer can be compared");
    }
    if (max_tokens_ > 0 && ids_.size() > static_cast<size_t>(max_tokens_))
      ids_.resize(static_cast<size_t>(max_tokens_));
    if (tokenizer->adds_bos()) options_.bos = tokenizer->bos();
    if (ids_.size() < 2) return fail(ErrorCode::kUsage, text_path_, " has too little text");
    return {};
  }

  int64_t first_scored() const { return options_.bos ? 0 : 1; }

  /// What the model is and how it was loaded: the same name can mean another file the next time.
  static void describe(const engine::LocalModel& model, const std::string& name, const std::string& prefix,
                       io::Json& run) {
    const auto path = resolve_model(name);
    run[prefix + "source"] = path ? store::model_source(*path) : "";
    run[prefix + "kv"] = model.kv_format();
    run[prefix + "float32_tensors"] = model.float32_tensors();
  }

  /// What a run must have in common with the one it goes on from.
  io::Json describe_run() const {
    io::Json run = {{"model", model_name_},
                    {"text", text_path_},
                    {"tokens", ids_.size()},
                    {"fingerprint", lab::hash_ids(ids_)},
                    {"context", options_.context_tokens},
                    {"stride", options_.stride},
                    {"reference", load_.reference}};
    describe(*model_, model_name_, "", run);
    if (base_) {
      run["base"] = base_name_;
      run["base_reference"] = !base_fast_;
      describe(*base_, base_name_, "base_", run);
    }
    return run;
  }

  Status score(Console& console) {
    const auto windows = lab::text_windows(static_cast<int64_t>(ids_.size()), options_);
    // Whole windows count; a changed file cannot make more of them than there are.
    size_t first = 0, kept = 0;
    while (first < windows.size()) {
      const auto size = static_cast<size_t>(windows[first].end - windows[first].scored);
      if (kept + size > scores_.size()) break;
      kept += size;
      ++first;
    }
    scores_.resize(kept);
    for (const lab::TokenScore& s : scores_) loss_ -= s.log_prob, kld_ += s.kld;
    const uint64_t total = ids_.size() - static_cast<uint64_t>(first_scored());
    ProgressMeter meter(total, kept, now_s());
    double saved_s = now_s();
    lab::PerplexityCalls calls;
    calls.go_on = [] { return !interrupted().load(); };
    calls.scored = [&](std::span<const lab::TokenScore> scores) -> Status {
      scores_.insert(scores_.end(), scores.begin(), scores.end());
      for (const lab::TokenScore& s : scores) loss_ -= s.log_prob, kld_ += s.kld;
      show(console, meter);
      if (scores_path_.empty() || now_s() - saved_s < kSaveEvery_s) return {};
      saved_s = now_s();
      return lab::write_scores(scores_path_, run_, base_ != nullptr, scores_);
    };
    const Status done = lab::score_text(ids_, options_, first, model_->runtime(),
                                        base_ ? &base_->runtime() : nullptr, model_->pool(), calls);
    console.progress_done();
    if (done || done.error().code != ErrorCode::kCancelled) return done;
    if (scores_path_.empty()) {
      return fail(ErrorCode::kCancelled, "stopped after ", scores_.size(), " of ", total,
                  " tokens; with --per-token FILE a stopped run can be resumed");
    }
    HEARTH_RETURN_IF_ERROR(lab::write_scores(scores_path_, run_, base_ != nullptr, scores_));
    return fail(ErrorCode::kCancelled, "stopped after ", scores_.size(), " of ", total,
                " tokens; the same command with --resume goes on");
  }

  void show(Console& console, ProgressMeter& meter) const {
    const auto n = static_cast<double>(scores_.size());
    meter.update(scores_.size(), now_s());
    char detail[160];
    int used = std::snprintf(detail, sizeof(detail), "PPL %.4g", std::exp(loss_ / n));
    if (base_)
      used +=
          std::snprintf(detail + used, sizeof(detail) - static_cast<size_t>(used), ", KLD %.3g", kld_ / n);
    std::snprintf(detail + used, sizeof(detail) - static_cast<size_t>(used), ", %.0f tok/s, %s left",
                  meter.rate(), meter.eta_s() < 0 ? "?" : format_duration(meter.eta_s()).c_str());
    console.progress("perplexity", meter.fraction(), detail);
  }

  void print(const lab::PerplexityReport& report, Console& console) const {
    if (json_) {
      io::Json out = run_;
      for (const char* internal : {"fingerprint", "source", "base_source"}) out.erase(internal);
      out["scored"] = report.tokens;
      out["ppl"] = report.ppl;
      out["ppl_error"] = report.ppl_error;
      if (base_) {
        out["base_ppl"] = report.base_ppl;
        out["kld_mean"] = report.kld_mean;
        out["kld_error"] = report.kld_error;
        out["kld_median"] = report.kld_median;
        out["kld_p99"] = report.kld_p99;
        out["kld_p999"] = report.kld_p999;
        out["kld_max"] = report.kld_max;
        out["top1_agreement"] = report.top1_agreement;
      }
      console.out(io::dump_json(out) + "\n");
      return;
    }
    char line[512];
    std::snprintf(line, sizeof(line), "PPL     %.4f +- %.4f  (%lld tokens, windows of %lld, stride %lld)\n",
                  report.ppl, report.ppl_error, static_cast<long long>(report.tokens),
                  static_cast<long long>(options_.context_tokens), static_cast<long long>(options_.stride));
    console.out(line);
    if (!base_) return;
    std::snprintf(
        line, sizeof(line),
        "base    %.4f\nKLD     mean %.6f +- %.6f, median %.6f, 99%% %.5f, 99.9%% %.5f, largest %.4f\n"
        "top-1   %.2f%% agree\n",
        report.base_ppl, report.kld_mean, report.kld_error, report.kld_median, report.kld_p99,
        report.kld_p999, report.kld_max, 100 * report.top1_agreement);
    console.out(line);
  }

  std::string model_name_, text_path_, base_name_, base_kv_, scores_path_;
  bool base_fast_ = false, resume_ = false, json_ = false;
  text::EncodeOptions tokenize_;
  int64_t stride_ = 0, max_tokens_ = 0;
  LoadFlags load_;
  std::unique_ptr<engine::LocalModel> model_, base_;
  lab::PerplexityOptions options_;
  std::vector<int32_t> ids_;
  io::Json run_;
  std::vector<lab::TokenScore> scores_;
  double loss_ = 0, kld_ = 0;  // running sums
};

}  // namespace

const Verb& verb_perplexity() {
  static const Verb kVerb{
      "perplexity", "how well a model predicts a text, and what a change costs against a base",
      "  hearth perplexity model-q4_k_m.gguf book.txt\n"
      "  hearth perplexity model-q4_k_m.gguf book.txt --base model-f16.gguf --json\n"
      "  hearth perplexity model.gguf book.txt --base model.gguf          # fast path against float32\n"
      "  hearth perplexity model.gguf book.txt --kv f16 --base model.gguf --base-fast --base-kv f32\n"
      "  hearth perplexity model.gguf book.txt --per-token scores.jsonl   # stopped? add --resume\n",
      [] { return std::unique_ptr<Command>(std::make_unique<PerplexityCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
