// Is the fast path good enough for this very file? A short text goes through the model as it would be used
// and through the float32 reference; where they differ too much, the remedies that cost least are tried until
// they do not. Must not know where models lie, nor who remembers the verdict.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/local_model.h"

namespace hearth::lab {

/// What counts as good enough (docs/adr/0016): the mean KL divergence from the reference, in nats, and the
/// share of tokens on whose first choice both agree.
struct CheckBounds {
  double kld_mean = 0.02;
  double top1_agreement = 0.90;
};

/// How close a way to compute is to the reference.
struct Agreement {
  double kld_mean = 0;
  double kld_max = 0;
  double top1_agreement = 1;
  bool within(const CheckBounds& bounds) const {
    return kld_mean <= bounds.kld_mean && top1_agreement >= bounds.top1_agreement;
  }
};

/// |fast - reference| / |reference| of a matrix's products, both given the reference's inputs.
struct TensorError {
  std::string tensor;
  double error = 0;
};

struct CheckReport {
  int64_t tokens = 0;               // scored
  std::string kv_format;            // as used
  Agreement fast;                   // as the options say
  Agreement chosen;                 // with the fallbacks below; equal to `fast` without any
  std::vector<TensorError> errors;  // of every matrix, in the order of the file
  /// Fallbacks. Empty: none needed.
  std::string kv_fallback;
  std::vector<std::string> float32_tensors;
  bool within_bounds = false;  // `chosen` is
};

struct CheckCalls {
  /// The file for the reference: the original, which stays mapped and is not copied.
  std::function<Result<engine::OpenedModel>()> open_reference;
  /// The file as it is used (packed weights where there are any). Called again for each remedy.
  std::function<Result<engine::OpenedModel>()> open_fast;
  /// What is being done; false stops with kCancelled. May be empty.
  std::function<bool(std::string_view)> progress;
};

/// A few hundred tokens of prose, dialogue, figures and code, made for this.
std::string_view check_text();

/// `options` as the model would be used; its context and precision are chosen here. At most one fast copy of
/// the weights is in memory at a time. Errors: kUnsupported (no tokenizer), kCancelled, and those of loading.
Result<CheckReport> check_model(const engine::LoadOptions& options, const CheckBounds& bounds,
                                Priority priority, const CheckCalls& calls);

/// Whether a check that ended with this error would do so again with the same file: it is the file's fault,
/// not that of the memory, the disk or the user at that moment.
bool fails_every_time(ErrorCode code);

}  // namespace hearth::lab
