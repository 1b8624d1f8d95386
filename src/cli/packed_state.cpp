// Asks the store where packed weights are, and model what they are.
#include "cli/packed_state.h"

#include "cli/model_options.h"
#include "io/file.h"
#include "io/utf8.h"
#include "model/model.h"
#include "model/packed.h"
#include "store/packed.h"
#include "store/store.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWeights = "weights.gguf";

Result<store::Store> open_store() {
  HEARTH_ASSIGN(const fs::path home, store::Store::default_home());
  return store::Store::open(home);
}

/// What one packed file was made from, as far as it can tell.
std::string origin_of(const fs::path& weights) {
  const auto file = model::open_source(weights);
  if (!file) return "";
  const auto from = model::packed_from(*file);
  return from ? from->origin : "";
}

struct Verification {
  Console& console;
  int checked = 0;
  int damaged = 0;

  /// Keeps count; the error that ends everything when the user stopped it.
  Status take(const Status& status, std::string_view more = "") {
    console.progress_done();
    ++checked;
    if (status) return {};
    if (status.error().code == ErrorCode::kCancelled) return status;
    ++damaged;
    console.note(concat(status.error().message, more));
    return {};
  }

  std::function<bool(uint64_t, uint64_t)> tick(const std::string& what) {
    return [this, label = "verifying " + what](uint64_t done, uint64_t total) {
      const double fraction = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1.0;
      console.progress(label, fraction, format_bytes(static_cast<double>(done)));
      return !interrupted().load();
    };
  }
};

Status verify_packed_folder(const fs::path& folder, Verification& verification) {
  const fs::path weights = folder / kWeights;
  std::error_code error;
  if (!fs::exists(weights, error)) return {};
  const std::string origin = origin_of(weights);
  const std::string name = origin.empty() ? folder.filename().string() : io::printable(origin, 200);
  const Status status = model::verify_packed(weights, verification.tick("packed weights of " + name));
  if (!status && status.error().code == ErrorCode::kUnsupported) {  // of another version: no damage
    verification.console.progress_done();
    verification.console.note(
        concat(weights.string(), ": of another version of hearth; made again when needed"));
    return {};
  }
  std::string_view more;
  if (!status && status.error().code == ErrorCode::kCorrupt) {
    fs::remove(weights, error);
    more = error ? "" : "; removed";
  }
  HEARTH_RETURN_IF_ERROR(verification.take(status, more));
  if (status && fs::path(origin).is_absolute() && !fs::exists(origin, error)) {
    verification.console.note(concat(weights.string(), ": its model ", io::printable(origin, 200),
                                     " is gone; hearth rm --packed with that path frees ",
                                     format_bytes(static_cast<double>(fs::file_size(weights, error)))));
  }
  return {};
}

/// Those of a model, which may be gone itself: then `model` is the path where it was.
Result<std::vector<fs::path>> packed_folders_of(const std::string& model, const store::Store& store) {
  std::error_code error;
  std::vector<fs::path> folders;
  const auto path = resolve_model(model);
  HEARTH_ASSIGN(const fs::path folder, store::packed_folder(store.home(), path ? *path : fs::path(model)));
  if (fs::exists(folder, error)) folders.push_back(folder);
  if (path) return folders;
  const fs::path origin = fs::absolute(model, error).lexically_normal();
  for (const fs::path& other : store.list_packed()) {  // a link that is gone led elsewhere
    if (other != folder && origin_of(other / kWeights) == origin.string()) folders.push_back(other);
  }
  if (folders.empty()) return path.error();
  return folders;
}

}  // namespace

PackedState packed_state(const fs::path& model) {
  PackedState out;
  const auto look = [&](const fs::path& path) {
    const auto size = io::size_of_file(path);
    if (!size) return false;
    out.path = path;
    out.bytes = *size;
    return true;
  };
  if (const auto file = model::open_source(model); file && model::is_packed(*file)) {
    look(model);
    out.state = "only";
    return out;
  }
  const auto home = store::Store::default_home();
  if (!home) return out;
  const auto place = store::packed_place(*home, model);
  if (!place || !look(place->weights())) return out;
  const auto packed = model::open_source(place->weights());
  if (!packed) {
    const ErrorCode code = packed.error().code;
    out.state = code == ErrorCode::kUnsupported ? "version"
                : code == ErrorCode::kCorrupt   ? "damaged"
                                                : "unreadable";
    return out;
  }
  const auto from = model::packed_from(*packed);
  out.state = !from ? "damaged" : from->source == place->source ? "current" : "changed";
  return out;
}

std::string describe(const PackedState& state) {
  if (state.state == "none") return "not packed yet: a first start of a larger model does it";
  const std::string where = concat(", ", io::human_bytes(state.bytes), " in ", state.path.string());
  if (state.state == "only") return "only the packed form is there" + where;
  if (state.state == "current") return "current" + where;
  if (state.state == "changed") return "of the model before it changed; not used" + where;
  if (state.state == "version") return "of another version of hearth; not used" + where;
  if (state.state == "unreadable") return "cannot be read; not used" + where;
  return "damaged; not used" + where;
}

Status verify_everything(Console& console) {
  HEARTH_ASSIGN(const store::Store store, open_store());
  HEARTH_ASSIGN(const std::vector<store::Model> models, store.list());
  Verification verification{console};
  for (const store::Model& model : models) {
    const std::string& name = model.manifest.name;
    HEARTH_RETURN_IF_ERROR(verification.take(store.verify(name, verification.tick(name))));
  }
  for (const fs::path& folder : store.list_packed()) {
    HEARTH_RETURN_IF_ERROR(verify_packed_folder(folder, verification));
  }
  if (verification.damaged > 0) {
    return fail(ErrorCode::kCorrupt, verification.damaged, " of ", verification.checked,
                " models and packed weights in ", store.home().string(), " are damaged");
  }
  console.note(concat("verified ", verification.checked, " models and packed weights in ",
                      store.home().string(), ": all as they should be"));
  return {};
}

Result<uint64_t> remove_packed_weights(const std::string& model) {
  HEARTH_ASSIGN(store::Store store, open_store());
  std::vector<fs::path> folders = store.list_packed();
  if (!model.empty()) {
    HEARTH_ASSIGN(folders, packed_folders_of(model, store));
  }
  uint64_t freed = 0;
  for (const fs::path& folder : folders) {
    HEARTH_ASSIGN(const uint64_t bytes, store.remove_packed(folder));
    freed += bytes;
  }
  return freed;
}

}  // namespace hearth::cli
