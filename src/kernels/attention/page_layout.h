// Where a token's key and value lie in a page of plain values (float, or half as uint16_t). Internal to
// attention/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/attention/kv_format.h"

namespace hearth::kernels {

inline constexpr int32_t kKeyGroup = 8;  // tokens whose keys are interleaved
inline constexpr float kLargestHalf = 65504.0f;

/// A query of plain floats; see PageKernels::load_query.
void load_plain_query(PageDims dims, const float* q, float scale, std::byte* out);

/// T may be const. Keys: [8 groups of 8 tokens][dim_k][8]; values: [64][padded_dim(dim_v)].
template <typename T>
class PageView {
  using Byte = std::conditional_t<std::is_const_v<T>, const std::byte, std::byte>;

 public:
  PageView(Byte* page, PageDims dims)
      : keys_(reinterpret_cast<T*>(page)), values_(keys_ + int64_t{kPageTokens} * dims.dim_k), dims_(dims) {}

  /// The first dimension of a token's key; the next ones follow kKeyGroup values apart.
  T* key(int32_t slot) const {
    return keys_ + int64_t{slot / kKeyGroup} * kKeyGroup * dims_.dim_k + slot % kKeyGroup;
  }
  T* value(int32_t slot) const { return values_ + int64_t{slot} * padded_dim(dims_.dim_v); }

 private:
  T* keys_;
  T* values_;
  PageDims dims_;
};

}  // namespace hearth::kernels
