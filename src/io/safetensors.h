// safetensors (huggingface/safetensors README, "Format"): one file or a folder with a sharded index, mapped.
// The header is hostile: its size, JSON, dtypes, shapes and offsets are checked against the file. Must not
// know architectures; weight types are given by their safetensors names, the caller translates them.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth::io {

/// `shape` is row-major, outermost first; empty for a scalar; a dimension may be 0. `data` stays valid while
/// `owner` lives and need not be aligned to the size of its values.
struct SafeTensor {
  std::string name;
  std::string dtype;  // "F32", "BF16", ...
  std::vector<int64_t> shape;
  std::span<const std::byte> data;
  std::shared_ptr<const void> owner;
};

struct SafeTensorsFile {
  std::map<std::string, std::string, std::less<>> metadata;  // the header's __metadata__
  std::vector<SafeTensor> tensors;                           // by file, then by offset
};

/// The Hugging Face folder that `path` stands for: a folder itself, or its config.json or a .safetensors file in
/// it. Empty for anything else.
std::filesystem::path hf_folder_of(const std::filesystem::path& path);

/// FILE.safetensors, FILE.safetensors.index.json (all shards), or a folder that holds model.safetensors or
/// model.safetensors.index.json. Errors: kNotFound (every missing shard named), kCorrupt, kUnsupported
/// (dtype), kTooLarge.
Result<SafeTensorsFile> read_safetensors(const std::filesystem::path& path);

/// The same for one file in memory (fuzzing, tests). `name` appears in errors. The bytes must outlive the
/// result.
Result<SafeTensorsFile> parse_safetensors(std::span<const std::byte> bytes, std::string_view name);

}  // namespace hearth::io
