// The real tiny model: its published greedy continuation, from the published GGUF and from a copy that hearth
// converted.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "golden_util.h"
#include "io/file.h"
#include "io/json.h"
#include "lab/convert.h"
#include "text/tokenizer.h"

namespace hearth::golden {
namespace {

class Stories : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(HEARTH_SHARED_DATA_DIR) / "models/stories260k";
    if (!std::filesystem::exists(folder_ / "stories260K.gguf")) {
      GTEST_SKIP() << "NOT TESTED: no stories260K.gguf in " << folder_
                   << " (set HEARTH_SHARED_DATA_DIR to the folder with the test models)";
    }
    auto expected = io::read_json(folder_ / "expected_greedy.json");
    ASSERT_TRUE(expected.ok()) << expected.error().message;
    ids_ = expected->at("ids").get<std::vector<int32_t>>();
    first_logits_ = expected->at("logits_after_bos").get<std::vector<double>>();
    gap_ = expected->at("min_top2_logit_gap").get<double>();
    auto text = io::read_file(folder_ / "expected_greedy.txt", 1 << 20);
    ASSERT_TRUE(text.ok()) << text.error().message;
    text_ = *text;
  }

  std::vector<int32_t> greedy(runtime::Runtime& session, size_t steps) {
    std::vector<int32_t> ids{ids_[0]};
    const auto sequence = session.open_sequence();
    EXPECT_TRUE(sequence.ok());
    while (sequence.ok() && ids.size() < steps + 1) {
      const runtime::SequenceChunk chunk{*sequence, std::span(ids).last(1), runtime::LogitsWanted::kLast};
      const Status done = session.forward({&chunk, 1});
      EXPECT_TRUE(done.ok()) << done.error().message;
      const auto logits = session.logits(0);
      if (ids.size() == 1) expect_first(logits);
      ids.push_back(static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    }
    return ids;
  }

  /// Half the smallest gap between the two best logits: what greedy equality rests on.
  void expect_first(std::span<const float> logits) const {
    ASSERT_EQ(logits.size(), first_logits_.size());
    for (size_t i = 0; i < logits.size(); ++i)
      ASSERT_NEAR(static_cast<double>(logits[i]), first_logits_[i], gap_ / 2);
  }

  void expect_story(const std::filesystem::path& path, kernels::Precision precision, const char* kv_format) {
    runtime::RuntimeOptions options;
    options.context_tokens = 256;
    options.kv_format = kv_format;
    const Opened opened = open_model(path, precision, options, pool_);
    ASSERT_NE(opened.runtime, nullptr);
    const std::vector<int32_t> ids = greedy(*opened.runtime, ids_.size() - 1);
    EXPECT_EQ(ids, ids_);
    const auto tokenizer = text::Tokenizer::create(opened.model->metadata());
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    EXPECT_EQ((*tokenizer)->decode(std::span(ids).subspan(1), false), text_);
  }

  std::filesystem::path folder_;
  std::vector<int32_t> ids_;
  std::vector<double> first_logits_;
  double gap_ = 0;
  std::string text_;
  ThreadPool pool_{2};
};

TEST_F(Stories, GreedyTextFromThePublishedFile) {
  expect_story(folder_ / "stories260K.gguf", kernels::Precision::kReference, "f32");
  expect_story(folder_ / "stories260K.gguf", kernels::Precision::kFast, "f32");
}

TEST_F(Stories, GreedyTextFromAConvertedCopy) {
  const ScratchFolder scratch;
  auto source = model::open_source(folder_ / "stories260K.gguf");
  ASSERT_TRUE(source.ok()) << source.error().message;
  const auto report = lab::convert(*source, scratch / "copy.gguf", {}, pool_, {});
  ASSERT_TRUE(report.ok()) << report.error().message;
  expect_story(scratch / "copy.gguf", kernels::Precision::kFast, "f32");
}

}  // namespace
}  // namespace hearth::golden
