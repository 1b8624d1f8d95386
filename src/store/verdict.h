// What hearth check found out about a model on this machine, kept beside its packed weights (check.json) and
// heeded whenever the model is loaded. Must not know how it was found.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/packed.h"

namespace hearth::store {

struct Verdict {
  std::string checked_at;  // UTC, ISO 8601
  std::string error;       // why there could be no check; then nothing below counts
  int64_t tokens = 0;      // of the text that was compared
  std::string kv_format;   // used before fallbacks
  double kld_mean = 0;     // of the fast path as loaded without fallbacks, nats
  double top1_agreement = 0;
  double chosen_kld_mean = 0;  // with the fallbacks
  double chosen_top1_agreement = 0;
  bool within_bounds = false;  // with the fallbacks
  std::string worst_tensor;    // largest relative error of a product
  double worst_error = 0;
  /// Fallbacks to load the model with.
  std::string kv_fallback;  // empty: none
  std::vector<std::string> float32_tensors;
};

/// nullopt: none yet, of a model that has changed since, or of another version of hearth. A file that cannot
/// be read as one counts as none, with a line in the log.
std::optional<Verdict> read_verdict(const PackedPlace& place);
/// Makes the folder when it is missing; replaces atomically.
Status write_verdict(const PackedPlace& place, const Verdict& verdict);

}  // namespace hearth::store
