// Which of a repository's or folder's files make up the model that was asked for: one GGUF (all its parts),
// or what a safetensors folder needs. Works on names alone, because names are all there is before anything is
// fetched. Knows file-name habits, not weight formats: a label such as the part before ".gguf" is just text
// here.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::store {

struct Selection {
  std::string tag;              // what tells this variant from others of the same source; safe as a file name
  bool is_gguf = false;         // else a safetensors folder
  std::vector<size_t> indices;  // into the names given; parts of a split file in order
};

/// The quantisation label in a GGUF file's name, in upper case ("model-q5_k_s-00001-of-00002.gguf" gives its
/// fifth to tenth last letters before the part number); empty when the name has none.
std::string quant_label(std::string_view file_name);

/// The part number when the name ends in "-0000K-of-0000N.gguf".
struct SplitPart {
  std::string stem;  // before the number
  int part = 1;
  int parts = 1;
};
SplitPart split_part(std::string_view file_name);

/// Picks by `wanted`: a label (any case), a file name, "safetensors", or empty for the first of `preferred`
/// labels that is there, else the only GGUF, else the safetensors folder. kNotFound or kUsage list what there
/// is; `where` opens the message.
Result<Selection> select_files(std::span<const std::string> names, std::string_view wanted,
                               std::span<const std::string> preferred, std::string_view where);

/// Labels in the order hearth prefers them: good quality at four bits first, then what stays exact.
std::span<const std::string> preferred_labels();

/// The last component of a '/'-separated path.
std::string_view base_name(std::string_view path);

/// True for a plain file name that can be created as it is: no separator, control character, "." or "..",
/// valid UTF-8, at most 200 bytes, not hidden.
bool is_safe_file_name(std::string_view name);

/// `text` made into a name of letters, digits, '.', '_' and single '-', at most 100 long; "model" when
/// nothing is left.
std::string to_safe_name(std::string_view text);

}  // namespace hearth::store
