// Scores against the interpreter of specs in double, windows that cover a text once, and files that continue
// a run.
#include "lab/perplexity.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>

#include "base/rng.h"
#include "io/file.h"
#include "io/test_util.h"
#include "lab/divergence.h"
#include "lab/perplexity_file.h"
#include "model/spec.h"
#include "runtime/test_model.h"

namespace hearth::lab {
namespace {

using runtime::TestModel;

std::unique_ptr<runtime::Runtime> runtime_of(const TestModel& model, ThreadPool& pool, int32_t batch = 512) {
  runtime::RuntimeOptions options;
  options.context_tokens = 64;
  options.max_batch_tokens = batch;
  options.kv_format = "f32";
  return runtime::Runtime::create(*model.model, pool, options).value();
}

class PerplexityTest : public ::testing::Test {
 protected:
  TestModel make(uint64_t seed, float softcap = 0) {
    return runtime::make_test_model(
        {.arch = std::string(model::arch_registry()[0]->name), .softcap = softcap, .seed = seed}, pool_);
  }
  std::vector<TokenScore> score(std::span<const int32_t> ids, const PerplexityOptions& options,
                                const TestModel& model, const TestModel* base, int32_t batch = 512) {
    std::vector<TokenScore> scores;
    PerplexityCalls calls;
    calls.scored = [&](std::span<const TokenScore> some) {
      scores.insert(scores.end(), some.begin(), some.end());
      return Status();
    };
    const auto own = runtime_of(model, pool_, batch);
    const auto other = base ? runtime_of(*base, pool_, batch) : nullptr;
    const Status status = score_text(ids, options, 0, *own, other.get(), pool_, calls);
    EXPECT_TRUE(status.ok()) << (status ? "" : status.error().message);
    return scores;
  }

  ThreadPool pool_{2};
};

TEST(Divergence, EqualsPlainFormulas) {
  Rng rng(5);
  std::vector<float> p(300), q(300);
  for (size_t i = 0; i < p.size(); ++i) {
    p[i] = static_cast<float>(80 + 4 * rng.normal());
    q[i] = p[i] + static_cast<float>(rng.normal());
  }
  long double sum_p = 0, sum_q = 0, kl = 0;
  for (const float x : p) sum_p += std::exp(static_cast<long double>(x));
  for (const float x : q) sum_q += std::exp(static_cast<long double>(x));
  for (size_t i = 0; i < p.size(); ++i) {
    const long double a = std::exp(static_cast<long double>(p[i])) / sum_p;
    kl += a * std::log(a / (std::exp(static_cast<long double>(q[i])) / sum_q));
  }
  const LogSoftmax of_p = log_softmax(p), of_q = log_softmax(q);
  EXPECT_NEAR(of_p.log_sum, static_cast<double>(std::log(sum_p)), 1e-12);
  EXPECT_EQ(of_p.best, std::max_element(p.begin(), p.end()) - p.begin());
  EXPECT_NEAR(kl_divergence(p, of_p, q, of_q), static_cast<double>(kl), 1e-12);
  EXPECT_NEAR(kl_divergence(p, of_p, p, of_p), 0, 1e-15);
  std::vector<float> far = p;  // a logit far below underflows to probability 0, not to NaN
  far[of_p.best == 0 ? 1 : 0] = -1e30f;
  EXPECT_NEAR(kl_divergence(far, log_softmax(far), p, of_p), 0, 1);
  EXPECT_TRUE(std::isinf(kl_divergence(p, of_p, far, log_softmax(far))) ||
              kl_divergence(p, of_p, far, log_softmax(far)) > 1);
}

TEST(Divergence, MeansAndQuantiles) {
  const std::vector<double> values = {4, 1, 3, 2};
  EXPECT_DOUBLE_EQ(mean_of(values).value, 2.5);
  EXPECT_DOUBLE_EQ(mean_of(values).error, std::sqrt(5.0 / 3 / 4));
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile(values, 1), 4);
  EXPECT_DOUBLE_EQ(quantile({}, 0.5), 0);
}

TEST(TextWindows, ScoreEveryTokenOnceWithTheContextPromised) {
  for (const bool has_bos : {false, true}) {
    for (const int64_t tokens : {2, 15, 16, 17, 63, 64, 65, 200}) {
      for (const int64_t stride : {1, 8, 15}) {
        PerplexityOptions options{.context_tokens = 16, .stride = stride, .bos = {}};
        if (has_bos) options.bos = 1;
        int64_t next = has_bos ? 0 : 1;
        for (const TextWindow& w : text_windows(tokens, options)) {
          EXPECT_EQ(w.scored, next);
          EXPECT_GT(w.end, w.scored);
          EXPECT_LE(w.end - w.begin, 16 - (has_bos ? 1 : 0));
          if (w.begin > 0) {
            EXPECT_GE(w.scored - w.begin, 16 - stride - (has_bos ? 1 : 0));
          }
          next = w.end;
        }
        EXPECT_EQ(next, tokens);
      }
    }
  }
}

/// Perplexity and divergence equal those of logits computed in double, within what float rounding of the
/// forward pass may do: a logit moves by t, so a log-probability by 2t and KL by 4t + 2.1t sum p |log p - log
/// q|.
TEST_F(PerplexityTest, EqualsTheInterpreterInDouble) {
  const TestModel model = make(1), base = make(2);
  const std::vector<int32_t> ids = runtime::random_tokens(40, 61, 9);
  const auto exact = runtime::reference(model, ids, 64);
  const auto exact_base = runtime::reference(base, ids, 64);
  const auto move = runtime::float_tolerance(model, ids, 64, 0, exact).logits;
  const auto move_base = runtime::float_tolerance(base, ids, 64, 0, exact_base).logits;
  const auto scores = score(ids, {.context_tokens = 64, .stride = 32, .bos = {}}, model, &base);
  ASSERT_EQ(scores.size(), 39u);
  double loss = 0, worst = 0;
  for (const TokenScore& s : scores) {
    const size_t at = static_cast<size_t>(s.index) - 1;
    const auto log_probs = [](const std::vector<double>& logits) {
      double sum = 0;
      for (const double x : logits) sum += std::exp(x);
      std::vector<double> out;
      for (const double x : logits) out.push_back(x - std::log(sum));
      return out;
    };
    const auto p = log_probs(exact_base.logits[at]), q = log_probs(exact.logits[at]);
    double kl = 0, spread = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      kl += std::exp(p[i]) * (p[i] - q[i]);
      spread += std::exp(p[i]) * std::abs(p[i] - q[i]);
    }
    const double t = std::max(move[at], move_base[at]);
    EXPECT_EQ(s.id, ids[at + 1]);
    EXPECT_NEAR(s.log_prob, q[static_cast<size_t>(s.id)], 2 * t);
    EXPECT_NEAR(s.base_log_prob, p[static_cast<size_t>(s.id)], 2 * t);
    EXPECT_NEAR(s.kld, kl, 4 * t + 2.1 * t * spread);
    loss -= q[static_cast<size_t>(s.id)];
    worst = std::max(worst, t);
  }
  const PerplexityReport report = summarise(scores);
  EXPECT_EQ(report.tokens, 39);
  EXPECT_NEAR(std::log(report.ppl), loss / 39, 2 * worst);
  EXPECT_LT(worst, 1e-3) << "the tolerance is too wide to mean anything";
  EXPECT_GT(report.kld_mean, 100 * worst) << "these models should differ";
}

TEST_F(PerplexityTest, WindowsAndBatchesChangeNothingTheyShouldNot) {
  const TestModel model = make(1);
  const std::vector<int32_t> ids = runtime::random_tokens(64, 61, 10);
  const PerplexityOptions whole{.context_tokens = 64, .stride = 32, .bos = {}};
  const auto scores = score(ids, whole, model, &model);
  const auto cut = score(ids, whole, model, &model, 5);
  ASSERT_EQ(scores.size(), cut.size());
  for (size_t i = 0; i < scores.size(); ++i) EXPECT_EQ(scores[i].log_prob, cut[i].log_prob);
  const PerplexityReport report = summarise(scores);
  EXPECT_NEAR(report.kld_max, 0, 1e-14);
  EXPECT_EQ(report.top1_agreement, 1);
  EXPECT_EQ(report.ppl, report.base_ppl);
  // A BOS before each window is what the tokens with it in front of them give.
  PerplexityOptions with_bos{.context_tokens = 64, .stride = 32, .bos = 3};
  std::vector<int32_t> longer = {3};
  longer.insert(longer.end(), ids.begin(), ids.end() - 1);
  const auto a = score(std::span(ids).first(63), with_bos, model, nullptr);
  const auto b = score(longer, whole, model, nullptr);
  ASSERT_EQ(a.size(), 63u);
  ASSERT_EQ(b.size(), 63u);
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].log_prob, b[i].log_prob);
}

TEST_F(PerplexityTest, RefusesWhatCannotBeMeasured) {
  const TestModel model = make(1);
  const auto own = runtime_of(model, pool_);
  const std::vector<int32_t> good = {1, 2, 3}, bad = {1, 61};
  const auto code = [&](std::span<const int32_t> ids, int64_t context, int64_t stride) {
    return score_text(ids, {.context_tokens = context, .stride = stride, .bos = {}}, 0, *own, nullptr, pool_,
                      {})
        .error()
        .code;
  };
  EXPECT_EQ(code(bad, 64, 32), ErrorCode::kUsage);
  EXPECT_EQ(code(good, 64, 64), ErrorCode::kUsage);
  EXPECT_EQ(code(good, 65, 32), ErrorCode::kUsage);
  const TestModel other =
      runtime::make_test_model({.arch = std::string(model::arch_registry()[0]->name), .vocab = 62}, pool_);
  const auto base = runtime_of(other, pool_);
  const Status differs =
      score_text(good, {.context_tokens = 64, .stride = 32, .bos = {}}, 0, *own, base.get(), pool_, {});
  EXPECT_EQ(differs.error().code, ErrorCode::kUsage);
}

TEST_F(PerplexityTest, AStoppedRunGoesOnWithTheSameResult) {
  const TestModel model = make(1), base = make(2);
  const std::vector<int32_t> ids = runtime::random_tokens(150, 61, 11);
  const PerplexityOptions options{.context_tokens = 32, .stride = 16, .bos = {}};
  const auto whole = score(ids, options, model, &base);
  std::string pattern = (std::filesystem::temp_directory_path() / "hearth_scores_XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const std::filesystem::path file = std::filesystem::path(pattern) / "scores.jsonl";
  const io::Json run = {{"model", "m"}, {"context", 32}};

  const auto own = runtime_of(model, pool_), other = runtime_of(base, pool_);
  std::vector<TokenScore> scores;
  size_t windows = 0;
  PerplexityCalls calls;
  calls.scored = [&](std::span<const TokenScore> some) {
    scores.insert(scores.end(), some.begin(), some.end());
    ++windows;
    return Status();
  };
  calls.go_on = [&] { return windows < 3; };
  const Status stopped = score_text(ids, options, 0, *own, other.get(), pool_, calls);
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(windows, 3u);
  ASSERT_TRUE(write_scores(file, run, true, scores).ok());
  scores = read_scores(file, run, true, ids, 1).value();
  calls.go_on = {};
  ASSERT_TRUE(score_text(ids, options, windows, *own, other.get(), pool_, calls).ok());
  ASSERT_EQ(scores.size(), whole.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    EXPECT_EQ(scores[i].index, whole[i].index);
    EXPECT_EQ(scores[i].log_prob, whole[i].log_prob);
    EXPECT_EQ(scores[i].kld, whole[i].kld);
    EXPECT_EQ(scores[i].same_top1, whole[i].same_top1);
  }
  EXPECT_EQ(read_scores(file, {{"model", "other"}}, true, ids, 1).error().code, ErrorCode::kUsage);
  EXPECT_EQ(read_scores(file, run, false, ids, 1).error().code, ErrorCode::kUsage);
  std::filesystem::remove_all(pattern);
}

TEST_F(PerplexityTest, ScoresThatDoNotFitTheTextAreRefused) {
  const io::ScratchFolder folder;
  const std::filesystem::path file = folder.path() / "scores.jsonl";
  const io::Json run = {{"model", "m"}};
  const std::vector<int32_t> ids = {5, 6, 7};
  ASSERT_TRUE(write_scores(file, run, false, {}).ok());
  const std::string header = io::read_file(file, 1000).value();
  const auto with = [&](std::string_view lines) {
    EXPECT_TRUE(io::write_file(file, header + std::string(lines)));
    return read_scores(file, run, false, ids, 1);
  };
  const auto good = with("[1,6,-0.5]\n[2,7,-1]\n");
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_EQ(good->back().log_prob, -1);
  for (const char* bad : {"[1,6,-0.5]\n[2,6,-1]\n", "[1,6,-0.5]\n[1,6,-1]\n", "[1,6,-0.5]\n[2,7,0.25]\n",
                          "[1,6,-0.5]\n[2,7,null]\n", "[1,6,-0.5]\n[2,7", "[1,6,-0.5]\n[1,2]\n"}) {
    const auto got = with(bad);
    ASSERT_FALSE(got) << bad;
    EXPECT_EQ(got.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(got.error().message.find("line 3"), std::string::npos) << got.error().message;
  }
  EXPECT_FALSE(with("[1,6,-0.5]\n[2,7,-1]\n[3,8,-1]\n"));
}

}  // namespace
}  // namespace hearth::lab
