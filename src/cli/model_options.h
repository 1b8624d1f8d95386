// Options that several verbs share: which model and how it is loaded, and how text is generated from it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/console.h"
#include "engine/completer.h"
#include "engine/local_model.h"
#include "engine/specialist.h"

namespace CLI {
class App;
}

namespace hearth::cli {

/// MODEL as people write it: a path, or a name in the model store.
Result<std::filesystem::path> resolve_model(const std::string& model);

/// --threads, --pin-threads, --ctx, --kv, --reference, --force, --pack-cache, --no-pack-cache, --no-check.
struct LoadFlags {
  int32_t threads = 0;
  bool pin_threads = false;
  std::string context;  // "", "auto" or a number
  std::string kv_format = "auto";
  bool reference = false;
  bool force = false;
  bool pack_cache = false;
  bool no_pack_cache = false;
  bool no_check = false;
  // Set by the verb, not flags:
  int32_t max_sequences = 1;    // open at a time
  bool says_fallbacks = false;  // one line for what an earlier check changes: of verbs that measure

  void declare(CLI::App& app);
  Result<engine::LoadOptions> options() const;
  /// Where the packed weights of the model at `path` are to be kept; nowhere when that is not wanted.
  engine::PackedCache packed_cache(const std::filesystem::path& path, Console& console) const;
  /// Resolves, opens and loads as an earlier hearth check advises, with a progress line.
  Result<std::unique_ptr<engine::LocalModel>> load(const std::string& model, Console& console) const;
};

/// The specialist in the box for a household; `catalogue` empty: the default one.
Result<std::unique_ptr<engine::Specialist>> load_specialist(const std::string& catalogue,
                                                            const LoadFlags& flags);

/// -n, --stop and every sampler's own options.
struct GenerationFlags {
  int64_t max_tokens = -1;
  std::vector<std::string> stop;
  bool ignore_end = false;

  void declare(CLI::App& app);
  /// A request with these settings over the model's own defaults, and no prompt yet; Ctrl-C cancels it.
  engine::CompletionRequest request(const runtime::SamplingParams& model_defaults) const;
  /// "set temp 0.2" of the chat: one option by name.
  Status set(const std::string& name, const std::string& value);

 private:
  std::vector<std::pair<std::string, std::string>> sampling_;  // as given, in order; each checked
};

/// "42 tokens, 31.5 tok/s, first token 0.12 s, context 96 of 4096".
std::string describe_usage(const engine::Completion& completion);
/// One line when an answer ended for a reason the user should know of (context full, length, cancelled), else
/// "".
std::string describe_finish(const engine::Completion& completion);

}  // namespace hearth::cli
