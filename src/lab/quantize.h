// Quantises a model file by a named mix: plans a type for every tensor, then streams the file through the
// encoders. Must not know how formats encode, nor how importance and calibration are measured.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "io/imatrix.h"
#include "io/tensor_source.h"
#include "lab/mixes.h"
#include "lab/reencode.h"

namespace hearth::lab {

/// One tensor of the file to be written.
struct TensorPlan {
  const io::Tensor* tensor = nullptr;
  const kernels::Format* from = nullptr;  // nullptr: a type hearth cannot decode, copied as it is
  const kernels::Format* to = nullptr;    // == from: copied
  Role role = Role::kKept;
  bool fell_back = false;
  std::vector<float> importance = {};  // empty: none known for it
  /// Made when its turn comes and dropped after it; null: the format's own encoder.
  std::function<Result<std::unique_ptr<RowsEncoder>>()> make_encoder = {};

  uint64_t bytes() const;
};

struct QuantizePlan {
  std::vector<TensorPlan> tensors;  // in file order
  io::Metadata metadata;            // of the new file
  int64_t without_importance = 0;   // matrices that the importance matrix does not know
  int64_t fell_back = 0;

  uint64_t bytes() const;
  /// Of the matrices: what quantisation is about.
  double bits_per_weight() const;
};

/// Checks that every tensor is decodable and takes the types from the mix. Vectors become float32.
/// `importance` may be null. Errors: kUnsupported (a type this build cannot read or write, a packed model),
/// kCorrupt (an importance matrix of another model).
Result<QuantizePlan> plan_quantization(const io::TensorFile& source, const Mix& mix,
                                       const io::ImportanceMatrix* importance);

/// The same with a type per tensor that was chosen elsewhere; null: stays.
Result<QuantizePlan> plan_quantization(const io::TensorFile& source, uint32_t file_type,
                                       const std::vector<TensorChoice>& choices,
                                       const io::ImportanceMatrix* importance);

/// Writes the file, atomically. At no time more than one tensor is in memory. `progress(done_bytes,
/// total_bytes)` may be empty; returning false cancels (kCancelled, nothing left behind). Errors: as
/// reencode; kTooLarge (disk), kIo.
Status write_quantized(const QuantizePlan& plan, const std::filesystem::path& out, ThreadPool& pool,
                       const std::function<bool(uint64_t, uint64_t)>& progress);

}  // namespace hearth::lab
