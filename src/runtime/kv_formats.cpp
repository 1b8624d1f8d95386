// One comma, two names.
#include "runtime/kv_formats.h"

#include <string>

#include "model/tensors.h"

namespace hearth::runtime {
namespace {

/// Numbers in all tensors that the model must have.
int64_t parameters(const model::ModelSpec& spec) {
  int64_t sum = 0;
  for (const model::TensorNeed& need : model::needed_tensors(spec)) {
    if (need.presence != model::Presence::kRequired) continue;
    int64_t count = 1;
    for (const int64_t n : need.shape) count *= n;
    sum += count;
  }
  return sum;
}

Result<const kernels::KvFormat*> parse_one(std::string_view name, const model::ModelSpec& spec) {
  if (name == "auto") name = parameters(spec) >= kInt8Parameters ? "int8" : "f16";
  if (const kernels::KvFormat* format = kernels::find_kv_format(name)) return format;
  std::string names = "auto";
  for (const kernels::KvFormat* known : kernels::kv_formats()) names += concat(", ", known->name);
  return fail(ErrorCode::kUsage, "unknown KV cache format '", name, "'; hearth knows ", names);
}

}  // namespace

Result<KvFormats> parse_kv_formats(std::string_view option, const model::ModelSpec& spec) {
  constexpr std::string_view kWindowed = "windowed=";
  const size_t comma = option.find(',');
  KvFormats formats;
  HEARTH_ASSIGN(formats.full, parse_one(option.substr(0, comma), spec));
  formats.windowed = formats.full;
  if (comma == std::string_view::npos) return formats;
  const std::string_view rest = option.substr(comma + 1);
  if (!rest.starts_with(kWindowed)) {
    return fail(ErrorCode::kUsage, "KV cache format '", option,
                "' is neither FORMAT nor FORMAT,windowed=FORMAT");
  }
  HEARTH_ASSIGN(formats.windowed, parse_one(rest.substr(kWindowed.size()), spec));
  return formats;
}

}  // namespace hearth::runtime
