// int8 pages in plain C++: the reference of the vector variants, bit for bit. Keys are rotated by a
// Walsh-Hadamard transform before they are rounded, which spreads outlier channels over all codes; queries
// are rotated alike, so that scores stay what they were. Queries and weights are rounded to 16 bits per row
// (and page), which costs nothing measurable: the error is that of the 8-bit codes.
#include <cstring>

#include "base/check.h"
#include "kernels/attention/int8_page.h"

namespace hearth::kernels {

#if defined(__x86_64__)
const PageKernels& page_kernels_int8_avx2();
const PageKernels& page_kernels_int8_vnni();
#endif
const KvFormat& kv_format_int8();

namespace {

using namespace int8_page;

/// Unnormalised: applied twice it multiplies by rotation_block(dim).
void rotate(float* x, int32_t dim) {
  const int32_t block = rotation_block(dim);
  for (int32_t start = 0; start < dim; start += block) {
    for (int32_t h = 1; h < block; h *= 2) {
      for (int32_t i = 0; i < block; ++i) {
        if (i & h) continue;
        float& low = x[start + i];
        float& high = x[start + i + h];
        const float sum = low + high;
        high = low - high;
        low = sum;
      }
    }
  }
}

uint32_t max_bits(const float* x, int32_t n) {
  uint32_t top = 0;
  for (int32_t i = 0; i < n; ++i) top = std::max(top, std::bit_cast<uint32_t>(x[i]) & 0x7fffffffu);
  return top;
}

template <typename Code>
Code code_of(float x, const Grid& grid) {
  return grid.inverse == 0.0f ? Code{0} : static_cast<Code>(std::nearbyintf(x * grid.inverse));
}

void write(std::byte* page, PageDims dims, int32_t slot, int32_t n, const float* k, int64_t k_stride,
           const float* v, int64_t v_stride) {
  const View<std::byte> view(page, dims);
  for (int32_t i = 0; i < n; ++i) {
    float row[kMaxDim];
    std::copy(k + i * k_stride, k + i * k_stride + dims.dim_k, row);
    rotate(row, dims.dim_k);
    const Grid key_grid = grid_of(max_bits(row, dims.dim_k), kCodeLimit);
    view.key_scales()[slot + i] = key_grid.scale;
    for (int32_t d = 0; d < padded_key(dims.dim_k); ++d) {
      view.key(slot + i, d) = d < dims.dim_k ? code_of<int8_t>(row[d], key_grid) : int8_t{0};
    }
    const float* value = v + i * v_stride;
    const Grid value_grid = grid_of(max_bits(value, dims.dim_v), kCodeLimit);
    view.value_scales()[slot + i] = value_grid.scale;
    for (int32_t d = 0; d < padded_dim(dims.dim_v); ++d) {
      view.value(slot + i, d) = d < dims.dim_v ? code_of<int8_t>(value[d], value_grid) : int8_t{0};
    }
  }
}

void load_query(PageDims dims, const float* q, float scale, std::byte* out) {
  float row[kMaxDim];
  for (int32_t d = 0; d < dims.dim_k; ++d) row[d] = q[d] * scale;
  rotate(row, dims.dim_k);
  const Grid grid = grid_of(max_bits(row, dims.dim_k), query_limit(dims.dim_k));
  const float unrotated = grid.scale / static_cast<float>(rotation_block(dims.dim_k));  // exact
  std::memcpy(out, &unrotated, sizeof(float));
  int16_t codes[kMaxDim] = {};
  for (int32_t d = 0; d < dims.dim_k; ++d) codes[d] = code_of<int16_t>(row[d], grid);
  std::memcpy(out + kQueryHeader, codes, static_cast<size_t>(padded_key(dims.dim_k)) * sizeof(int16_t));
}

void scores(const std::byte* page, PageDims dims, const std::byte* queries, int32_t rows, int32_t end,
            float* out) {
  const View<const std::byte> view(page, dims);
  for (int32_t r = 0; r < rows; ++r) {
    const std::byte* query = queries + r * query_bytes(dims);
    float scale;
    int16_t codes[kMaxDim];
    std::memcpy(&scale, query, sizeof(scale));
    std::memcpy(codes, query + kQueryHeader, static_cast<size_t>(dims.dim_k) * sizeof(int16_t));
    for (int32_t slot = 0; slot < end; ++slot) {
      int32_t dot = 0;
      for (int32_t d = 0; d < dims.dim_k; ++d) dot += int32_t{codes[d]} * view.key(slot, d);
      out[r * kPageTokens + slot] = static_cast<float>(dot) * scale * view.key_scales()[slot];
    }
  }
}

/// The scale of a value joins the weight before that is rounded. A weight of zero stays zero whatever is
/// stored in its slot.
Weights round_weights(const float* p, const float* scales) {
  float scaled[kPageTokens];
  for (int32_t i = 0; i < kPageTokens; ++i) scaled[i] = p[i] == 0.0f ? 0.0f : p[i] * scales[i];
  const Grid grid = grid_of(max_bits(scaled, kPageTokens), kWeightLimit);
  Weights weights;
  weights.scale = grid.scale;
  for (int32_t i = 0; i < kPageTokens; ++i) weights.codes[i] = code_of<int16_t>(scaled[i], grid);
  return weights;
}

void accumulate(const std::byte* page, PageDims dims, float* p, int32_t rows, int32_t first, int32_t end,
                float* acc, const std::byte*) {
  const View<const std::byte> view(page, dims);
  const int32_t stride = padded_dim(dims.dim_v);
  for (int32_t r = 0; r < rows; ++r) {
    const Weights weights = round_weights(p + r * kPageTokens, view.value_scales());
    for (int32_t d = 0; d < stride; ++d) {
      int32_t dot = 0;
      for (int32_t slot = first; slot < end; ++slot) {
        dot += int32_t{weights.codes[slot]} * view.value(slot, d);
      }
      float& to = acc[r * stride + d];
      to = std::fma(static_cast<float>(dot), weights.scale, to);
    }
  }
}

constexpr PageKernels kScalar = {write, int8_page::read, load_query, scores, accumulate};

const PageKernels& kernels_int8([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa >= Isa::kAvx512Vnni) return page_kernels_int8_vnni();
  if (isa >= Isa::kAvx2) return page_kernels_int8_avx2();
#endif
  return kScalar;
}

int64_t page_bytes(PageDims dims) {
  HEARTH_CHECK(dims.dim_k <= kMaxDim && dims.dim_v <= kMaxDim);
  return key_bytes(dims) + value_bytes(dims) + 2 * kScaleBytes;
}

constexpr KvFormat kInt8 = {"int8", page_bytes, query_bytes, kernels_int8};

}  // namespace

void int8_page::read(const std::byte* page, PageDims dims, int32_t slot, float* k, float* v) {
  const View<const std::byte> view(page, dims);
  const float scale = view.key_scales()[slot] / static_cast<float>(rotation_block(dims.dim_k));
  for (int32_t d = 0; d < dims.dim_k; ++d) k[d] = static_cast<float>(view.key(slot, d)) * scale;
  rotate(k, dims.dim_k);
  for (int32_t d = 0; d < dims.dim_v; ++d) {
    v[d] = static_cast<float>(view.value(slot, d)) * view.value_scales()[slot];
  }
}

const KvFormat& kv_format_int8() { return kInt8; }

}  // namespace hearth::kernels
