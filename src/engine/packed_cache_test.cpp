// The cache of packed weights as a load sees it: written once, used from then on, made again with one line
// when it does not fit, and done without when it cannot be written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "engine/local_model.h"
#include "io/file.h"
#include "model/packed.h"

namespace hearth::engine {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kModel = HEARTH_SOURCE_DIR "/models/device/device.gguf";

class PackedWeights : public testing::Test {
 protected:
  PackedWeights() {
    std::string pattern = (fs::temp_directory_path() / "hearth-cache-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    cache_.file = folder_ / "packed" / "weights.gguf";
    cache_.source = "one";
    cache_.min_bytes = 0;
    set_log_sink([this](LogLevel level, std::string_view line) {
      const std::lock_guard lock(mutex_);
      if (level >= LogLevel::kInfo) lines_.emplace_back(line);
    });
  }
  ~PackedWeights() override {
    set_log_sink({});
    std::error_code error;
    fs::remove_all(folder_, error);
  }

  Result<std::unique_ptr<LocalModel>> load(LoadOptions options = {}) {
    options.threads = 2;
    options.context_tokens = 64;
    HEARTH_ASSIGN(OpenedModel opened, open_model(kModel, cache_));
    return LocalModel::load(std::move(opened), options);
  }
  /// Loads and returns the logits of a few tokens; the load must work.
  std::vector<float> logits(const LoadOptions& options = {}) {
    auto model = load(options);
    EXPECT_TRUE(model.ok()) << model.error().message;
    if (!model) return {};
    mapped_ = (*model)->model().mapped_bytes() > 0 && (*model)->model().owned_bytes() == 0;
    runtime::Runtime& runtime = (*model)->runtime();
    const std::vector<int32_t> tokens = {5, 17, 42, 99};
    const runtime::SequenceChunk chunk = {runtime.open_sequence().value(), tokens,
                                          runtime::LogitsWanted::kAll};
    EXPECT_TRUE(runtime.forward({&chunk, 1}).ok());
    return {runtime.logits(0).begin(), runtime.logits(0).end()};
  }
  size_t files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_ / "packed"), {}));
  }

  fs::path folder_;
  PackedCache cache_;
  bool mapped_ = false;
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

TEST_F(PackedWeights, AreWrittenOnceAndMappedFromThenOn) {
  cache_.file.clear();
  const std::vector<float> in_memory = logits();
  EXPECT_FALSE(mapped_);
  cache_.file = folder_ / "packed" / "weights.gguf";
  uint64_t told = 0;
  cache_.progress = [&](uint64_t done, uint64_t total) {
    EXPECT_LE(done, total);
    told = done;
    return true;
  };
  EXPECT_EQ(logits(), in_memory);
  EXPECT_TRUE(mapped_);
  EXPECT_EQ(told, fs::file_size(cache_.file));
  const auto written = fs::last_write_time(cache_.file);
  told = 0;
  EXPECT_EQ(logits(), in_memory);
  EXPECT_TRUE(mapped_);
  EXPECT_EQ(told, 0U);
  EXPECT_EQ(fs::last_write_time(cache_.file), written);
  EXPECT_EQ(files(), 1U);
  EXPECT_THAT(lines_, IsEmpty());
  const auto model = load().value();  // the tokenizer comes out of the packed file too
  EXPECT_FALSE(model->encode_prompt("lock the door", false).value().empty());
}

TEST_F(PackedWeights, ReferenceAndTinyModelsDoWithout) {
  cache_.min_bytes = int64_t{1} << 40;
  logits();
  EXPECT_FALSE(mapped_);
  cache_.min_bytes = 0;
  LoadOptions options;
  options.precision = kernels::Precision::kReference;
  logits(options);
  EXPECT_FALSE(fs::exists(cache_.file));
}

TEST_F(PackedWeights, DamageVersionAndChangeAreRepairedWithOneLine) {
  const std::vector<float> expected = logits();
  const auto size = fs::file_size(cache_.file);
  const auto expect_again = [&](const char* why) {
    lines_.clear();
    EXPECT_EQ(logits(), expected) << why;
    EXPECT_THAT(lines_, ElementsAre(HasSubstr(why)));
    EXPECT_TRUE(model::verify_packed(cache_.file, {}).ok());
    EXPECT_EQ(files(), 1U);
    lines_.clear();
    EXPECT_EQ(logits(), expected);
    EXPECT_THAT(lines_, IsEmpty());
  };
  std::string text = io::read_file(cache_.file, 1 << 30).value();
  text[200] ^= 1;
  std::ofstream(cache_.file, std::ios::binary) << text;
  expect_again("damaged");
  fs::resize_file(cache_.file, size / 2);
  expect_again("damaged");
  fs::resize_file(cache_.file, 0);
  expect_again("damaged");
  cache_.source = "two";
  expect_again("before it changed");
  text = io::read_file(cache_.file, 1 << 30).value();
  const std::string key = "hearth.packed.version";  // then its type, and its value
  text[text.find(key) + key.size() + sizeof(uint32_t)] ^= 0x40;
  std::ofstream(cache_.file, std::ios::binary) << text;
  expect_again("of another version of hearth");
}

TEST_F(PackedWeights, WhatWillNotBeReplacedIsNamedOnce) {
  logits();
  cache_.source = "two";
  cache_.min_bytes = int64_t{1} << 40;
  logits();
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("before it changed")));
  EXPECT_EQ(files(), 0U);
  lines_.clear();
  logits();
  EXPECT_THAT(lines_, IsEmpty());
}

TEST_F(PackedWeights, WhatCannotBeReadIsNotCalledDamaged) {
  fs::create_directories(cache_.file);
  logits();
  EXPECT_FALSE(mapped_);
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("cannot be read (")));
}

TEST_F(PackedWeights, APlaceThatCannotBeWrittenCostsOneLine) {
  cache_.file.clear();
  const std::vector<float> expected = logits();
  std::ofstream(folder_ / "packed") << "a file where the folder should be";
  cache_.file = folder_ / "packed" / "weights.gguf";
  EXPECT_EQ(logits(), expected);
  EXPECT_FALSE(mapped_);
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("packing in memory")));
}

TEST_F(PackedWeights, CancellingLeavesNothing) {
  cache_.progress = [](uint64_t done, uint64_t) { return done == 0; };
  const auto model = load();
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(files(), 0U);
}

TEST_F(PackedWeights, SeveralAtOnceDoNotDisturbEachOther) {
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::vector<std::vector<float>> results;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      auto model = load();
      ASSERT_TRUE(model.ok()) << model.error().message;
      std::vector<float> row(static_cast<size_t>((*model)->model().embedding().cols()));
      (*model)->model().embedding().decode_row(7, row.data());
      const std::lock_guard lock(mutex);
      results.push_back(std::move(row));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, results[0]);
  EXPECT_EQ(files(), 1U);
  EXPECT_TRUE(model::verify_packed(cache_.file, {}).ok());
}

TEST_F(PackedWeights, LeftoversOfKilledWritersAreRemoved) {
  fs::create_directories(folder_ / "packed");
  const fs::path old = folder_ / "packed" / ".weights.gguf.tmp-1-0",
                 fresh = folder_ / "packed" / ".weights.gguf.tmp-2-0";
  for (const fs::path& file : {old, fresh}) std::ofstream(file) << "half";
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(3));
  cache_.min_bytes = int64_t{1} << 40;  // though nothing is written
  logits();
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(fresh)) << "somebody may be writing it";
}

}  // namespace
}  // namespace hearth::engine
