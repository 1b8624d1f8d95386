// AVX2 drivers of the integer tiles: few columns straight from the packed tile, many columns through expanded
// panels held in the first-level cache. Both give each output the same float operations in the same order.
// Knows no tile by name.
#pragma once

#if defined(__x86_64__)

#include <immintrin.h>

#include "kernels/gemm/int_panel.h"

/// A micro-kernel: never inlined, because inside a larger function the compiler no longer keeps its arrays in
/// registers.
#define HEARTH_HOT_AVX2 HEARTH_TARGET_AVX2 __attribute__((noinline))
/// A lambda inside one.
#define HEARTH_ALWAYS_AVX2 HEARTH_TARGET_AVX2 __attribute__((always_inline))

namespace hearth::kernels::avx2 {

inline constexpr int64_t kFewColumns = 32;  // up to here straight from the tile; beyond, expanding pays
inline constexpr int kTwoChains = 4;        // columns up to which the latency of one chain of additions shows
inline constexpr int kColumnsAtOnce = 8;    // share one pass over a panel, unpacked in registers
inline constexpr int64_t kChunkColumns =
    256;  // columns whose partial sums for a group of panels stay in cache
inline constexpr int64_t kPrefetchBytes =
    2048;  // ahead in the weight stream: measured best; hardware alone loses 15%

HEARTH_INLINE_AVX2 __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
/// Four bytes to all lanes: done by the load port, free for the arithmetic.
HEARTH_INLINE_AVX2 __m256i broadcast32(const void* p) {
  return _mm256_castps_si256(_mm256_broadcast_ss(static_cast<const float*>(p)));
}
/// Eight binary16 numbers, finite. Not vcvtph2ps: that takes hundreds of cycles on subnormals, which are
/// common among the scales of small weights.
HEARTH_INLINE_AVX2 __m256 load_halves(const uint16_t* p) {
  const __m256i half = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  const __m256i magnitude = _mm256_and_si256(half, _mm256_set1_epi32(0x7fff));
  const __m256i normal = _mm256_add_epi32(_mm256_slli_epi32(magnitude, 13), _mm256_set1_epi32(0x38000000));
  const __m256 subnormal = _mm256_mul_ps(_mm256_cvtepi32_ps(magnitude), _mm256_set1_ps(0x1p-24f));
  const __m256i small = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x400), magnitude);
  const __m256 value = _mm256_blendv_ps(_mm256_castsi256_ps(normal), subnormal, _mm256_castsi256_ps(small));
  const __m256i sign = _mm256_slli_epi32(_mm256_xor_si256(half, magnitude), 16);
  return _mm256_or_ps(value, _mm256_castsi256_ps(sign));
}
/// Two adjacent cache lines ahead in the weight stream.
HEARTH_INLINE_AVX2 void prefetch_ahead(const void* p) {
  _mm_prefetch(static_cast<const char*>(p) + kPrefetchBytes, _MM_HINT_T0);
  _mm_prefetch(static_cast<const char*>(p) + kPrefetchBytes + 64, _MM_HINT_T0);
}

// The hot arithmetic is spelled as volatile asm so that the compiler keeps source order and only allocates
// registers. From plain intrinsics GCC rebuilds the chains of additions as trees and spills every accumulator
// (1.6 times slower).
HEARTH_INLINE_AVX2 __m256i maddubs(__m256i codes, __m256i x) {
  __m256i t;
  asm volatile("vpmaddubsw %2,%1,%0" : "=x"(t) : "x"(codes), "x"(x));
  return t;
}
HEARTH_INLINE_AVX2 __m256i madd(__m256i a, __m256i b) {
  __m256i t;
  asm volatile("vpmaddwd %2,%1,%0" : "=x"(t) : "x"(a), "x"(b));
  return t;
}
HEARTH_INLINE_AVX2 void add16(__m256i& sum, __m256i t) {
  asm volatile("vpaddw %1,%0,%0" : "+x"(sum) : "x"(t));
}
HEARTH_INLINE_AVX2 void add32(__m256i& sum, __m256i t) {
  asm volatile("vpaddd %1,%0,%0" : "+x"(sum) : "x"(t));
}
HEARTH_INLINE_AVX2 void keep_in_register(__m256i& v) { asm volatile("" : "+x"(v)); }

struct Nibbles {
  __m256i low, high;
};
HEARTH_INLINE_AVX2 Nibbles nibbles(const uint8_t* vector) {
  const __m256i v = load(vector);
  const __m256i mask = _mm256_set1_epi8(15);
  return {_mm256_and_si256(v, mask), _mm256_and_si256(_mm256_srli_epi16(v, 4), mask)};
}

/// Stores eight rows of one column, or as many as the matrix has.
HEARTH_INLINE_AVX2 void store_rows(const TileJob& job, int64_t panel, int64_t t, __m256 sum) {
  float* y = job.y + t * job.y_stride + panel * kPanelRows;
  const int64_t rows = job.rows - panel * kPanelRows;
  if (rows >= kPanelRows) {
    _mm256_storeu_ps(y, sum);
    return;
  }
  float lanes[kPanelRows];
  _mm256_storeu_ps(lanes, sum);
  std::memcpy(y, lanes, static_cast<size_t>(rows) * sizeof(float));
}

/// s[p][n] = sum over vectors j < kVectors of multiply(weights(p, j), inputs(n, j)), added by add(): each
/// dword of input meets P code vectors, each code vector N dwords; the P * N sums stay in registers.
template <int kVectors, int P, int N, typename Weights, typename Inputs, typename Multiply, typename Add>
HEARTH_INLINE_AVX2 void dot_vectors(const Weights& weights, const Inputs& inputs, const Multiply& multiply,
                                    const Add& add, __m256i (&s)[P][N]) {
  constexpr int kTogether =
      N % 2 == 0 && P <= 2 ? 2 : 1;  // columns whose broadcasts and products are issued together
  HEARTH_UNROLL for (int j = 0; j < kVectors; ++j) {
    __m256i w[P];
    HEARTH_UNROLL for (int p = 0; p < P; ++p) {
      w[p] = weights(p, j);
      keep_in_register(w[p]);
    }
    HEARTH_UNROLL for (int n = 0; n < N; n += kTogether) {
      __m256i x[kTogether], t[kTogether][P];
      HEARTH_UNROLL for (int i = 0; i < kTogether; ++i) {
        x[i] = inputs(n + i, j);
        keep_in_register(x[i]);
      }
      HEARTH_UNROLL for (int i = 0; i < kTogether; ++i) {
        HEARTH_UNROLL for (int p = 0; p < P; ++p) t[i][p] = multiply(w[p], x[i]);
      }
      HEARTH_UNROLL for (int i = 0; i < kTogether; ++i) {
        HEARTH_UNROLL for (int p = 0; p < P; ++p) {
          if (j == 0) {
            s[p][n + i] = t[i][p];
          } else {
            add(s[p][n + i], t[i][p]);
          }
        }
      }
    }
  }
}

/// P x N sums of 16-bit products of four-bit codes over one group. Eight products of a code (<= 15) and |x|
/// <= 127 fit 16 bits: 8 * 2 * 15 * 127 = 30480.
template <int P, int N, typename Codes8>
HEARTH_INLINE_AVX2 void dot_group(const Codes8& codes, const ActivationBlock* a, int g, __m256i (&s)[P][N]) {
  dot_vectors<kVectorsPerGroup, P, N>(
      codes, [&](int n, int j) HEARTH_ALWAYS_AVX2 { return broadcast32(a[n].q + g * kGroup + 4 * j); },
      maddubs, add16, s);
}

/// 16-bit sums of the products of four nibble vectors (one group of four-bit codes) with N columns, the
/// nibbles unpacked once. Same bound as dot_group().
template <int N>
HEARTH_INLINE_AVX2 void dot_nibbles(const uint8_t (*vectors)[kVectorBytes], const ActivationBlock* a, int g,
                                    __m256i (&low)[N]) {
  __m256i high[N];
  HEARTH_UNROLL for (int j = 0; j < 4; ++j) {
    Nibbles w = nibbles(vectors[j]);
    keep_in_register(w.low);
    keep_in_register(w.high);
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      const int8_t* x = a[n].q + g * kGroup + 4 * j;
      const __m256i first = maddubs(w.low, broadcast32(x));
      const __m256i second = maddubs(w.high, broadcast32(x + 16));
      if (j == 0) {
        low[n] = first;
      } else {
        add16(low[n], first);
      }
      if constexpr (N > kTwoChains) {
        add16(low[n], second);
      } else if (j == 0) {
        high[n] = second;
      } else {
        add16(high[n], second);
      }
    }
  }
  if constexpr (N <= kTwoChains) {
    HEARTH_UNROLL for (int n = 0; n < N; ++n) add16(low[n], high[n]);
  }
}

/// K::few<N>(tile, groups, a, sums[N]) adds one tile's products with N columns to sums, eight rows each.
template <typename K>
struct FewColumns {
  static constexpr int64_t kTileBytes = K::Layout::bytes(kCodesGroups);

  template <int N>
  HEARTH_TARGET_AVX2 static void columns(const TileJob& job, int64_t panel, int64_t t) {
    const Activations& input = *job.input;
    const std::byte* w = job.packed + panel * job.panel_bytes;
    __m256 sums[N];
    HEARTH_UNROLL for (int i = 0; i < N; ++i) sums[i] = _mm256_setzero_ps();
    const int64_t whole = input.cols / kCodesColumns;
    for (int64_t tile = 0; tile < whole; ++tile, w += kTileBytes) {
      K::template few<N>(w, kCodesGroups, input.at(tile, t), sums);
    }
    const int rest = static_cast<int>(input.cols % kCodesColumns / kGroup);
    if (rest) K::template few<N>(w, rest, input.at(whole, t), sums);
    HEARTH_UNROLL for (int i = 0; i < N; ++i) store_rows(job, panel, t + i, sums[i]);
  }

  /// The last n <= N columns.
  template <int N>
  HEARTH_TARGET_AVX2 static void last_columns(const TileJob& job, int64_t panel, int64_t t, int64_t n) {
    if constexpr (N > 0) {
      if (n == N) {
        columns<N>(job, panel, t);
      } else {
        last_columns<N - 1>(job, panel, t, n);
      }
    }
  }

  HEARTH_TARGET_AVX2 static void multiply(const TileJob& job) {
    for (int64_t panel = job.panel_begin; panel < job.panel_end; ++panel) {
      int64_t t = 0;
      for (; t + kColumnsAtOnce <= job.input->n; t += kColumnsAtOnce) columns<kColumnsAtOnce>(job, panel, t);
      last_columns<kColumnsAtOnce - 1>(job, panel, t, job.input->n - t);
    }
  }
};

// Many columns. A unit is as many panels as a vector has eights of lanes. K has
//
// - kPanelsPerUnit, and kUnits: units expanded together, so that they fill most of the first-level cache;
// - Expanded: a tile of one unit with codes and scales widened, made once and used by many columns;
// - expand(tile, groups, i, out), which writes panel i of the unit;
// - Columns<N>: N columns of one block in the form the kernel reads, with set(a, groups);
// - many<P, N>(w, x, groups, sums): P units by N columns, sums [P][N][8 * kPanelsPerUnit] +=.
template <typename K>
struct ManyColumns {
  using Layout = typename K::Layout;
  static constexpr int64_t kTileBytes = Layout::bytes(kCodesGroups);
  static constexpr int64_t kUnitRows = K::kPanelsPerUnit * kPanelRows;

  /// N columns against all expanded units; `sums` is [unit][column][row] of these N columns.
  template <int N>
  HEARTH_TARGET_AVX2 static void columns(const typename K::Expanded* w, int64_t units,
                                         const ActivationBlock* a, int groups, float* sums) {
    typename K::template Columns<N> x;
    x.set(a, groups);
    int64_t u = 0;
    for (; u + 2 <= units; u += 2, sums += 2 * N * kUnitRows) K::template many<2, N>(w + u, x, groups, sums);
    if (u < units) K::template many<1, N>(w + u, x, groups, sums);
  }

  /// One block of 256 columns of weights against `count` columns of the input.
  HEARTH_TARGET_AVX2 static void block(const typename K::Expanded* w, int64_t units, const ActivationBlock* a,
                                       int64_t count, int groups, float* sums) {
    const int64_t stride = units * kUnitRows;
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
      for (int line = 0; line < 4 * static_cast<int>(sizeof(ActivationBlock)); line += 64) {
        _mm_prefetch(reinterpret_cast<const char*>(a + i + 4) + line, _MM_HINT_T0);
      }
      columns<4>(w, units, a + i, groups, sums + i * stride);
    }
    if (i + 2 <= count) {
      columns<2>(w, units, a + i, groups, sums + i * stride);
      i += 2;
    }
    if (i < count) columns<1>(w, units, a + i, groups, sums + i * stride);
  }

  /// Copies [column group][unit][column in group][row] sums out, whole lines of a column one after the other.
  HEARTH_TARGET_AVX2 static void store_block(const TileJob& job, int64_t panel, int64_t panels, int64_t t,
                                             int64_t count, const float* sums) {
    const int64_t units = (panels + K::kPanelsPerUnit - 1) / K::kPanelsPerUnit;
    const int64_t whole = std::min(panels, job.rows / kPanelRows - panel);  // panels with all their rows
    for (int64_t i = 0; i < count;) {
      const int64_t together = count - i >= 4 ? 4 : count - i >= 2 ? 2 : 1;
      for (int64_t c = 0; c < together; ++c) {
        const float* from = sums + c * kUnitRows;
        float* y = job.y + (t + i + c) * job.y_stride + panel * kPanelRows;
        auto panel_sum = [&](int64_t p) HEARTH_ALWAYS_AVX2 {
          const int64_t unit = p / K::kPanelsPerUnit, half = p % K::kPanelsPerUnit;
          return _mm256_loadu_ps(from + unit * together * kUnitRows + half * kPanelRows);
        };
        for (int64_t p = 0; p < whole; ++p) _mm256_storeu_ps(y + p * kPanelRows, panel_sum(p));
        if (whole < panels) store_rows(job, panel + whole, t + i + c, panel_sum(whole));
      }
      i += together;
      sums += together * units * kUnitRows;
    }
  }

  /// Expands one tile of every panel; where a unit is not full, its last panel is repeated and never stored.
  HEARTH_TARGET_AVX2 static void expand_tiles(const TileJob& job, int64_t panel, int64_t panels, int64_t tile,
                                              int groups, typename K::Expanded* expanded) {
    const int64_t units = (panels + K::kPanelsPerUnit - 1) / K::kPanelsPerUnit;
    for (int64_t p = 0; p < units * K::kPanelsPerUnit; ++p) {
      const std::byte* packed =
          job.packed + (panel + std::min(p, panels - 1)) * job.panel_bytes + tile * kTileBytes;
      for (int64_t line = 0; line < kTileBytes; line += 64)
        _mm_prefetch(packed + kTileBytes + line, _MM_HINT_T0);
      K::expand(packed, groups, static_cast<int>(p % K::kPanelsPerUnit), expanded[p / K::kPanelsPerUnit]);
    }
  }

  HEARTH_TARGET_AVX2 static void some_panels(const TileJob& job, int64_t panel, int64_t panels) {
    alignas(64) typename K::Expanded expanded[K::kUnits];
    alignas(64) float sums[K::kUnits * kUnitRows * kChunkColumns];
    const Activations& input = *job.input;
    const int64_t units = (panels + K::kPanelsPerUnit - 1) / K::kPanelsPerUnit;
    for (int64_t t = 0; t < input.n; t += kChunkColumns) {
      const int64_t count = std::min(kChunkColumns, input.n - t);
      std::memset(sums, 0, static_cast<size_t>(units * kUnitRows * count) * sizeof(float));
      for (int64_t tile = 0; tile < blocks_of(input.cols); ++tile) {
        const int groups = IntPanel<Layout>::groups_at(input.cols, tile);
        expand_tiles(job, panel, panels, tile, groups, expanded);
        block(expanded, units, input.at(tile, t), count, groups, sums);
      }
      store_block(job, panel, panels, t, count, sums);
    }
  }

  HEARTH_TARGET_AVX2 static void multiply(const TileJob& job) {
    constexpr int64_t kPanels = K::kUnits * K::kPanelsPerUnit;
    for (int64_t panel = job.panel_begin; panel < job.panel_end; panel += kPanels) {
      some_panels(job, panel, std::min(kPanels, job.panel_end - panel));
    }
  }
};

template <typename K>
void multiply(const TileJob& job) {
  if (job.input->n <= kFewColumns) {
    FewColumns<K>::multiply(job);
  } else {
    ManyColumns<K>::multiply(job);
  }
}

/// The columns of most tiles: as they are.
template <int N>
struct PlainColumns {
  const ActivationBlock* a;
  HEARTH_INLINE_AVX2 void set(const ActivationBlock* first, int) { a = first; }
};

/// Activations plus 128, unsigned: the multiplier wants one unsigned operand, so that the other may be
/// signed.
template <int N>
struct BiasedColumns {
  alignas(32) uint8_t q[N][kCodesColumns];
  const ActivationBlock* a;
  HEARTH_TARGET_AVX2 void set(const ActivationBlock* first, int groups) {
    a = first;
    for (int n = 0; n < N; ++n) {
      for (int g = 0; g < groups; ++g) {
        const __m256i v = _mm256_xor_si256(load(a[n].q + g * kGroup), _mm256_set1_epi8(-128));
        _mm256_store_si256(reinterpret_cast<__m256i*>(q[n] + g * kGroup), v);
      }
    }
  }
};

}  // namespace hearth::kernels::avx2

#endif  // defined(__x86_64__)
