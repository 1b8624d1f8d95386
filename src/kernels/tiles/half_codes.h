// Tiles with integer scales per 16 columns: w = d * sc * (code - zero) - m * mn. Put together from a way to
// store scales and a way to store codes; portable part: layouts, packing, exact rows and the definition of
// the arithmetic. Must not know formats by name.
#pragma once

#include "kernels/tiles/group_codes.h"

namespace hearth::kernels {

// Ways to store scales. kFactor multiplies the integer sums (and a quarter, say, the scale of the row) so
// that zero points can be taken off by the activations' ready sums.

/// Scale and minimum in the nibbles of a byte, binary16 scales of both per row: 0.625 bits per weight.
struct NibbleScalesAndMinima {
  struct Fields {
    uint16_t d[kPanelRows];
    uint16_t m[kPanelRows];
    uint8_t sc[kCodesGroups][2][kPanelRows];  // scale low, minimum high
  };
  static constexpr bool kMinima = true;
  static constexpr int kFactor = 1;
  static const Fields& fields(const std::byte* tile) { return *reinterpret_cast<const Fields*>(tile); }
  static void pack(const Codes* rows, int groups, std::byte* out) {
    auto& f = *reinterpret_cast<Fields*>(out);
    for (int r = 0; r < kPanelRows; ++r) {
      f.d[r] = rows[r].d[0];
      f.m[r] = rows[r].m[0];
      for (int h = 0; h < 2 * groups; ++h) {
        f.sc[h / 2][h % 2][r] = static_cast<uint8_t>(rows[r].sc[h] | (rows[r].mn[h] << 4));
      }
    }
  }
  static float d(const std::byte* tile, int r) { return half_to_float(fields(tile).d[r]); }
  static float m(const std::byte* tile, int r) { return half_to_float(fields(tile).m[r]); }
  static int scale(const std::byte* tile, int g, int half, int r) { return fields(tile).sc[g][half][r] & 15; }
  static int minimum(const std::byte* tile, int g, int half, int r) {
    return fields(tile).sc[g][half][r] >> 4;
  }
};

/// A signed byte, and a float32 scale per row: 0.625 bits per weight.
struct SignedHalfScales {
  struct Fields {
    float d[kPanelRows];
    int8_t sc[kCodesGroups][2][kPanelRows];
  };
  static constexpr bool kMinima = false;
  static constexpr int kFactor = 4;
  static const Fields& fields(const std::byte* tile) { return *reinterpret_cast<const Fields*>(tile); }
  static void pack(const Codes* rows, int groups, std::byte* out) {
    auto& f = *reinterpret_cast<Fields*>(out);
    for (int r = 0; r < kPanelRows; ++r) {
      f.d[r] = half_to_float(rows[r].d[0]);
      for (int h = 0; h < 2 * groups; ++h) f.sc[h / 2][h % 2][r] = rows[r].sc[h];
    }
  }
  static float d(const std::byte* tile, int r) { return fields(tile).d[r]; }
  static float m(const std::byte*, int) { return 0; }
  static int scale(const std::byte* tile, int g, int half, int r) { return fields(tile).sc[g][half][r]; }
  static int minimum(const std::byte*, int, int, int) { return 0; }
};

// Ways to store codes, as in group_codes.h: the products of a half add up in 16 bits.

/// Two vectors: vector v, field f (bits 2 f) belong to code vector 4 v + f.
struct TwoBitCodes {
  static constexpr int kZero = 0;
  static constexpr int64_t kBytes = 2 * kVectorBytes;
  static void pack(const Codes* rows, int g, uint8_t (*out)[kVectorBytes]) {
    for (int r = 0; r < kPanelRows; ++r) {
      for (int k = 0; k < kGroup; ++k) {
        uint8_t& byte = out[k / 16][4 * r + k % 4];
        byte = static_cast<uint8_t>(byte | ((rows[r].q[g * kGroup + k] & 3) << (k % 16 / 4 * 2)));
      }
    }
  }
  static int value(const uint8_t (*q)[kVectorBytes], int r, int k) {
    return (q[k / 16][4 * r + k % 4] >> (k % 16 / 4 * 2)) & 3;
  }
};

/// And a vector of third bits.
struct ThreeBitCodes {
  static constexpr int kZero = 4;
  static constexpr int64_t kBytes = 3 * kVectorBytes;
  static void pack(const Codes* rows, int g, uint8_t (*out)[kVectorBytes]) {
    TwoBitCodes::pack(rows, g, out);
    pack_bit(rows, g, 2, out[2]);
  }
  static int value(const uint8_t (*q)[kVectorBytes], int r, int k) {
    return (TwoBitCodes::value(q, r, k) | (bit_at(q[2], r, k) << 2)) - kZero;
  }
};

/// The layout: scales of the whole tile, then the codes of each group. Rows are whole tiles. IntPanel's T.
template <typename ScalesOf, typename CodesOf>
struct HalfTile {
  using Scales = ScalesOf;
  using HalfCodes = CodesOf;
  using Vectors = const uint8_t (*)[kVectorBytes];
  static constexpr int64_t kScaleBytes = sizeof(typename Scales::Fields);

  static constexpr int64_t bytes(int) { return kScaleBytes + kCodesGroups * HalfCodes::kBytes; }
  static Vectors vectors(const std::byte* tile, int g) {
    return reinterpret_cast<Vectors>(tile + kScaleBytes + g * HalfCodes::kBytes);
  }

  static void pack(const Codes* rows, int groups, std::byte* tile) {
    std::memset(tile, 0, static_cast<size_t>(bytes(groups)));
    Scales::pack(rows, groups, tile);
    for (int g = 0; g < groups; ++g) {
      std::byte* q = tile + kScaleBytes + g * HalfCodes::kBytes;
      HalfCodes::pack(rows, g, reinterpret_cast<uint8_t(*)[kVectorBytes]>(q));
    }
  }

  static void decode(const std::byte* tile, int groups, int r, float* out) {
    for (int g = 0; g < groups; ++g) {
      const Vectors q = vectors(tile, g);
      for (int k = 0; k < kGroup; ++k, ++out) {
        const float scale = Scales::d(tile, r) * static_cast<float>(Scales::scale(tile, g, k / 16, r));
        *out = scale * static_cast<float>(HalfCodes::value(q, r, k));
        if constexpr (Scales::kMinima) {
          *out -= Scales::m(tile, r) * static_cast<float>(Scales::minimum(tile, g, k / 16, r));
        }
      }
    }
  }

  /// The integers stay below 2^24, so that every kernel may hold them as floats: the largest are 4 * 32 * 4 *
  /// 127 * 32 (signed scales) and 15 * 16 * 127 * 32 (minima).
  static float accumulate(const std::byte* tile, int groups, int r, const ActivationBlock& a, float sum) {
    float codes = 0, minima = 0;
    for (int g = 0; g < groups; ++g) {
      const Vectors q = vectors(tile, g);
      int dot = 0, minimum = 0;
      for (int k = 0; k < kGroup; ++k) {
        dot += Scales::kFactor * Scales::scale(tile, g, k / 16, r) * HalfCodes::value(q, r, k) *
               a.q[g * kGroup + k];
      }
      for (int h = 0; h < 2; ++h) minimum += Scales::minimum(tile, g, h, r) * a.half_sum16[2 * g + h];
      codes = std::fma(static_cast<float>(dot), a.d[g], codes);
      minima = std::fma(static_cast<float>(minimum), a.d[g], minima);
    }
    sum = std::fma(Scales::d(tile, r) * (1.0f / Scales::kFactor), codes, sum);
    return Scales::kMinima ? std::fma(Scales::m(tile, r) * -0.0625f, minima, sum) : sum;
  }
};

}  // namespace hearth::kernels
