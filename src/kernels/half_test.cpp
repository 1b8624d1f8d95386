// Half and bfloat16 conversions: every half value there and back, rounding against the definition in double,
// and the ISA list. Must be able to fail on any single bit pattern.
#include "kernels/half.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "kernels/isa.h"

namespace hearth::kernels {
namespace {

/// The value of a half by its definition.
double half_value(uint32_t half) {
  const int exponent = static_cast<int>((half >> 10) & 31u);
  const double fraction = half & 0x3ffu;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024.0 + fraction, exponent - 25);
  return (half & 0x8000u) ? -magnitude : magnitude;
}

TEST(Half, EveryValueThereAndBack) {
  for (uint32_t bits = 0; bits < 0x10000u; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = half_to_float(half);
    if ((bits & 0x7fffu) > 0x7c00u) {
      EXPECT_TRUE(std::isnan(value));
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value))));
      continue;
    }
    if ((bits & 0x7fffu) == 0x7c00u) {
      EXPECT_TRUE(std::isinf(value));
    } else {
      EXPECT_EQ(value, half_value(bits)) << bits;
    }
    EXPECT_EQ(float_to_half(value), half) << bits;
  }
}

TEST(Half, RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7bffu; ++bits) {
    const double low = half_value(bits);
    const double high = half_value(bits + 1);
    const auto middle = static_cast<float>((low + high) / 2);  // exact: one more bit than a half has
    EXPECT_EQ(float_to_half(middle), (bits & 1u) ? bits + 1 : bits);
    EXPECT_EQ(float_to_half(std::nextafter(middle, 0.0f)), bits);
    EXPECT_EQ(float_to_half(-std::nextafter(middle, 1e6f)), (bits + 1) | 0x8000u);
  }
  EXPECT_EQ(float_to_half(std::nextafter(65520.0f, 0.0f)), 0x7bffu);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00u);
  EXPECT_EQ(float_to_half(-1e30f), 0xfc00u);
}

TEST(Bfloat16, RoundsToNearestEven) {
  Rng rng(1);
  for (int i = 0; i < 100000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(rng.next()));
    const float back = bfloat16_to_float(float_to_bfloat16(value));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(back));
    } else if (std::isfinite(back)) {
      const double ulp = std::ldexp(1.0, std::max(std::ilogb(value), -126) - 7);
      EXPECT_LE(std::abs(static_cast<double>(back) - value), ulp / 2);
    }
  }
  EXPECT_EQ(float_to_bfloat16(1.00390625f), 0x3f80u);  // half way, down to even
  EXPECT_EQ(float_to_bfloat16(1.01171875f), 0x3f82u);  // half way, up to even
  EXPECT_EQ(float_to_bfloat16(std::numeric_limits<float>::max()), 0x7f80u);
}

TEST(Isa, ScalarIsAlwaysThereAndTheActiveOneIsAvailable) {
  ASSERT_FALSE(available_isas().empty());
  EXPECT_EQ(available_isas().front(), Isa::kScalar);
  bool found = false;
  for (Isa isa : available_isas()) found = found || isa == active_isa();
  EXPECT_TRUE(found);
}

TEST(Isa, AvxVnniIsThereWithEitherEncoding) {
  const auto has = [](Isa isa) {
    const std::span<const Isa> all = available_isas();
    return std::find(all.begin(), all.end(), isa) != all.end();
  };
  EXPECT_EQ(has(Isa::kAvxVnni), has_avx_vnni() || has(Isa::kAvx512Vnni));
}

}  // namespace
}  // namespace hearth::kernels
