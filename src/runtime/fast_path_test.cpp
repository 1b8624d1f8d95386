// The fast path against the reference, from tokens to logits: every architecture and the real tiny model in
// weight formats whose tiles take int8 activations. Tiles themselves are judged in kernels/gemm; here it is
// that nothing else of the fast path differs.
//
// The bound. On the same file the two differ in one thing that is larger than float32 rounding: the input of
// each product is rounded to codes, one scale d = max / 127 per 32 values, so every value is off by an amount
// spread evenly over [-d/2, d/2] (activations.h). The reference run with exactly such errors, drawn at random
// on the input of every product, says what they do to the logits: a standard deviation for each position,
// over several runs, times how much more than the average each logit is moved, over all positions. The fast
// path's errors are one more draw. So a single logit may be off by 8 deviations (as the deviation is
// estimated, and tails are longer than normal where attention peaks, up to 6.1 are seen in 10^6 logits), and
// the root of the mean square over all of them must be the drawn one's: 0.94 to 1.05 of it are seen, 0.9
// to 1.1 pass. Less would say that these are not the codes' errors; errors of any other origin add to it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>

#include "kernels/tiles/tile.h"
#include "runtime/test_model.h"

namespace hearth::runtime {
namespace {

constexpr int kDraws = 4;
constexpr double kDeviations = 8;

/// Disturbs the input of every product as rounding to codes would.
class RoundingErrors : public ForwardObserver {
 public:
  explicit RoundingErrors(uint64_t seed) : rng_(seed) {}

  void product(const kernels::Matrix& weights, const float* x, int64_t n) override {
    const kernels::Tile* tile = kernels::find_tile(weights.format().tile);
    if (tile == nullptr || !tile->quantised_input) return;
    if (x == last_ && !ended_) return;  // products that share an input see the same codes
    last_ = x;
    ended_ = false;
    // Observers only look; the buffer belongs to the pass, and nothing but products reads it from here on.
    auto* values = const_cast<float*>(x);
    for (int64_t group = 0; group < n * weights.cols(); group += kernels::kGroup) {
      float largest = 0;
      for (int64_t k = group; k < group + kernels::kGroup; ++k)
        largest = std::max(largest, std::abs(values[k]));
      const double step = static_cast<double>(largest) / 127;
      for (int64_t k = group; k < group + kernels::kGroup; ++k)
        values[k] = static_cast<float>(static_cast<double>(values[k]) + step * (rng_.uniform() - 0.5));
    }
  }
  void finished(Phase /*phase*/) override { ended_ = true; }

 private:
  Rng rng_;
  const float* last_ = nullptr;
  bool ended_ = true;
};

class FastPathLogits : public testing::Test {
 protected:
  struct Logits {
    std::vector<float> values;  // (tokens, vocab)
    size_t vocab = 0;
  };

  Logits logits(const io::TensorFile& file, kernels::Precision precision, const std::vector<int32_t>& tokens,
                ForwardObserver* observer = nullptr) {
    auto model = model::Model::load(file, precision, pool_);
    EXPECT_TRUE(model.ok()) << (model.ok() ? "" : model.error().message);
    if (!model) return {};
    const auto runtime =
        Runtime::create(**model, pool_, {.context_tokens = 256, .max_sequences = 1, .kv_format = "f32"})
            .value();
    runtime->observe(observer);
    const SequenceChunk chunk = {runtime->open_sequence().value(), tokens, LogitsWanted::kAll};
    EXPECT_TRUE(runtime->forward({&chunk, 1}).ok());
    return {{runtime->logits(0).begin(), runtime->logits(0).end()},
            static_cast<size_t>(runtime->vocabulary())};
  }

  /// The reference's own greedy text: what it decides about most positions matters.
  std::vector<int32_t> greedy(const io::TensorFile& file, size_t count) {
    const auto model = model::Model::load(file, kernels::Precision::kReference, pool_).value();
    const auto runtime =
        Runtime::create(*model, pool_, {.context_tokens = 256, .max_sequences = 1, .kv_format = "f32"})
            .value();
    const SeqId sequence = runtime->open_sequence().value();
    std::vector<int32_t> tokens = {1};
    while (tokens.size() < count) {
      const SequenceChunk step = {sequence, std::span(tokens).last(1)};
      EXPECT_TRUE(runtime->forward({&step, 1}).ok());
      const auto row = runtime->logits(0);
      tokens.push_back(static_cast<int32_t>(std::max_element(row.begin(), row.end()) - row.begin()));
    }
    return tokens;
  }

  /// The standard deviation of every logit when inputs are rounded.
  std::vector<double> deviations(const io::TensorFile& file, const std::vector<int32_t>& tokens,
                                 const Logits& reference) {
    const size_t vocab = reference.vocab;
    std::vector<double> squares(reference.values.size(), 0.0);
    for (uint64_t seed = 1; seed <= kDraws; ++seed) {
      RoundingErrors errors(seed);
      const Logits drawn = logits(file, kernels::Precision::kReference, tokens, &errors);
      for (size_t i = 0; i < squares.size(); ++i) {
        const double off = static_cast<double>(drawn.values[i]) - static_cast<double>(reference.values[i]);
        squares[i] += off * off / kDraws;
      }
    }
    std::vector<double> of_position(tokens.size(), 0.0);
    std::vector<double> of_logit(vocab, 0.0);  // relative to its position
    const auto positions = static_cast<double>(tokens.size());
    for (size_t i = 0; i < squares.size(); ++i)
      of_position[i / vocab] += squares[i] / static_cast<double>(vocab);
    for (size_t i = 0; i < squares.size(); ++i)
      of_logit[i % vocab] += squares[i] / of_position[i / vocab] / positions;
    for (size_t i = 0; i < squares.size(); ++i)
      squares[i] = std::sqrt(of_position[i / vocab] * of_logit[i % vocab]);
    return squares;
  }

  void expect_fast_is_close(const io::TensorFile& file, const std::vector<int32_t>& tokens) {
    const Logits reference = logits(file, kernels::Precision::kReference, tokens);
    const Logits fast = logits(file, kernels::Precision::kFast, tokens);
    const size_t vocab = reference.vocab;
    ASSERT_EQ(reference.values.size(), tokens.size() * vocab);
    ASSERT_EQ(fast.values.size(), reference.values.size());
    const std::vector<double> deviation = deviations(file, tokens, reference);
    double squares = 0;
    double expected_squares = 0;
    size_t decisions = 0;
    for (size_t t = 0; t < tokens.size(); ++t) {
      const float* want = reference.values.data() + t * vocab;
      const float* got = fast.values.data() + t * vocab;
      const double* sigma = deviation.data() + t * vocab;
      const auto best = static_cast<size_t>(std::max_element(want, want + vocab) - want);
      bool is_decided = true;
      for (size_t i = 0; i < vocab; ++i) {
        const double off = static_cast<double>(got[i]) - static_cast<double>(want[i]);
        ASSERT_LE(std::abs(off), kDeviations * sigma[i]) << "position " << t << " logit " << i;
        squares += off * off;
        expected_squares += sigma[i] * sigma[i];
        const double gap = static_cast<double>(want[best]) - static_cast<double>(want[i]);
        is_decided = is_decided && (i == best || gap > kDeviations * (sigma[i] + sigma[best]));
      }
      if (!is_decided) continue;
      ++decisions;
      EXPECT_EQ(static_cast<size_t>(std::max_element(got, got + vocab) - got), best) << "position " << t;
    }
    const double ratio = std::sqrt(squares / expected_squares);
    EXPECT_GT(ratio, 0.9);
    EXPECT_LT(ratio, 1.1);
    EXPECT_GT(3 * decisions, tokens.size()) << "the bound is too wide to mean anything";
  }

  ThreadPool pool_{2};
};

TEST_F(FastPathLogits, EveryArchitecture) {
  for (const model::ArchSpec* arch : model::arch_registry()) {
    for (const char* name : {"Q4_K", "Q8_0", "Q6_K"}) {
      for (const bool varied : {false, true}) {  // a window, biases, untied output, soft caps
        SCOPED_TRACE(testing::Message() << arch->name << ' ' << name << (varied ? " varied" : ""));
        const io::TensorFile file = make_test_file({.arch = std::string(arch->name),
                                                    .window = varied ? 9 : 0,
                                                    .tied = !varied,
                                                    .biases = varied,
                                                    .softcap = varied ? 8.0F : 0.0F,
                                                    .dim = 256,
                                                    .heads = 4,
                                                    .kv_heads = 2,
                                                    .head_dim = 64,
                                                    .ffn_dim = 256,
                                                    .vocab = 100,
                                                    .seed = varied ? 2U : 1U,
                                                    .format = kernels::find_format(name)});
        expect_fast_is_close(file, random_tokens(32, 100, 7));
      }
    }
  }
}

/// Matrices whose rows are whole blocks of `format` in it, as conversion makes them.
io::TensorFile encoded(io::TensorFile file, const kernels::Format& format) {
  for (io::Tensor& tensor : file.tensors) {
    if (tensor.shape.size() != 2 || tensor.shape[1] % format.block_elems != 0) continue;
    const int64_t count = tensor.shape[0] * tensor.shape[1];
    std::vector<float> values(static_cast<size_t>(count));
    kernels::find_format(tensor.type)->decode(tensor.data.data(), values.data(), count);
    auto bytes = std::make_shared<std::vector<std::byte>>(
        static_cast<size_t>(count / format.block_elems * format.block_bytes));
    format.encode(values.data(), bytes->data(), count, nullptr);
    tensor.type = format.id;
    tensor.data = *bytes;
    tensor.owner = bytes;
  }
  return file;
}

/// The real tiny model along its own text, and along random tokens.
TEST_F(FastPathLogits, Stories) {
  const std::string path = std::string(HEARTH_SHARED_DATA_DIR) + "/models/stories260k/stories260K.gguf";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "MISSING TEST DATA: no " << path;
  const io::TensorFile published = model::open_source(path).value();
  for (const char* name : {"Q8_0", "Q4_0", "Q4_1", "Q5_0"}) {
    SCOPED_TRACE(name);
    const io::TensorFile file = encoded(published, *kernels::find_format(name));
    expect_fast_is_close(file, greedy(file, 200));
    expect_fast_is_close(file, random_tokens(200, 512, 5));
  }
}

}  // namespace
}  // namespace hearth::runtime
