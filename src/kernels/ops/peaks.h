// What the arithmetic units of this processor can do, apart from memory: loops that live in registers and do
// the multiply-adds of the products' inner loops and nothing else. Benchmarks quote their share of it. Must
// not know clocks or threads: the caller times them.
#pragma once

#include <cstdint>

#include "kernels/isa.h"

namespace hearth::kernels {

/// Inputs of the loops: small enough that sums of kPeakInt8Steps products fit into sixteen bits.
inline constexpr int kPeakCode = 15;
inline constexpr int kPeakActivation = 127;
inline constexpr int kPeakInt8Steps = 8;
/// x = x * kPeakFactor + kPeakAddend goes to 2 and stays there.
inline constexpr float kPeakFactor = 0.5f;
inline constexpr float kPeakAddend = 1.0f;

struct PeakLoops {
  /// Products of unsigned and signed bytes, kPeakInt8Steps of them added up per round in the narrowest way
  /// the ISA has before they widen to 32 bits, as the integer tiles do. `sum` gets one 32-bit lane (it may
  /// wrap around). Returns the multiply-adds done.
  int64_t (*int8)(int64_t rounds, uint32_t* sum);
  /// Multiply-adds per 32-bit lane and round of `int8`.
  int64_t int8_lane_products;
  /// Fused (where the ISA has it) multiply-adds of float32. `value` gets one lane. Returns the multiply-adds
  /// done.
  int64_t (*fp32)(int64_t rounds, float* value);
};

/// The variant for an ISA this machine can run.
const PeakLoops& peak_loops(Isa isa);

}  // namespace hearth::kernels
