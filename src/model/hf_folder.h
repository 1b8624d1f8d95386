// A Hugging Face folder (config.json + safetensors) as a TensorFile in GGUF's vocabulary. Must not know
// tokenizers or any architecture's name.
#pragma once

#include <filesystem>

#include "io/tensor_source.h"

namespace hearth::model {

/// See open_source. Errors: kNotFound (config.json, weights), and those of the readers.
Result<io::TensorFile> read_hf_folder(const std::filesystem::path& folder);

}  // namespace hearth::model
