// Which known tokenizer a tokenizer.json describes: its normalizer and pre-tokenizer as one line each,
// compared with a table. Why a table and no regex engine: only definitions that hearth reproduces exactly are
// accepted, and anything else is named. Must not know vocabularies.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/json.h"

namespace hearth::text {

/// What the structure of a tokenizer.json says beside the vocabulary.
struct TokenizerStructure {
  bool byte_level = false;        // else SentencePiece-like
  std::string pre;                // byte level: the tokenizer.ggml.pre name
  bool nfc = false;               // byte level
  bool add_space_prefix = false;  //
  std::string space_prefix_mode;  // value of keys::kSpacePrefix, or "" for the default one
  bool two_phase = false;         // tokens marked `normalized` are matched in normalised text
};

/// `root`: the whole tokenizer.json. Errors: kUnsupported, naming what is unknown; kCorrupt for wrong types.
Result<TokenizerStructure> recognise_structure(const io::Json& root, std::string_view name,
                                               bool ignore_merges);

/// A member of an object, or null when absent (or `object` is none).
const io::Json& member(const io::Json& object, std::string_view key);
/// A member as string or bool; another type or absence gives the fallback.
std::string string_member(const io::Json& object, std::string_view key, std::string_view fallback = "");
bool bool_member(const io::Json& object, std::string_view key, bool fallback);

}  // namespace hearth::text
