// Every sampler option against exact probabilities (chi-square with fixed seeds), and what happens at the
// edges.
#include "runtime/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <new>
#include <numeric>
#include <optional>

namespace {
std::atomic<bool> g_count_news{false};
std::atomic<int> g_news{0};
}  // namespace

[[gnu::noinline]] void* operator new(size_t bytes) {
  if (g_count_news.load(std::memory_order_relaxed)) g_news.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes); memory != nullptr) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  if (g_count_news.load(std::memory_order_relaxed)) g_news.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(bytes == 0 ? 1 : bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace hearth::runtime {
namespace {

using ::testing::HasSubstr;
using Options = std::map<std::string, std::string>;

constexpr float kInf = std::numeric_limits<float>::infinity();

SamplingParams params_of(const Options& options) {
  SamplingParams params;
  // Everything off, whatever the defaults are.
  Options all = {{"temp", "1"},  {"seed", "1234"}, {"top_k", "0"},
                 {"top_p", "1"}, {"min_p", "0"},   {"penalty_window", "0"}};
  for (const auto& [name, value] : options) all[name] = value;
  for (const auto& [name, value] : all) {
    const Status status = set_option(params, name, value);
    EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().message);
  }
  return params;
}

SamplerChain chain_of(const Options& options, size_t vocab_size) {
  Result<SamplerChain> chain = SamplerChain::create(params_of(options), static_cast<int64_t>(vocab_size));
  EXPECT_TRUE(chain.ok()) << (chain.ok() ? "" : chain.error().message);
  return std::move(chain).value();
}

double number(const Options& options, const std::string& name, double otherwise) {
  const auto it = options.find(name);
  return it == options.end() ? otherwise : std::stod(it->second);
}

struct Row {
  double logit;
  size_t id;
};

std::vector<double> softmax(const std::vector<Row>& rows, size_t vocab_size) {
  std::vector<double> out(vocab_size, 0.0);
  double best = -INFINITY;
  double total = 0;
  for (const Row& row : rows) best = std::max(best, row.logit);
  for (const Row& row : rows) total += std::exp(row.logit - best);
  for (const Row& row : rows) out[row.id] = std::exp(row.logit - best) / total;
  return out;
}

/// What was said before: `sampled` by the chain itself, all of it in `tokens`.
struct History {
  std::vector<int32_t> tokens;
  std::vector<int32_t> sampled;
};

/// The definitions, written down plainly: penalties, temperature, top_k, top_p, min_p, in that order.
std::vector<double> exact(const Options& options, const std::vector<float>& logits, const History& history) {
  std::vector<Row> rows;
  for (size_t id = 0; id < logits.size(); ++id) {
    const auto token = static_cast<int32_t>(id);
    const auto in_answer = std::count(history.sampled.begin(), history.sampled.end(), token);
    const auto before = std::count(history.tokens.begin(), history.tokens.end(), token);
    double logit = static_cast<double>(logits[id]);
    const double repetition = number(options, "repetition_penalty", 1);
    if (before > 0) logit = logit < 0 ? logit * repetition : logit / repetition;
    logit -= number(options, "frequency_penalty", 0) * static_cast<double>(in_answer);
    logit -= in_answer > 0 ? number(options, "presence_penalty", 0) : 0;
    rows.push_back({logit / number(options, "temp", 1), id});
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.logit > b.logit; });
  const auto top_k = static_cast<size_t>(number(options, "top_k", 0));
  if (top_k > 0) rows.resize(std::min(rows.size(), top_k));
  std::vector<double> p = softmax(rows, logits.size());
  double held = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i > 0 && held >= number(options, "top_p", 1)) rows.resize(i);
    if (i < rows.size()) held += p[rows[i].id];
  }
  const double least = number(options, "min_p", 0) * p[rows[0].id];
  std::erase_if(rows, [&](const Row& row) { return p[row.id] < least; });
  return softmax(rows, logits.size());
}

/// Logits that leave one token.
std::vector<float> only(int32_t id, size_t vocab_size) {
  std::vector<float> logits(vocab_size, -kInf);
  logits[static_cast<size_t>(id)] = 0;
  return logits;
}

/// Chi-square of `draws` draws against exact probabilities; tokens of probability 0 must never come. The
/// bound is the 1 - 1e-6 quantile (Wilson and Hilferty); with the fixed seed the test cannot flicker.
void expect_distribution(const Options& options, const std::vector<float>& logits,
                         const History& history = {}) {
  constexpr int kDraws = 20000;
  Options fixed = options;
  // The counts of the chain grow with every draw: one draw of each of many chains then, of consecutive seeds.
  const bool grows = !history.sampled.empty();
  std::optional<SamplerChain> chain;
  std::vector<int> counts(logits.size(), 0);
  for (int i = 0; i < kDraws; ++i) {
    if (grows) fixed["seed"] = std::to_string(i + 1);
    if (grows || !chain) chain.emplace(chain_of(fixed, logits.size()));
    for (const int32_t id : history.sampled) ASSERT_EQ(chain->sample(only(id, logits.size()), {})->id, id);
    const Result<SampledToken> token = chain->sample(logits, history.tokens);
    ASSERT_TRUE(token.ok()) << token.error().message;
    ++counts[static_cast<size_t>(token->id)];
  }
  const std::vector<double> p = exact(options, logits, history);
  double chi_square = 0;
  int cells = 0;
  double small_expected = 0;  // cells with little in them are put together
  double small_seen = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] == 0) {
      EXPECT_EQ(counts[i], 0) << "token " << i << " has probability 0";
      continue;
    }
    const double expected = p[i] * kDraws;
    if (expected < 5) {
      small_expected += expected;
      small_seen += counts[i];
      continue;
    }
    chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    ++cells;
  }
  if (small_expected > 5) {
    chi_square += (small_seen - small_expected) * (small_seen - small_expected) / small_expected;
    ++cells;
  }
  const double df = std::max(cells - 1, 1);
  const double z = 4.7534;
  const double bound = df * std::pow(1 - 2 / (9 * df) + z * std::sqrt(2 / (9 * df)), 3);
  EXPECT_LT(chi_square, bound) << ::testing::PrintToString(options);
}

std::vector<float> example_logits(size_t size, uint64_t seed = 5) {
  Rng rng(seed);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = static_cast<float>(2 * rng.normal());
  return logits;
}

TEST(SamplerChain, PlainTemperature) {
  for (const char* temperature : {"0.3", "1", "1.7", "100"})
    expect_distribution({{"temp", temperature}}, example_logits(50));
}

TEST(SamplerChain, TopK) {
  for (const char* k : {"1", "2", "7", "49", "50", "1000"})
    expect_distribution({{"top_k", k}}, example_logits(50));
}

TEST(SamplerChain, TopP) {
  for (const char* p : {"0", "0.1", "0.5", "0.9", "0.999", "1"})
    expect_distribution({{"top_p", p}}, example_logits(50));
}

TEST(SamplerChain, MinP) {
  for (const char* p : {"0", "0.01", "0.2", "0.9", "1"})
    expect_distribution({{"min_p", p}}, example_logits(50));
}

TEST(SamplerChain, Penalties) {
  const std::vector<float> logits = example_logits(12);
  const History before{{1, 2, 3, 3, 7, -1, 999, 3, 4}, {}};  // ids outside the vocabulary are passed over
  for (const char* penalty : {"0.5", "1.3", "4"})
    expect_distribution({{"repetition_penalty", penalty}}, logits, before);
  const History sampled{{}, {3, 4, 4, 4, 9}};
  for (const char* penalty : {"-1", "0.4", "2"}) {
    expect_distribution({{"frequency_penalty", penalty}}, logits, sampled);
    expect_distribution({{"presence_penalty", penalty}}, logits, sampled);
  }
}

TEST(SamplerChain, FrequencyAndPresenceDoNotCountThePrompt) {
  SamplerChain chain = chain_of({{"temp", "0"}, {"frequency_penalty", "1"}, {"presence_penalty", "0.5"}}, 3);
  const std::vector<float> logits = {0, 2, 1};
  const std::vector<int32_t> prompt = {1, 1, 1, 1};
  EXPECT_EQ(chain.sample(logits, prompt)->id, 1);
  EXPECT_EQ(chain.sample(logits, prompt)->id, 2) << "1 was sampled once: 2 - 1 - 0.5 is less than 1";
}

TEST(SamplerChain, AllTogether) {
  expect_distribution({{"temp", "1.4"},
                       {"top_k", "20"},
                       {"top_p", "0.95"},
                       {"min_p", "0.02"},
                       {"repetition_penalty", "1.2"},
                       {"frequency_penalty", "0.3"},
                       {"presence_penalty", "0.2"}},
                      example_logits(60), {{1, 2, 3, 3, 4, 4}, {3, 4, 4}});
}

TEST(SamplerChain, PenaltyWindow) {
  const std::vector<int32_t> history = {0, 1, 2, 3};
  const std::vector<float> rising = {4, 5, 6, 7};
  const auto best = [&](const char* window) {
    SamplerChain chain =
        chain_of({{"temp", "0"}, {"repetition_penalty", "2"}, {"penalty_window", window}}, 4);
    return chain.sample(rising, history)->id;
  };
  EXPECT_EQ(best("1"), 2);
  EXPECT_EQ(best("2"), 1);
  EXPECT_EQ(best("3"), 0);
  EXPECT_EQ(best("0"), 3) << "all are halved";
  EXPECT_EQ(best("100"), 3);
}

TEST(SamplerChain, GreedyTakesTheBestAndTheLowerIdAtATie) {
  Result<SamplerChain> chain = SamplerChain::create(SamplingParams::greedy(), 5);
  ASSERT_TRUE(chain.ok());
  EXPECT_EQ(chain->sample(std::vector<float>{1, 3, 3, -kInf, 2}, {})->id, 1);
  EXPECT_EQ(chain->sample(std::vector<float>{-kInf, -kInf, -kInf, -kInf, -1000}, {})->id, 4);
  EXPECT_EQ(chain->sample(std::vector<float>{-0.0f, 0.0f, -1, -1, -1}, {})->id, 0);
}

TEST(SamplerChain, TiesAtTheCutOfTopKGoToLowerIds) {
  expect_distribution({{"top_k", "2"}}, {1, 2, 2, 2, 0});
  expect_distribution({{"top_p", "0.5"}}, {1, 1, 1, 1});
}

TEST(SamplerChain, ExcludedTokensNeverCome) {
  expect_distribution({{"temp", "1"}}, {1, -kInf, 0.5, -kInf, -kInf, 0});
  expect_distribution({{"temp", "2"}, {"top_p", "0.99"}}, {-kInf, 1, -kInf, 0.5});
  expect_distribution({{"min_p", "0.001"}}, {-kInf, 1, -kInf, 0.5});
}

TEST(SamplerChain, TinyTemperatureIsGreedy) {
  SamplerChain chain = chain_of({{"temp", "1e-38"}}, 4);
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(chain.sample(std::vector<float>{-9, -5, -5.001f, -kInf}, {})->id, 1);
}

TEST(SamplerChain, LogitBias) {
  const std::vector<float> logits = {1, 2, 3, 4};
  SamplerChain banned = chain_of({{"logit_bias", "3:-inf"}}, 4);
  for (int i = 0; i < 1000; ++i) EXPECT_NE(banned.sample(logits, {})->id, 3);
  SamplerChain forced = chain_of({{"logit_bias", "0:100"}}, 4);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(forced.sample(logits, {})->id, 0);
  SamplerChain moved = chain_of({{"temp", "0"}, {"logit_bias", "0:3.5,3:-0.5"}}, 4);
  EXPECT_EQ(moved.sample(logits, {})->id, 0);
  const auto refused = [](const char* text) {
    const Result<SamplerChain> chain = SamplerChain::create(params_of({{"logit_bias", text}}), 4);
    return chain.ok() ? std::string() : chain.error().message;
  };
  EXPECT_THAT(refused("4:1"), HasSubstr("vocabulary has 4 tokens"));
  EXPECT_THAT(refused("-1:1"), HasSubstr("vocabulary has 4 tokens"));
  for (const char* text : {"1", "1:", "1:x", "1:nan", "1:inf", "1:2 3:4", ":1", "x:1"}) {
    EXPECT_THAT(refused(text), HasSubstr("is not ID:VALUE")) << text;
  }
}

TEST(SamplerChain, RefusesDamagedLogits) {
  SamplerChain chain = chain_of({}, 3);
  const auto message = [&](const std::vector<float>& logits) {
    const Result<SampledToken> token = chain.sample(logits, {});
    return token.ok() ? std::string() : token.error().message;
  };
  EXPECT_THAT(message({0, std::nanf(""), 1}), HasSubstr("token 1 is not a number"));
  EXPECT_THAT(message({0, 1, kInf}), HasSubstr("token 2 is infinite"));
  EXPECT_THAT(message({-kInf, -kInf, -kInf}), HasSubstr("every logit is -inf"));
  EXPECT_THAT(message({0, 1}), HasSubstr("2 logits for a vocabulary of 3"));
  SamplerChain all_banned = chain_of({{"logit_bias", "0:-inf,1:-inf,2:-inf"}}, 3);
  const Result<SampledToken> none = all_banned.sample(std::vector<float>{1, 2, 3}, {});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ErrorCode::kUsage);
  EXPECT_FALSE(SamplerChain::create(SamplingParams(), 0).ok());
  SamplingParams wrong;
  wrong.top_logprobs = -1;
  EXPECT_FALSE(SamplerChain::create(wrong, 3).ok());
}

TEST(SamplerChain, SeedsRepeat) {
  const std::vector<float> logits = example_logits(200);
  const auto run = [&](SamplerChain& chain) {
    std::vector<int32_t> out;
    for (int i = 0; i < 50; ++i) out.push_back(chain.sample(logits, {})->id);
    return out;
  };
  SamplerChain first = chain_of({{"seed", "7"}}, 200);
  SamplerChain second = chain_of({{"seed", "7"}}, 200);
  SamplerChain other = chain_of({{"seed", "8"}}, 200);
  const std::vector<int32_t> tokens = run(first);
  EXPECT_EQ(run(second), tokens);
  EXPECT_NE(run(other), tokens);
  EXPECT_NE(run(first), tokens) << "the numbers go on";
  SamplerChain from_system = chain_of({{"seed", "0"}}, 200);
  const std::vector<int32_t> drawn = run(from_system);
  SamplerChain again = chain_of({{"seed", std::to_string(from_system.seed())}}, 200);
  EXPECT_EQ(run(again), drawn);
}

TEST(SamplerChain, LogprobsAreOfTheModelsOwnDistribution) {
  std::vector<float> logits = example_logits(300);
  logits[17] = -kInf;
  logits[5] = logits[6] = 6.5f;  // a tie at the top
  SamplerChain chain =
      chain_of({{"temp", "0.2"}, {"top_k", "3"}, {"logprobs", "5"}, {"logit_bias", "5:-3"}}, logits.size());
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit));
  const auto logprob = [&](size_t id) { return static_cast<double>(logits[id]) - std::log(total); };
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  // The weights are floats, each off by some eps of itself, so the logarithm of their sum by as much; and one
  // rounding at the end.
  const auto near = [](float got, double want) {
    EXPECT_NEAR(static_cast<double>(got), want,
                static_cast<double>(std::numeric_limits<float>::epsilon()) * std::max(1.0, std::abs(want)));
  };
  for (int i = 0; i < 20; ++i) {
    const Result<SampledToken> token = chain.sample(logits, {});
    ASSERT_TRUE(token.ok());
    near(token->logprob, logprob(static_cast<size_t>(token->id)));
    ASSERT_EQ(token->top.size(), 5u);
    for (size_t k = 0; k < 5; ++k) {
      EXPECT_EQ(static_cast<size_t>(token->top[k].id), order[k]);
      near(token->top[k].logprob, logprob(order[k]));
    }
  }
  SamplerChain none = chain_of({{"logprobs", "0"}}, logits.size());
  EXPECT_TRUE(none.sample(logits, {})->top.empty());
  SamplerChain more_than_there_are = chain_of({{"logprobs", "20"}}, 3);
  EXPECT_EQ(more_than_there_are.sample(std::vector<float>{1, 2, 3}, {})->top.size(), 3u);
}

TEST(SamplerChain, TopPOverAFlatLargeVocabulary) {
  constexpr size_t kVocab = 100000;
  const std::vector<float> logits(kVocab, 0.0f);
  SamplerChain chain = chain_of({{"top_p", "0.25"}}, kVocab);
  int32_t largest = 0;
  for (int i = 0; i < 300; ++i) largest = std::max(largest, chain.sample(logits, {})->id);
  EXPECT_LT(largest, 25000);
  EXPECT_GT(largest, 24000);  // 300 draws all below 0.96 of the range: probability 5e-6
}

/// Whatever the options say within their ranges, a token comes out that was not excluded.
TEST(SamplerChain, EveryOptionAtTheEndsOfItsRange) {
  const std::vector<float> logits = {-3, 8, -kInf, 0, 1e30f, -1e30f, 2};
  const std::vector<int32_t> history = {1, 1, 4, 6, 2};
  // The ends themselves, since the ranges are not listed: one value too many at either side must be refused.
  const std::map<std::string, std::vector<std::string>> ends = {
      {"temp", {"0", "1e-38", "100"}},
      {"top_k", {"0", "1", "16777216"}},
      {"top_p", {"0", "1e-38", "1"}},
      {"min_p", {"0", "1e-38", "1"}},
      {"repetition_penalty", {"0.01", "100"}},
      {"frequency_penalty", {"-100", "100"}},
      {"presence_penalty", {"-100", "100"}},
      {"penalty_window", {"0", "16777216"}},
      {"logit_bias", {"", "1:-inf", "3:1000000"}},
      {"seed", {"0", "18446744073709551615"}},
      {"logprobs", {"0", "100"}},
  };
  for (const OptionInfo& option : list_options(SamplingParams())) {
    EXPECT_FALSE(option.help.empty()) << option.name;
    ASSERT_TRUE(ends.contains(option.name))
        << "a new option: give it its ends here, and a test of its distribution";
    std::vector<std::string> values = ends.at(option.name);
    values.push_back(option.default_value);
    for (const std::string& value : values) {
      SamplingParams params;
      const Status set = set_option(params, option.name, value);
      EXPECT_TRUE(set.ok()) << set.error().message;
      Result<SamplerChain> chain = SamplerChain::create(params, static_cast<int64_t>(logits.size()));
      ASSERT_TRUE(chain.ok()) << option.name;
      for (int i = 0; i < 20; ++i) {
        const Result<SampledToken> token = chain->sample(logits, history);
        ASSERT_TRUE(token.ok()) << option.name << "=" << value << ": " << token.error().message;
        EXPECT_NE(token->id, 2) << option.name << "=" << value;
      }
    }
  }
}

TEST(SamplerChain, ParametersAreCopied) {
  SamplingParams params = params_of({{"temp", "0"}});
  SamplingParams copy = params;
  ASSERT_TRUE(set_option(copy, "temp", "2").ok());
  const auto temperature = [](const SamplingParams& of) {
    for (const OptionInfo& option : list_options(of)) {
      if (option.name == "temp") return option.default_value;
    }
    return std::string("missing");
  };
  EXPECT_EQ(temperature(params), "0");
  EXPECT_EQ(temperature(copy), "2");
}

TEST(SamplerChain, AllocatesInItsFirstCallOnly) {
  const std::vector<float> logits = example_logits(5000);
  const std::vector<int32_t> history = {1, 2, 3, 4};
  SamplerChain chain = chain_of({{"temp", "1.4"},
                                 {"top_k", "900"},
                                 {"top_p", "0.95"},
                                 {"min_p", "0.001"},
                                 {"logprobs", "20"},
                                 {"repetition_penalty", "1.2"},
                                 {"frequency_penalty", "0.3"},
                                 {"presence_penalty", "0.2"},
                                 {"logit_bias", "7:1,8:-inf"}},
                                logits.size());
  bool all_ok = chain.sample(logits, history).ok();
  g_news = 0;
  g_count_news = true;
  for (int i = 0; i < 100; ++i) all_ok = all_ok && chain.sample(logits, history).ok();
  g_count_news = false;
  EXPECT_TRUE(all_ok);
  EXPECT_EQ(g_news, 0);
}

}  // namespace
}  // namespace hearth::runtime
