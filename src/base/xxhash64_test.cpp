// XXH64 against values of the reference implementation, whole and in pieces.
#include "base/xxhash64.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace hearth {
namespace {

TEST(XxHash64, AgreesWithTheReferenceWholeAndInPieces) {
  std::vector<std::byte> bytes(101);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 + 3);
  const std::pair<size_t, uint64_t> expected[] = {
      {0, 0xef46db3751d8e999},  {1, 0x1f25c8d0bc1f4bb6},  {4, 0x9bb64b7d66ee9fda},  {31, 0xa2aa5f33cc4a6119},
      {32, 0x23c3c17ef790fd97}, {33, 0x50a7cfc7ba588784}, {63, 0x5e3e54b431c7493c}, {101, 0xbad4d3bf033bda4c}};
  for (const auto& [size, hash] : expected) {
    const auto all = std::span(bytes).first(size);
    EXPECT_EQ(xxhash64(all), hash) << size;
    for (const size_t step : {1U, 5U, 32U, 40U}) {
      XxHash64 pieces;
      for (size_t at = 0; at < size; at += step) {
        pieces.update(all.subspan(at, std::min(step, size - at)));
        (void)pieces.digest();  // looking at it changes nothing
      }
      EXPECT_EQ(pieces.digest(), hash) << size << " in steps of " << step;
    }
  }
}

}  // namespace
}  // namespace hearth
