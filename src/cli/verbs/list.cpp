// hearth list: the models in the store, pulls that were cut, and on request whether the bytes are still the
// right ones.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/verb.h"
#include "io/json.h"
#include "store/store.h"

namespace hearth::cli {
namespace {

class ListCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_flag("--verify", verify_, "Read every file and compare its SHA-256");
    app.add_flag("--json", json_, "Print one JSON object");
  }

  Status run(Console& console) override {
    HEARTH_ASSIGN(const std::filesystem::path home, store::Store::default_home());
    HEARTH_ASSIGN(const store::Store store, store::Store::open(home));
    HEARTH_ASSIGN(const std::vector<store::Model> models, store.list());
    std::vector<std::string> conditions;
    std::string damaged;
    for (const store::Model& model : models) {
      if (!verify_) continue;
      const Status status = verify(console, store, model.manifest.name);
      if (!status && status.error().code == ErrorCode::kCancelled) return status;
      conditions.push_back(status ? "ok" : status.error().message);
      if (!status) damaged += (damaged.empty() ? "" : "; ") + status.error().message;
    }
    if (json_) {
      print_json(console, store, models, conditions);
    } else {
      print_table(console, store, models, conditions);
    }
    if (!damaged.empty()) return fail(ErrorCode::kCorrupt, damaged);
    return {};
  }

 private:
  static Status verify(Console& console, const store::Store& store, const std::string& name) {
    const Status status = store.verify(name, [&](uint64_t done, uint64_t total) {
      const double fraction = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1.0;
      console.progress("verifying " + name, fraction, format_bytes(static_cast<double>(done)));
      return !interrupted().load();
    });
    console.progress_done();
    return status;
  }

  static void print_json(Console& console, const store::Store& store, const std::vector<store::Model>& models,
                         const std::vector<std::string>& conditions) {
    io::Json list = io::Json::array();
    for (size_t i = 0; i < models.size(); ++i) {
      const store::Manifest& manifest = models[i].manifest;
      io::Json row = {{"name", manifest.name},         {"path", models[i].path().string()},
                      {"size", manifest.bytes()},      {"source", manifest.source},
                      {"revision", manifest.revision}, {"pulled_at", manifest.pulled_at},
                      {"packed_only", manifest.packed.has_value()}};
      if (i < conditions.size()) row["condition"] = conditions[i];
      list.push_back(std::move(row));
    }
    io::Json partial = io::Json::array();
    for (const store::PartialPull& pull : store.list_partial()) {
      partial.push_back({{"name", pull.folder}, {"bytes_on_disk", pull.bytes_on_disk}});
    }
    const io::Json root = {
        {"home", store.home().string()}, {"models", std::move(list)}, {"partial", std::move(partial)}};
    console.out(io::dump_json(root) + "\n");
  }

  static void print_table(Console& console, const store::Store& store,
                          const std::vector<store::Model>& models,
                          const std::vector<std::string>& conditions) {
    size_t width = 0;
    for (const store::Model& model : models) width = std::max(width, model.manifest.name.size());
    for (size_t i = 0; i < models.size(); ++i) {
      const store::Manifest& manifest = models[i].manifest;
      std::string size = format_bytes(static_cast<double>(manifest.bytes()));
      size.insert(0, size.size() < 9 ? 9 - size.size() : 0, ' ');
      std::string line = manifest.name + std::string(width - manifest.name.size(), ' ') + "  " + size + "  " +
                         manifest.pulled_at.substr(0, 10);
      if (manifest.packed) line += "  packed only";
      if (i < conditions.size()) line += conditions[i] == "ok" ? "  ok" : "  DAMAGED";
      console.out(line + "\n");
    }
    for (const store::PartialPull& pull : store.list_partial()) {
      console.note("unfinished: " + pull.folder + " (" +
                   format_bytes(static_cast<double>(pull.bytes_on_disk)) +
                   " on disk); pull it again to go on, or hearth rm " + pull.folder);
    }
    if (models.empty())
      console.note("no models in " + store.home().string() + "; try: hearth pull hf:ORG/REPO");
  }

  bool verify_ = false;
  bool json_ = false;
};

}  // namespace

const Verb& verb_list() {
  static const Verb kVerb{"list", "show the models in the store",
                          "  hearth list\n  hearth list --verify --json\n",
                          [] { return std::unique_ptr<Command>(std::make_unique<ListCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
