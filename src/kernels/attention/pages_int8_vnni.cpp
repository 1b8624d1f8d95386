// AVX-512 variant of int8 pages: one vector holds a whole step of 8 tokens x 4 dimensions (or 8 dimensions x
// 4 tokens), and vpdpwssd multiplies and adds it without a separate addition. Same exact integer sums as
// AVX2, so the same bits.
#include "kernels/attention/int8_rows_avx2.h"
#include "kernels/attention/page_fetch_avx2.h"

#if defined(__x86_64__)

namespace hearth::kernels {

const PageKernels& page_kernels_int8_vnni();

namespace {

using namespace int8_page;
using avx2::Fetch;

/// Zero-masked forms here and below: the plain ones pass an undefined register that the compiler warns about.
HEARTH_INLINE_VNNI __m512i widen(const int8_t* at) {
  return _mm512_maskz_cvtepi8_epi16(0xffffffff, _mm256_load_si256(reinterpret_cast<const __m256i*>(at)));
}

/// Sums of the two halves of eight numbers.
HEARTH_INLINE_VNNI __m256 add_halves(__m512i sum) {
  return int8_page::add_halves(_mm512_maskz_extracti64x4_epi64(0xf, sum, 0),
                               _mm512_maskz_extracti64x4_epi64(0xf, sum, 1));
}

/// Integer sums of R rows with N runs of `steps` steps that start `run_bytes` apart.
template <int R, int N>
struct Tile {
  __m512i sum[R][N];

  /// The codes of row r start at codes + r * stride bytes.
  HEARTH_INLINE_VNNI void run(const int8_t* data, int64_t run_bytes, int32_t steps, const std::byte* codes,
                              int64_t stride, Fetch& fetch) {
    HEARTH_UNROLL for (int r = 0; r < R; ++r) {
      HEARTH_UNROLL for (int n = 0; n < N; ++n) sum[r][n] = _mm512_setzero_si512();
    }
    for (int32_t j = 0; j < steps; ++j) {
      fetch.step<(N + 1) / 2>();
      __m512i x[N];
      HEARTH_UNROLL for (int n = 0; n < N; ++n) x[n] = widen(data + n * run_bytes + int64_t{j} * kStepBytes);
      HEARTH_UNROLL for (int r = 0; r < R; ++r) {
        const __m512i four = _mm512_set1_epi64(four_codes(codes + r * stride + j * 8));
        HEARTH_UNROLL for (int n = 0; n < N; ++n) sum[r][n] = _mm512_dpwssd_epi32(sum[r][n], x[n], four);
      }
    }
  }
};

template <int R, int N>
HEARTH_TARGET_VNNI void score_rows(const View<const std::byte>& page, PageDims dims, const std::byte* queries,
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
        const __m256 scaled = _mm256_mul_ps(add_halves(tile.sum[r][n]), _mm256_set1_ps(query_scale));
        _mm256_storeu_ps(out + r * kPageTokens + at, _mm256_mul_ps(scaled, _mm256_load_ps(scales + at)));
      }
    }
  }
}

/// The values of slots [4 first_step, 4 end_step); weights have been rounded.
template <int R, int N>
HEARTH_INLINE_VNNI void value_tile(const int8_t* values, int32_t first_step, int32_t end_step, const float* p,
                                   int32_t stride, float* acc, Fetch& fetch) {
  Tile<R, N> tile;
  tile.run(values + first_step * kStepBytes, kValueBlockBytes, end_step - first_step,
           reinterpret_cast<const std::byte*>(p) + first_step * 8, kPageTokens * int64_t{sizeof(float)},
           fetch);
  HEARTH_UNROLL for (int r = 0; r < R; ++r) {
    const __m256 scale = _mm256_set1_ps(p[r * kPageTokens + kPageTokens / 2]);
    HEARTH_UNROLL for (int n = 0; n < N; ++n) {
      float* to = acc + r * stride + n * kValueDims;
      _mm256_storeu_ps(to, _mm256_fmadd_ps(add_halves(tile.sum[r][n]), scale, _mm256_loadu_ps(to)));
    }
  }
}

template <int R, int N>
HEARTH_TARGET_VNNI void value_rows(const int8_t* values, int32_t first_step, int32_t end_step, const float* p,
                                   int32_t stride, float* acc, Fetch& fetch) {
  int32_t d = 0;
  for (; d + N * kValueDims <= stride; d += N * kValueDims) {
    value_tile<R, N>(values + d / kValueDims * kValueBlockBytes, first_step, end_step, p, stride, acc + d,
                     fetch);
  }
  for (; d < stride; d += kValueDims) {
    value_tile<R, 1>(values + d / kValueDims * kValueBlockBytes, first_step, end_step, p, stride, acc + d,
                     fetch);
  }
}

/// Calls body.operator()<R, N>() for a tile of `rows` rows, 1 to 8.
template <typename Body>
HEARTH_INLINE_VNNI void for_tile(int32_t rows, const Body& body) {
  switch (rows) {
    case 8:
      return body.template run<8, 2>();
    case 7:
      return body.template run<7, 2>();
    case 6:
      return body.template run<6, 2>();
    case 5:
      return body.template run<5, 2>();
    case 4:
      return body.template run<4, 2>();
    case 3:
      return body.template run<3, 4>();
    case 2:
      return body.template run<2, 4>();
    default:
      return body.template run<1, 4>();
  }
}

struct ScoreTile {
  const View<const std::byte>& page;
  PageDims dims;
  const std::byte* queries;
  int32_t end;
  float* out;
  Fetch& fetch;
  template <int R, int N>
  void run() const {
    score_rows<R, N>(page, dims, queries, end, out, fetch);
  }
};

struct ValueTile {
  const int8_t* values;
  int32_t first_step;
  int32_t end_step;
  const float* p;
  int32_t stride;
  float* acc;
  Fetch& fetch;
  template <int R, int N>
  void run() const {
    value_rows<R, N>(values, first_step, end_step, p, stride, acc, fetch);
  }
};

constexpr int32_t kMostRows = 8;

HEARTH_TARGET_VNNI void scores(const std::byte* page, PageDims dims, const std::byte* queries, int32_t rows,
                               int32_t end, float* out) {
  const View<const std::byte> view(page, dims);
  Fetch fetch;
  if (rows <= avx2::kFetchRows) {
    fetch = {reinterpret_cast<const std::byte*>(view.values()),
             reinterpret_cast<const std::byte*>(view.value_scales() + kPageTokens)};
  }
  while (rows > 0) {
    const int32_t step = tile_rows(rows, kMostRows);
    for_tile(step, ScoreTile{view, dims, queries, end, out, fetch});
    rows -= step;
    queries += step * query_bytes(dims);
    out += step * kPageTokens;
  }
}

HEARTH_TARGET_VNNI void accumulate(const std::byte* page, PageDims dims, float* p, int32_t rows,
                                   int32_t first, int32_t end, float* acc, const std::byte* next) {
  const View<const std::byte> view(page, dims);
  const int32_t stride = padded_dim(dims.dim_v);
  Fetch fetch;
  if (next && rows <= avx2::kFetchRows) fetch = {next, next + key_bytes(dims) + kScaleBytes};
  for (int32_t r = 0; r < rows; ++r) round_weights(p + r * kPageTokens, view.value_scales());
  while (rows > 0) {
    const int32_t step = tile_rows(rows, kMostRows);
    for_tile(step, ValueTile{view.values(), first / kQuad, (end + kQuad - 1) / kQuad, p, stride, acc, fetch});
    rows -= step;
    p += step * kPageTokens;
    acc += step * stride;
  }
}

constexpr PageKernels kVnni = {write_rows, int8_page::read, load_query_row, scores, accumulate};

}  // namespace

const PageKernels& page_kernels_int8_vnni() { return kVnni; }

}  // namespace hearth::kernels

#endif  // defined(__x86_64__)
