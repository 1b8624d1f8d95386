// Tokenizer files of Hugging Face and SentencePiece translated into `tokenizer.ggml.*` metadata, so that one
// tokenizer reads both containers and conversion is "write it out". All of it is untrusted: bounds, limits,
// one clear error. Must not know how text is tokenized.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
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

/// What a folder holds beside the tokenizer's own file: the text of each file that is there.
struct TokenizerConfigs {
  std::optional<std::string> tokenizer_config;    // tokenizer_config.json
  std::optional<std::string> special_tokens_map;  // special_tokens_map.json
  std::optional<std::string> config;              // config.json
  std::optional<std::string> generation_config;   // generation_config.json
  std::optional<std::string> template_json;       // chat_template.json
  std::optional<std::string> template_jinja;      // chat_template.jinja
};

/// Completes what one of the two parsers below has read, as read_tokenizer_folder does; `folder` appears in
/// errors.
Result<io::Metadata> complete_tokenizer(io::Metadata metadata, const TokenizerConfigs& configs,
                                        const std::filesystem::path& folder);

/// A tokenizer.json (Hugging Face tokenizers 1.0 format). `name` appears in errors.
Result<io::Metadata> parse_tokenizer_json(std::string_view json, std::string_view name);

/// A SentencePiece model (sentencepiece_model.proto), type BPE. `name` appears in errors.
Result<io::Metadata> parse_sentencepiece_model(std::string_view bytes, std::string_view name);

}  // namespace hearth::text
