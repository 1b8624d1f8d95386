// hearth bench: what this machine can do, how fast a model prefills and decodes on it at given depths, and
// which share of the limit that is; and two such results compared.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "cli/model_options.h"
#include "cli/number_checks.h"
#include "cli/verb.h"
#include "io/file.h"
#include "io/json.h"
#include "kernels/isa.h"
#include "lab/speed.h"
#include "lab/speed_compare.h"

namespace hearth::cli {
namespace {

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  char text[256];
  std::snprintf(text, sizeof(text), pattern, values...);
  return text;
}

/// null where there is nothing to tell.
io::Json median_or_null(const lab::Rounds& rounds) {
  return rounds.empty() ? io::Json() : io::Json(lab::median(rounds));
}

io::Json to_json(const std::vector<lab::ProfilePart>& parts, int64_t tokens) {
  io::Json out = io::Json::array();
  for (const lab::ProfilePart& part : parts) {
    out.push_back({{"part", part.name},
                   {"us_per_token", part.seconds * 1e6 / static_cast<double>(tokens)},
                   {"weight_bytes", part.weight_bytes}});
  }
  return out;
}

/// The prefill's operations against the peak of int8 products.
double prefill_share(const lab::DepthSpeed& speed, const lab::SpeedReport& report) {
  return lab::median(speed.prefill_tokens_per_s) * speed.prefill_gop / report.peaks.int8_gop_s;
}

io::Json to_json(const lab::DepthSpeed& speed, const lab::SpeedReport& report,
                 const lab::SpeedOptions& options) {
  io::Json out = {{"depth", speed.depth},
                  {"fill_tokens_per_s", speed.depth > 0 ? io::Json(speed.fill_tokens_per_s) : io::Json()},
                  {"prefill_tokens_per_s", median_or_null(speed.prefill_tokens_per_s)},
                  {"prefill_int8_peak_share", prefill_share(speed, report)},
                  {"decode_tokens_per_s", median_or_null(speed.decode_tokens_per_s)},
                  {"decode_bytes_per_token", report.weight_bytes_per_token + speed.kv_bytes_per_token},
                  {"decode_kv_bytes_per_token", speed.kv_bytes_per_token},
                  {"read_bandwidth_gb_s", lab::median(speed.read_bandwidth_gb_s)},
                  {"decode_bandwidth_share", median_or_null(speed.decode_bandwidth_share)},
                  {"batch_tokens_per_s", median_or_null(speed.batch_tokens_per_s)},
                  {"prefill_joules_per_token", median_or_null(speed.prefill_joules_per_token)},
                  {"decode_joules_per_token", median_or_null(speed.decode_joules_per_token)},
                  {"rounds",
                   {{"prefill_tokens_per_s", speed.prefill_tokens_per_s},
                    {"decode_tokens_per_s", speed.decode_tokens_per_s},
                    {"batch_tokens_per_s", speed.batch_tokens_per_s},
                    {"read_bandwidth_gb_s", speed.read_bandwidth_gb_s},
                    {"decode_bandwidth_share", speed.decode_bandwidth_share}}}};
  if (options.profile) {
    out["prefill_profile"] = to_json(speed.prefill_profile, std::max<int64_t>(1, options.prompt_tokens));
    out["decode_profile"] = to_json(speed.decode_profile, 1);
  }
  return out;
}

std::string describe(const std::vector<lab::ProfilePart>& parts, const char* phase, int64_t tokens) {
  double total = 0;
  for (const lab::ProfilePart& part : parts) total += part.seconds;
  if (parts.empty() || total <= 0) return "";
  std::string out = format("  a token of %s, %.0f us:\n", phase,
                           total * 1e6 / static_cast<double>(std::max<int64_t>(1, tokens)));
  for (const lab::ProfilePart& part : parts) {
    const std::string name(part.name);
    out += format("    %-18s %5.1f%%  %8.1f us", name.c_str(), 100 * part.seconds / total,
                  part.seconds * 1e6 / static_cast<double>(tokens));
    if (part.weight_bytes > 0) {
      out += format("  %6.1f GB/s of weights", static_cast<double>(part.weight_bytes) / part.seconds / 1e9);
    }
    out += "\n";
  }
  return out;
}

class BenchCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("MODEL", model_, "Model: a name in the store, a .gguf file or a Hugging Face folder");
    app.add_option("--prompt", options_.prompt_tokens, "Tokens of prefill to time")->capture_default_str();
    app.add_option("--gen", options_.generated_tokens, "Tokens of decode to time")->capture_default_str();
    app.add_option("--depth", options_.depths, "Tokens already in the context; several: 0,2048,8192")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->capture_default_str();
    app.add_option("--repeat", options_.repeats, "Rounds of everything; medians are reported")
        ->capture_default_str();
    app.add_option("--sequences", options_.sequences,
                   "Also decode so many sequences together, which share the context before them")
        ->check(CLI::Range(1, 256).description("1 to 256"))
        ->capture_default_str();
    app.add_flag("--profile", options_.profile, "Where the time of a token goes, from one more round");
    auto* compare =
        app.add_option("--compare", compare_, "Compare two files of --json results instead of measuring")
            ->expected(2);
    app.add_option(
           "--fail-below", fail_below_,
           "With --compare: fail when a ratio of medians is below this (0.9: 10% slower), or when the "
           "second file lacks something that the first has")
        ->check(positive())
        ->needs(compare);
    app.add_flag("--json", json_, "Print one JSON object");
    load_.declare(app);
  }

  Status run(Console& console) override {
    if (!compare_.empty()) return compare(console);
    if (model_.empty()) return fail(ErrorCode::kUsage, "MODEL is missing (or --compare A.json B.json)");
    std::sort(options_.depths.begin(), options_.depths.end());
    options_.depths.erase(std::unique(options_.depths.begin(), options_.depths.end()), options_.depths.end());
    LoadFlags flags = load_;
    if (flags.context.empty())
      flags.context = std::to_string(std::max<int64_t>(1, options_.context_tokens()));
    flags.max_sequences = options_.open_sequences();
    flags.says_fallbacks = true;
    const double start = now_s();
    HEARTH_ASSIGN(auto model, flags.load(model_, console));
    const double load_s = now_s() - start;
    const auto progress = [&console](double fraction, std::string_view what) {
      if (console.err_is_terminal()) console.progress("measuring", fraction, what);
      return !interrupted().load();
    };
    auto report = lab::measure_speed(*model, options_, progress);
    console.progress_done();
    HEARTH_RETURN_IF_ERROR(report);
    if (json_) {
      print_json(*report, *model, load_s, console);
    } else {
      print(*report, *model, load_s, console);
    }
    return {};
  }

 private:
  void print_json(const lab::SpeedReport& report, engine::LocalModel& model, double load_s,
                  Console& console) {
    const lab::DepthSpeed& first = report.depths.front();
    io::Json out = {{"model", model_},
                    {"isa", kernels::to_string(kernels::active_isa())},
                    {"threads", model.pool().threads()},
                    {"kv", model.kv_format()},
                    {"float32_tensors", model.float32_tensors()},
                    {"prompt", options_.prompt_tokens},
                    {"gen", options_.generated_tokens},
                    {"repeat", options_.repeats},
                    {"sequences", options_.sequences},
                    {"load_s", load_s},
                    {"peak_rss_bytes", report.peak_rss_bytes},
                    {"int8_peak_gop_s", report.peaks.int8_gop_s},
                    {"fp32_peak_gflop_s", report.peaks.fp32_gflop_s},
                    {"weight_bytes_per_token", report.weight_bytes_per_token}};
    const io::Json speed = to_json(first, report, options_);
    for (const auto& [key, value] : speed.items()) {
      if (key != "rounds")
        out[key] = value;  // of the first depth: the contract of scripts that measure only one
    }
    out["depths"] = io::Json::array();
    for (const lab::DepthSpeed& depth : report.depths)
      out["depths"].push_back(to_json(depth, report, options_));
    console.out(out.dump() + "\n");
  }

  void print(const lab::SpeedReport& report, engine::LocalModel& model, double load_s,
             Console& console) const {
    lab::Rounds bandwidth;
    for (const lab::DepthSpeed& speed : report.depths) {
      bandwidth.insert(bandwidth.end(), speed.read_bandwidth_gb_s.begin(), speed.read_bandwidth_gb_s.end());
    }
    const std::string isa(kernels::to_string(kernels::active_isa()));
    std::string text =
        format("machine   reads %.1f GB/s, int8 %.0f GOP/s, fp32 %.0f GFLOP/s (%d threads, %s)\n",
               lab::median(bandwidth), report.peaks.int8_gop_s, report.peaks.fp32_gflop_s,
               model.pool().threads(), isa.c_str());
    text += format("model     %s of weights per token, KV %s; loaded in %.2f s, peak memory %s\n",
                   io::human_bytes(static_cast<uint64_t>(report.weight_bytes_per_token)).c_str(),
                   model.kv_format().c_str(), load_s,
                   io::human_bytes(static_cast<uint64_t>(report.peak_rss_bytes)).c_str());
    for (const lab::DepthSpeed& speed : report.depths) text += describe_depth(speed, report);
    console.out(text);
  }

  std::string describe_depth(const lab::DepthSpeed& speed, const lab::SpeedReport& report) const {
    std::string out = format("depth %lld", static_cast<long long>(speed.depth));
    if (speed.depth > 0) out += format("  (filled at %.1f tok/s)", speed.fill_tokens_per_s);
    out += "\n";
    if (!speed.prefill_tokens_per_s.empty()) {
      const double rate = lab::median(speed.prefill_tokens_per_s);
      out += format("  prefill %9.1f tok/s  %6.0f GOP/s, %3.0f%% of the int8 peak", rate,
                    rate * speed.prefill_gop, 100 * prefill_share(speed, report));
      out += joules(speed.prefill_joules_per_token);
    }
    if (!speed.decode_tokens_per_s.empty()) {
      const double rate = lab::median(speed.decode_tokens_per_s);
      const auto bytes = static_cast<double>(report.weight_bytes_per_token + speed.kv_bytes_per_token);
      out += format("  decode  %9.1f tok/s  %6.1f GB/s, %3.0f%% of the read bandwidth", rate,
                    rate * bytes / 1e9, 100 * lab::median(speed.decode_bandwidth_share));
      out += joules(speed.decode_joules_per_token);
      if (!speed.batch_tokens_per_s.empty()) {
        const double batch = lab::median(speed.batch_tokens_per_s);
        out += format("  batch   %9.1f tok/s  of %d sequences together, %.2f times one\n", batch,
                      options_.sequences, batch / rate);
      }
    }
    return out + describe(speed.prefill_profile, "prefill", options_.prompt_tokens) +
           describe(speed.decode_profile, "decode", 1);
  }

  static std::string joules(const lab::Rounds& rounds) {
    return rounds.empty() ? "\n" : format(", %.3f J per token\n", lab::median(rounds));
  }

  Status compare(Console& console) {
    HEARTH_ASSIGN(const auto before, lab::read_speed_runs(compare_[0]));
    HEARTH_ASSIGN(const auto after, lab::read_speed_runs(compare_[1]));
    HEARTH_ASSIGN(const lab::SpeedComparisons compared, lab::compare_speed(before, after));
    io::Json rows = io::Json::array();
    std::string text = "                                     before         after   ratio   noise\n";
    std::string slower;
    for (const lab::SpeedComparison& row : compared.rows) {
      const std::string what = concat(row.key, " at ", row.depth);
      text += format("%-30s %12.2f  %12.2f  %6.3f   %.1f%%, %.1f%%\n", what.c_str(), row.before, row.after,
                     row.ratio, 100 * row.before_noise, 100 * row.after_noise);
      rows.push_back({{"key", row.key},
                      {"depth", row.depth},
                      {"before", row.before},
                      {"after", row.after},
                      {"ratio", row.ratio},
                      {"before_noise", row.before_noise},
                      {"after_noise", row.after_noise}});
      if (row.ratio < fail_below_)
        slower += format("%s%s (%.3f)", slower.empty() ? "" : ", ", what.c_str(), row.ratio);
    }
    for (const std::string& difference : compared.differences)
      console.note("the settings differ: " + difference);
    for (const std::string& missing : compared.missing) {
      console.note(concat("no longer measured: ", missing));
      if (fail_below_ > 0) slower += concat(slower.empty() ? "" : ", ", missing, " (missing)");
    }
    const io::Json all = {
        {"rows", rows}, {"differences", compared.differences}, {"missing", compared.missing}};
    console.out(json_ ? all.dump() + "\n" : text);
    if (slower.empty()) return {};
    return fail(ErrorCode::kUnsupported, "not ", format("%.2f", fail_below_), " of ", compare_[0], ": ",
                slower);
  }

  std::string model_;
  lab::SpeedOptions options_;
  std::vector<std::string> compare_;
  double fail_below_ = 0;
  bool json_ = false;
  LoadFlags load_;
};

}  // namespace

const Verb& verb_bench() {
  static const Verb kVerb{"bench", "prefill and decode speed on this machine, and the share of its limits",
                          "  hearth bench model.gguf\n"
                          "  hearth bench model.gguf --depth 0,2048,8192 --sequences 8 --profile\n"
                          "  hearth bench model.gguf --prompt 512 --gen 64 --threads 2 --json > after.json\n"
                          "  hearth bench --compare before.json after.json --fail-below 0.9\n",
                          [] { return std::unique_ptr<Command>(std::make_unique<BenchCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
