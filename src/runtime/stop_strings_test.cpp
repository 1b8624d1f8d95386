// Stop strings over random texts cut at random places, against a search in the whole text.
#include "runtime/stop_strings.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"

namespace hearth::runtime {
namespace {

TEST(StopStrings, SpansPieces) {
  StopStrings stops(std::vector<std::string>{"\nUser:"});
  EXPECT_EQ(stops.push("Hi").text, "Hi");
  EXPECT_EQ(stops.push("!\nUs").text, "!");
  EXPECT_EQ(stops.push("a\nUse").text, "\nUsa");
  EXPECT_EQ(stops.push("r: more").text, "");
  EXPECT_TRUE(stops.stopped());
  EXPECT_EQ(stops.push("nothing").text, "");
  EXPECT_EQ(stops.finish(), "");
  StopStrings unfinished(std::vector<std::string>{"\nUser:"});
  EXPECT_EQ(unfinished.push("\nUser").text, "");
  EXPECT_EQ(unfinished.finish(), "\nUser");
}

TEST(StopStrings, TheFirstToEndWinsAndOfThoseTheLongest) {
  StopStrings stops(std::vector<std::string>{"abcd", "bc"});
  EXPECT_EQ(stops.push("xabcd").text, "xa");
  StopStrings both(std::vector<std::string>{"c", "bc"});
  EXPECT_EQ(both.push("abc").text, "a");
}

TEST(StopStrings, HoldsBackOnlyWhatMayBecomeOne) {
  StopStrings stops(std::vector<std::string>{"aab"});
  EXPECT_EQ(stops.push("aaaa").text, "aa");
  EXPECT_EQ(stops.push("c").text, "aac");
  EXPECT_EQ(stops.push("aaa").text, "a");
  EXPECT_EQ(stops.push("b").text, "");
  EXPECT_TRUE(stops.stopped());
}

TEST(StopStrings, NoneIsFine) {
  StopStrings stops(std::vector<std::string>{});
  EXPECT_EQ(stops.push("abc").text, "abc");
  EXPECT_EQ(stops.finish(), "");
}

TEST(StopStrings, EmptyOnesAreIgnored) {
  StopStrings stops(std::vector<std::string>{"", "x"});
  EXPECT_EQ(stops.push("abx").text, "ab");
  EXPECT_TRUE(stops.stopped());
}

/// The answer as the definition has it: cut before the stop string that ends first, of those the longest.
std::string cut(const std::string& text, const std::vector<std::string>& stops) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string& stop : stops) {
      if (std::string_view(text).substr(0, end).ends_with(stop)) longest = std::max(longest, stop.size());
    }
    if (longest > 0) return text.substr(0, end - longest);
  }
  return text;
}

TEST(StopStrings, RandomTextsAndSplits) {
  Rng rng(99);
  const auto random_text = [&rng](size_t length) {
    static const std::string kPieces[] = {"a", "b", "é", "\n"};
    std::string out;
    for (size_t i = 0; i < length; ++i) out += kPieces[rng.below(4)];
    return out;
  };
  int stopped = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::string> texts;
    for (uint64_t i = rng.below(4); i > 0; --i) texts.push_back(random_text(1 + rng.below(5)));
    const std::string text = random_text(rng.below(40));
    const std::string want = cut(text, texts);
    StopStrings stops(texts);
    std::string got;
    for (size_t at = 0; at < text.size();) {
      const size_t size = std::min<size_t>(1 + rng.below(6), text.size() - at);
      got += stops.push(std::string_view(text).substr(at, size)).text;
      ASSERT_TRUE(want.starts_with(got)) << "shown too early";
      at += size;
    }
    got += stops.finish();
    ASSERT_EQ(got, want) << text;
    ASSERT_EQ(stops.stopped(), want.size() != text.size());
    stopped += stops.stopped() ? 1 : 0;
  }
  EXPECT_GT(stopped, 1000);
  EXPECT_LT(stopped, 19000);
}

}  // namespace
}  // namespace hearth::runtime
