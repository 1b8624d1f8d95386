// The climb through the types against trying all combinations, and the whole choice on the model in the
// repository.
#include "lab/auto_mix.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "io/file.h"
#include "lab/imatrix.h"

namespace hearth::lab {
namespace {

struct Sum {
  uint64_t bytes = 0;
  double cost = 0;
};

Sum sum_of(const std::vector<std::vector<Rung>>& ladders, const std::vector<size_t>& rungs) {
  Sum sum;
  for (size_t i = 0; i < ladders.size(); ++i) {
    sum.bytes += ladders[i][rungs[i]].bytes;
    sum.cost += ladders[i][rungs[i]].cost;
  }
  return sum;
}

std::vector<std::vector<Rung>> random_ladders(Rng& rng) {
  std::vector<std::vector<Rung>> ladders(6);
  for (auto& ladder : ladders) {
    uint64_t bytes = 0;
    double cost = 1 + rng.uniform();
    for (int rung = 0; rung < 4; ++rung) {
      bytes += 100 + static_cast<uint64_t>(100 * rng.uniform());
      ladder.push_back({nullptr, bytes, cost});
      cost *= 0.3 + 0.8 * rng.uniform();  // now and then a larger type is worse
    }
  }
  return ladders;
}

/// The least cost within `bytes` of all combinations.
double best_cost(const std::vector<std::vector<Rung>>& ladders, uint64_t bytes) {
  double best = INFINITY;
  std::vector<size_t> rungs(ladders.size());
  while (true) {
    const Sum sum = sum_of(ladders, rungs);
    if (sum.bytes <= bytes) best = std::min(best, sum.cost);
    size_t i = 0;
    while (i < rungs.size() && ++rungs[i] == ladders[i].size()) rungs[i++] = 0;
    if (i == rungs.size()) return best;
  }
}

TEST(ClimbTest, StaysInTheBudgetAndNearTheBest) {
  Rng rng(17);
  for (int trial = 0; trial < 20; ++trial) {
    const auto ladders = random_ladders(rng);
    const uint64_t least = sum_of(ladders, std::vector<size_t>(ladders.size())).bytes;
    for (const uint64_t budget : {least, least + 300, least + 900}) {
      const Sum got = sum_of(ladders, climb(ladders, {budget, 0}));
      EXPECT_LE(got.bytes, budget);
      // Greedy loses at most what the one step that no longer fits would have brought.
      double largest_step = 0;
      for (const auto& ladder : ladders) largest_step = std::max(largest_step, ladder.front().cost);
      EXPECT_LE(got.cost, best_cost(ladders, budget) + largest_step);
    }
    const double kld = 0.5 * sum_of(ladders, std::vector<size_t>(ladders.size())).cost;
    const Sum within = sum_of(ladders, climb(ladders, {0, kld}));
    EXPECT_LE(within.cost, kld);
  }
}

TEST(ImportanceTest, GoesOnOnlyWithTheSameTokens) {
  auto opened = engine::open_model(std::filesystem::path(HEARTH_SOURCE_DIR) / "models/device/device.gguf");
  ASSERT_TRUE(opened) << opened.error().message;
  engine::LoadOptions options;
  options.threads = 1;
  options.context_tokens = 16;
  auto model = engine::LocalModel::load(*opened, options);
  ASSERT_TRUE(model) << model.error().message;
  CalibrationText text{"t", 16, {std::vector<int32_t>(16, 7), std::vector<int32_t>(16, 8)}};
  CalibrationText shorter = text;
  shorter.chunks.pop_back();
  io::ImportanceMatrix matrix;
  ASSERT_TRUE(collect_importance(**model, shorter, false, matrix, nullptr, nullptr));
  const io::ImportanceMatrix first = matrix;
  CalibrationText other = text;
  other.chunks[0][3] = 9;
  EXPECT_EQ(collect_importance(**model, other, false, matrix, nullptr, nullptr).error().code,
            ErrorCode::kUsage);
  EXPECT_EQ(matrix.chunks, 1);
  ASSERT_TRUE(collect_importance(**model, text, false, matrix, nullptr, nullptr));
  EXPECT_EQ(matrix.chunks, 2);
  EXPECT_NE(matrix.tokens_hash, first.tokens_hash);
  EXPECT_EQ(collect_importance(**model, shorter, false, matrix, nullptr, nullptr).error().code,
            ErrorCode::kUsage);
  matrix.tokens_hash.clear();  // as other programs write it
  EXPECT_EQ(collect_importance(**model, text, false, matrix, nullptr, nullptr).error().code,
            ErrorCode::kUsage);
}

TEST(AutoMixTest, ChoosesForTheModelInTheRepository) {
  auto opened = engine::open_model(std::filesystem::path(HEARTH_SOURCE_DIR) / "models/device/device.gguf");
  ASSERT_TRUE(opened) << opened.error().message;
  engine::LoadOptions options;
  options.threads = 2;
  options.context_tokens = 64;
  auto base = engine::LocalModel::load(*opened, options);
  ASSERT_TRUE(base) << base.error().message;
  std::string words;
  for (int i = 0; i < 40; ++i) words += "turn on the lamp in the kitchen and set the heating to 21 degrees ";
  const auto text = cut_text(**base, words, "words", 64, 2);
  ASSERT_TRUE(text) << text.error().message;
  io::ImportanceMatrix importance;
  ASSERT_TRUE(collect_importance(**base, *text, true, importance, nullptr, nullptr));
  EXPECT_EQ(importance.chunks, 2);
  EXPECT_EQ(importance.entries.at("blk.4.ffn_down.weight").sum_squares.size(), 512u);
  EXPECT_EQ(importance.entries.at("blk.4.ffn_down.weight").counts.front(), 128);
  EXPECT_TRUE(importance.entries.contains("token_embd.weight"));

  uint64_t whole = 0;
  for (const io::Tensor& tensor : opened->file.tensors) whole += tensor.data.size();
  const auto mix = choose_auto_mix(*opened, **base, *text, importance, {whole * 6 / 10, 0}, nullptr);
  ASSERT_TRUE(mix) << mix.error().message;
  EXPECT_LE(mix->bytes, whole * 6 / 10);
  EXPECT_GT(mix->bytes, whole * 5 / 10);
  EXPECT_GT(mix->measured_kld, 0);
  EXPECT_EQ(mix->groups.size(), 7u * 3 + 1);
  const auto closer =
      choose_auto_mix(*opened, **base, *text, importance, {0, mix->measured_kld / 2}, nullptr);
  ASSERT_TRUE(closer) << closer.error().message;
  EXPECT_LE(closer->measured_kld, mix->measured_kld / 2);
  EXPECT_GT(closer->bytes, mix->bytes);
  // Closer than the largest quantised type gets: tensors stay as they are.
  const auto closest = choose_auto_mix(*opened, **base, *text, importance, {0, 1e-9}, nullptr);
  ASSERT_TRUE(closest) << closest.error().message;
  EXPECT_LE(closest->measured_kld, 1e-9);
  EXPECT_LE(closest->bytes, whole);
  const auto none = choose_auto_mix(*opened, **base, *text, importance, {1000, 0}, nullptr);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kUsage);
  int calls = 0;
  const auto stopped = choose_auto_mix(*opened, **base, *text, importance, {whole, 0},
                                       [&](double, const std::string&) { return ++calls < 60; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace hearth::lab
