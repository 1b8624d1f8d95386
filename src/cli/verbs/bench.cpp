// hearth bench: prefill and decode speed of a model on this machine, and the share of the memory bandwidth
// decode reaches.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/clock.h"
#include "cli/model_options.h"
#include "cli/verb.h"
#include "io/file.h"
#include "io/json.h"
#include "lab/speed.h"

namespace hearth::cli {
namespace {

class BenchCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("MODEL", model_, "Model: a name in the store, a .gguf file or a Hugging Face folder")
        ->required();
    app.add_option("--prompt", options_.prompt_tokens, "Tokens of prefill to time")->capture_default_str();
    app.add_option("--gen", options_.generated_tokens, "Tokens of decode to time")->capture_default_str();
    app.add_option("--depth", options_.depth, "Tokens already in the context")->capture_default_str();
    app.add_option("--repeat", options_.repeats, "Repeats; medians are reported")->capture_default_str();
    app.add_flag("--json", json_, "Print one JSON object");
    load_.declare(app);
  }

  Status run(Console& console) override {
    LoadFlags flags = load_;
    if (flags.context.empty()) {
      flags.context = std::to_string(options_.depth +
                                     std::max(options_.prompt_tokens, options_.generated_tokens + 1) + 1);
    }
    const double start = now_s();
    HEARTH_ASSIGN(auto model, flags.load(model_, console));
    const double load_s = now_s() - start;
    const auto progress = [&console](int64_t done, int64_t total) {
      if (console.err_is_terminal())
        console.progress("measuring", static_cast<double>(done) / static_cast<double>(total), "");
      return !interrupted().load();
    };
    HEARTH_ASSIGN(const lab::SpeedReport report, lab::measure_speed(*model, options_, progress));
    console.progress_done();
    print(report, load_s, model->pool().threads(), console);
    return {};
  }

 private:
  void print(const lab::SpeedReport& report, double load_s, int threads, Console& console) const {
    if (json_) {
      const io::Json out = {{"model", model_},
                            {"threads", threads},
                            {"prompt", options_.prompt_tokens},
                            {"gen", options_.generated_tokens},
                            {"depth", options_.depth},
                            {"repeat", options_.repeats},
                            {"prefill_tokens_per_s", report.prefill_tokens_per_s},
                            {"decode_tokens_per_s", report.decode_tokens_per_s},
                            {"load_s", load_s},
                            {"peak_rss_bytes", report.peak_rss_bytes},
                            {"read_bandwidth_gb_s", report.read_bandwidth_gb_s},
                            {"decode_bytes_per_token", report.decode_bytes_per_token},
                            {"decode_bandwidth_share", report.decode_bandwidth_share}};
      console.out(out.dump() + "\n");
      return;
    }
    char text[512];
    std::snprintf(text, sizeof(text),
                  "prefill %8.1f tok/s   (%lld tokens at depth %lld, median of %d)\n"
                  "decode  %8.1f tok/s   (%lld tokens, %.0f%% of the %.1f GB/s this machine reads)\n"
                  "load    %8.2f s       peak memory %s, %d threads\n",
                  report.prefill_tokens_per_s, static_cast<long long>(options_.prompt_tokens),
                  static_cast<long long>(options_.depth), options_.repeats, report.decode_tokens_per_s,
                  static_cast<long long>(options_.generated_tokens), report.decode_bandwidth_share * 100,
                  report.read_bandwidth_gb_s, load_s,
                  io::human_bytes(static_cast<uint64_t>(report.peak_rss_bytes)).c_str(), threads);
    console.out(text);
  }

  std::string model_;
  lab::SpeedOptions options_;
  bool json_ = false;
  LoadFlags load_;
};

}  // namespace

const Verb& verb_bench() {
  static const Verb kVerb{"bench", "prefill and decode speed on this machine",
                          "  hearth bench model.gguf\n  hearth bench model.gguf --prompt 512 --gen 64 "
                          "--depth 2048 --threads 2 --json\n",
                          [] { return std::unique_ptr<Command>(std::make_unique<BenchCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
