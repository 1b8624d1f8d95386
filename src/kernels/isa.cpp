// Detection by CPUID (through the compiler's builtin, which also checks that the operating system saves the
// wide registers) and the HEARTH_ISA override.
#include "kernels/isa.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdlib>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "base/log.h"
#include "base/result.h"

namespace hearth::kernels {
namespace {

struct Available {
  std::array<Isa, kIsas> list{};
  size_t count = 0;
};

#if defined(__x86_64__)
bool detect_avx_vnni() {  // not every builtin knows it; its registers are those of AVX2
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 &&
         (a & (1u << 4)) != 0;
}
#endif

Available detect() {
  Available found;
  found.list[found.count++] = Isa::kScalar;
#if defined(__x86_64__)
  __builtin_cpu_init();
  unsigned a = 0, b = 0, c = 0, d = 0;
  const bool has_f16c =
      __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;  // not every builtin knows it
  if (has_f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    found.list[found.count++] = Isa::kAvx2;
    const bool has_avx512_vnni = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                                 __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
    if (has_avx_vnni() || has_avx512_vnni) found.list[found.count++] = Isa::kAvxVnni;
    if (has_avx512_vnni) found.list[found.count++] = Isa::kAvx512Vnni;
  }
#elif defined(__aarch64__)
  if (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) {
    found.list[found.count++] = Isa::kDotprod;
    if (getauxval(AT_HWCAP2) & HWCAP2_I8MM) found.list[found.count++] = Isa::kI8mm;
  }
#endif
  return found;
}

Isa choose() {
  const std::span<const Isa> available = available_isas();
  const char* wanted = std::getenv("HEARTH_ISA");
  if (wanted && *wanted) {
    for (Isa isa : available) {
      if (to_string(isa) == wanted) return isa;
    }
    log_line(LogLevel::kWarning,
             concat("HEARTH_ISA=", wanted, " is unknown or not supported by this machine; using ",
                    to_string(available.back())));
  }
  return available.back();
}

std::atomic<Isa>& active() {
  static std::atomic<Isa> isa{choose()};
  return isa;
}

}  // namespace

Isa active_isa() { return active().load(std::memory_order_relaxed); }

Isa set_active_isa(Isa isa) { return active().exchange(isa); }

std::span<const Isa> available_isas() {
  static const Available kAvailable = detect();
  return {kAvailable.list.data(), kAvailable.count};
}

bool has_avx_vnni() {
#if defined(__x86_64__)
  static const bool kHas = detect_avx_vnni();
  return kHas;
#else
  return false;
#endif
}

std::string_view to_string(Isa isa) {
  switch (isa) {
    case Isa::kScalar:
      return "scalar";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvxVnni:
      return "avxvnni";
    case Isa::kAvx512Vnni:
      return "avx512vnni";
    case Isa::kDotprod:
      return "dotprod";
    case Isa::kI8mm:
      return "i8mm";
  }
  return "unknown";
}

}  // namespace hearth::kernels
