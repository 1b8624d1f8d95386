// AVX2 variant of int8 pages. 32 bytes hold 8 tokens x 4 dimensions (keys) or 8 dimensions x 4 tokens
// (values): widened to 16 bits, one broadcast of four codes of a query (or of four weights) meets them all in
// vpmaddwd, which cannot overflow. Sums are exact integers, so no tile shape can change a result.
#include "kernels/attention/int8_rows_avx2.h"
#include "kernels/attention/page_fetch_avx2.h"

#if defined(__x86_64__)

namespace hearth::kernels {

const PageKernels& page_kernels_int8_avx2();

namespace {

using namespace int8_page;
using avx2::Fetch;

#if defined(__clang__)
#define HEARTH_UNROLL_2 _Pragma("unroll 2")
#else
#define HEARTH_UNROLL_2 _Pragma("GCC unroll 2")
#endif

HEARTH_INLINE_AVX2 __m256i widen(const int8_t* at) {
  return _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(at)));
}

/// Integer sums of R rows with N runs of `steps` steps that start `run_bytes` apart.
template <int R, int N>
struct Tile {
  __m256i sum[R][N][2];

  /// The codes of row r start at codes + r * stride bytes.
  HEARTH_INLINE_AVX2 void run(const int8_t* data, int64_t run_bytes, int32_t steps, const std::byte* codes,
                              int64_t stride, Fetch& fetch) {
    HEARTH_UNROLL for (int r = 0; r < R; ++r) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) sum[r][n][0] = sum[r][n][1] = _mm256_setzero_si256();
    }
    HEARTH_UNROLL_2 for (int32_t j = 0; j < steps; ++j) {
      fetch.step<(N + 1) / 2>();
      __m256i four[R];
      if constexpr (R * N <= 4) {
        HEARTH_UNROLL for (int r = 0; r < R; ++r) four[r] =
            _mm256_set1_epi64x(four_codes(codes + r * stride + j * 8));
      }
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        const int8_t* at = data + n * run_bytes + int64_t{j} * kStepBytes;
        const __m256i low = widen(at);
        const __m256i high = widen(at + 16);
        HEARTH_UNROLL for (int r = 0; r < R; ++r) {
          __m256i x;
          if constexpr (R * N <= 4) {
            x = four[r];
          } else {
            x = _mm256_set1_epi64x(four_codes(codes + r * stride + j * 8));
          }
          sum[r][n][0] = _mm256_add_epi32(sum[r][n][0], _mm256_madd_epi16(low, x));
          sum[r][n][1] = _mm256_add_epi32(sum[r][n][1], _mm256_madd_epi16(high, x));
        }
      }
    }
  }
};

template <int R, int N>
HEARTH_TARGET_AVX2 void score_rows(const View<const std::byte>& page, PageDims dims, const std::byte* queries,
                                   int32_t end, float* out, Fetch& fetch) {
  const int64_t group_bytes = int64_t{kKeyTokens} * padded_key(dims.dim_k);
  const int64_t stride = query_bytes(dims);
  const float* scales = page.key_scales();
  for (int32_t slot = 0; slot < end; slot += N * kKeyTokens) {
    Tile<R, N> tile;
    tile.run(page.keys() + slot / kKeyTokens * group_bytes, group_bytes, padded_key(dims.dim_k) / kQuad,
             queries + kQueryHeader, stride, fetch);
    HEARTH_UNROLL for (int r = 0; r < R; ++r) {
      float query_scale;
      std::memcpy(&query_scale, queries + r * stride, sizeof(float));
      HEARTH_UNROLL for (int n = 0; n < N; ++n) {
        const int32_t at = slot + n * kKeyTokens;
        const __m256 dot = add_halves(tile.sum[r][n][0], tile.sum[r][n][1]);
        _mm256_storeu_ps(
            out + r * kPageTokens + at,
            _mm256_mul_ps(_mm256_mul_ps(dot, _mm256_set1_ps(query_scale)), _mm256_load_ps(scales + at)));
      }
    }
  }
}

HEARTH_TARGET_AVX2 void scores(const std::byte* page, PageDims dims, const std::byte* queries, int32_t rows,
                               int32_t end, float* out) {
  const View<const std::byte> view(page, dims);
  Fetch fetch;
  if (rows <= avx2::kFetchRows) {
    fetch = {reinterpret_cast<const std::byte*>(view.values()),
             reinterpret_cast<const std::byte*>(view.value_scales() + kPageTokens)};
  }
  while (rows > 0) {
    const int32_t step = tile_rows(rows, 6);
    switch (step) {
      case 6:
        score_rows<6, 1>(view, dims, queries, end, out, fetch);
        break;
      case 5:
        score_rows<5, 1>(view, dims, queries, end, out, fetch);
        break;
      case 4:
        score_rows<4, 1>(view, dims, queries, end, out, fetch);
        break;
      case 3:
        score_rows<3, 1>(view, dims, queries, end, out, fetch);
        break;
      case 2:
        score_rows<2, 2>(view, dims, queries, end, out, fetch);
        break;
      default:
        score_rows<1, 4>(view, dims, queries, end, out, fetch);
        break;
    }
    rows -= step;
    queries += step * query_bytes(dims);
    out += step * kPageTokens;
  }
}

/// The values of slots [4 first_step, 4 end_step); weights have been rounded.
template <int R, int N>
HEARTH_INLINE_AVX2 void value_tile(const int8_t* values, int32_t first_step, int32_t end_step, const float* p,
                                   int32_t stride, float* acc, Fetch& fetch) {
  Tile<R, N> tile;
  tile.run(values + first_step * kStepBytes, kValueBlockBytes, end_step - first_step,
           reinterpret_cast<const std::byte*>(p) + first_step * 8, kPageTokens * int64_t{sizeof(float)},
           fetch);
  HEARTH_UNROLL for (int r = 0; r < R; ++r) {
    const __m256 scale = _mm256_set1_ps(p[r * kPageTokens + kPageTokens / 2]);
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      float* to = acc + r * stride + n * kValueDims;
      _mm256_storeu_ps(
          to, _mm256_fmadd_ps(add_halves(tile.sum[r][n][0], tile.sum[r][n][1]), scale, _mm256_loadu_ps(to)));
    }
  }
}

template <int R, int N>
HEARTH_TARGET_AVX2 void value_rows(const int8_t* values, int32_t first_step, int32_t end_step, const float* p,
                                   int32_t stride, float* acc, Fetch& fetch) {
  int32_t d = 0;
  for (; d + N * kValueDims <= stride; d += N * kValueDims) {
    value_tile<R, N>(values + d / kValueDims * kValueBlockBytes, first_step, end_step, p, stride, acc + d,
                     fetch);
  }
  if constexpr (N > 1) {
    for (; d < stride; d += kValueDims) {
      value_tile<R, 1>(values + d / kValueDims * kValueBlockBytes, first_step, end_step, p, stride, acc + d,
                       fetch);
    }
  }
}

HEARTH_TARGET_AVX2 void accumulate(const std::byte* page, PageDims dims, float* p, int32_t rows,
                                   int32_t first, int32_t end, float* acc, const std::byte* next) {
  const View<const std::byte> view(page, dims);
  const int8_t* values = view.values();
  const int32_t stride = padded_dim(dims.dim_v);
  const int32_t from = first / kQuad;
  const int32_t to = (end + kQuad - 1) / kQuad;
  Fetch fetch;
  if (next && rows <= avx2::kFetchRows) fetch = {next, next + key_bytes(dims) + kScaleBytes};
  for (int32_t r = 0; r < rows; ++r) round_weights(p + r * kPageTokens, view.value_scales());
  while (rows > 0) {
    const int32_t step = tile_rows(rows, 6);
    switch (step) {
      case 6:
        value_rows<6, 1>(values, from, to, p, stride, acc, fetch);
        break;
      case 5:
        value_rows<5, 1>(values, from, to, p, stride, acc, fetch);
        break;
      case 4:
        value_rows<4, 1>(values, from, to, p, stride, acc, fetch);
        break;
      case 3:
        value_rows<3, 1>(values, from, to, p, stride, acc, fetch);
        break;
      case 2:
        value_rows<2, 2>(values, from, to, p, stride, acc, fetch);
        break;
      default:
        value_rows<1, 4>(values, from, to, p, stride, acc, fetch);
        break;
    }
    rows -= step;
    p += step * kPageTokens;
    acc += step * stride;
  }
}

constexpr PageKernels kAvx2 = {write_rows, int8_page::read, load_query_row, scores, accumulate};

}  // namespace

const PageKernels& page_kernels_int8_avx2() { return kAvx2; }

}  // namespace hearth::kernels

#endif  // defined(__x86_64__)
