// Packed models: a GGUF file whose matrices are already in the tiles they are computed on, so that a start maps
// them and is ready. All metadata and vectors are kept; a matrix is a one-dimensional tensor of bytes, and arrays
// in the metadata (hearth.packed.*) say what it was. Such a file is a model like any other, only that nothing but
// computing can be done with it. Must not know where packed models are kept.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/thread_pool.h"
#include "io/tensor_source.h"

namespace hearth::model {

/// What a packed file says of its making.
struct PackedFrom {
  std::string source;  // an identity, compared as a whole
  std::string origin;  // name or path of the model, for people
};

bool is_packed(const io::TensorFile& file);
/// Of a packed file. kCorrupt when it does not say.
Result<PackedFrom> packed_from(const io::TensorFile& file);

/// Bytes that the parts of a packed tensor take each: packed_bytes rounded up to kPackedAlignment.
int64_t packed_part_bytes(int64_t packed_bytes);

/// Turns the tensors of a packed file as io read it into what the binder takes (io::Tensor::packed_from).
/// Errors: kUnsupported (packed by another version of hearth), kCorrupt (tensors and metadata disagree).
Status present_packed(io::TensorFile& file);
/// The part of the file that present_packed believes, against its checksum: kCorrupt.
Status check_packed_header(const io::TensorFile& file);

/// Writes the packed form of a model, atomically: packs piece by piece, so that beside the mapped source it
/// needs memory for one piece only. Matrices of formats without a tile stay as they are; tensors that the
/// architecture does not use are left out. `progress(done_bytes, total_bytes)` may be empty; false cancels.
/// Errors: as spec_of and Model::load; kTooLarge (disk), kIo, kCancelled: nothing is left behind.
Status write_packed(const io::TensorFile& file, const PackedFrom& from, const std::filesystem::path& path,
                    ThreadPool& pool, const std::function<bool(uint64_t, uint64_t)>& progress);

/// Reads all of a packed file and compares it with its checksum: kCorrupt when they differ, kUnsupported when
/// it is of another version. `tick(done_bytes, total_bytes)` returns false to cancel.
Status verify_packed(const std::filesystem::path& path, const std::function<bool(uint64_t, uint64_t)>& tick);

}  // namespace hearth::model
