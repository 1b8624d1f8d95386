// hearth rm: deletes models, or what is left of a cut pull, from the store.
#include <CLI/CLI.hpp>

#include "cli/packed_state.h"
#include "cli/verb.h"
#include "io/json.h"
#include "store/store.h"

namespace hearth::cli {
namespace {

class RmCommand : public Command {
 public:
  void declare(CLI::App& app) override {
    app.add_option("models", names_, "Names as hearth list shows them");
    app.add_flag("--packed", packed_,
                 "Only the packed weights of these models or files (of all, without names): they are made again "
                 "when needed");
    app.add_flag("--json", json_, "Print one JSON object");
  }

  Status run(Console& console) override {
    if (names_.empty() && !packed_) return fail(ErrorCode::kUsage, "name the models to delete");
    HEARTH_ASSIGN(const std::filesystem::path home, store::Store::default_home());
    HEARTH_ASSIGN(store::Store store, store::Store::open(home));
    if (names_.empty()) names_.emplace_back();  // all packed weights
    io::Json removed = io::Json::array();
    for (const std::string& name : names_) {
      HEARTH_ASSIGN(const uint64_t bytes, packed_ ? remove_packed_weights(name) : store.remove(name));
      removed.push_back({{"name", name}, {"bytes_freed", bytes}});
      if (!json_)
        console.note(concat("removed ", packed_ ? "packed weights" : "", packed_ && !name.empty() ? " of " : "",
                            name, " (", format_bytes(static_cast<double>(bytes)), " freed)"));
    }
    if (json_) {
      const io::Json root = {{"removed", std::move(removed)}};
      console.out(io::dump_json(root) + "\n");
    }
    return {};
  }

 private:
  std::vector<std::string> names_;
  bool packed_ = false;
  bool json_ = false;
};

}  // namespace

const Verb& verb_rm() {
  static const Verb kVerb{"rm", "delete models from the store",
                          "  hearth rm Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M\n"
                          "  hearth rm --packed\n",
                          [] { return std::unique_ptr<Command>(std::make_unique<RmCommand>()); }};
  return kVerb;
}

}  // namespace hearth::cli
