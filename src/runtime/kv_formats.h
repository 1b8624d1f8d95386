// Which page format the layers of a model use: the text of an option, read against the model. Must not know
// sequences or pages.
#pragma once

#include <string_view>

#include "base/result.h"
#include "kernels/attention/kv_format.h"
#include "model/model.h"

namespace hearth::runtime {

/// By layer group: layers that see everything, and layers with a sliding window.
struct KvFormats {
  const kernels::KvFormat* full = nullptr;
  const kernels::KvFormat* windowed = nullptr;
};

/// From this many parameters on "auto" means int8: smaller models are hurt more by rounding, and their caches
/// are small.
inline constexpr int64_t kInt8Parameters = 500'000'000;

/// "FORMAT" for all layers, or "FORMAT,windowed=FORMAT"; a FORMAT is a name of kernels::kv_formats() or
/// "auto". Errors: kUsage.
Result<KvFormats> parse_kv_formats(std::string_view option, const model::ModelSpec& spec);

}  // namespace hearth::runtime
