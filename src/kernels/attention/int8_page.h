// Where codes and scales lie in a page of 8-bit keys and values, how a row of floats becomes codes, and the
// rotation of keys and queries. Internal to attention/. Codes, scales and scores are defined here to the bit:
// every ISA gives the same. Must not know the softmax.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/attention/kv_format.h"

namespace hearth::kernels::int8_page {

inline constexpr int32_t kMaxDim = 1024;   // of a key or value
inline constexpr int32_t kKeyTokens = 8;   // whose codes are interleaved, 4 dimensions each
inline constexpr int32_t kQuad = 4;        // codes that one broadcast of a query or of weights meets
inline constexpr int32_t kValueDims = 8;   // whose codes are interleaved, 4 tokens each
inline constexpr int32_t kStepBytes = 32;  // 8 tokens x 4 dimensions, or 8 dimensions x 4 tokens
inline constexpr int64_t kScaleBytes = kPageTokens * int64_t{sizeof(float)};
inline constexpr int64_t kValueBlockBytes = int64_t{kPageTokens} * kValueDims;
inline constexpr float kCodeLimit = 127.0f;
inline constexpr float kWeightLimit = 32767.0f;  // 64 * 127 * 32767 < 2^31
/// A row whose largest magnitude is below this is stored as zeros: its inverse would overflow.
inline constexpr float kSmallestRow = 1e-30f;

constexpr int32_t padded_key(int32_t dim_k) { return (dim_k + kQuad - 1) / kQuad * kQuad; }
constexpr int64_t key_bytes(PageDims dims) { return int64_t{kPageTokens} * padded_key(dims.dim_k); }
constexpr int64_t value_bytes(PageDims dims) { return int64_t{kPageTokens} * padded_dim(dims.dim_v); }

/// A page: keys [8 groups of 8 tokens][dim_k / 4][8][4], scales of the keys [64], values [dim_v / 8][16
/// groups of 4 tokens][8][4], scales of the values [64]. Byte may be const.
template <typename Byte>
class View {
  template <typename T>
  using As = std::conditional_t<std::is_const_v<Byte>, const T, T>;

 public:
  View(Byte* page, PageDims dims) : page_(page), dims_(dims) {}

  As<int8_t>* keys() const { return reinterpret_cast<As<int8_t>*>(page_); }
  As<float>* key_scales() const { return reinterpret_cast<As<float>*>(page_ + key_bytes(dims_)); }
  As<int8_t>* values() const { return reinterpret_cast<As<int8_t>*>(page_ + key_bytes(dims_) + kScaleBytes); }
  As<float>* value_scales() const {
    return reinterpret_cast<As<float>*>(page_ + key_bytes(dims_) + kScaleBytes + value_bytes(dims_));
  }
  As<int8_t>& key(int32_t slot, int32_t d) const {
    return keys()[int64_t{slot / kKeyTokens} * kKeyTokens * padded_key(dims_.dim_k) + d / kQuad * kStepBytes +
                  slot % kKeyTokens * kQuad + d % kQuad];
  }
  As<int8_t>& value(int32_t slot, int32_t d) const {
    return values()[d / kValueDims * kValueBlockBytes + slot / kQuad * kStepBytes + d % kValueDims * kQuad +
                    slot % kQuad];
  }

 private:
  Byte* page_;
  PageDims dims_;
};

/// A prepared query: scale, then 16-bit codes of the rotated vector, padded with zeros.
inline constexpr int64_t kQueryHeader = 16;
constexpr int64_t query_bytes(PageDims dims) { return kQueryHeader + 2 * padded_key(dims.dim_k); }
/// Largest code of a query: so that no sum of dim_k products with 8-bit codes leaves 32 bits.
constexpr float query_limit(int32_t dim_k) {
  return static_cast<float>(
      std::min<int64_t>(32767, ((int64_t{1} << 31) - 1) / (127 * int64_t{padded_key(dim_k)})));
}

/// Weights of one row and page, written over its 64 floats: codes, then the scale.
struct Weights {
  int16_t codes[kPageTokens];
  float scale;
};
static_assert(sizeof(Weights) <= kPageTokens * sizeof(float));

/// Dimensions that are rotated together: the largest power of two that divides the head; 1 (none) when that
/// is less than 16.
constexpr int32_t rotation_block(int32_t dim) {
  const int32_t block = dim & -dim;
  return block >= 16 ? block : 1;
}

/// Steps of a row's codes.
struct Grid {
  float scale;    // value of one step; NaN when the row holds a number that is not finite
  float inverse;  // 0: all codes are 0
};
/// For a row whose largest magnitude has the bits `max_bits` (as integers magnitudes order as they do as
/// floats, with infinity and NaN on top).
inline Grid grid_of(uint32_t max_bits, float limit) {
  if (max_bits >= 0x7f800000u) return {std::numeric_limits<float>::quiet_NaN(), 0.0f};
  const float max = std::bit_cast<float>(max_bits);
  if (max < kSmallestRow) return {0.0f, 0.0f};
  return {max / limit, limit / max};
}

/// How many of the rows left make the next tile of at most `most`: two even tiles rather than a full one and
/// a small one.
constexpr int32_t tile_rows(int32_t left, int32_t most) {
  return left > most && left < 2 * most ? (left + 1) / 2 : std::min(left, most);
}

/// What was stored for one slot, for all ISAs; see PageKernels::read.
void read(const std::byte* page, PageDims dims, int32_t slot, float* k, float* v);

}  // namespace hearth::kernels::int8_page
