// The integer tiles at their limits: the largest codes, scales and activations of every sign, where 16-bit
// sums would overflow if the bounds in the kernels' comments were wrong. Formats are made up here so that any
// code can be asked for.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "base/rng.h"
#include "kernels/half.h"
#include "kernels/isa.h"
#include "kernels/tiles/tile.h"

namespace hearth::kernels {
namespace {

/// Codes and scales at their extremes; on disk one byte per value says which of two codes it takes.
struct Extremes {
  std::string_view tile;
  int8_t low, high;           // codes
  int low_value, high_value;  // what they stand for, with zero points taken off
  int8_t scale = 1;           // sub-scale, where the tile has them
  uint8_t min = 0;            // and minimum
  float offset = 0;           // per group, where the tile has them
};
constexpr Extremes kExtremes[] = {{"h4", 0, 15, 0, 15, 63, 63},
                                  {"h4f", 0, 15, -8, 7},
                                  {"h4m", 0, 15, 0, 15, 1, 0, -15.0f},
                                  {"h4x", 0, 15, -127, 113},
                                  {"h4x", 0, 0, -127, -127},
                                  {"h4xs", 0, 15, -127, 113, -32},
                                  {"h4xs", 0, 8, -127, 1, 31},
                                  {"h4e", 15, 7, -12, 12},
                                  {"h5", 0, 31, 0, 31, 63, 63},
                                  {"h5f", 0, 31, -16, 15},
                                  {"h5m", 0, 31, 0, 31, 1, 0, -31.0f},
                                  {"h2", 0, 3, 0, 3, 15, 15},
                                  {"h3", 0, 7, -4, 3, -32},
                                  {"h3", 0, 7, -4, 3, 31},
                                  {"h6", 0, 63, -32, 31, -128},
                                  {"h6", 0, 63, -32, 31, 127},
                                  {"h8", -128, 127, -128, 127}};

Extremes current;  // the split function of a Format has no context

void split(const std::byte* src, int64_t n, Codes& codes) {
  const uint16_t one = float_to_half(1.0f);
  for (auto& d : codes.d) d = one;
  for (auto& m : codes.m) m = current.offset != 0 ? float_to_half(current.offset) : one;
  for (auto& e : codes.e) e = 128;
  for (auto& sc : codes.sc) sc = current.scale;
  for (auto& mn : codes.mn) mn = current.min;
  for (int64_t k = 0; k < n; ++k) codes.q[k] = src[k] == std::byte{0} ? current.low : current.high;
}

constexpr Format kFormat = {9999, "extreme", 256, 256, nullptr, nullptr, nullptr, split, ""};

double weight(std::byte code) {
  const int value = code == std::byte{0} ? current.low_value : current.high_value;
  return double{1} * current.scale * value - current.min + double{current.offset};
}

class AtTheLimit : public testing::TestWithParam<Extremes> {};

TEST_P(AtTheLimit, SumsAreExact) {
  current = GetParam();
  const Tile* tile = find_tile(current.tile);
  ASSERT_NE(tile, nullptr);
  const int64_t cols = 512;
  for (int pattern = 0; pattern < 5; ++pattern) {
    Rng rng(static_cast<uint64_t>(pattern));
    // All codes at their largest, at both ends in turn, random against negative and random activations, all
    // at their smallest: sums of every kernel at the ends of their range.
    auto high_code = [&](int64_t k) {
      return pattern == 0 || (pattern == 1 && k % 2) || ((pattern == 2 || pattern == 3) && rng.below(2));
    };
    std::vector<std::byte> disk(static_cast<size_t>(16 * cols));
    for (size_t i = 0; i < disk.size(); ++i) disk[i] = std::byte{high_code(static_cast<int64_t>(i))};
    const int64_t panel_bytes = tile->panel_bytes(cols);
    std::vector<std::byte> storage(static_cast<size_t>(2 * panel_bytes + 64));
    std::byte* packed = storage.data() + 64 - reinterpret_cast<uintptr_t>(storage.data()) % 64;
    for (int p = 0; p < 2; ++p)
      tile->pack(kFormat, disk.data() + 8 * p * cols, cols, 8, cols, packed + p * panel_bytes);
    for (int64_t n : {1, 2, 3, 4, 8, 9, 34, 39}) {  // every number of columns at once, few and many
      std::vector<float> x(static_cast<size_t>(n * cols));
      for (size_t i = 0; i < x.size(); ++i) {
        const bool positive =
            pattern == 3 ? rng.below(2) != 0 : pattern != 2 && (i / static_cast<size_t>(cols)) % 2 == 0;
        x[i] = positive ? 127.0f : -127.0f;
      }
      std::vector<ActivationBlock> blocks(static_cast<size_t>(blocks_of(cols) * n));
      quantise_activations(x.data(), n, cols, 0, n, blocks.data());
      const Activations input = {x.data(), blocks.data(), n, cols};
      for (Isa isa : available_isas()) {
        if (!tile->multiply[static_cast<int>(isa)]) continue;
        std::vector<float> y(static_cast<size_t>(16 * n));
        tile->multiply[static_cast<int>(isa)]({packed, panel_bytes, 16, 0, 2, &input, y.data(), 16});
        for (int64_t t = 0; t < n; ++t) {
          for (int64_t r = 0; r < 16; ++r) {
            double want = 0, magnitude = 0;
            for (int64_t k = 0; k < cols; ++k) {
              const double product = weight(disk[static_cast<size_t>(r * cols + k)]) *
                                     double{x[static_cast<size_t>(t * cols + k)]};
              want += product;
              magnitude +=
                  2 * std::fabs(product) + 127.0 * (GetParam().min + std::fabs(double{GetParam().offset}));
            }
            ASSERT_NEAR(y[static_cast<size_t>(t * 16 + r)], want, 24 * 0x1p-24 * magnitude)
                << current.tile << " " << to_string(isa) << " pattern " << pattern << " n " << n << " row "
                << r;
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiles, AtTheLimit, testing::ValuesIn(kExtremes), [](const auto& test) {
  return std::string(test.param.tile) + "_" + std::to_string(test.index);
});

TEST(Tiles, EveryFormatNamesATileThatExists) {
  for (const Format* format : format_registry()) {
    if (format->tile.empty()) continue;
    EXPECT_NE(find_tile(format->tile), nullptr) << format->name << " packs into " << format->tile;
  }
  for (const Tile* tile : tile_registry()) EXPECT_NE(tile->multiply[0], nullptr) << tile->name;
}

TEST(Tiles, EveryIntegerTileIsTakenToItsLimits) {
  for (const Tile* tile : tile_registry()) {
    if (!tile->quantised_input) continue;
    const bool found = std::any_of(std::begin(kExtremes), std::end(kExtremes),
                                   [&](const Extremes& e) { return e.tile == tile->name; });
    EXPECT_TRUE(found) << tile->name << " has no row in kExtremes";
    for (Isa isa : available_isas()) {
      EXPECT_NE(tile->multiply[static_cast<int>(isa)], nullptr) << tile->name << " " << to_string(isa);
    }
  }
}

// Subnormal binary16 scales take another way through the conversion.
TEST(Tiles, SubnormalScalesAreExact) {
  for (const Format* format : format_registry()) {
    if (!format->split) continue;
    Rng rng(3);
    std::vector<float> x(8 * 256);
    for (float& v : x) v = static_cast<float>(rng.normal() * 1e-5);
    std::vector<std::byte> disk(x.size() / static_cast<size_t>(format->block_elems) *
                                static_cast<size_t>(format->block_bytes));
    format->encode(x.data(), disk.data(), static_cast<int64_t>(x.size()), nullptr);
    std::vector<float> decoded(x.size());
    format->decode(disk.data(), decoded.data(), static_cast<int64_t>(x.size()));
    const Tile& tile = *find_tile(format->tile);
    const int64_t panel_bytes = tile.panel_bytes(256);
    std::vector<std::byte> storage(static_cast<size_t>(panel_bytes + 64));
    std::byte* packed = storage.data() + 64 - reinterpret_cast<uintptr_t>(storage.data()) % 64;
    tile.pack(*format, disk.data(), static_cast<int64_t>(disk.size() / 8), 8, 256, packed);
    std::vector<float> ones(256, 127.0f);
    ActivationBlock block;
    quantise_activations(ones.data(), 1, 256, 0, 1, &block);
    const Activations input = {ones.data(), &block, 1, 256};
    for (Isa isa : available_isas()) {
      if (!tile.multiply[static_cast<int>(isa)]) continue;
      float y[8];
      tile.multiply[static_cast<int>(isa)]({packed, panel_bytes, 8, 0, 1, &input, y, 8});
      for (size_t r = 0; r < 8; ++r) {
        double want = 0, magnitude = 0;
        for (size_t k = 0; k < 256; ++k) {
          want += 127.0 * double{decoded[r * 256 + k]};
          magnitude += 127.0 * std::fabs(double{decoded[r * 256 + k]});
        }
        EXPECT_NEAR(y[r], want, 16 * 40 * 0x1p-24 * magnitude) << format->name << " " << to_string(isa);
      }
    }
  }
}

}  // namespace
}  // namespace hearth::kernels
