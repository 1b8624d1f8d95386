// Every registered format: decode against goldens and, through split(), against the written formulas; round
// trips; error bounds of the encoder; detection of non-finite scales. Rows come from the registry, so a new
// format is tested by existing.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "base/rng.h"
#include "kernels/format.h"
#include "kernels/formats/value_tables.h"
#include "kernels/half.h"

namespace hearth::kernels {
namespace {

std::vector<std::byte> from_hex(const std::string& hex) {
  std::vector<std::byte> bytes(hex.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  }
  return bytes;
}

std::vector<float> normal_values(int64_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> x(static_cast<size_t>(n));
  for (float& value : x) value = static_cast<float>(0.05 * rng.normal());
  return x;
}

std::vector<std::byte> encoded(const Format& format, const std::vector<float>& x) {
  std::vector<std::byte> bytes(x.size() / static_cast<size_t>(format.block_elems) *
                               static_cast<size_t>(format.block_bytes));
  format.encode(x.data(), bytes.data(), static_cast<int64_t>(x.size()), nullptr);
  return bytes;
}

std::vector<float> decoded(const Format& format, const std::vector<std::byte>& bytes) {
  const size_t n =
      bytes.size() / static_cast<size_t>(format.block_bytes) * static_cast<size_t>(format.block_elems);
  std::vector<float> x(n);
  format.decode(bytes.data(), x.data(), static_cast<int64_t>(n));
  return x;
}

double rms_error(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0;
  for (size_t i = 0; i < a.size(); ++i) error += std::pow(double{a[i]} - double{b[i]}, 2);
  return std::sqrt(error / static_cast<double>(a.size()));
}

TEST(Formats, DecodeEqualsGoldensToTheBit) {
  std::ifstream file(HEARTH_SOURCE_DIR "/tests/golden/kernels/formats.txt");
  ASSERT_TRUE(file) << "tests/golden/kernels/formats.txt is missing";
  int seen = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) continue;
    std::istringstream fields(line);
    std::string name, bytes, values;
    fields >> name >> bytes >> values;
    const Format* format = find_format(name);
    ASSERT_NE(format, nullptr) << name;
    const std::vector<std::byte> golden = from_hex(values);
    const std::vector<float> got = decoded(*format, from_hex(bytes));
    ASSERT_EQ(golden.size(), got.size() * sizeof(float)) << name;
    for (size_t i = 0; i < got.size(); ++i) {
      float want;
      std::memcpy(&want, golden.data() + i * sizeof(float), sizeof(float));
      ASSERT_EQ(want, got[i]) << name << " value " << i;
    }
    ++seen;
  }
  EXPECT_EQ(seen, 15);
}

TEST(Formats, RegistryIsConsistentWithTheTypeTable) {
  EXPECT_GE(format_registry().size(), 16u);
  for (const Format* format : format_registry()) {
    const auto shape = block_of_type(format->id);
    ASSERT_TRUE(shape.has_value()) << format->name;
    EXPECT_EQ(shape->elems, format->block_elems) << format->name;
    EXPECT_EQ(shape->bytes, format->block_bytes) << format->name;
    EXPECT_EQ(type_name(format->id), format->name);
    EXPECT_EQ(find_format(format->id), format);
    EXPECT_EQ(find_format(format->name), format);
  }
  EXPECT_EQ(find_format("q4_k"), find_format(12u));
  EXPECT_EQ(find_format("q4_"), nullptr);
  EXPECT_EQ(find_format(4711u), nullptr);
  EXPECT_FALSE(block_of_type(4711u).has_value());
  EXPECT_EQ(block_of_type(13)->bytes, 176);
}

TEST(Formats, EncodingADecodedBlockOfFloatsIsExact) {
  const std::vector<float> x = normal_values(512, 1);
  for (const char* name : {"F32", "F16", "BF16"}) {
    const Format& format = *find_format(name);
    const std::vector<std::byte> bytes = encoded(format, x);
    EXPECT_EQ(encoded(format, decoded(format, bytes)), bytes) << name;
  }
}

// Root mean square error over that of the values: a uniform quantiser of step s makes s / sqrt(12), and on
// normal values the steps below are the largest range of a group over its levels; 25% is left for rounding
// the scales themselves.
TEST(Formats, EncodeErrorIsBounded) {
  struct Bound {
    const char* name;
    double relative;
  };
  const Bound bounds[] = {{"F32", 0},      {"F16", 0x1p-11}, {"BF16", 0x1p-8}, {"Q8_0", 0.0068},
                          {"Q6_K", 0.024}, {"Q4_K", 0.085},  {"Q4_0", 0.105},  {"Q4_1", 0.1},
                          {"Q5_0", 0.05},  {"Q5_1", 0.05},   {"Q5_K", 0.04},   {"Q3_K", 0.18},
                          {"Q2_K", 0.33},  {"IQ4_NL", 0.09}, {"IQ4_XS", 0.09}, {"MXFP4", 0.13}};
  for (const Bound& bound : bounds) {
    const std::vector<float> x = normal_values(256 * 200, 2);
    const Format& format = *find_format(bound.name);
    EXPECT_LE(rms_error(x, decoded(format, encoded(format, x))), bound.relative * 0.05) << bound.name;
  }
}

TEST(Formats, EncodeHandlesZerosConstantsAndExtremes) {
  for (const Format* format : format_registry()) {
    for (float value : {0.0f, -0.0f, 1.0f, -1.0f, 1e-30f, 6e4f, -6e4f, 1e-38f}) {
      const std::vector<float> x(256, value);
      const std::vector<float> back = decoded(*format, encoded(*format, x));
      for (float got : back) {
        ASSERT_TRUE(std::isfinite(got)) << format->name << " of " << value;
        // A scale that is a power of two, and levels as far apart as 8 and 12.
        const double relative = format->name == "MXFP4" ? 0.2 : 0.01;
        ASSERT_NEAR(got, value, relative * std::fabs(value) + 1e-6) << format->name << " of " << value;
      }
    }
  }
}

TEST(Formats, RoundTripOfEncodedValuesIsStable) {
  for (const Format* format : format_registry()) {
    const std::vector<float> once = decoded(*format, encoded(*format, normal_values(2048, 3)));
    const std::vector<float> twice = decoded(*format, encoded(*format, once));
    // The second pass may choose another scale, but must not lose more than a tenth of what the first did.
    const double first = rms_error(once, normal_values(2048, 3));
    EXPECT_LE(rms_error(once, twice), 0.35 * first + 1e-9) << format->name;
  }
}

TEST(Formats, NonFiniteIsFound) {
  for (const Format* format : format_registry()) {
    const std::vector<float> x = normal_values(1024, 4);
    const std::vector<std::byte> good = encoded(*format, x);
    EXPECT_TRUE(format->finite(good.data(), 1024)) << format->name;
    // The last scale or value of the run; where it lies in a block is found by what makes decode give a NaN.
    bool found_any = false;
    for (size_t at = good.size() - static_cast<size_t>(format->block_bytes); at < good.size(); ++at) {
      for (const std::byte top : {std::byte{0x7f}, std::byte{0xff}, std::byte{0xfd}}) {
        std::vector<std::byte> bad = good;
        bad[at] = top;
        if (at > 0 && format->block_bytes > 1) bad[at - 1] |= std::byte{0xc0};
        const std::vector<float> values = decoded(*format, bad);
        const bool all = std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
        EXPECT_EQ(format->finite(bad.data(), 1024), all) << format->name << " byte " << at;
        found_any |= !all;
      }
    }
    EXPECT_TRUE(found_any) << format->name;
  }
}

/// The formulas of codes.h, in double, from what split() gives.
double formula(const Codes& c, int k, std::string_view tile) {
  const double d = half_to_float(c.d[k / 32]), d0 = half_to_float(c.d[0]);
  const double m = half_to_float(c.m[k / 32]), m0 = half_to_float(c.m[0]);
  const int q = c.q[k];
  if (tile == "h4f") return d * (q - 8);
  if (tile == "h5f") return d * (q - 16);
  if (tile == "h4m" || tile == "h5m") return d * q + m;
  if (tile == "h4" || tile == "h5") return d0 * c.sc[k / 32] * q - m0 * c.mn[k / 32];
  if (tile == "h4x") return d * kNonLinearValues[q];
  if (tile == "h4xs") return d0 * c.sc[k / 32] * kNonLinearValues[q];
  if (tile == "h4e") return std::ldexp(kE2m1Values[q], c.e[k / 32] - 128);
  if (tile == "h2") return d0 * c.sc[k / 16] * q - m0 * c.mn[k / 16];
  if (tile == "h3") return d0 * c.sc[k / 16] * (q - 4);
  if (tile == "h6") return d0 * c.sc[k / 16] * (q - 32);
  EXPECT_EQ(tile, "h8") << "a tile without a formula here";
  return d * q;
}

TEST(Formats, SplitFollowsTheFormulas) {
  for (const Format* format : format_registry()) {
    if (!format->split) continue;
    const std::vector<std::byte> bytes = encoded(*format, normal_values(256, 5));
    const std::vector<float> want = decoded(*format, bytes);
    Codes codes{};
    format->split(bytes.data(), 256, codes);
    for (int k = 0; k < 256; ++k) {
      const double got = formula(codes, k, format->tile);
      ASSERT_NEAR(got, want[static_cast<size_t>(k)], 4 * 0x1p-24 * (std::fabs(got) + 0.5))
          << format->name << " " << k;
    }
  }
}

}  // namespace
}  // namespace hearth::kernels
