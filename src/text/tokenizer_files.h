// Tokenizer files of Hugging Face and SentencePiece translated into `tokenizer.ggml.*` metadata, so that one
// tokenizer reads both containers and conversion is "write it out". All of it is untrusted: bounds, limits,
// one clear error. Must not know how text is tokenized.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "io/metadata.h"

namespace hearth::text {

/// Everything about the tokenizer of a Hugging Face folder: tokenizer.json, else tokenizer.model; then
/// tokenizer_config.json, special_tokens_map.json, chat_template.jinja or .json, and from config.json and
/// generation_config.json the vocabulary size (missing tokens are padded as "[PAD<id>]", unused) and the
/// end-of-generation ids. Errors: kNotFound (neither tokenizer file), kUnsupported (a construct hearth does
/// not know, named), kCorrupt, kTooLarge.
Result<io::Metadata> read_tokenizer_folder(const std::filesystem::path& folder);

/// A tokenizer.json (Hugging Face tokenizers 1.0 format). `name` appears in errors.
Result<io::Metadata> parse_tokenizer_json(std::string_view json, std::string_view name);

/// A SentencePiece model (sentencepiece_model.proto), type BPE. `name` appears in errors.
Result<io::Metadata> parse_sentencepiece_model(std::string_view bytes, std::string_view name);

}  // namespace hearth::text
