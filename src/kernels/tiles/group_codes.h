// Tiles with one scale, and perhaps one minimum, per group of 32 columns: w = scale * (code - zero) -
// minimum. Put together from a way to store scales and a way to store codes; portable part: layouts, packing,
// exact rows and the definition of the arithmetic. Must not know formats by name.
#pragma once

#include <bit>

#include "kernels/gemm/int_panel.h"

namespace hearth::kernels {

// Ways to store scales. Each has kMinima, bytes(groups), pack(rows, groups, out), and scale and minimum of
// row r in group g. Where a scale is a product it has at most 24 significant bits: exact.

/// A binary16 scale per group: 0.5 bits per weight.
struct HalfScales {
  static constexpr bool kMinima = false;
  static constexpr int64_t bytes(int groups) { return (int64_t{groups} * kPanelRows * 2 + 31) / 32 * 32; }
  static const uint16_t* halves(const std::byte* tile, int g) {
    return reinterpret_cast<const uint16_t*>(tile) + g * kPanelRows;
  }
  static void pack(const Codes* rows, int groups, std::byte* out) {
    for (int g = 0; g < groups; ++g) {
      for (int r = 0; r < kPanelRows; ++r)
        reinterpret_cast<uint16_t*>(out)[g * kPanelRows + r] = rows[r].d[g];
    }
  }
  static float scale(const std::byte* tile, int g, int r) { return half_to_float(halves(tile, g)[r]); }
  static float minimum(const std::byte*, int, int) { return 0; }
};

/// A binary16 scale and offset per group: one bit per weight. The minimum is the offset with its sign turned.
struct HalfScalesAndOffsets {
  static constexpr bool kMinima = true;
  static constexpr int64_t bytes(int groups) { return int64_t{groups} * 2 * kPanelRows * 2; }
  static const uint16_t* halves(const std::byte* tile, int g) {  // eight scales, eight offsets
    return reinterpret_cast<const uint16_t*>(tile) + g * 2 * kPanelRows;
  }
  static void pack(const Codes* rows, int groups, std::byte* out) {
    auto* halves = reinterpret_cast<uint16_t*>(out);
    for (int g = 0; g < groups; ++g, halves += 2 * kPanelRows) {
      for (int r = 0; r < kPanelRows; ++r) {
        halves[r] = rows[r].d[g];
        halves[kPanelRows + r] = rows[r].m[g];
      }
    }
  }
  static float scale(const std::byte* tile, int g, int r) { return half_to_float(halves(tile, g)[r]); }
  static float minimum(const std::byte* tile, int g, int r) {
    return -half_to_float(halves(tile, g)[kPanelRows + r]);
  }
};

/// A float32 scale per row and a signed byte per group: 0.375 bits per weight.
struct SignedSubScales {
  struct Fields {
    float d[kPanelRows];
    int8_t sc[kCodesGroups][kPanelRows];
  };
  static constexpr bool kMinima = false;
  static constexpr int64_t bytes(int) { return sizeof(Fields); }
  static const Fields& fields(const std::byte* tile) { return *reinterpret_cast<const Fields*>(tile); }
  static void pack(const Codes* rows, int groups, std::byte* out) {
    auto& f = *reinterpret_cast<Fields*>(out);
    for (int r = 0; r < kPanelRows; ++r) {
      f.d[r] = half_to_float(rows[r].d[0]);
      for (int g = 0; g < groups; ++g) f.sc[g][r] = rows[r].sc[g];
    }
  }
  static float scale(const std::byte* tile, int g, int r) {
    return fields(tile).d[r] * static_cast<float>(fields(tile).sc[g][r]);
  }
  static float minimum(const std::byte*, int, int) { return 0; }
};

/// Binary16 scales of scales and of minima per row, a byte of each per group: 0.625 bits per weight.
struct SubScalesAndMinima {
  struct Fields {
    uint16_t d[kPanelRows];
    uint16_t m[kPanelRows];
    uint8_t sc[kCodesGroups][kPanelRows];
    uint8_t mn[kCodesGroups][kPanelRows];
  };
  static constexpr bool kMinima = true;
  static constexpr int64_t bytes(int) { return sizeof(Fields); }
  static const Fields& fields(const std::byte* tile) { return *reinterpret_cast<const Fields*>(tile); }
  static void pack(const Codes* rows, int groups, std::byte* out) {
    auto& f = *reinterpret_cast<Fields*>(out);
    for (int r = 0; r < kPanelRows; ++r) {
      f.d[r] = rows[r].d[0];
      f.m[r] = rows[r].m[0];
      for (int g = 0; g < groups; ++g) {
        f.sc[g][r] = static_cast<uint8_t>(rows[r].sc[g]);
        f.mn[g][r] = rows[r].mn[g];
      }
    }
  }
  static float scale(const std::byte* tile, int g, int r) {
    return half_to_float(fields(tile).d[r]) * static_cast<float>(fields(tile).sc[g][r]);
  }
  static float minimum(const std::byte* tile, int g, int r) {
    return half_to_float(fields(tile).m[r]) * static_cast<float>(fields(tile).mn[g][r]);
  }
};

/// A power of two per group, as its exponent: 2^(e - 128), which no smaller float holds. 0.25 bits per
/// weight.
struct ExponentScales {
  static constexpr bool kMinima = false;
  static constexpr int64_t bytes(int groups) { return (int64_t{groups} * kPanelRows + 31) / 32 * 32; }
  static const uint8_t* exponents(const std::byte* tile, int g) {
    return reinterpret_cast<const uint8_t*>(tile) + g * kPanelRows;
  }
  static void pack(const Codes* rows, int groups, std::byte* out) {
    for (int g = 0; g < groups; ++g) {
      for (int r = 0; r < kPanelRows; ++r) out[g * kPanelRows + r] = static_cast<std::byte>(rows[r].e[g]);
    }
  }
  static float scale(const std::byte* tile, int g, int r) {
    const uint32_t e = exponents(tile, g)[r];
    return std::bit_cast<float>(e < 2 ? 0x00200000u << e : (e - 1) << 23);
  }
  static float minimum(const std::byte*, int, int) { return 0; }
};

/// How the kernels for 16-bit sums compute with the codes of a tile.
enum class Sums {
  kUnsigned,  // codes from 0 to 15 times activations: a group adds up (16 * 15 * 127 = 30480)
  kCentred,   // values from -16 to 16: a group adds up in the end (16 * 16 * 127 = 32512), half of one always
  kWide,      // signed bytes: nothing does
};

// Ways to store the 32 codes of a group in eight rows. Each has kBytes, pack(rows, g, out), value() of row r
// and column k, which is the code less kZero (or its place in a table), and kSums.

/// Nibble vectors.
template <int kZeroPoint>
struct FourBitCodes {
  static constexpr int kZero = kZeroPoint;
  static constexpr Sums kSums = Sums::kUnsigned;
  static constexpr int64_t kBytes = 4 * kVectorBytes;
  static void pack(const Codes* rows, int g, uint8_t (*out)[kVectorBytes]) { pack_nibbles(rows, g, out); }
  static int value(const uint8_t (*q)[kVectorBytes], int r, int k) { return nibble_at(q, r, k) - kZero; }
};

/// Nibble vectors and a vector of fifth bits: bit j of a byte belongs to code vector j.
struct FiveBitCodes {
  static constexpr int kZero = 16;
  static constexpr Sums kSums = Sums::kCentred;
  static constexpr int64_t kBytes = 5 * kVectorBytes;
  static void pack(const Codes* rows, int g, uint8_t (*out)[kVectorBytes]) {
    pack_nibbles(rows, g, out);
    pack_bit(rows, g, 4, out[4]);
  }
  static int value(const uint8_t (*q)[kVectorBytes], int r, int k) {
    return (nibble_at(q, r, k) | (bit_at(q[4], r, k) << 4)) - kZero;
  }
};

/// Nibble vectors that index sixteen values; with 16 added, centred ones are >= 0.
template <const int8_t (&kTable)[16], Sums kSumsOfValues>
struct TableCodes {
  static constexpr int kZero = 16;
  static constexpr Sums kSums = kSumsOfValues;
  static constexpr int64_t kBytes = 4 * kVectorBytes;
  static void pack(const Codes* rows, int g, uint8_t (*out)[kVectorBytes]) { pack_nibbles(rows, g, out); }
  static int value(const uint8_t (*q)[kVectorBytes], int r, int k) { return kTable[nibble_at(q, r, k)]; }
};

/// The layout: scales of the whole tile, then the codes of each group. IntPanel's T.
template <typename ScalesOf, typename CodesOf>
struct GroupTile {
  using Scales = ScalesOf;
  using GroupCodes = CodesOf;
  using Vectors = const uint8_t (*)[kVectorBytes];
  /// Minima are those of codes from 0 up; of values they are this many scales smaller.
  static constexpr int kShift = Scales::kMinima ? GroupCodes::kZero : 0;

  static constexpr int64_t bytes(int groups) { return Scales::bytes(groups) + groups * GroupCodes::kBytes; }
  static Vectors vectors(const std::byte* tile, int groups, int g) {
    return reinterpret_cast<Vectors>(tile + Scales::bytes(groups) + g * GroupCodes::kBytes);
  }

  static void pack(const Codes* rows, int groups, std::byte* tile) {
    std::memset(tile, 0, static_cast<size_t>(bytes(groups)));
    Scales::pack(rows, groups, tile);
    for (int g = 0; g < groups; ++g) {
      std::byte* q = tile + Scales::bytes(groups) + g * GroupCodes::kBytes;
      GroupCodes::pack(rows, g, reinterpret_cast<uint8_t(*)[kVectorBytes]>(q));
    }
  }

  static void decode(const std::byte* tile, int groups, int r, float* out) {
    for (int g = 0; g < groups; ++g) {
      const float scale = Scales::scale(tile, g, r);
      const float minimum = Scales::minimum(tile, g, r);
      const Vectors q = vectors(tile, groups, g);
      for (int k = 0; k < kGroup; ++k, ++out) {
        *out = scale * static_cast<float>(GroupCodes::value(q, r, k) + kShift);
        if constexpr (Scales::kMinima) *out -= minimum;
      }
    }
  }

  static float accumulate(const std::byte* tile, int groups, int r, const ActivationBlock& a, float sum) {
    float minima = 0;
    for (int g = 0; g < groups; ++g) {
      const Vectors q = vectors(tile, groups, g);
      int dot = 0;
      for (int k = 0; k < kGroup; ++k) dot += GroupCodes::value(q, r, k) * a.q[g * kGroup + k];
      const float scale = Scales::scale(tile, g, r);
      const float minimum = std::fma(static_cast<float>(-kShift), scale, Scales::minimum(tile, g, r));
      sum = std::fma(scale, static_cast<float>(dot) * a.d[g], sum);
      minima = std::fma(minimum, a.scaled_sum[g], minima);
    }
    return Scales::kMinima ? sum - minima : sum;
  }
};

}  // namespace hearth::kernels
