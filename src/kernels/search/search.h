// The search that encoders share: the scales, minima and codes with which a run of weights loses least when
// it is rounded to a format's levels, in the mean square weighted by importance. A format says what it can
// store and packs the integers it gets. Must not know block layouts.
#pragma once

#include <cstdint>

namespace hearth::kernels {

/// Most values searched together, and groups among them.
inline constexpr int kSearchValues = 256;
inline constexpr int kSearchGroups = 16;
inline constexpr int kMostLevels = 16;

/// What a code can stand for before scaling: every integer from low to high, or, when `count` is not 0, the
/// rising `values`.
struct Levels {
  float low = 0;
  float high = 0;
  int count = 0;
  const int8_t* values = nullptr;
};

/// w is about d * scale[k / group] * level[k]. One group has no integer scale: w is about d * level[k].
struct SymmetricSpec {
  Levels levels;
  int group;           // values that share a scale: a multiple of 8
  int groups = 1;      //
  int scale_low = 0;   // range of the integer scales; -scale_low >= scale_high
  int scale_high = 0;  //
};

struct SymmetricCode {
  uint16_t d;  // binary16 bits
  int16_t scale[kSearchGroups];
  int8_t q[kSearchValues];  // the level, or its index among `values`
};

/// w is about d * scale[k / group] * q[k] - m * min[k / group], q from 0 to `high`.
struct AffineSpec {
  int high;
  int group;
  int groups;
  int scale_high;  // scale and min run from 0 to it
};

struct AffineCode {
  uint16_t d;  // binary16 bits
  uint16_t m;  //
  uint8_t scale[kSearchGroups];
  uint8_t min[kSearchGroups];
  int8_t q[kSearchValues];
};

/// 32 values, w is about d * q + m with m of either sign.
struct OffsetCode {
  uint16_t d;  // binary16 bits
  uint16_t m;  //
  int8_t q[32];
};

/// The searches as compiled for one ISA; all give the same bits. `x` must be finite; `importance`, one weight
/// a value, may be null, and counts as null where none of it is a positive number. What they give is finite.
struct Search {
  void (*symmetric)(const SymmetricSpec& spec, const float* x, const float* importance, SymmetricCode& code);
  void (*affine)(const AffineSpec& spec, const float* x, const float* importance, AffineCode& code);
  void (*offset)(int high, const float* x, const float* importance, OffsetCode& code);
  /// 32 values, w is about 2^e * level: gives e, from `lowest` to `highest`, and the index of each level.
  int (*exponent)(const Levels& levels, int lowest, int highest, const float* x, const float* importance,
                  int8_t* q);
};

/// For the ISA in use.
const Search& search();

}  // namespace hearth::kernels
