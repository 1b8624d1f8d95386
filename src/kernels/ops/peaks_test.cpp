// The loops that measure peaks do the arithmetic they claim: lanes hold what so many multiply-adds must give,
// and narrow sums do not saturate.
#include "kernels/ops/peaks.h"

#include <gtest/gtest.h>

#include <limits>

namespace hearth::kernels {
namespace {

TEST(Peaks, LanesHoldTheSumOfAllProducts) {
  for (const Isa isa : available_isas()) {
    SCOPED_TRACE(std::string(to_string(isa)));
    const PeakLoops& loops = peak_loops(isa);
    for (const int64_t rounds : {1, 2, 1000, 3000000}) {  // the last one wraps around
      uint32_t sum = 0;
      const int64_t done = loops.int8(rounds, &sum);
      EXPECT_GT(done, 0);
      EXPECT_EQ(done % (rounds * loops.int8_lane_products), 0);
      EXPECT_EQ(sum, static_cast<uint32_t>(rounds * loops.int8_lane_products * kPeakCode * kPeakActivation));
    }
  }
}

TEST(Peaks, NarrowSumsCannotOverflow) {
  EXPECT_LE(2 * kPeakInt8Steps * kPeakCode * kPeakActivation, std::numeric_limits<int16_t>::max());
}

TEST(Peaks, FloatsReachTheFixedPoint) {
  for (const Isa isa : available_isas()) {
    SCOPED_TRACE(std::string(to_string(isa)));
    float value = 0;
    peak_loops(isa).fp32(3, &value);
    EXPECT_EQ(value, 1.75f);
    EXPECT_EQ(peak_loops(isa).fp32(1000, &value) % 1000, 0);
    EXPECT_EQ(value, 2.0f);
  }
}

}  // namespace
}  // namespace hearth::kernels
