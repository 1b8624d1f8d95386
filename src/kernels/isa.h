// Which instruction set the compute kernels use, chosen once at start: the best one this processor has,
// unless HEARTH_ISA=scalar|avx2 asks for another. Kernels keep one table of functions per ISA and look it up
// here. Must not know any kernel.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace hearth::kernels {

/// In rising order of preference; a kernel without a variant for an ISA uses the next lower one it has.
enum class Isa : uint8_t {
  kScalar,  // plain C++: the reference
  kAvx2,    // AVX2, FMA and F16C
};

/// The ISA in use. HEARTH_ISA is read on the first call; a name that is unknown or that this machine cannot
/// run is warned about and ignored.
Isa active_isa();
/// Every ISA this machine can run, scalar first: what tests loop over.
std::span<const Isa> available_isas();
std::string_view to_string(Isa isa);

}  // namespace hearth::kernels
