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
#include "kernels/isa.h"

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

/// Most values small, one in a hundred eight times as large, and rows of different size: as trained weights
/// are.
std::vector<float> weights_like(int64_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> x(static_cast<size_t>(n));
  for (float& value : x) value = static_cast<float>(0.03 * rng.normal() * (rng.below(100) == 0 ? 8 : 1));
  return x;
}

/// One weight a value, over three orders of magnitude.
std::vector<float> importances(int64_t n, uint64_t seed) {
  Rng rng(seed);
  std::vector<float> w(static_cast<size_t>(n));
  for (float& value : w) value = static_cast<float>(std::exp(1.2 * rng.normal()));
  return w;
}

std::vector<std::byte> encoded(const Format& format, const std::vector<float>& x,
                               const float* importance = nullptr) {
  std::vector<std::byte> bytes(x.size() / static_cast<size_t>(format.block_elems) *
                               static_cast<size_t>(format.block_bytes));
  format.encode(x.data(), bytes.data(), static_cast<int64_t>(x.size()), importance);
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
  EXPECT_EQ(seen, 19);
}

TEST(Formats, RegistryIsConsistentWithTheTypeTable) {
  EXPECT_GE(format_registry().size(), 20u);
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

double weighted_error(const std::vector<float>& a, const std::vector<float>& b, const std::vector<float>& w) {
  double error = 0;
  for (size_t i = 0; i < a.size(); ++i) error += w[i] * std::pow(double{a[i]} - double{b[i]}, 2);
  return error;
}

bool is_float(const Format& format) { return format.block_elems == 1; }

TEST(Formats, ImportanceLowersTheWeightedError) {
  const int64_t n = 256 * 64;
  const std::vector<float> x = weights_like(n, 11);
  const std::vector<float> w = importances(n, 12);
  const std::vector<float> equal(w.size(), 1.0f);
  for (const Format* format : format_registry()) {
    if (is_float(*format)) continue;
    const std::vector<float> plain = decoded(*format, encoded(*format, x));
    const std::vector<float> weighted = decoded(*format, encoded(*format, x, w.data()));
    // One scale for many values of one or two bits leaves little to choose.
    const double most = 8 * format->block_bytes < 5 * format->block_elems / 2 ? 0.999 : 0.97;
    EXPECT_LT(weighted_error(x, weighted, w), most * weighted_error(x, plain, w)) << format->name;
    EXPECT_LE(weighted_error(x, plain, equal), weighted_error(x, weighted, equal)) << format->name;
  }
}

TEST(Formats, ImportanceWithoutAPositiveNumberCountsAsNone) {
  const std::vector<float> x = weights_like(1024, 13);
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const Format* format : format_registry()) {
    const std::vector<std::byte> plain = encoded(*format, x);
    for (float value : {0.0f, -1.0f, 1e-38f, kNan}) {
      const std::vector<float> w(x.size(), value);
      EXPECT_EQ(encoded(*format, x, w.data()), plain) << format->name << " " << value;
    }
    // The scale of the importances says nothing; equal ones say no more than none, except where two choices
    // tie.
    const std::vector<float> equal(x.size(), 0x1p-60f);
    const std::vector<float> want = decoded(*format, plain);
    const std::vector<float> same = decoded(*format, encoded(*format, x, equal.data()));
    EXPECT_NEAR(rms_error(same, x), rms_error(want, x), 1e-3 * rms_error(want, x)) << format->name;
    // One value that matters: it must come out at least as well as without being told.
    std::vector<float> one(x.size(), 0.0f);
    one[77] = 1;
    const std::vector<float> got = decoded(*format, encoded(*format, x, one.data()));
    EXPECT_LE(std::fabs(got[77] - x[77]), std::fabs(want[77] - x[77]) * 1.05f + 1e-6f) << format->name;
  }
}

TEST(Formats, EncodeNeverLeavesWhatIsFinite) {
  const float extremes[] = {3e38f, -3e38f, 1e15f, -70000.0f, 65504.0f, 1e-45f, -1e-38f, 1e-20f, 0.0f, 1.0f};
  Rng rng(14);
  for (const Format* format : format_registry()) {
    if (format->name == "F16") continue;  // overflows to infinity, as it is defined to
    for (int round = 0; round < 200; ++round) {
      std::vector<float> x(512), w(512);
      for (float& v : x) v = extremes[rng.below(std::size(extremes))];
      for (float& v : w) v = std::fabs(extremes[rng.below(std::size(extremes))]);
      for (const float* importance :
           {static_cast<const float*>(nullptr), static_cast<const float*>(w.data())}) {
        const std::vector<std::byte> bytes = encoded(*format, x, importance);
        ASSERT_TRUE(format->finite(bytes.data(), 512)) << format->name;
        for (float v : decoded(*format, bytes)) ASSERT_TRUE(std::isfinite(v)) << format->name;
      }
    }
    const std::vector<float> zeros(512, 0.0f);
    EXPECT_EQ(decoded(*format, encoded(*format, zeros)), zeros) << format->name;
  }
}

TEST(Formats, EncodeGivesTheSameBitsOnEveryIsa) {
  const std::vector<float> x = weights_like(256 * 40, 15);
  const std::vector<float> w = importances(256 * 40, 16);
  const Isa before = active_isa();
  for (const Format* format : format_registry()) {
    set_active_isa(Isa::kScalar);
    const std::vector<std::byte> plain = encoded(*format, x);
    const std::vector<std::byte> weighted = encoded(*format, x, w.data());
    for (Isa isa : available_isas()) {
      set_active_isa(isa);
      EXPECT_EQ(encoded(*format, x), plain) << format->name << " " << to_string(isa);
      EXPECT_EQ(encoded(*format, x, w.data()), weighted) << format->name << " " << to_string(isa);
    }
  }
  set_active_isa(before);
}

/// Least weighted error of 32 values over a dense grid of (scale, offset), codes 0..15 at the nearest.
double least_by_force(const float* x, const float* w, bool with_offset) {
  const auto [low, high] = std::minmax_element(x, x + 32);
  const double reach = std::max(std::fabs(*low), std::fabs(*high));
  double least = INFINITY;
  for (int s = 0; s < 240; ++s) {
    const double cut = 0.5 + 0.003 * s;
    for (int o = 0; o < (with_offset ? 240 : 2); ++o) {
      const double scale = with_offset ? cut * (*high - *low) / 15 : (o == 0 ? 1 : -1) * cut * reach / 8;
      const double base = with_offset ? *low + (o - 60) * 0.0025 * (*high - *low) : -8 * scale;
      double error = 0;
      for (int k = 0; k < 32; ++k) {
        const double q = std::clamp(std::nearbyint((x[k] - base) / scale), 0.0, 15.0);
        error += w[k] * std::pow(x[k] - (base + scale * q), 2);
      }
      least = std::min(least, error);
    }
  }
  return least;
}

TEST(Formats, EncodeIsCloseToTheBestThatForceFinds) {
  const std::vector<float> x = weights_like(32 * 30, 17);
  const std::vector<float> w = importances(32 * 30, 18);
  for (bool with_offset : {false, true}) {
    const Format& format = *find_format(with_offset ? "Q4_1" : "Q4_0");
    const std::vector<float> got = decoded(format, encoded(format, x, w.data()));
    double least = 0;
    for (size_t at = 0; at < x.size(); at += 32) least += least_by_force(&x[at], &w[at], with_offset);
    EXPECT_LE(weighted_error(x, got, w), 1.12 * least) << format.name;
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
