// Names to files, files to hosted models.
#include "cli/model_source.h"

#include <chrono>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "capi/heed_verdict.h"
#include "store/packed.h"
#include "store/store.h"

namespace hearth::cli {
namespace {

constexpr int64_t kLeastContext = 256;  // tokens, where memory decides

struct Entry {
  std::string id;
  std::filesystem::path path;  // empty: the specialist
  wire::ModelInfo info;
};

int64_t modified_s(const std::filesystem::path& path) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  if (error) return 0;
  const auto system = std::chrono::file_clock::to_sys(time);
  return std::chrono::duration_cast<std::chrono::seconds>(system.time_since_epoch()).count();
}

Entry entry_of(std::string id, const std::filesystem::path& path) {
  Entry entry{std::move(id), path, {}};
  entry.info.id = entry.id;
  entry.info.created_s = modified_s(path);
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error))
    entry.info.size_bytes = static_cast<int64_t>(std::filesystem::file_size(path, error));
  return entry;
}

class Models : public serve::ModelSource {
 public:
  Models(SourceOptions options, Console& console, std::vector<Entry> entries)
      : options_(std::move(options)), console_(&console), entries_(std::move(entries)) {}

  std::vector<wire::ModelInfo> list() override {
    std::vector<wire::ModelInfo> out;
    for (const Entry& entry : entries_) out.push_back(entry.info);
    for (const Entry& entry : stored()) {
      if (!find(entry.id)) out.push_back(entry.info);
    }
    return out;
  }

  Result<std::string> resolve(const std::string& name) override {
    if (name.empty()) return entries_.front().id;
    if (find(name)) return name;
    if (name.ends_with(":latest") && find(name.substr(0, name.size() - 7)))  // as Ollama's clients say it
      return name.substr(0, name.size() - 7);
    if (const auto stored = in_store(name)) return stored->manifest.name;
    return fail(ErrorCode::kNotFound, "the model '", name, "' does not exist; there are: ", names());
  }

  Result<std::unique_ptr<serve::HostedModel>> load(const std::string& id, int64_t most_bytes) override {
    HEARTH_ASSIGN(const Entry entry, entry_called(id));
    if (entry.path.empty()) return load_specialist_model(entry);
    HEARTH_ASSIGN(engine::LoadOptions how, options_.load.options());
    if (!options_.load.no_check) capi::heed_verdict(entry.path, how);
    // Before the file is opened: one that is replaced meanwhile then has no name that anything was saved
    // under.
    const std::string source = saves() ? store::model_source(entry.path) : "";
    HEARTH_ASSIGN(engine::OpenedModel opened,
                  engine::open_model(entry.path, options_.load.packed_cache(entry.path, *console_)));
    HEARTH_ASSIGN(const int64_t bytes, choose_cache(opened, most_bytes, how));
    auto model = engine::LocalModel::load(std::move(opened), how);
    console_->progress_done();
    if (!model) return model.error();
    auto archive = open_archive(**model, source);
    HEARTH_ASSIGN(auto hosted, serve::host_local_model(std::move(model).value(), options_.scheduler,
                                                       entry.info, std::move(archive)));
    hosted->set_memory_bytes(bytes);
    return hosted;
  }

  Result<int64_t> least_memory(const std::string& id) override {
    HEARTH_ASSIGN(const Entry entry, entry_called(id));
    if (entry.path.empty()) return 0;  // in the box, a few MB
    HEARTH_ASSIGN(engine::LoadOptions how, options_.load.options());
    if (!options_.load.no_check) capi::heed_verdict(entry.path, how);
    HEARTH_ASSIGN(const engine::OpenedModel opened, engine::open_model(entry.path));
    least_cache(how);
    if (how.context_tokens == 0) how.context_tokens.reset();
    HEARTH_ASSIGN(const engine::MemoryNeed need, engine::plan_memory(opened, how));
    return need.plan.total_bytes();
  }

 private:
  Result<Entry> entry_called(const std::string& id) const {
    if (const Entry* known = find(id)) return *known;
    const auto stored = in_store(id);
    if (!stored) return fail(ErrorCode::kNotFound, "the model '", id, "' is no longer there");
    return entry_of(id, stored->path());
  }

  const Entry* find(const std::string& id) const {
    for (const Entry& entry : entries_) {
      if (entry.id == id) return &entry;
    }
    return nullptr;
  }

  static std::optional<store::Model> in_store(const std::string& name) {
    const auto home = store::Store::default_home();
    std::error_code error;
    if (!home || !std::filesystem::exists(*home, error)) return std::nullopt;
    auto opened = store::Store::open(*home);
    if (!opened) return std::nullopt;
    auto model = opened->find(name);
    return model ? std::optional(std::move(model).value()) : std::nullopt;
  }

  static std::vector<Entry> stored() {
    std::vector<Entry> out;
    const auto home = store::Store::default_home();
    std::error_code error;
    if (!home || !std::filesystem::exists(*home, error)) return out;
    const auto opened = store::Store::open(*home);
    const auto models = opened ? opened->list() : Result<std::vector<store::Model>>(opened.error());
    if (!models) return out;
    for (const store::Model& model : *models) {
      out.push_back(entry_of(model.manifest.name, model.path()));
      out.back().info.size_bytes = static_cast<int64_t>(model.manifest.bytes());
    }
    return out;
  }

  std::string names() {
    std::string out;
    for (const wire::ModelInfo& info : list()) out += (out.empty() ? "" : ", ") + info.id;
    return out;
  }

  bool saves() const { return options_.save_prefixes && options_.prefixes > 0; }

  /// A model whose prefixes cannot be kept answers without.
  std::unique_ptr<engine::PrefixArchive> open_archive(engine::LocalModel& model,
                                                      const std::string& source) const {
    if (!saves()) return nullptr;
    const auto home = store::Store::default_home();
    Result<std::unique_ptr<engine::PrefixArchive>> archive =
        fail(ErrorCode::kIo, "the file of the model cannot be looked at");
    if (!home) archive = home.error();
    if (home && !source.empty()) {
      archive = engine::PrefixArchive::create(
          model, {.folder = *home / "prefixes", .source = source, .most_bytes = options_.prefix_disk_bytes});
    }
    if (archive) return std::move(archive).value();
    log_line(LogLevel::kWarning, concat(model.name(), ": prefixes are not saved: ", archive.error().message));
    return nullptr;
  }

  void least_cache(engine::LoadOptions& how) const {
    how.max_sequences = options_.scheduler.max_running + options_.prefixes + (saves() ? 1 : 0);
    how.cache_tokens = options_.cache_tokens > 0 ? options_.cache_tokens : 1;
  }

  /// Sequences for the answers and the prefixes, and as much cache as fits for all of them together; what the
  /// model then takes.
  Result<int64_t> choose_cache(const engine::OpenedModel& opened, int64_t most_bytes,
                               engine::LoadOptions& how) const {
    least_cache(how);
    HEARTH_ASSIGN(engine::MemoryNeed need, engine::plan_memory(opened, how));
    if (!need.fits && !how.ignore_memory && need.plan.total_bytes() > need.machine.total_bytes) {
      // Not kTooLarge: no other model needs to go for one that will never fit.
      return fail(ErrorCode::kUnsupported, opened.name, ": ", need.fits.error().message,
                  " (--force tries anyway)");
    }
    const bool largest = how.context_tokens == 0;
    int64_t context = need.plan.context;
    how.context_tokens = context;
    while (largest && need.plan.total_bytes() > most_bytes && context > kLeastContext) {
      context /= 2;
      how.context_tokens = context;
      HEARTH_ASSIGN(need, engine::plan_memory(opened, how));
    }
    const int64_t most_contexts = options_.cache_tokens > 0 ? 0 : options_.scheduler.max_running;
    for (int64_t contexts = most_contexts; contexts >= 1; contexts /= 2) {
      how.cache_tokens = context * contexts;
      HEARTH_ASSIGN(need, engine::plan_memory(opened, how));
      if (need.fits && need.plan.total_bytes() <= most_bytes) break;
    }
    const int64_t bytes = need.plan.total_bytes();
    if (bytes <= most_bytes) return bytes;
    return fail(ErrorCode::kNoMemory, opened.name, ": needs ", bytes, " bytes of memory with a context of ",
                context, " tokens, but ", most_bytes, " are left of what models may take (--memory)");
  }

  Result<std::unique_ptr<serve::HostedModel>> load_specialist_model(const Entry& entry) const {
    HEARTH_ASSIGN(auto specialist, load_specialist(options_.catalogue, options_.load));
    return serve::host_specialist(std::move(specialist), options_.scheduler.max_waiting, entry.info);
  }

  SourceOptions options_;
  Console* console_;
  std::vector<Entry> entries_;
};

}  // namespace

Result<std::unique_ptr<serve::ModelSource>> make_model_source(SourceOptions options, Console& console) {
  std::vector<Entry> entries;
  for (const std::string& model : options.models) {
    HEARTH_ASSIGN(const std::filesystem::path path, resolve_model(model));
    std::error_code error;
    const bool is_path = std::filesystem::equivalent(model, path, error) && !error;
    const std::filesystem::path clean = path.has_filename() ? path : path.parent_path();
    const bool file = clean.extension() == ".gguf";
    Entry entry = entry_of(!is_path ? model : (file ? clean.stem() : clean.filename()).string(), path);
    for (const Entry& other : entries) {
      if (other.id == entry.id)
        return fail(ErrorCode::kUsage, "two models would be called '", entry.id, "'; rename one");
    }
    entries.push_back(std::move(entry));
  }
  Entry specialist{std::string(kSpecialistName), {}, {}};
  specialist.info.id = specialist.id;
  specialist.info.size_bytes = static_cast<int64_t>(engine::builtin_model_bytes().size());
  entries.push_back(std::move(specialist));
  return std::unique_ptr<serve::ModelSource>(new Models(std::move(options), console, std::move(entries)));
}

}  // namespace hearth::cli
