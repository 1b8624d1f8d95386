// AVX2 variants of f32 and f16 pages. Register tiles of R query rows by N vectors; each accumulator is one
// chain over the dimensions (scores) or slots (values), so a row's sums are the same whatever tile it falls
// into.
#include "kernels/attention/page_fetch_avx2.h"
#include "kernels/attention/page_layout.h"
#include "kernels/attention/softmax_step.h"
#include "kernels/half.h"
#include "kernels/ops/vector_math_avx2.h"

#if defined(__x86_64__)

#include <algorithm>
#include <limits>

namespace hearth::kernels {

const PageKernels& page_kernels_f16_avx2();
const PageKernels& page_kernels_f32_avx2();
SoftmaxStep softmax_step_avx2();

namespace {

constexpr int32_t kLanes = 8;
using avx2::Fetch;
using avx2::kFetchRows;

HEARTH_INLINE_AVX2 __m256 load8(const float* x) { return _mm256_loadu_ps(x); }
HEARTH_INLINE_AVX2 __m256 load8(const uint16_t* x) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)));
}

HEARTH_INLINE_AVX2 void store8(float* out, __m256 x) { _mm256_storeu_ps(out, x); }
HEARTH_INLINE_AVX2 void store8(uint16_t* out, __m256 x) {
  // With the value as second operand min and max let NaN through.
  const __m256 clamped =
      _mm256_max_ps(_mm256_set1_ps(-kLargestHalf), _mm256_min_ps(_mm256_set1_ps(kLargestHalf), x));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out),
                   _mm256_cvtps_ph(clamped, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/// Writes `n` floats as stored values, `spacing` apart.
template <typename T>
HEARTH_TARGET_AVX2 void write_vector(const float* x, int32_t n, T* out, int32_t spacing) {
  alignas(32) T packed[kLanes];
  for (int32_t d = 0; d < n; d += kLanes) {
    const int32_t left = std::min(n - d, kLanes);
    const __m256 v =
        left == kLanes ? _mm256_loadu_ps(x + d) : _mm256_maskload_ps(x + d, avx2::first_lanes(left));
    if (spacing == 1) {
      store8(out + d, v);  // the row is padded to whole vectors; the tail becomes zeros
      continue;
    }
    store8(packed, v);
    for (int32_t i = 0; i < left; ++i) out[(d + i) * spacing] = packed[i];
  }
}

/// Eight rows of eight floats, `stride` apart, to columns.
HEARTH_INLINE_AVX2 void transpose8(const float* x, int64_t stride, __m256 out[8]) {
  __m256 low[8];
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) {
    const __m256 a = _mm256_loadu_ps(x + 2 * i * stride);
    const __m256 b = _mm256_loadu_ps(x + (2 * i + 1) * stride);
    low[2 * i] = _mm256_unpacklo_ps(a, b);
    low[2 * i + 1] = _mm256_unpackhi_ps(a, b);
  }
  __m256 quad[8];
  HEARTH_UNROLL
  for (int i = 0; i < 2; ++i) {
    quad[4 * i] = _mm256_shuffle_ps(low[4 * i], low[4 * i + 2], 0x44);
    quad[4 * i + 1] = _mm256_shuffle_ps(low[4 * i], low[4 * i + 2], 0xee);
    quad[4 * i + 2] = _mm256_shuffle_ps(low[4 * i + 1], low[4 * i + 3], 0x44);
    quad[4 * i + 3] = _mm256_shuffle_ps(low[4 * i + 1], low[4 * i + 3], 0xee);
  }
  HEARTH_UNROLL
  for (int i = 0; i < 4; ++i) {
    out[i] = _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x20);
    out[i + 4] = _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x31);
  }
}

/// The keys of one whole group of 8 tokens: whole vectors instead of single values far apart.
template <typename T>
HEARTH_TARGET_AVX2 void write_key_group(const float* k, int64_t stride, int32_t dim, T* out) {
  int32_t d = 0;
  for (; d + kLanes <= dim; d += kLanes) {
    __m256 columns[8];
    transpose8(k + d, stride, columns);
    HEARTH_UNROLL
    for (int i = 0; i < 8; ++i) store8(out + (d + i) * kKeyGroup, columns[i]);
  }
  if (d == dim) return;
  for (int32_t i = 0; i < kKeyGroup; ++i) {
    write_vector(k + i * stride + d, dim - d, out + d * kKeyGroup + i, kKeyGroup);
  }
}

template <typename T>
HEARTH_TARGET_AVX2 void write(std::byte* page, PageDims dims, int32_t slot, int32_t n, const float* k,
                              int64_t k_stride, const float* v, int64_t v_stride) {
  const PageView<T> view(page, dims);
  for (int32_t i = 0; i < n; ++i) {
    write_vector(v + i * v_stride, dims.dim_v, view.value(slot + i), 1);
  }
  for (int32_t i = 0; i < n;) {
    if ((slot + i) % kKeyGroup == 0 && n - i >= kKeyGroup) {
      write_key_group(k + i * k_stride, k_stride, dims.dim_k, view.key(slot + i));
      i += kKeyGroup;
    } else {
      write_vector(k + i * k_stride, dims.dim_k, view.key(slot + i), kKeyGroup);
      ++i;
    }
  }
}

float to_float(float stored) { return stored; }
float to_float(uint16_t stored) { return half_to_float(stored); }

template <typename T>
void read(const std::byte* page, PageDims dims, int32_t slot, float* k, float* v) {
  const PageView<const T> view(page, dims);
  for (int32_t d = 0; d < dims.dim_k; ++d) k[d] = to_float(view.key(slot)[d * kKeyGroup]);
  for (int32_t d = 0; d < dims.dim_v; ++d) v[d] = to_float(view.value(slot)[d]);
}

/// Lines per inner step of a tile N vectors wide, so that a page's half is fetched in about the time the
/// other takes.
constexpr int fetch_lines(int n) { return n >= 8 ? 2 : 1; }

/// acc[r][j] += rows[r] * columns[j], eight lanes of each column. What is kept in registers beside the sums
/// is one operand of the shorter side each, and one more: with all of the longer side they would not suffice.
template <int R, int N, typename T>
HEARTH_INLINE_AVX2 void add_products(const float* rows, int64_t row_stride, const T* columns,
                                     int64_t column_stride, __m256 (&acc)[R][N]) {
  if constexpr (R < N) {
    __m256 row[R];
    HEARTH_UNROLL
    for (int r = 0; r < R; ++r) row[r] = _mm256_broadcast_ss(rows + r * row_stride);
    HEARTH_UNROLL
    for (int j = 0; j < N; ++j) {
      const __m256 column = load8(columns + j * column_stride);
      HEARTH_UNROLL
      for (int r = 0; r < R; ++r) acc[r][j] = _mm256_fmadd_ps(row[r], column, acc[r][j]);
    }
  } else {
    __m256 column[N];
    HEARTH_UNROLL
    for (int j = 0; j < N; ++j) column[j] = load8(columns + j * column_stride);
    HEARTH_UNROLL
    for (int r = 0; r < R; ++r) {
      const __m256 row = _mm256_broadcast_ss(rows + r * row_stride);
      HEARTH_UNROLL
      for (int j = 0; j < N; ++j) acc[r][j] = _mm256_fmadd_ps(row, column[j], acc[r][j]);
    }
  }
}

/// Scores of R rows against N groups of 8 keys that start at `keys`.
template <int R, int N, typename T>
HEARTH_INLINE_AVX2 void score_tile(const T* keys, int32_t dim, const float* q, float* out, Fetch& fetch) {
  __m256 acc[R][N];
  HEARTH_UNROLL
  for (int r = 0; r < R; ++r) {
    HEARTH_UNROLL
    for (int g = 0; g < N; ++g) acc[r][g] = _mm256_setzero_ps();
  }
  const int64_t group_stride = int64_t{kKeyGroup} * dim;
  for (int32_t d = 0; d < dim; ++d) {
    fetch.step<fetch_lines(N)>();
    add_products<R, N>(q + d, dim, keys + d * kKeyGroup, group_stride, acc);
  }
  HEARTH_UNROLL
  for (int r = 0; r < R; ++r) {
    HEARTH_UNROLL
    for (int g = 0; g < N; ++g) _mm256_storeu_ps(out + r * kPageTokens + g * kKeyGroup, acc[r][g]);
  }
}

template <int R, int N, typename T>
HEARTH_TARGET_AVX2 void score_rows(const T* keys, int32_t dim, const float* q, int32_t end, float* out,
                                   Fetch& fetch) {
  for (int32_t group = 0; group * kKeyGroup < end; group += N) {
    score_tile<R, N>(keys + int64_t{group} * kKeyGroup * dim, dim, q, out + group * kKeyGroup, fetch);
  }
}

template <typename T>
HEARTH_TARGET_AVX2 void scores(const std::byte* page, PageDims dims, const std::byte* queries, int32_t rows,
                               int32_t end, float* out) {
  const auto* q = reinterpret_cast<const float*>(queries);
  const T* keys = reinterpret_cast<const T*>(page);
  const int32_t dim = dims.dim_k;
  Fetch fetch;
  if (rows <= kFetchRows) {
    const PageView<const T> view(page, dims);
    fetch = {reinterpret_cast<const std::byte*>(view.value(0)),
             reinterpret_cast<const std::byte*>(view.value(kPageTokens))};
  }
  while (rows > 0) {
    const int32_t step = std::min(rows, 6);
    switch (step) {
      case 6:
        score_rows<6, 2>(keys, dim, q, end, out, fetch);
        break;
      case 5:
        score_rows<5, 2>(keys, dim, q, end, out, fetch);
        break;
      case 4:
        score_rows<4, 2>(keys, dim, q, end, out, fetch);
        break;
      case 3:
        score_rows<3, 4>(keys, dim, q, end, out, fetch);
        break;
      case 2:
        score_rows<2, 4>(keys, dim, q, end, out, fetch);
        break;
      default:
        score_rows<1, 8>(keys, dim, q, end, out, fetch);
        break;
    }
    rows -= step;
    q += step * dim;
    out += step * kPageTokens;
  }
}

/// acc of R rows, N vectors wide, over the slots; `values` points at the first slot's vectors.
template <int R, int N, typename T>
HEARTH_INLINE_AVX2 void value_tile(const T* values, int32_t stride, const float* p, int32_t slots, float* out,
                                   Fetch& fetch) {
  __m256 acc[R][N];
  HEARTH_UNROLL
  for (int r = 0; r < R; ++r) {
    HEARTH_UNROLL
    for (int j = 0; j < N; ++j) acc[r][j] = _mm256_loadu_ps(out + r * stride + j * kLanes);
  }
  for (int32_t slot = 0; slot < slots; ++slot) {
    fetch.step<fetch_lines(N)>();
    add_products<R, N>(p + slot, kPageTokens, values + int64_t{slot} * stride, kLanes, acc);
  }
  HEARTH_UNROLL
  for (int r = 0; r < R; ++r) {
    HEARTH_UNROLL
    for (int j = 0; j < N; ++j) _mm256_storeu_ps(out + r * stride + j * kLanes, acc[r][j]);
  }
}

/// `values` points at the row of the first slot.
template <int R, int N, typename T>
HEARTH_TARGET_AVX2 void value_rows(const T* values, int32_t stride, const float* p, int32_t slots, float* out,
                                   Fetch& fetch) {
  int32_t d = 0;
  for (; d + N * kLanes <= stride; d += N * kLanes)
    value_tile<R, N>(values + d, stride, p, slots, out + d, fetch);
  for (; d < stride; d += kLanes) value_tile<R, 1>(values + d, stride, p, slots, out + d, fetch);
}

template <typename T>
HEARTH_TARGET_AVX2 void accumulate(const std::byte* page, PageDims dims, float* p, int32_t rows,
                                   int32_t first, int32_t end, float* acc, const std::byte* next) {
  const PageView<const T> view(page, dims);
  const T* values = view.value(first);
  const int32_t stride = padded_dim(dims.dim_v);
  const int32_t slots = end - first;
  Fetch fetch;
  if (next && rows <= kFetchRows) {
    fetch = {next, next + int64_t{kPageTokens} * dims.dim_k * static_cast<int64_t>(sizeof(T))};
  }
  p += first;
  while (rows > 0) {
    const int32_t step = std::min(rows, 6);
    switch (step) {
      case 6:
        value_rows<6, 2>(values, stride, p, slots, acc, fetch);
        break;
      case 5:
        value_rows<5, 2>(values, stride, p, slots, acc, fetch);
        break;
      case 4:
        value_rows<4, 2>(values, stride, p, slots, acc, fetch);
        break;
      case 3:
        value_rows<3, 4>(values, stride, p, slots, acc, fetch);
        break;
      case 2:
        value_rows<2, 4>(values, stride, p, slots, acc, fetch);
        break;
      default:
        value_rows<1, 8>(values, stride, p, slots, acc, fetch);
        break;
    }
    rows -= step;
    p += step * kPageTokens;
    acc += step * stride;
  }
}

HEARTH_TARGET_AVX2 void rescale(float* acc, int32_t dim, __m256 factor) {
  int32_t d = 0;
  for (; d + kLanes <= dim; d += kLanes)
    _mm256_storeu_ps(acc + d, _mm256_mul_ps(_mm256_loadu_ps(acc + d), factor));
  for (; d < dim; ++d) acc[d] *= _mm256_cvtss_f32(factor);
}

/// Caps the scores of one row and makes those outside [first, end) the lowest; returns their maximum.
HEARTH_INLINE_AVX2 float cap_and_mask(float* s, int32_t first, int32_t end, float softcap) {
  const __m256 lowest = _mm256_set1_ps(-std::numeric_limits<float>::infinity());
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i before = _mm256_set1_epi32(first - 1);
  const __m256i after = _mm256_set1_epi32(end);
  __m256 top = lowest;
  for (int32_t j = 0; j < kPageTokens; j += kLanes) {
    __m256 v = _mm256_loadu_ps(s + j);
    if (softcap > 0) {
      const __m256 cap = _mm256_set1_ps(softcap);
      v = _mm256_mul_ps(cap, avx2::tanh(_mm256_div_ps(v, cap)));
    }
    const __m256i slot = _mm256_add_epi32(lane, _mm256_set1_epi32(j));
    const __m256i inside =
        _mm256_and_si256(_mm256_cmpgt_epi32(slot, before), _mm256_cmpgt_epi32(after, slot));
    v = _mm256_blendv_ps(lowest, v, _mm256_castsi256_ps(inside));
    _mm256_storeu_ps(s + j, v);
    top = _mm256_max_ps(top, v);
  }
  return avx2::max_lanes(top);
}

HEARTH_INLINE_AVX2 float max_score(const float* s) {
  __m256 top = _mm256_loadu_ps(s);
  HEARTH_UNROLL for (int j = kLanes; j < kPageTokens; j += kLanes) {
    top = _mm256_max_ps(top, _mm256_loadu_ps(s + j));
  }
  return avx2::max_lanes(top);
}

/// Maxima of all rows first, then their exponentials: rows follow each other without waiting for a maximum.
HEARTH_TARGET_AVX2 void step(float* s, int32_t rows, int32_t first, int32_t end, float softcap,
                             RowState* state, float* acc, int32_t dim) {
  if (first >= end) {
    std::fill(s, s + rows * kPageTokens, 0.0f);
    return;
  }
  const bool plain = first == 0 && end == kPageTokens && !(softcap > 0);
  for (int32_t r = 0; r < rows; ++r) {
    float* row = s + r * kPageTokens;
    const float page_max = plain ? max_score(row) : cap_and_mask(row, first, end, softcap);
    if (page_max > state[r].max) {
      const __m256 factor = avx2::exp(_mm256_set1_ps(state[r].max - page_max));
      state[r].sum *= _mm256_cvtss_f32(factor);
      rescale(acc + r * dim, dim, factor);
      state[r].max = page_max;
    }
  }
  for (int32_t r = 0; r < rows; ++r) {
    float* row = s + r * kPageTokens;
    const __m256 max = _mm256_set1_ps(state[r].max);
    __m256 sum = _mm256_setzero_ps();
    for (int32_t j = 0; j < kPageTokens; j += kLanes) {
      const __m256 weight = avx2::exp(_mm256_sub_ps(_mm256_loadu_ps(row + j), max));
      _mm256_storeu_ps(row + j, weight);
      sum = _mm256_add_ps(sum, weight);
    }
    state[r].sum += avx2::sum_lanes(sum);
  }
}

template <typename T>
constexpr PageKernels kAvx2 = {write<T>, read<T>, load_plain_query, scores<T>, accumulate<T>};

}  // namespace

const PageKernels& page_kernels_f16_avx2() { return kAvx2<uint16_t>; }
const PageKernels& page_kernels_f32_avx2() { return kAvx2<float>; }
SoftmaxStep softmax_step_avx2() { return step; }

}  // namespace hearth::kernels

#endif  // defined(__x86_64__)
