// What a user types after `hearth pull`, taken apart: the hub, a URL, or a file or folder on this machine.
// Only syntax: nothing is looked up here, so that a bad reference fails before any request.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::store {

struct ModelReference {
  enum class Kind { kHub, kUrl, kLocal };
  Kind kind = Kind::kHub;
  std::string repo;            // kHub: "ORG/REPO"
  std::string wanted;          // kHub: what stood after the colon; may be empty
  std::string url;             // kUrl
  std::filesystem::path path;  // kLocal: a GGUF file or a safetensors folder
};

/// `hf:ORG/REPO[:QUANT]`, `http(s)://...`, or a path. kUsage says which form was probably meant.
Result<ModelReference> parse_reference(std::string_view text);

}  // namespace hearth::store
