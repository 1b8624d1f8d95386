// hearth check: whether the fast path is good enough for this very model file, and what to do where it is
// not. The verdict is kept beside the packed weights and heeded from then on, if it is on the model as it is
// used by default.
#include "lab/check.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "capi/heed_verdict.h"
#include "cli/model_check.h"
#include "cli/number_checks.h"
#include "cli/verb.h"
#include "io/json.h"
#include "model/memory.h"
#include "store/disk.h"
#include "store/manifest.h"

namespace hearth::cli {
namespace {

constexpr size_t kShownTensors = 5;

class CheckCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("MODEL", model_, "Model: a name in the store, a .gguf file or a Hugging Face folder")
        ->required();
    app.add_option(
           "--max-kld", bounds_.kld_mean,
           "Largest mean KL divergence from float32 that is good, in nats. With other bounds or another "
           "--kv than the default the result is shown, but not kept")
        ->capture_default_str()
        ->check(not_negative());
    app.add_option("--min-top1", bounds_.top1_agreement,
                   "Smallest share of tokens on whose first choice both must agree")
        ->capture_default_str()
        ->check(number_within(0, 1, "from 0 to 1"));
    app.add_flag("--json", json_, "Print one JSON object, with the error of every tensor");
    app.add_flag("--background", background_)->group("");
    load_.declare(app);
  }

  Status run(Console& console) override {
    if (load_.reference) return fail(ErrorCode::kUsage, "--reference is what the fast path is compared with");
    HEARTH_ASSIGN(const auto path, resolve_model(model_));
    HEARTH_ASSIGN(const store::PackedPlace place, capi::place_of(path));
    if (background_) return run_quietly(path, place, console);
    HEARTH_ASSIGN(const lab::CheckReport report, check(path, console));
    const store::Verdict verdict = verdict_of(report);
    if (by_default()) {
      HEARTH_RETURN_IF_ERROR(store::write_verdict(place, verdict));
    } else {
      console.note("not kept: only a check with the default --kv and bounds says how to load a model");
    }
    console.out(json_ ? io::dump_json(as_json(report)) + "\n" : as_text(report, verdict));
    return {};
  }

 private:
  /// A verdict speaks for the model as everyone loads it.
  bool by_default() const {
    const lab::CheckBounds usual;
    return load_.kv_format == "auto" && bounds_.kld_mean == usual.kld_mean &&
           bounds_.top1_agreement == usual.top1_agreement;
  }

  /// On first use, unseen: once, only with memory to spare, and on one thread that gives way to everything
  /// else.
  Status run_quietly(const std::filesystem::path& path, const store::PackedPlace& place, Console& console) {
    run_in_background();
    load_.threads = 1;
    HEARTH_RETURN_IF_ERROR(store::make_folders(place.folder));
    HEARTH_ASSIGN(const auto lock,
                  store::FolderLock::acquire(place.folder / "check.lock", {}, [] { return true; }));
    if (store::read_verdict(place)) return {};
    HEARTH_ASSIGN(const bool room, has_room(path, console));
    if (!room) return {};  // another time
    const auto report = check(path, console);
    if (report) return store::write_verdict(place, verdict_of(*report));
    if (!lab::fails_every_time(report.error().code)) return {};  // another time
    store::Verdict verdict;
    verdict.checked_at = store::utc_now();
    verdict.error = report.error().message;
    return store::write_verdict(place, verdict);
  }

  /// Half of the memory must stay free for whoever needs it.
  Result<bool> has_room(const std::filesystem::path& path, Console& console) const {
    HEARTH_ASSIGN(engine::LoadOptions options, load_.options());
    options.context_tokens = 512;
    HEARTH_ASSIGN(const engine::OpenedModel opened,
                  engine::open_model(path, load_.packed_cache(path, console)));
    HEARTH_ASSIGN(const engine::MemoryNeed need, engine::plan_memory(opened, options));
    return need.plan.total_bytes() <= need.machine.available_bytes / 2;
  }

  Result<lab::CheckReport> check(const std::filesystem::path& path, Console& console) const {
    HEARTH_ASSIGN(const engine::LoadOptions options, load_.options());
    lab::CheckCalls calls;
    calls.open_reference = [&] { return engine::open_model(path); };
    calls.open_fast = [&] { return engine::open_model(path, load_.packed_cache(path, console)); };
    calls.progress = [&console](std::string_view what) {
      if (console.err_is_terminal()) console.progress(what, -1, "");
      return !interrupted().load();
    };
    auto report =
        lab::check_model(options, bounds_, background_ ? Priority::kBackground : Priority::kPrefill, calls);
    console.progress_done();
    return report;
  }

  static store::Verdict verdict_of(const lab::CheckReport& report) {
    store::Verdict v;
    v.checked_at = store::utc_now();
    v.tokens = report.tokens;
    v.kv_format = report.kv_format;
    v.kld_mean = report.fast.kld_mean;
    v.top1_agreement = report.fast.top1_agreement;
    v.chosen_kld_mean = report.chosen.kld_mean;
    v.chosen_top1_agreement = report.chosen.top1_agreement;
    v.within_bounds = report.within_bounds;
    for (const lab::TensorError& e : report.errors) {
      if (e.error > v.worst_error) v.worst_tensor = e.tensor, v.worst_error = e.error;
    }
    v.kv_fallback = report.kv_fallback;
    v.float32_tensors = report.float32_tensors;
    return v;
  }

  io::Json as_json(const lab::CheckReport& report) const {
    const auto agreement = [](const lab::Agreement& a) {
      return io::Json{{"kld_mean", a.kld_mean}, {"kld_max", a.kld_max}, {"top1_agreement", a.top1_agreement}};
    };
    io::Json errors = io::Json::array();
    for (const lab::TensorError& e : report.errors)
      errors.push_back({{"tensor", e.tensor}, {"relative_error", e.error}});
    return {{"model", model_},
            {"tokens", report.tokens},
            {"kv", report.kv_format},
            {"bounds", {{"kld_mean", bounds_.kld_mean}, {"top1_agreement", bounds_.top1_agreement}}},
            {"fast", agreement(report.fast)},
            {"chosen", agreement(report.chosen)},
            {"kv_fallback", report.kv_fallback.empty() ? io::Json() : io::Json(report.kv_fallback)},
            {"float32_tensors", report.float32_tensors},
            {"within_bounds", report.within_bounds},
            {"kept", by_default()},
            {"tensors", std::move(errors)}};
  }

  static std::string as_text(const lab::CheckReport& report, const store::Verdict& verdict) {
    std::string out = concat(describe(verdict), "\nlargest relative errors of products\n");
    std::vector<lab::TensorError> worst = report.errors;
    std::stable_sort(worst.begin(), worst.end(),
                     [](const lab::TensorError& a, const lab::TensorError& b) { return a.error > b.error; });
    for (size_t i = 0; i < std::min(kShownTensors, worst.size()); ++i) {
      char line[160];
      std::snprintf(line, sizeof(line), "  %-32s %.5f\n", worst[i].tensor.c_str(), worst[i].error);
      out += line;
    }
    return out;
  }

  std::string model_;
  lab::CheckBounds bounds_;
  bool json_ = false;
  bool background_ = false;
  LoadFlags load_;
};

}  // namespace

const Verb& verb_check() {
  static const Verb kVerb{
      "check", "is the fast path good enough for this file? if not, which remedy",
      "  hearth check model.gguf          # float32 against the fast path; the verdict is kept and heeded\n"
      "  hearth check model.gguf --json --max-kld 0.005    # by other bounds: shown, not kept\n",
      [] { return std::unique_ptr<Command>(std::make_unique<CheckCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
