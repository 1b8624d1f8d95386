// The name of an open sequence: all that the layers of the runtime must agree on about one.
// Knows nothing of caches or models.
#pragma once

#include <cstdint>

namespace hearth::runtime {

/// Small, and reused after the sequence is closed.
using SeqId = int32_t;

}  // namespace hearth::runtime
