// A Hugging Face folder (config.json + safetensors) as a TensorFile in GGUF's vocabulary. Must not know
// tokenizers or any architecture's name.
#pragma once

#include <cstdint>
#include <filesystem>

#include "io/tensor_source.h"

namespace hearth::model {

/// To be raised whenever a folder becomes another TensorFile than before: other names, tensors taken or left,
/// values, metadata, tokenizer keys (text/tokenizer_files.h). Packed weights made from the older translation
/// are then made again. The golden tests hold a digest of what it gives.
inline constexpr uint32_t kHfTranslation = 1;

/// See open_source. Errors: kNotFound (config.json, weights), and those of the readers.
Result<io::TensorFile> read_hf_folder(const std::filesystem::path& folder);

}  // namespace hearth::model
