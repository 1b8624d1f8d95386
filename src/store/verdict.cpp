// check.json: version, source, and the members of Verdict under their names.
#include "store/verdict.h"

#include "base/log.h"
#include "io/file.h"
#include "io/json.h"

namespace hearth::store {
namespace {

constexpr int64_t kVersion = 1;  // of what check measures and how; older verdicts are made again
constexpr int64_t kMaxBytes = 4 << 20;

std::filesystem::path verdict_file(const PackedPlace& place) { return place.folder / "check.json"; }

Result<std::optional<Verdict>> parse(const io::Json& root, const std::string& source) {
  HEARTH_ASSIGN(const auto version, io::json_int(root, "version"));
  HEARTH_ASSIGN(const auto from, io::json_string(root, "source"));
  if (version != kVersion || from != source) return std::optional<Verdict>();
  Verdict verdict;
  const auto text = [&root](const char* key, std::string& out) -> Status {
    HEARTH_ASSIGN(auto value, io::json_string(root, key));
    out = std::move(value).value_or("");
    return {};
  };
  const auto number = [&root](const char* key, double& out) -> Status {
    HEARTH_ASSIGN(const auto value, io::json_float(root, key));
    out = value.value_or(0);
    return {};
  };
  HEARTH_RETURN_IF_ERROR(text("checked_at", verdict.checked_at));
  HEARTH_RETURN_IF_ERROR(text("error", verdict.error));
  HEARTH_RETURN_IF_ERROR(text("kv_format", verdict.kv_format));
  HEARTH_RETURN_IF_ERROR(text("kv_fallback", verdict.kv_fallback));
  HEARTH_RETURN_IF_ERROR(text("worst_tensor", verdict.worst_tensor));
  HEARTH_RETURN_IF_ERROR(number("worst_error", verdict.worst_error));
  HEARTH_RETURN_IF_ERROR(number("kld_mean", verdict.kld_mean));
  HEARTH_RETURN_IF_ERROR(number("top1_agreement", verdict.top1_agreement));
  HEARTH_RETURN_IF_ERROR(number("chosen_kld_mean", verdict.chosen_kld_mean));
  HEARTH_RETURN_IF_ERROR(number("chosen_top1_agreement", verdict.chosen_top1_agreement));
  HEARTH_ASSIGN(const auto tokens, io::json_int(root, "tokens"));
  verdict.tokens = tokens.value_or(0);
  HEARTH_ASSIGN(const auto within, io::json_bool(root, "within_bounds"));
  verdict.within_bounds = within.value_or(false);
  if (const io::Json* tensors = io::json_find(root, "float32_tensors"); tensors && tensors->is_array()) {
    for (const io::Json& tensor : *tensors) {
      if (tensor.is_string()) verdict.float32_tensors.push_back(tensor.get<std::string>());
    }
  }
  return std::optional<Verdict>(std::move(verdict));
}

}  // namespace

std::optional<Verdict> read_verdict(const PackedPlace& place) {
  const auto text = io::read_file(verdict_file(place), kMaxBytes);
  if (!text) return std::nullopt;
  const auto json =
      io::parse_json(*text, verdict_file(place).string(), {.max_bytes = kMaxBytes, .max_depth = 8});
  auto verdict = json ? parse(*json, place.source) : Result<std::optional<Verdict>>(json.error());
  if (verdict) return std::move(verdict).value();
  log_line(LogLevel::kWarning, concat(verdict.error().message, "; ignored"));
  return std::nullopt;
}

Status write_verdict(const PackedPlace& place, const Verdict& v) {
  std::error_code error;
  std::filesystem::create_directories(place.folder, error);
  if (error) return io::io_error(place.folder, "cannot make the folder", error.value());
  const io::Json root = {{"version", kVersion},
                         {"source", place.source},
                         {"checked_at", v.checked_at},
                         {"error", v.error},
                         {"tokens", v.tokens},
                         {"kv_format", v.kv_format},
                         {"kld_mean", v.kld_mean},
                         {"top1_agreement", v.top1_agreement},
                         {"chosen_kld_mean", v.chosen_kld_mean},
                         {"chosen_top1_agreement", v.chosen_top1_agreement},
                         {"within_bounds", v.within_bounds},
                         {"worst_tensor", v.worst_tensor},
                         {"worst_error", v.worst_error},
                         {"kv_fallback", v.kv_fallback},
                         {"float32_tensors", v.float32_tensors}};
  return io::write_file(verdict_file(place),
                        root.dump(2, ' ', false, io::Json::error_handler_t::replace) + "\n");
}

}  // namespace hearth::store
