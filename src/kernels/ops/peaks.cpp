// One loop per ISA and number type, with as many independent chains as hide the latency of the instructions.
// The instructions are volatile asm where a compiler would otherwise see through constant inputs.
#include "kernels/ops/peaks.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels/gemm/int_panel_vnni256.h"
#endif

namespace hearth::kernels {
namespace {

constexpr int kScalarLanes = 64;  // as vectors of whatever width the compiler has without being told an ISA

int64_t int8_scalar(int64_t rounds, uint32_t* sum) {
  uint8_t code[kScalarLanes];
  int8_t x[kScalarLanes];
  uint32_t sums[kScalarLanes] = {};
  for (int i = 0; i < kScalarLanes; ++i) {
    code[i] = kPeakCode;
    x[i] = kPeakActivation;
  }
  for (int64_t round = 0; round < rounds; ++round) {
    asm volatile("" : "+m"(code), "+m"(x));  // may have changed, as far as the compiler knows
    for (int step = 0; step < kPeakInt8Steps; ++step) {
      for (int i = 0; i < kScalarLanes; ++i) sums[i] += static_cast<uint32_t>(code[i] * x[i]);
    }
  }
  *sum = sums[0];
  return rounds * kPeakInt8Steps * kScalarLanes;
}

int64_t fp32_scalar(int64_t rounds, float* value) {
  float values[kScalarLanes] = {};
  float factor = kPeakFactor;
  float addend = kPeakAddend;
  for (int64_t round = 0; round < rounds; ++round) {
    asm volatile("" : "+m"(factor), "+m"(addend));
    for (float& v : values) v = v * factor + addend;
  }
  *value = values[0];
  return rounds * kScalarLanes;
}

#if defined(__x86_64__)

/// Six chains of vpmaddubsw + vpaddw; one vpmaddwd + vpaddd per chain and round widens them.
HEARTH_TARGET_AVX2 int64_t int8_avx2(int64_t rounds, uint32_t* sum) {
  constexpr int kChains = 6;
  __m256i codes = _mm256_set1_epi8(kPeakCode);
  __m256i x = _mm256_set1_epi8(kPeakActivation);
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sums = _mm256_setzero_si256();
  for (int64_t round = 0; round < rounds; ++round) {
    __m256i narrow[kChains];
    HEARTH_UNROLL for (int c = 0; c < kChains; ++c) {
      asm volatile("vpmaddubsw %2,%1,%0" : "=x"(narrow[c]) : "x"(codes), "x"(x));
    }
    HEARTH_UNROLL for (int step = 1; step < kPeakInt8Steps; ++step) {
      HEARTH_UNROLL for (int c = 0; c < kChains; ++c) {
        __m256i products;
        asm volatile("vpmaddubsw %2,%1,%0" : "=x"(products) : "x"(codes), "x"(x));
        asm volatile("vpaddw %1,%0,%0" : "+x"(narrow[c]) : "x"(products));
      }
    }
    HEARTH_UNROLL for (int c = 0; c < kChains; ++c) {
      __m256i wide;
      asm volatile("vpmaddwd %2,%1,%0" : "=x"(wide) : "x"(narrow[c]), "x"(ones));
      asm volatile("vpaddd %1,%0,%0" : "+x"(sums) : "x"(wide));
    }
  }
  *sum = static_cast<uint32_t>(_mm256_extract_epi32(sums, 0));
  return rounds * kPeakInt8Steps * kChains * 32;
}

/// Twelve chains of vpdpbusd, which widens by itself, in the encoding that this machine has.
HEARTH_TARGET_AVX2 int64_t int8_avx_vnni(int64_t rounds, uint32_t* sum) {
  constexpr int kChains = 12;
  const __m256i codes = _mm256_set1_epi8(kPeakCode);
  const __m256i x = _mm256_set1_epi8(kPeakActivation);
  __m256i sums[kChains];
  HEARTH_UNROLL for (int c = 0; c < kChains; ++c) sums[c] = _mm256_setzero_si256();
  auto loop = [&]<typename Encoding>(Encoding) HEARTH_TARGET_AVX2 {
    for (int64_t round = 0; round < rounds; ++round) {
      HEARTH_UNROLL for (int step = 0; step < kPeakInt8Steps; ++step) {
        HEARTH_UNROLL for (int c = 0; c < kChains; ++c) Encoding::dot(sums[c], codes, x);
      }
    }
  };
  if (has_avx_vnni()) {
    loop(vnni256::Vex{});
  } else {
    loop(vnni256::Evex{});
  }
  *sum = static_cast<uint32_t>(_mm256_extract_epi32(sums[0], 0));
  return rounds * kPeakInt8Steps * kChains * 32;
}

HEARTH_TARGET_AVX2 int64_t fp32_avx2(int64_t rounds, float* value) {
  constexpr int kChains = 12;
  const __m256 factor = _mm256_set1_ps(kPeakFactor);
  const __m256 addend = _mm256_set1_ps(kPeakAddend);
  __m256 values[kChains];
  HEARTH_UNROLL for (int c = 0; c < kChains; ++c) values[c] = _mm256_setzero_ps();
  for (int64_t round = 0; round < rounds; ++round) {
    HEARTH_UNROLL for (int c = 0; c < kChains; ++c) {
      asm volatile("vfmadd213ps %2,%1,%0" : "+x"(values[c]) : "x"(factor), "x"(addend));
    }
  }
  *value = _mm256_cvtss_f32(values[0]);
  return rounds * kChains * 8;
}

/// The same in 512 bits.
HEARTH_TARGET_VNNI int64_t int8_vnni(int64_t rounds, uint32_t* sum) {
  constexpr int kChains = 12;
  const __m512i codes = _mm512_set1_epi8(kPeakCode);
  const __m512i x = _mm512_set1_epi8(kPeakActivation);
  __m512i sums[kChains];
  HEARTH_UNROLL for (int c = 0; c < kChains; ++c) sums[c] = _mm512_setzero_si512();
  for (int64_t round = 0; round < rounds; ++round) {
    HEARTH_UNROLL for (int step = 0; step < kPeakInt8Steps; ++step) {
      HEARTH_UNROLL for (int c = 0; c < kChains; ++c) {
        asm volatile("vpdpbusd %2,%1,%0" : "+v"(sums[c]) : "v"(codes), "v"(x));
      }
    }
  }
  alignas(64) uint32_t lanes[16];
  _mm512_store_si512(lanes, sums[0]);
  *sum = lanes[0];
  return rounds * kPeakInt8Steps * kChains * 64;
}

HEARTH_TARGET_VNNI int64_t fp32_avx512(int64_t rounds, float* value) {
  constexpr int kChains = 12;
  const __m512 factor = _mm512_set1_ps(kPeakFactor);
  const __m512 addend = _mm512_set1_ps(kPeakAddend);
  __m512 values[kChains];
  HEARTH_UNROLL for (int c = 0; c < kChains; ++c) values[c] = _mm512_setzero_ps();
  for (int64_t round = 0; round < rounds; ++round) {
    HEARTH_UNROLL for (int c = 0; c < kChains; ++c) {
      asm volatile("vfmadd213ps %2,%1,%0" : "+v"(values[c]) : "v"(factor), "v"(addend));
    }
  }
  *value = _mm512_cvtss_f32(values[0]);
  return rounds * kChains * 16;
}

#endif  // defined(__x86_64__)

}  // namespace

const PeakLoops& peak_loops([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  // In a lane of 32 bits two pairs of bytes meet per step, and with AVX2 all six chains.
  static constexpr PeakLoops kAvx2 = {int8_avx2, 6 * 4 * kPeakInt8Steps, fp32_avx2};
  static constexpr PeakLoops kAvxVnni = {int8_avx_vnni, 4 * kPeakInt8Steps, fp32_avx2};
  static constexpr PeakLoops kVnni = {int8_vnni, 4 * kPeakInt8Steps, fp32_avx512};
  if (isa == Isa::kAvx512Vnni) return kVnni;
  if (isa == Isa::kAvxVnni) return kAvxVnni;
  if (isa == Isa::kAvx2) return kAvx2;
#endif
  static constexpr PeakLoops kScalar = {int8_scalar, kPeakInt8Steps, fp32_scalar};
  return kScalar;
}

}  // namespace hearth::kernels
