// The promises of the runtime, for every registered architecture on tiny random models: equal to the
// interpreter in double, and to itself however tokens are cut, batched, forked, taken back or spread over
// threads.
#include "runtime/session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

#include "kernels/matrix.h"
#include "runtime/test_model.h"

namespace hearth::runtime {
namespace {

constexpr int64_t kContext = 300;

struct ArchCase {
  std::string name;
  TestModelOptions options;
};

/// Every architecture: as it comes; with a window, biases, untied output, soft caps and one query head per KV
/// head.
std::vector<ArchCase> arch_cases() {
  std::vector<ArchCase> cases;
  for (const model::ArchSpec* arch : model::arch_registry()) {
    const std::string name(arch->name);
    cases.push_back({name, {.arch = name}});
    cases.push_back({name + "_windowed_biased_capped",
                     {.arch = name,
                      .window = 9,
                      .tied = false,
                      .biases = true,
                      .softcap = 4,
                      .heads = 3,
                      .kv_heads = 3,
                      .head_dim = 8,
                      .seed = 2}});
  }
  return cases;
}

class SessionTest : public testing::TestWithParam<ArchCase> {
 protected:
  std::unique_ptr<Runtime> runtime(const std::string& kv, int32_t max_batch = 512,
                                   ThreadPool* pool = nullptr) {
    return Runtime::create(*model_.model, pool ? *pool : pool_,
                           {.context_tokens = kContext,
                            .max_sequences = 4,
                            .max_batch_tokens = max_batch,
                            .kv_format = kv})
        .value();
  }

  /// Logits of all positions, fed in chunks of `chunk` tokens.
  std::vector<float> feed(Runtime& runtime, SeqId sequence, const std::vector<int32_t>& tokens,
                          size_t chunk) {
    std::vector<float> all;
    for (size_t i = 0; i < tokens.size(); i += chunk) {
      const SequenceChunk part = {sequence, std::span(tokens).subspan(i, std::min(chunk, tokens.size() - i)),
                                  LogitsWanted::kAll};
      const Status status = runtime.forward({&part, 1});
      EXPECT_TRUE(status) << status.error().message;
      all.insert(all.end(), runtime.logits(0).begin(), runtime.logits(0).end());
    }
    return all;
  }

  std::vector<float> feed_fresh(Runtime& runtime, const std::vector<int32_t>& tokens, size_t chunk) {
    const SeqId sequence = runtime.open_sequence().value();
    auto logits = feed(runtime, sequence, tokens, chunk);
    runtime.close_sequence(sequence);
    return logits;
  }

  void expect_close(const std::vector<float>& got, const std::vector<int32_t>& tokens, double stored_eps) {
    const Reference reference = runtime::reference(model_, tokens, kContext);
    const auto& exact = reference.logits;
    const auto tolerance = float_tolerance(model_, tokens, kContext, stored_eps, reference).logits;
    const size_t vocab = exact[0].size();
    ASSERT_EQ(got.size(), tokens.size() * vocab);
    size_t decided = 0;
    for (size_t t = 0; t < tokens.size(); ++t) {
      const auto best =
          static_cast<size_t>(std::max_element(exact[t].begin(), exact[t].end()) - exact[t].begin());
      double second = -1e30;
      for (size_t i = 0; i < vocab; ++i) {
        ASSERT_NEAR(static_cast<double>(got[t * vocab + i]), exact[t][i], tolerance[t]) << "position " << t;
        if (i != best) second = std::max(second, exact[t][i]);
      }
      if (exact[t][best] - second <= 2 * tolerance[t]) continue;
      ++decided;
      const auto row = got.begin() + static_cast<int64_t>(t * vocab);
      EXPECT_EQ(static_cast<size_t>(std::max_element(row, row + static_cast<int64_t>(vocab)) - row), best);
    }
    EXPECT_GT(decided, tokens.size() / 2) << "the tolerance is too wide to mean anything";
  }

  /// Hidden states of all positions, fed in chunks of `chunk` tokens to a fresh sequence.
  std::vector<float> feed_hidden(Runtime& runtime, const std::vector<int32_t>& tokens, size_t chunk) {
    const SeqId sequence = runtime.open_sequence().value();
    std::vector<float> all;
    for (size_t i = 0; i < tokens.size(); i += chunk) {
      const SequenceChunk part = {sequence, std::span(tokens).subspan(i, std::min(chunk, tokens.size() - i)),
                                  LogitsWanted::kNone, HiddenWanted::kAll};
      EXPECT_TRUE(runtime.forward({&part, 1}));
      EXPECT_TRUE(runtime.logits(0).empty());
      all.insert(all.end(), runtime.hidden(0).begin(), runtime.hidden(0).end());
    }
    runtime.close_sequence(sequence);
    return all;
  }

  static bool same(std::span<const float> a, std::span<const float> b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
  }

  void batch_mates(Runtime& made) {
    const auto other = random_tokens(70, GetParam().options.vocab, 9);
    const auto alone = feed_fresh(made, tokens_, 100);
    const auto other_alone = feed_fresh(made, other, 70);
    const SeqId a = made.open_sequence().value();
    const SeqId b = made.open_sequence().value();
    const auto vocab = static_cast<size_t>(made.vocabulary());
    // Prompts of different length together, then both token by token.
    const SequenceChunk prompts[] = {{a, std::span(tokens_).first(60), LogitsWanted::kAll},
                                     {b, std::span(other).first(20), LogitsWanted::kLast}};
    ASSERT_TRUE(made.forward(prompts));
    EXPECT_TRUE(same(made.logits(0), std::span(alone).first(60 * vocab)));
    EXPECT_TRUE(same(made.logits(1), std::span(other_alone).subspan(19 * vocab, vocab)));
    for (size_t t = 0; t < 40; ++t) {
      const SequenceChunk step[] = {{a, std::span(tokens_).subspan(60 + t, 1)},
                                    {b, std::span(other).subspan(20 + t, 1)}};
      ASSERT_TRUE(made.forward(step));
      ASSERT_TRUE(same(made.logits(0), std::span(alone).subspan((60 + t) * vocab, vocab))) << t;
      ASSERT_TRUE(same(made.logits(1), std::span(other_alone).subspan((20 + t) * vocab, vocab))) << t;
    }
  }

  void forks_and_truncations(Runtime& made) {
    const auto vocab = static_cast<size_t>(made.vocabulary());
    const auto full = feed_fresh(made, tokens_, 100);
    auto branch_tokens = tokens_;
    for (size_t i = 70; i < 100; ++i) branch_tokens[i] = (branch_tokens[i] + 1) % static_cast<int32_t>(vocab);
    const auto branch_full = feed_fresh(made, branch_tokens, 100);

    const SeqId trunk = made.open_sequence().value();
    feed(made, trunk, {tokens_.begin(), tokens_.begin() + 70}, 70);
    const SeqId branch = made.fork(trunk).value();
    EXPECT_EQ(made.length(branch), 70);
    const auto on_branch = feed(made, branch, {branch_tokens.begin() + 70, branch_tokens.end()}, 11);
    const auto on_trunk = feed(made, trunk, {tokens_.begin() + 70, tokens_.end()}, 30);
    EXPECT_TRUE(same(on_branch, std::span(branch_full).subspan(70 * vocab)));
    EXPECT_TRUE(same(on_trunk, std::span(full).subspan(70 * vocab)));

    ASSERT_TRUE(made.truncate(trunk, 70));
    EXPECT_TRUE(same(feed(made, trunk, {branch_tokens.begin() + 70, branch_tokens.end()}, 30),
                     std::span(branch_full).subspan(70 * vocab)));
    made.close_sequence(trunk);
    made.close_sequence(branch);
    EXPECT_EQ(made.kv_bytes_in_use(), 0);
  }

  static constexpr const char* kFormats[] = {"f16", "int8", "f16,windowed=int8"};
  ThreadPool pool_{2};
  TestModel model_ = make_test_model(GetParam().options, pool_);
  std::vector<int32_t> tokens_ = random_tokens(100, GetParam().options.vocab, 3);
};

/// Every matrix is told once per pass with the rows it gets, and looking changes nothing.
TEST_P(SessionTest, AnObserverSeesEveryProduct) {
  struct Counter : ForwardObserver {
    void product(const kernels::Matrix& weights, const float* x, int64_t n) override {
      ++products;
      for (int64_t i = 0; i < n * weights.cols(); ++i) finite = finite && std::isfinite(x[i]);
    }
    void finished(Phase phase) override { ++ended[static_cast<size_t>(phase)]; }
    int64_t products = 0;
    bool finite = true;
    std::array<int64_t, kPhases> ended{};
  } counter;
  int64_t matrices = 1;  // the output
  for (size_t i = 0; i < model_.model->spec().layers.size(); ++i) {
    for (int w = 0; w < model::kWeights; ++w) {
      matrices += model_.model->layer(static_cast<int64_t>(i)).matrix(static_cast<model::Weight>(w)) ? 1 : 0;
    }
  }
  const std::vector<int32_t> tokens = {1, 2, 3, 4, 5};
  const auto alone = runtime("f32");
  const auto watched = runtime("f32");
  watched->observe(&counter);
  EXPECT_EQ(feed_fresh(*watched, tokens, 5), feed_fresh(*alone, tokens, 5));
  EXPECT_EQ(counter.products, matrices);
  EXPECT_TRUE(counter.finite);
  for (const int64_t n : counter.ended) EXPECT_GE(n, 1);
}

TEST_P(SessionTest, EqualsTheInterpreterInDouble) {
  expect_close(feed_fresh(*runtime("f32"), tokens_, 100), tokens_, 0);
}

TEST_P(SessionTest, HalfPrecisionCacheStaysWithinItsRounding) {
  expect_close(feed_fresh(*runtime("f16"), tokens_, 100), tokens_, 0x1p-11);
}

/// A code is off by up to 1/254 of its row's largest number, 2^-7 of a typical one. Of the 16-fold margin of
/// the tolerance a quarter is kept: with all of it most positions would be undecided.
TEST_P(SessionTest, EightBitCacheStaysWithinItsRounding) {
  expect_close(feed_fresh(*runtime("int8"), tokens_, 100), tokens_, 0x1p-9);
}

TEST_P(SessionTest, ChunksAndInnerStepsDoNotChangeBits) {
  for (const char* kv : kFormats) {
    const auto whole = feed_fresh(*runtime(kv), tokens_, 100);
    for (const size_t chunk : {1U, 7U, 64U})
      EXPECT_TRUE(same(whole, feed_fresh(*runtime(kv), tokens_, chunk))) << kv << " " << chunk;
    for (const int32_t step : {1, 13, 64}) {
      EXPECT_TRUE(same(whole, feed_fresh(*runtime(kv, step), tokens_, 100)))
          << kv << " max_batch_tokens " << step;
    }
  }
}

TEST_P(SessionTest, HiddenStatesEqualTheInterpreterInDouble) {
  const auto made = runtime("f32");
  const auto got = feed_hidden(*made, tokens_, 100);
  const Reference exact = reference(model_, tokens_, kContext);
  const Tolerance tolerance = float_tolerance(model_, tokens_, kContext, 0, exact);
  const auto width = static_cast<size_t>(made->hidden_width());
  ASSERT_EQ(got.size(), tokens_.size() * width);
  for (size_t t = 0; t < tokens_.size(); ++t) {
    double largest = 0;
    for (size_t d = 0; d < width; ++d) {
      ASSERT_NEAR(static_cast<double>(got[t * width + d]), exact.hidden[t][d], tolerance.hidden[t]) << t;
      largest = std::max(largest, std::abs(exact.hidden[t][d]));
    }
    EXPECT_LT(tolerance.hidden[t], largest / 100) << "the tolerance is too wide to mean anything";
  }
}

TEST_P(SessionTest, HiddenStatesDoNotDependOnChunksInnerStepsOrThreads) {
  ThreadPool one(1);
  for (const char* kv : kFormats) {
    const auto whole = feed_hidden(*runtime(kv), tokens_, 100);
    for (const size_t chunk : {1U, 7U, 64U})
      EXPECT_TRUE(same(whole, feed_hidden(*runtime(kv), tokens_, chunk))) << kv << " " << chunk;
    for (const int32_t step : {1, 13, 64})
      EXPECT_TRUE(same(whole, feed_hidden(*runtime(kv, step, &one), tokens_, 100))) << kv << " " << step;
  }
}

/// Chunks that want logits, hidden states, both or neither in one call get what each gets alone.
TEST_P(SessionTest, HiddenStatesAndLogitsOfOneBatchAreThoseAlone) {
  using enum Positions;
  constexpr Positions kWanted[][2] = {{kAll, kLast}, {kNone, kAll}, {kNone, kNone}, {kLast, kAll}};
  for (const int32_t step : {512, 9}) {  // the second cuts chunks in their middle
    const auto made = runtime("f16", step);
    const auto vocab = static_cast<size_t>(made->vocabulary());
    const auto width = static_cast<size_t>(made->hidden_width());
    std::vector<std::vector<int32_t>> tokens;
    std::vector<std::vector<float>> logits, hidden;
    std::vector<SequenceChunk> batch;
    for (size_t i = 0; i < 4; ++i) {
      tokens.push_back(random_tokens(5 + 11 * static_cast<int64_t>(i), GetParam().options.vocab, i));
      logits.push_back(feed_fresh(*made, tokens[i], 100));
      hidden.push_back(feed_hidden(*made, tokens[i], 100));
    }
    for (size_t i = 0; i < 4; ++i)
      batch.push_back({made->open_sequence().value(), tokens[i], kWanted[i][0], kWanted[i][1]});
    ASSERT_TRUE(made->forward(batch));
    const auto wanted = [](Positions which, const std::vector<float>& all, size_t row) {
      return std::span(all).last(which == kNone ? 0 : (which == kLast ? row : all.size()));
    };
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_TRUE(same(made->logits(i), wanted(kWanted[i][0], logits[i], vocab))) << i;
      EXPECT_TRUE(same(made->hidden(i), wanted(kWanted[i][1], hidden[i], width))) << i;
    }
  }
}

TEST_P(SessionTest, ThreadsDoNotChangeBits) {
  for (const char* kv : kFormats) {
    const auto two = feed_fresh(*runtime(kv), tokens_, 30);
    for (const int threads : {1, 4}) {
      ThreadPool pool(threads);
      EXPECT_TRUE(same(two, feed_fresh(*runtime(kv, 512, &pool), tokens_, 30))) << kv << " " << threads;
    }
  }
}

TEST_P(SessionTest, BatchMatesDoNotChangeBits) {
  for (const char* kv : kFormats) batch_mates(*runtime(kv));
}

TEST_P(SessionTest, ForksAndTruncationsEqualRecomputing) {
  for (const char* kv : kFormats) forks_and_truncations(*runtime(kv));
}

INSTANTIATE_TEST_SUITE_P(EveryArchitecture, SessionTest, testing::ValuesIn(arch_cases()),
                         [](const auto& test) { return test.param.name; });

/// Packed tiles promise the same: for every weight format a prompt at once, in batches and token by token
/// agree to the bit.
TEST(FastPath, BitsDoNotDependOnChunksBatchOrThreads) {
  ThreadPool pool(2);
  for (const kernels::Format* format : kernels::format_registry()) {
    const TestModel model = make_test_model({.arch = std::string(model::arch_registry()[0]->name),
                                             .layers = 2,
                                             .dim = 256,
                                             .heads = 4,
                                             .kv_heads = 2,
                                             .head_dim = 64,
                                             .ffn_dim = 512,
                                             .vocab = 100,
                                             .format = format,
                                             .precision = kernels::Precision::kFast},
                                            pool);
    const auto tokens = random_tokens(40, 100, 1);
    std::vector<std::vector<float>> results;
    for (const int threads : {1, 3}) {
      ThreadPool own(threads);
      const auto runtime =
          Runtime::create(*model.model, own, {.context_tokens = 200, .max_sequences = 8}).value();
      for (const size_t chunk : {1U, 3U, 40U}) {
        // Three sequences with the same tokens side by side must agree with each other and with all else.
        const SeqId ids[] = {runtime->open_sequence().value(), runtime->open_sequence().value(),
                             runtime->open_sequence().value()};
        results.resize(results.size() + 3);
        for (size_t t = 0; t < tokens.size(); t += chunk) {
          const auto part = std::span(tokens).subspan(t, std::min(chunk, tokens.size() - t));
          std::vector<SequenceChunk> batch;
          for (const SeqId id : ids) batch.push_back({id, part, LogitsWanted::kAll});
          ASSERT_TRUE(runtime->forward(batch));
          for (size_t i = 0; i < 3; ++i) {
            auto& result = results[results.size() - 3 + i];
            result.insert(result.end(), runtime->logits(i).begin(), runtime->logits(i).end());
          }
        }
        for (const SeqId id : ids) runtime->close_sequence(id);
      }
    }
    for (const auto& result : results) {
      ASSERT_EQ(result.size(), results[0].size());
      ASSERT_EQ(std::memcmp(result.data(), results[0].data(), result.size() * sizeof(float)), 0)
          << format->name;
    }
  }
}

class RuntimeErrors : public testing::Test {
 protected:
  std::unique_ptr<Runtime> make(RuntimeOptions options) {
    return Runtime::create(*model_.model, pool_, options).value();
  }

  ThreadPool pool_{1};
  TestModel model_ = make_test_model({.arch = std::string(model::arch_registry()[0]->name)}, pool_);
};

TEST_F(RuntimeErrors, AreOneClearLineAndChangeNothing) {
  const auto made = make({.context_tokens = 100, .cache_tokens = 128, .max_sequences = 2});
  const SeqId a = made->open_sequence().value();
  const SeqId b = made->open_sequence().value();
  EXPECT_EQ(made->open_sequence().error().code, ErrorCode::kTooLarge);
  const std::vector<int32_t> bad = {1, 2, 61};
  const std::vector<int32_t> negative = {-1};
  const std::vector<int32_t> many(101, 1);
  auto failure = [&](std::vector<SequenceChunk> batch) {
    const Status status = made->forward(batch);
    EXPECT_FALSE(status);
    EXPECT_EQ(made->length(a), 0);
    return status ? Error{} : status.error();
  };
  EXPECT_EQ(failure({{a, bad}}).message,
            "token id 61 at position 2 is out of range; the model's vocabulary has 61");
  EXPECT_EQ(failure({{a, negative}}).code, ErrorCode::kUsage);
  EXPECT_EQ(failure({{7, bad}}).message, "sequence 7 is not open");
  EXPECT_EQ(failure({{a, std::span(bad).first(1)}, {a, std::span(bad).first(1)}}).code, ErrorCode::kUsage);
  EXPECT_EQ(failure({{a, many}}).message,
            "context full: 0 tokens held and 101 more do not fit into 100; shorten the input or ask for a "
            "larger context");
  EXPECT_EQ(failure({{a, std::span(many).first(100)}, {b, std::span(many).first(1)}}).code,
            ErrorCode::kTooLarge);
  EXPECT_EQ(made->truncate(a, 5).error().code, ErrorCode::kUsage);
  EXPECT_EQ(made->fork(9).error().code, ErrorCode::kUsage);
  EXPECT_EQ(made->length(9), 0);
  made->close_sequence(9);
}

TEST_F(RuntimeErrors, SenselessOptions) {
  auto code = [&](RuntimeOptions options) {
    return Runtime::create(*model_.model, pool_, options).error().code;
  };
  EXPECT_EQ(code({.context_tokens = 0}), ErrorCode::kUsage);
  EXPECT_EQ(code({.max_batch_tokens = 0}), ErrorCode::kUsage);
  EXPECT_EQ(code({.max_sequences = 0}), ErrorCode::kUsage);
  for (const char* kv : {"int3", "", "f16,", "f16,windowed=", "f16,full=int8", "f16,windowed=int8,"}) {
    EXPECT_EQ(code({.kv_format = kv}), ErrorCode::kUsage) << kv;
  }
  const auto plan = Runtime::plan(model_.model->spec(), {.context_tokens = 640, .max_sequences = 1}, 2);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->kv_bytes,
            6 * 640 * 2 * (12 + 16) * 2);  // layers, tokens, heads, k and v padded to whole vectors, half
  const auto bytes = Runtime::plan(model_.model->spec(),
                                   {.context_tokens = 640, .max_sequences = 1, .kv_format = "int8"}, 2);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->kv_bytes, 6 * 640 * 2 * (12 + 16 + 8));  // and two scales
}

TEST_F(RuntimeErrors, ProgressCancelsBetweenSteps) {
  const auto made = make({.context_tokens = 100, .max_sequences = 1, .max_batch_tokens = 10});
  const SeqId a = made->open_sequence().value();
  const std::vector<int32_t> tokens(35, 1);
  std::vector<int64_t> seen;
  ForwardOptions how;
  how.progress = [&](int64_t done, int64_t total) {
    EXPECT_EQ(total, 35);
    seen.push_back(done);
    return done < 20;
  };
  const SequenceChunk chunk = {a, tokens};
  EXPECT_EQ(made->forward({&chunk, 1}, how).error().code, ErrorCode::kCancelled);
  EXPECT_EQ(seen, (std::vector<int64_t>{0, 10, 20}));
  EXPECT_EQ(made->length(a), 20);
  EXPECT_TRUE(made->logits(0).empty());
}

/// The ids of "ids": [...] in the published greedy continuation.
std::vector<int32_t> published_ids(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  std::string all = text.str();
  const size_t start = all.find('[', all.find("\"ids\""));
  std::vector<int32_t> ids;
  std::stringstream list(all.substr(start + 1, all.find(']', start) - start - 1));
  for (std::string id; std::getline(list, id, ',');) ids.push_back(std::stoi(id));
  return ids;
}

/// 600 tokens through windows of 9: most pages have been given back and taken again, and nobody may notice.
TEST(Windows, PagesThatWereForgottenAreNotMissed) {
  ThreadPool pool(2);
  const TestModel model = make_test_model(
      {.arch = std::string(model::arch_registry()[0]->name), .window = 9, .layers = 2, .seed = 5}, pool);
  constexpr int64_t kTokens = 600;
  const auto tokens = random_tokens(kTokens, 61, 9);
  const auto runtime =
      Runtime::create(*model.model, pool, {.context_tokens = 640, .max_sequences = 1, .kv_format = "f32"})
          .value();
  const SeqId sequence = runtime->open_sequence().value();
  const Reference reference = runtime::reference(model, tokens, 640);
  const auto& exact = reference.logits;
  const auto tolerance = float_tolerance(model, tokens, 640, 0, reference).logits;
  for (int64_t done = 0; done < kTokens; done += 50) {
    const SequenceChunk chunk = {sequence, std::span(tokens).subspan(static_cast<size_t>(done), 50),
                                 LogitsWanted::kLast};
    ASSERT_TRUE(runtime->forward({&chunk, 1}));
    const auto row = static_cast<size_t>(done + 49);
    for (size_t i = 0; i < exact[row].size(); ++i) {
      ASSERT_NEAR(static_cast<double>(runtime->logits(0)[i]), exact[row][i], tolerance[row])
          << "position " << row;
    }
  }
  ASSERT_FALSE(runtime->truncate(sequence, 100)) << "nothing was forgotten, so nothing was tested";
}

TEST(Stories, GreedyContinuationEqualsThePublishedOne) {
  const std::string folder = std::string(HEARTH_SHARED_DATA_DIR) + "/models/stories260k/";
  if (!std::ifstream(folder + "stories260K.gguf")) GTEST_SKIP() << "MISSING TEST DATA: no " << folder;
  const auto wanted = published_ids(folder + "expected_greedy.json");
  ASSERT_EQ(wanted.size(), 201u);
  ThreadPool pool(2);
  for (const auto precision : {kernels::Precision::kReference, kernels::Precision::kFast}) {
    const auto model =
        model::Model::load(model::open_source(folder + "stories260K.gguf").value(), precision, pool).value();
    const auto runtime = Runtime::create(*model, pool, {.context_tokens = 256, .kv_format = "f32"}).value();
    const SeqId sequence = runtime->open_sequence().value();
    std::vector<int32_t> got = {wanted[0]};
    while (got.size() < wanted.size()) {
      const SequenceChunk step = {sequence, std::span(got).last(1)};
      ASSERT_TRUE(runtime->forward({&step, 1}));
      const auto logits = runtime->logits(0);
      got.push_back(static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    }
    EXPECT_EQ(got, wanted);
  }
}

}  // namespace
}  // namespace hearth::runtime
