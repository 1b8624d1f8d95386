// hearth pull: fetches a model into the store, with a progress line where somebody watches.
// Everything that can go wrong on the way is the store's business; this only asks and reports.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "base/cpus.h"
#include "base/thread_pool.h"
#include "cli/verb.h"
#include "engine/local_model.h"
#include "io/json.h"
#include "model/model.h"
#include "model/packed.h"
#include "store/store.h"

namespace hearth::cli {
namespace {

using store::PullProgress;

bool is_sha256(const std::string& text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string to_lower(std::string text) {
  for (char& c : text) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

class PullCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("model", reference_, "hf:ORG/REPO[:QUANT], a URL, a GGUF file or a safetensors folder")
        ->required();
    app.add_option("--name", name_, "Name in the store, for URLs and files (default: the file's name)");
    app.add_option("--sha256", sha256_, "SHA-256 the file must have (the hub's are checked without asking)");
    app.add_option("--connections", connections_, "Parallel requests")
        ->check(CLI::Range(1, 16).description("1 to 16"))
        ->capture_default_str();
    app.add_option("--retries", retries_, "Tries without progress before giving up")
        ->check(CLI::Range(1, 100).description("1 to 100"))
        ->capture_default_str();
    app.add_option("--stall-timeout", stall_timeout_s_, "Seconds of silence that count as a cut")
        ->check(CLI::Range(1, 3600).description("1 to 3600"))
        ->capture_default_str();
    app.add_flag("--packed-only", packed_only_,
                 "Keep only the packed form that runs, not the file it is made from (saves half the disk)");
    app.add_flag("--json", json_, "Print one JSON object about the model");
  }

  Status run(Console& console) override {
    HEARTH_ASSIGN(const store::PullOptions options, make_options(console));
    HEARTH_ASSIGN(const std::filesystem::path home, store::Store::default_home());
    HEARTH_ASSIGN(store::Store store, store::Store::open(home));
    const Result<store::PullOutcome> outcome = store.pull(reference_, options);
    console.progress_done();
    if (!outcome) return outcome.error();
    report(console, *outcome);
    return {};
  }

 private:
  Result<store::PullOptions> make_options(Console& console) {
    store::PullOptions options = store::PullOptions::from_environment();
    options.name = name_;
    options.sha256 = to_lower(sha256_);
    if (!sha256_.empty() && !is_sha256(options.sha256)) {
      return fail(ErrorCode::kUsage, "--sha256 takes 64 hexadecimal digits");
    }
    if (!sha256_.empty() && reference_.starts_with("hf:")) {
      return fail(ErrorCode::kUsage, "--sha256 is for URLs and files; the hub says its own");
    }
    options.connections = connections_;
    options.http.max_attempts = retries_;
    options.http.stall_timeout_s = stall_timeout_s_;
    options.http.user_agent = "hearth/" HEARTH_VERSION;
    options.http.cancel = &interrupted();
    options.progress = [this, &console](const PullProgress& progress) { show(console, progress); };
    const bool promised = reference_.starts_with("hf:") || !sha256_.empty();
    options.accept = [&console, promised](const std::filesystem::path& path) {
      return look_at(console, path, promised);
    };
    if (!packed_only_) return options;
    options.pack = [&console](const std::filesystem::path& model, const std::filesystem::path& out,
                              const std::string& source) { return pack(console, model, out, source); };
    options.packed_is_usable = [](const std::filesystem::path& path) {
      return model::open_source(path).ok();
    };
    return options;
  }

  /// Content without a promised hash must at least be whole as a file of its kind. What hearth cannot run yet
  /// is kept.
  static Status look_at(Console& console, const std::filesystem::path& path, bool promised) {
    const auto opened = model::open_source(path);
    if (opened) return {};
    if (opened.error().code == ErrorCode::kCorrupt && !promised) return opened.error();
    console.note("note: " + opened.error().message);
    return {};
  }

  static Status pack(Console& console, const std::filesystem::path& model, const std::filesystem::path& out,
                     const std::string& source) {
    console.progress_done();
    HEARTH_ASSIGN(const engine::OpenedModel opened, engine::open_model(model));
    ThreadPool pool(available_cpus());
    const Status packed = model::write_packed(
        opened.file, {source, model.string()}, out, pool, [&console](uint64_t done, uint64_t total) {
          console.progress("packing", static_cast<double>(done) / static_cast<double>(total),
                           format_bytes(static_cast<double>(done)));
          return !interrupted().load();
        });
    console.progress_done();
    if (packed) return {};
    return Error{packed.error().code, concat(model.string(), ": cannot be packed: ", packed.error().message)};
  }

  void show(Console& console, const PullProgress& progress) {
    if (progress.phase == PullProgress::Phase::kWaiting) {
      console.note("another hearth is pulling this model; waiting for it");
      return;
    }
    if (progress.phase == PullProgress::Phase::kAsking) {
      if (console.err_is_terminal()) console.progress("asking " + reference_, -1, "");
      return;
    }
    std::string label(progress.phase == PullProgress::Phase::kChecking ? "checking" : progress.file);
    constexpr size_t kMaxLabel = 40;
    if (label.size() > kMaxLabel) label = label.substr(0, kMaxLabel - 3) + "...";
    if (progress.file_count > 1) {
      label += " (" + std::to_string(progress.file_number) + "/" + std::to_string(progress.file_count) + ")";
    }
    std::string detail = format_bytes(static_cast<double>(progress.done_bytes));
    double fraction = -1;
    if (progress.total_bytes > 0) {
      detail += " of " + format_bytes(static_cast<double>(progress.total_bytes));
      fraction = static_cast<double>(progress.done_bytes) / static_cast<double>(progress.total_bytes);
    }
    if (progress.bytes_per_s > 0) detail += ", " + format_bytes(progress.bytes_per_s) + "/s";
    if (progress.eta_s >= 0) detail += ", " + format_duration(std::ceil(progress.eta_s)) + " left";
    console.progress(label, std::min(1.0, fraction), detail);
  }

  void report(Console& console, const store::PullOutcome& outcome) const {
    const store::Model& model = outcome.model;
    if (json_) {
      io::Json files = io::Json::array();
      for (const store::StoredFile& file : model.manifest.files) {
        files.push_back({{"name", file.name}, {"size", file.size}, {"sha256", file.sha256}});
      }
      const io::Json root = {{"name", model.manifest.name},
                             {"path", model.path().string()},
                             {"source", model.manifest.source},
                             {"revision", model.manifest.revision},
                             {"size", model.manifest.bytes()},
                             {"files", std::move(files)},
                             {"already_there", outcome.already_there},
                             {"packed_only", model.manifest.packed.has_value()}};
      console.out(io::dump_json(root) + "\n");
      return;
    }
    const std::string size = format_bytes(static_cast<double>(model.manifest.bytes()));
    console.note((outcome.already_there ? "already there: " : "pulled ") + model.manifest.name + " (" + size +
                 "); try: hearth run " + model.manifest.name + " -p \"Hello\"");
    console.out(model.path().string() + "\n");
  }

  std::string reference_;
  std::string name_;
  std::string sha256_;
  int connections_ = 4;
  int retries_ = 6;
  int stall_timeout_s_ = 30;
  bool packed_only_ = false;
  bool json_ = false;
};

}  // namespace

const Verb& verb_pull() {
  static const Verb kVerb{
      "pull", "fetch a model into the store",
      "  hearth pull hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M\n"
      "  hearth pull https://example.com/model.gguf --sha256 0123...\n"
      "  hearth pull ./model.gguf --name mine --packed-only\n"
      "A pull that was cut goes on where it stopped. HF_TOKEN is used for private and gated models,\n"
      "HF_ENDPOINT for another hub, HEARTH_HOME for another place.\n",
      [] { return std::unique_ptr<Command>(std::make_unique<PullCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
