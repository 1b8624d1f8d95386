// Result, log and rng: the small pieces everything else stands on.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/log.h"
#include "base/nearest.h"
#include "base/result.h"
#include "base/rng.h"

namespace hearth {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(ErrorCode::kUsage, n, " is odd");
  return n / 2;
}

Result<int> quarter(int n) {
  HEARTH_ASSIGN(const int once, half(n));
  HEARTH_ASSIGN(const int twice, half(once));
  return twice;
}

TEST(Result, CarriesValuesAndErrors) {
  EXPECT_EQ(quarter(12).value(), 3);
  auto bad = quarter(6);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().message, "3 is odd");
  EXPECT_EQ(to_string(bad.error().code), "usage");
}

TEST(Log, ReachesTheSinkAndCanBeSilenced) {
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  log_line(LogLevel::kWarning, "one");
  set_log_sink({});
  log_line(LogLevel::kWarning, "two");
  EXPECT_EQ(lines, std::vector<std::string>{"one"});
}

TEST(Nearest, CountsEditsAndPicksTheFirstBest) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("", "abc"), 3);
  const std::vector<std::string> names = {"show", "run", "pull"};
  EXPECT_EQ(nearest_name("rnu", names), "run");
  EXPECT_EQ(nearest_name("x", std::span<const std::string>()), "");
}

TEST(Rng, IsReproducibleAndUniform) {
  Rng a(7), b(7), c(8);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
  std::vector<int> histogram(10);
  for (int i = 0; i < 100000; ++i) ++histogram[a.below(10)];
  for (int count : histogram) EXPECT_NEAR(count, 10000, 500);  // 5 sigma = 474
  double sum = 0, sum_squares = 0;
  for (int i = 0; i < 100000; ++i) {
    const double x = a.normal();
    sum += x;
    sum_squares += x * x;
  }
  EXPECT_NEAR(sum / 1e5, 0.0, 0.016);          // 5 / sqrt(1e5)
  EXPECT_NEAR(sum_squares / 1e5, 1.0, 0.023);  // 5 * sqrt(2 / 1e5)
}

}  // namespace
}  // namespace hearth
