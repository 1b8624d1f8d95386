// Rows of floats to codes with AVX2: keys, values, queries and weights of int8 pages, the same bits as the
// plain C++. Shared by the AVX2 and the AVX-512 kernels. Internal to attention/. Must not know tiles.
#pragma once

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstring>

#include "kernels/attention/int8_page.h"
#include "kernels/isa.h"

namespace hearth::kernels::int8_page {

inline constexpr int32_t kRowLanes = 8;
constexpr int32_t whole_vectors(int32_t dim) { return (dim + kRowLanes - 1) / kRowLanes * kRowLanes; }

/// Room for a row; the vectors that hold it are padded with zeros.
struct alignas(32) Row {
  float x[kMaxDim];
};

HEARTH_INLINE_AVX2 void load_row(const float* x, int32_t dim, float scale, Row& row) {
  int32_t d = 0;
  for (; d + kRowLanes <= dim; d += kRowLanes) {
    _mm256_store_ps(row.x + d, _mm256_mul_ps(_mm256_loadu_ps(x + d), _mm256_set1_ps(scale)));
  }
  if (d == dim) return;
  _mm256_store_ps(row.x + d, _mm256_setzero_ps());
  for (; d < dim; ++d) row.x[d] = x[d] * scale;
}

/// One stage of the transform inside vectors: each lane and its partner give sum and difference.
HEARTH_INLINE_AVX2 __m256 butterfly(__m256 x, __m256 partner, __m256 upper_sign) {
  return _mm256_add_ps(partner, _mm256_xor_ps(x, upper_sign));
}

HEARTH_INLINE_AVX2 void rotate_row(Row& row, int32_t dim) {
  const int32_t block = rotation_block(dim);
  if (block == 1) return;
  const float n = -0.0f;
  const __m256 upper1 = _mm256_setr_ps(0, n, 0, n, 0, n, 0, n);
  const __m256 upper2 = _mm256_setr_ps(0, 0, n, n, 0, 0, n, n);
  const __m256 upper4 = _mm256_setr_ps(0, 0, 0, 0, n, n, n, n);
  for (int32_t d = 0; d < dim; d += kRowLanes) {
    __m256 x = _mm256_load_ps(row.x + d);
    x = butterfly(x, _mm256_permute_ps(x, 0xb1), upper1);
    x = butterfly(x, _mm256_permute_ps(x, 0x4e), upper2);
    x = butterfly(x, _mm256_permute2f128_ps(x, x, 1), upper4);
    _mm256_store_ps(row.x + d, x);
  }
  for (int32_t h = kRowLanes; h < block; h *= 2) {
    for (int32_t start = 0; start < dim; start += 2 * h) {
      for (int32_t i = start; i < start + h; i += kRowLanes) {
        const __m256 low = _mm256_load_ps(row.x + i);
        const __m256 high = _mm256_load_ps(row.x + i + h);
        _mm256_store_ps(row.x + i, _mm256_add_ps(low, high));
        _mm256_store_ps(row.x + i + h, _mm256_sub_ps(low, high));
      }
    }
  }
}

HEARTH_INLINE_AVX2 uint32_t max_lane(__m256i x) {
  __m128i m = _mm_max_epu32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
  m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1));
  return static_cast<uint32_t>(_mm_cvtsi128_si32(m));
}

HEARTH_INLINE_AVX2 __m256i magnitude_bits(__m256 x) {
  return _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7fffffff));
}

HEARTH_INLINE_AVX2 Grid row_grid(const Row& row, int32_t dim, float limit) {
  __m256i top = _mm256_setzero_si256();
  for (int32_t d = 0; d < dim; d += kRowLanes) {
    top = _mm256_max_epu32(top, magnitude_bits(_mm256_load_ps(row.x + d)));
  }
  return grid_of(max_lane(top), limit);
}

/// 16-bit codes of sixteen numbers.
HEARTH_INLINE_AVX2 __m256i codes16(__m256 a, __m256 b, __m256 inverse) {
  const __m256i packed = _mm256_packs_epi32(_mm256_cvtps_epi32(_mm256_mul_ps(a, inverse)),
                                            _mm256_cvtps_epi32(_mm256_mul_ps(b, inverse)));
  return _mm256_permute4x64_epi64(packed, 0xd8);
}

/// The codes of whole vectors of a row.
HEARTH_INLINE_AVX2 void row_codes(const Row& row, int32_t dim, const Grid& grid, int8_t* out) {
  const int32_t end = whole_vectors(dim);
  if (grid.inverse == 0.0f) {
    std::memset(out, 0, static_cast<size_t>(end));
    return;
  }
  const __m256 inverse = _mm256_set1_ps(grid.inverse);
  for (int32_t d = 0; d < end; d += kRowLanes) {
    const __m256i x = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_load_ps(row.x + d), inverse));
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out + d), _mm_packs_epi16(words, words));
  }
}

HEARTH_TARGET_AVX2 inline void write_key(const View<std::byte>& view, PageDims dims, int32_t slot,
                                         const float* k) {
  Row row;
  int8_t codes[kMaxDim];
  load_row(k, dims.dim_k, 1.0f, row);
  rotate_row(row, dims.dim_k);
  const Grid grid = row_grid(row, dims.dim_k, kCodeLimit);
  view.key_scales()[slot] = grid.scale;
  row_codes(row, dims.dim_k, grid, codes);
  int8_t* out = &view.key(slot, 0);
  for (int32_t d = 0; d < padded_key(dims.dim_k); d += kQuad) {
    std::memcpy(out + d / kQuad * kStepBytes, codes + d, kQuad);
  }
}

HEARTH_TARGET_AVX2 inline void value_codes(const View<std::byte>& view, PageDims dims, int32_t slot,
                                           const float* v, int8_t* codes) {
  Row row;
  load_row(v, dims.dim_v, 1.0f, row);
  const Grid grid = row_grid(row, dims.dim_v, kCodeLimit);
  view.value_scales()[slot] = grid.scale;
  row_codes(row, dims.dim_v, grid, codes);
}

/// A group of 4 tokens at once: whole steps instead of single bytes.
HEARTH_TARGET_AVX2 inline void write_value_group(const View<std::byte>& view, PageDims dims, int32_t slot,
                                                 const float* v, int64_t stride) {
  int8_t codes[kQuad][kMaxDim];
  for (int32_t i = 0; i < kQuad; ++i) value_codes(view, dims, slot + i, v + i * stride, codes[i]);
  for (int32_t d = 0; d < dims.dim_v; d += kValueDims) {
    __m128i x[kQuad];
    HEARTH_UNROLL for (int i = 0; i < kQuad; ++i) {
      x[i] = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes[i] + d));
    }
    const __m128i first = _mm_unpacklo_epi8(x[0], x[1]);
    const __m128i second = _mm_unpacklo_epi8(x[2], x[3]);
    auto* out = reinterpret_cast<__m128i*>(&view.value(slot, d));
    _mm_storeu_si128(out, _mm_unpacklo_epi16(first, second));
    _mm_storeu_si128(out + 1, _mm_unpackhi_epi16(first, second));
  }
}

HEARTH_TARGET_AVX2 inline void write_rows(std::byte* page, PageDims dims, int32_t slot, int32_t n,
                                          const float* k, int64_t k_stride, const float* v,
                                          int64_t v_stride) {
  const View<std::byte> view(page, dims);
  for (int32_t i = 0; i < n; ++i) write_key(view, dims, slot + i, k + i * k_stride);
  for (int32_t i = 0; i < n;) {
    if ((slot + i) % kQuad == 0 && n - i >= kQuad) {
      write_value_group(view, dims, slot + i, v + i * v_stride, v_stride);
      i += kQuad;
      continue;
    }
    int8_t codes[kMaxDim];
    value_codes(view, dims, slot + i, v + i * v_stride, codes);
    for (int32_t d = 0; d < padded_dim(dims.dim_v); ++d) view.value(slot + i, d) = codes[d];
    ++i;
  }
}

HEARTH_TARGET_AVX2 inline void load_query_row(PageDims dims, const float* q, float scale, std::byte* out) {
  Row row;
  load_row(q, dims.dim_k, scale, row);
  rotate_row(row, dims.dim_k);
  const Grid grid = row_grid(row, dims.dim_k, query_limit(dims.dim_k));
  const float unrotated = grid.scale / static_cast<float>(rotation_block(dims.dim_k));  // exact
  std::memcpy(out, &unrotated, sizeof(float));
  const int32_t end = padded_key(dims.dim_k);
  if (grid.inverse == 0.0f) {
    std::memset(out + kQueryHeader, 0, static_cast<size_t>(end) * sizeof(int16_t));
    return;
  }
  const __m256 inverse = _mm256_set1_ps(grid.inverse);
  for (int32_t d = 0; d < end; d += kRowLanes) {
    const __m256 x = _mm256_load_ps(row.x + d);
    const __m128i codes = _mm256_castsi256_si128(codes16(x, x, inverse));
    auto* to = reinterpret_cast<__m128i*>(out + kQueryHeader + d * 2);
    if (end - d >= kRowLanes) {
      _mm_storeu_si128(to, codes);
    } else {
      _mm_storel_epi64(to, codes);
    }
  }
}

/// Weights of one row (64 floats) become codes and scale in place; see Weights.
HEARTH_INLINE_AVX2 void round_weights(float* p, const float* scales) {
  constexpr int kVectors = kPageTokens / kRowLanes;
  __m256 x[kVectors];
  __m256i top = _mm256_setzero_si256();
  HEARTH_UNROLL for (int j = 0; j < kVectors; ++j) {
    const __m256 weight = _mm256_loadu_ps(p + j * kRowLanes);
    const __m256 scaled = _mm256_mul_ps(weight, _mm256_loadu_ps(scales + j * kRowLanes));
    x[j] = _mm256_and_ps(scaled, _mm256_cmp_ps(weight, _mm256_setzero_ps(), _CMP_NEQ_UQ));
    top = _mm256_max_epu32(top, magnitude_bits(x[j]));
  }
  const Grid grid = grid_of(max_lane(top), kWeightLimit);
  auto* codes = reinterpret_cast<__m256i*>(p);
  const __m256 inverse = _mm256_set1_ps(grid.inverse);
  HEARTH_UNROLL for (int j = 0; j < kVectors; j += 2) {
    const __m256i pair = grid.inverse == 0.0f ? _mm256_setzero_si256() : codes16(x[j], x[j + 1], inverse);
    _mm256_storeu_si256(codes + j / 2, pair);
  }
  p[kPageTokens / 2] = grid.scale;  // Weights::scale
}

/// Four 16-bit codes to all lanes.
HEARTH_INLINE_AVX2 int64_t four_codes(const void* at) {
  int64_t codes;
  std::memcpy(&codes, at, sizeof(codes));
  return codes;
}

/// The eight numbers whose two halves lie side by side in `a` (the first four) and `b`.
HEARTH_INLINE_AVX2 __m256 add_halves(__m256i a, __m256i b) {
  return _mm256_cvtepi32_ps(_mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), 0xd8));
}

}  // namespace hearth::kernels::int8_page

#endif  // defined(__x86_64__)
