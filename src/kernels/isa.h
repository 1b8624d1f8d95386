// Which instruction set the compute kernels use, chosen once at start: the best one this processor has, unless HEARTH_ISA=scalar|avx2|avxvnni|avx512vnni|dotprod|i8mm asks for another. Kernels keep one table
// of functions per ISA and look it up here. Must not know any kernel.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace hearth::kernels {

/// In rising order of preference; a kernel without a variant for an ISA uses the next lower one it has.
enum class Isa : uint8_t {
  kScalar,      // plain C++: the reference
  kAvx2,        // AVX2, FMA and F16C
  kAvxVnni,     // and the 256-bit byte dot product, of AVX-VNNI or else of AVX-512 VL and VNNI
  kAvx512Vnni,  // AVX2 and AVX-512 F, BW, VL and VNNI
  kDotprod,     // 64-bit Arm with the byte dot product (Armv8.2 FEAT_DotProd)
  kI8mm,        // and the byte matrix product (Armv8.6 FEAT_I8MM)
};
inline constexpr int kIsas = 6;

/// The ISA in use. HEARTH_ISA is read on the first call; a name that is unknown or that this machine cannot
/// run is warned about and ignored.
Isa active_isa();
/// Tests only, while no kernel runs: makes `isa` (available here) the one in use for matrix products and
/// returns the previous.
Isa set_active_isa(Isa isa);
/// Every ISA this machine can run, scalar first and the one used by default last: what tests loop over.
std::span<const Isa> available_isas();
std::string_view to_string(Isa isa);
/// Where kAvxVnni is available: whether by AVX-VNNI, whose encoding of the instruction (VEX) is preferred.
bool has_avx_vnni();

}  // namespace hearth::kernels

#if defined(__x86_64__)
/// Compiles one function for AVX2, FMA and F16C. On each function: whole-file flags leak wide instructions
/// into shared inline functions, and target pragmas miss lambdas.
#define HEARTH_TARGET_AVX2 __attribute__((target("avx2,fma,f16c")))
#define HEARTH_INLINE_AVX2 HEARTH_TARGET_AVX2 __attribute__((always_inline)) inline
/// The same for AVX-512 with its byte dot products.
#define HEARTH_TARGET_VNNI __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")))
#define HEARTH_INLINE_VNNI HEARTH_TARGET_VNNI __attribute__((always_inline)) inline
#endif
#if defined(__aarch64__)
#define HEARTH_TARGET_DOTPROD __attribute__((target("arch=armv8.2-a+dotprod")))
#define HEARTH_TARGET_I8MM __attribute__((target("arch=armv8.2-a+dotprod+i8mm")))
#endif
#if defined(__clang__)
#define HEARTH_UNROLL _Pragma("unroll")
#else
#define HEARTH_UNROLL _Pragma("GCC unroll 16")
#endif
