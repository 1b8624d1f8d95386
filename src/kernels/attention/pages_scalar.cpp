// f32 and f16 pages in plain C++, and the registry of formats.
// A page: keys as 8 groups of 8 tokens, each (dim_k, 8), so that a vector holds one dimension of 8 tokens and
// a score needs no sum across lanes; then values (64, padded dim_v). Must stay readable: it is the reference
// of the vector variants.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/attention/kv_format.h"
#include "kernels/attention/page_layout.h"
#include "kernels/attention/softmax_step.h"
#include "kernels/half.h"

namespace hearth::kernels {

#if defined(__x86_64__)
const PageKernels& page_kernels_f16_avx2();
const PageKernels& page_kernels_f32_avx2();
SoftmaxStep softmax_step_avx2();
#endif
const KvFormat& kv_format_int8();

namespace {

float to_float(float stored) { return stored; }
float to_float(uint16_t stored) { return half_to_float(stored); }
void to_stored(float value, float* stored) { *stored = value; }
void to_stored(float value, uint16_t* stored) {
  *stored = float_to_half(std::isnan(value) ? value : std::clamp(value, -kLargestHalf, kLargestHalf));
}

template <typename T>
void write(std::byte* page, PageDims dims, int32_t slot, int32_t n, const float* k, int64_t k_stride,
           const float* v, int64_t v_stride) {
  const PageView<T> view(page, dims);
  for (int32_t i = 0; i < n; ++i) {
    T* key = view.key(slot + i);
    for (int32_t d = 0; d < dims.dim_k; ++d) to_stored(k[i * k_stride + d], key + d * kKeyGroup);
    T* value = view.value(slot + i);
    for (int32_t d = 0; d < dims.dim_v; ++d) to_stored(v[i * v_stride + d], value + d);
    std::fill(value + dims.dim_v, value + padded_dim(dims.dim_v), T{0});
  }
}

template <typename T>
void read(const std::byte* page, PageDims dims, int32_t slot, float* k, float* v) {
  const PageView<const T> view(page, dims);
  for (int32_t d = 0; d < dims.dim_k; ++d) k[d] = to_float(view.key(slot)[d * kKeyGroup]);
  for (int32_t d = 0; d < dims.dim_v; ++d) v[d] = to_float(view.value(slot)[d]);
}

template <typename T>
void scores(const std::byte* page, PageDims dims, const std::byte* queries, int32_t rows, int32_t end,
            float* out) {
  const PageView<const T> view(page, dims);
  const auto* q = reinterpret_cast<const float*>(queries);
  for (int32_t r = 0; r < rows; ++r) {
    for (int32_t slot = 0; slot < end; ++slot) {
      float sum = 0;
      for (int32_t d = 0; d < dims.dim_k; ++d)
        sum += q[r * dims.dim_k + d] * to_float(view.key(slot)[d * kKeyGroup]);
      out[r * kPageTokens + slot] = sum;
    }
  }
}

template <typename T>
void accumulate(const std::byte* page, PageDims dims, float* p, int32_t rows, int32_t first, int32_t end,
                float* acc, const std::byte*) {
  const PageView<const T> view(page, dims);
  const int32_t stride = padded_dim(dims.dim_v);
  for (int32_t r = 0; r < rows; ++r) {
    for (int32_t slot = first; slot < end; ++slot) {
      const float weight = p[r * kPageTokens + slot];
      for (int32_t d = 0; d < stride; ++d) acc[r * stride + d] += weight * to_float(view.value(slot)[d]);
    }
  }
}

void step_row(float* s, int32_t first, int32_t end, float softcap, RowState& state, float* acc, int32_t dim) {
  std::fill(s, s + std::clamp(first, 0, kPageTokens), 0.0f);
  std::fill(s + std::clamp(end, 0, kPageTokens), s + kPageTokens, 0.0f);
  if (first >= end) {
    std::fill(s, s + kPageTokens, 0.0f);
    return;
  }
  if (softcap > 0) {
    for (int32_t i = first; i < end; ++i) s[i] = softcap * std::tanh(s[i] / softcap);
  }
  const float top = std::max(state.max, *std::max_element(s + first, s + end));
  if (top > state.max) {
    const float factor = std::exp(state.max - top);
    state.sum *= factor;
    for (int32_t d = 0; d < dim; ++d) acc[d] *= factor;
    state.max = top;
  }
  float sum = 0;
  for (int32_t i = first; i < end; ++i) {
    s[i] = std::exp(s[i] - state.max);
    sum += s[i];
  }
  state.sum += sum;
}

void step(float* s, int32_t rows, int32_t first, int32_t end, float softcap, RowState* state, float* acc,
          int32_t dim) {
  for (int32_t r = 0; r < rows; ++r) {
    step_row(s + r * kPageTokens, first, end, softcap, state[r], acc + r * dim, dim);
  }
}

int64_t query_bytes(PageDims dims) { return dims.dim_k * int64_t{sizeof(float)}; }

template <typename T>
constexpr PageKernels kScalar = {write<T>, read<T>, load_plain_query, scores<T>, accumulate<T>};

template <typename T>
int64_t page_bytes(PageDims dims) {
  return int64_t{kPageTokens} * (dims.dim_k + padded_dim(dims.dim_v)) * static_cast<int64_t>(sizeof(T));
}

const PageKernels& kernels_f16([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa >= Isa::kAvx2) return page_kernels_f16_avx2();
#endif
  return kScalar<uint16_t>;
}

const PageKernels& kernels_f32([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa >= Isa::kAvx2) return page_kernels_f32_avx2();
#endif
  return kScalar<float>;
}

constexpr KvFormat kF16 = {"f16", page_bytes<uint16_t>, query_bytes, kernels_f16};
constexpr KvFormat kF32 = {"f32", page_bytes<float>, query_bytes, kernels_f32};

}  // namespace

void load_plain_query(PageDims dims, const float* q, float scale, std::byte* out) {
  auto* to = reinterpret_cast<float*>(out);
  for (int32_t d = 0; d < dims.dim_k; ++d) to[d] = q[d] * scale;
}

std::span<const KvFormat* const> kv_formats() {
  static const KvFormat* const kFormats[] = {&kF16, &kF32, &kv_format_int8()};
  return kFormats;
}

const KvFormat* find_kv_format(std::string_view name) {
  for (const KvFormat* format : kv_formats()) {
    if (format->name == name) return format;
  }
  return nullptr;
}

SoftmaxStep softmax_step([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa >= Isa::kAvx2) return softmax_step_avx2();
#endif
  return step;
}

}  // namespace hearth::kernels
