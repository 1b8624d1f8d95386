// Importance matrices: for each weight matrix the mean square of each of its inputs, as llama.cpp's tools
// exchange them. Reads the GGUF form and the older binary form (.dat), writes the GGUF form. The file is
// hostile: every length and value is checked. Must not know models or who measures.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::io {

/// Sums over the inputs of one tensor, which may stack several matrices of as many columns (experts).
struct ImportanceEntry {
  std::vector<double> sum_squares;  // (matrices, columns)
  std::vector<double> counts;       // (matrices): inputs seen

  size_t columns() const { return counts.empty() ? 0 : sum_squares.size() / counts.size(); }
  /// Mean squares, (matrices, columns); 1 throughout for a matrix that saw no input.
  std::vector<float> mean_squares() const;
};

struct ImportanceMatrix {
  std::vector<std::string> datasets;  // names of the texts
  int64_t chunks = 0;
  int64_t chunk_tokens = 0;
  // What hearth needs to go on with a matrix, in keys of its own; empty in files of other programs.
  std::string source;       // identity of the model
  std::string tokens_hash;  // of the ids of the chunks done

  std::map<std::string, ImportanceEntry, std::less<>> entries;  // by tensor name: "blk.0.attn_q.weight"
};

/// Errors: kNotFound/kIo (cannot read), kCorrupt (neither form, cut short, or values that cannot be),
/// kUnsupported.
Result<ImportanceMatrix> read_imatrix(const std::filesystem::path& path);
/// The same from bytes in memory. `name` appears in errors.
Result<ImportanceMatrix> parse_imatrix(std::span<const std::byte> bytes, std::string_view name);
/// The GGUF form, atomically. kUnsupported: more chunks or larger sums than the file's types hold.
Status write_imatrix(const std::filesystem::path& path, const ImportanceMatrix& matrix);

}  // namespace hearth::io
