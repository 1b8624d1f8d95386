// What a model needs in memory and what this machine or its cgroup has: asked before anything is loaded, so
// that too large a model is refused with numbers instead of being killed later. Must not know the forward
// pass: the bytes of the KV cache and of scratch come from the runtime.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "io/tensor_source.h"
#include "kernels/matrix.h"
#include "model/spec.h"

namespace hearth::model {

/// Bytes of the weights once loaded: packed tiles with kFast, the mapped file with kReference (it must stay
/// in the page cache).
int64_t weight_bytes(const io::TensorFile& file, const ModelSpec& spec, kernels::Precision precision);

struct MemoryPlan {
  int64_t weight_bytes = 0;
  int64_t kv_bytes = 0;
  int64_t scratch_bytes = 0;
  int64_t context = 0;  // positions the KV cache is for
  int64_t total_bytes() const { return weight_bytes + kv_bytes + scratch_bytes; }
};

struct MachineMemory {
  int64_t total_bytes = 0;
  int64_t available_bytes = 0;  // what can be used without swapping or being killed
  std::string limit;            // what sets it: "this machine" or "the cgroup limit"
};

/// /proc/meminfo's MemAvailable, lowered by the memory limits of the process's cgroups (v1 and v2, every
/// level up to the root; reclaimable page cache counts as free). The paths are parameters for tests.
Result<MachineMemory> machine_memory(const std::filesystem::path& proc = "/proc",
                                     const std::filesystem::path& cgroup = "/sys/fs/cgroup");

/// The plan for a context, in practice weight_bytes beside Runtime::plan; grows with the context.
using PlanFor = std::function<Result<MemoryPlan>(int64_t context)>;

/// The largest context in [1, max_context] whose plan fits into the available memory less a reserve of 1/16
/// for everything else, found by bisection and rounded down to whole KV pages where there is one; 0: not even
/// one fits.
Result<int64_t> largest_context_that_fits(const PlanFor& plan, int64_t max_context,
                                          const MachineMemory& memory);

/// kNoMemory with the numbers and what would fit, when the plan for `context` does not.
Status check_fits(const PlanFor& plan, int64_t context, const MachineMemory& memory);

}  // namespace hearth::model
