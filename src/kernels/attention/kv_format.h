// How the keys and values of one page lie in memory: 64 tokens of one KV head of one layer. A format says how
// many bytes a page takes and has kernels to write tokens and to attend; callers hold opaque pages, so that a
// new format (4-bit codes, summaries of a page) is a row of the registry and changes nothing above. Must
// not know sequences or page tables.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/isa.h"

namespace hearth::kernels {

inline constexpr int32_t kPageTokens = 64;

/// Sizes of the vectors in a page: keys of dim_k, values of dim_v floats.
struct PageDims {
  int32_t dim_k = 0;
  int32_t dim_v = 0;
};

/// Rows of `dim_v` accumulators are padded to whole vectors: this many floats apart.
constexpr int32_t padded_dim(int32_t dim) { return (dim + 7) / 8 * 8; }

/// The operations on one page, per format and ISA. A row's result does not depend on the other rows of the
/// call: every score is summed over the dimension in order, every value over the slots in order (or exactly,
/// in integers).
struct PageKernels {
  /// Stores the keys (n, dim_k) and values (n, dim_v) of tokens slot .. slot + n - 1; strides in floats
  /// between tokens. Values beyond the format's range are clamped to its largest finite one; what is not
  /// finite makes every result that it enters NaN.
  void (*write)(std::byte* page, PageDims dims, int32_t slot, int32_t n, const float* k, int64_t k_stride,
                const float* v, int64_t v_stride);
  /// What was stored for one slot: k (dim_k), v (dim_v).
  void (*read)(const std::byte* page, PageDims dims, int32_t slot, float* k, float* v);
  /// q (dim_k) times `scale` as `scores` wants it: query_bytes() at `out`.
  void (*load_query)(PageDims dims, const float* q, float scale, std::byte* out);
  /// scores[r][slot] = q[r] . k[slot] for slots below `end`; queries (rows, query_bytes()), scores (rows,
  /// 64). Other slots, and slots never written, get anything.
  void (*scores)(const std::byte* page, PageDims dims, const std::byte* queries, int32_t rows, int32_t end,
                 float* scores);
  /// acc[r] += sum over slots first .. end - 1 of p[r][slot] * v[slot]; p (rows, 64) is 0 outside of these
  /// slots and may be overwritten; acc (rows, padded_dim(dim_v)). `next` is the page whose scores come next,
  /// to be fetched meanwhile; may be null.
  void (*accumulate)(const std::byte* page, PageDims dims, float* p, int32_t rows, int32_t first, int32_t end,
                     float* acc, const std::byte* next);
};

/// A row of the registry.
struct KvFormat {
  std::string_view name;
  /// Always a multiple of 64.
  int64_t (*page_bytes)(PageDims dims);
  /// Of a prepared query; a multiple of 4.
  int64_t (*query_bytes)(PageDims dims);
  const PageKernels& (*kernels)(Isa isa);
};

std::span<const KvFormat* const> kv_formats();
/// nullptr when unknown.
const KvFormat* find_kv_format(std::string_view name);

}  // namespace hearth::kernels
