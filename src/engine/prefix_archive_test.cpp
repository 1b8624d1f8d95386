// Prefixes that survive a restart: answers are what they would be without, whatever happened to the files
// meanwhile, and another model never gets them. The model is the specialist's file; what it says does not
// matter here.
#include "engine/prefix_archive.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "engine/scheduler.h"
#include "io/file.h"
#include "io/prefix_file.h"
#include "model/fingerprint.h"

namespace hearth::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kText = "turn the kitchen lights down to nine percent and lock the front door ";

struct Setting {
  int64_t window = 0;
  std::string source = "a";
  std::string kv_format = "auto";
  int64_t cache_tokens = 0;
  int64_t most_bytes = int64_t{1} << 30;
  int64_t context = 1024;
  int64_t prefix_bytes = 0;
  bool drives_archive = true;
};

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

/// A model with its scheduler and, given a folder, its archive, from start to stop.
class Served {
 public:
  Served(const Setting& how, const fs::path& folder) {
    OpenedModel opened = open_model(HEARTH_SOURCE_DIR "/models/device/device.gguf").value();
    if (how.window > 0) {
      opened.file.metadata.set("llama.attention.sliding_window",
                               io::Value::of(static_cast<uint32_t>(how.window)));
    }
    LoadOptions options;
    options.threads = 2;
    options.context_tokens = how.context;
    options.max_sequences = 12;
    options.kv_format = how.kv_format;
    options.cache_tokens = how.cache_tokens;
    model_ = LocalModel::load(std::move(opened), options).value();
    if (!folder.empty()) {
      archive_ =
          PrefixArchive::create(
              *model_,
              {.folder = folder, .source = how.source, .most_bytes = how.most_bytes, .least_tokens = 48})
              .value();
      if (how.drives_archive) drive_archive();
    }
    scheduler_ =
        Scheduler::create(*model_, {.max_running = 4, .prefix_bytes = how.prefix_bytes}, archive_.get())
            .value();
    thread_ = std::thread([this] { scheduler_->run(); });
  }
  ~Served() { stop(); }
  void drive_archive() {
    archive_thread_ = std::thread([this] { archive_->run(); });
  }

  void stop() {
    scheduler_->stop(true);
    if (thread_.joinable()) thread_.join();
    if (archive_) archive_->stop();
    if (archive_thread_.joinable()) archive_thread_.join();
  }
  std::future<Completion> begin(const std::string& prompt) {
    const auto outcome = std::make_shared<std::promise<Completion>>();
    Submission submission;
    submission.request.prompt = prompt;
    submission.request.sampling = runtime::SamplingParams::greedy();
    submission.request.max_tokens = 12;
    submission.request.ignore_end = true;
    submission.on_done = [outcome](Result<Completion> result) {
      EXPECT_TRUE(result) << result.error().message;
      outcome->set_value(result ? std::move(result).value() : Completion());
    };
    EXPECT_TRUE(scheduler_->submit(std::move(submission)));
    return outcome->get_future();
  }
  /// An answer that ends with an error at its `text`th piece of text.
  std::string fail_at(const std::string& prompt, int text) {
    const auto outcome = std::make_shared<std::promise<std::string>>();
    Submission submission;
    submission.request.prompt = prompt;
    submission.request.sampling = runtime::SamplingParams::greedy();
    submission.request.max_tokens = 40;
    submission.request.ignore_end = true;
    submission.on_text = [text, count = std::make_shared<int>(0)](std::string_view, auto) -> bool {
      if (++*count == text) throw std::runtime_error("its reader broke");
      return true;
    };
    submission.on_done = [outcome](Result<Completion> result) {
      outcome->set_value(result ? "" : result.error().message);
    };
    EXPECT_TRUE(scheduler_->submit(std::move(submission)));
    return outcome->get_future().get();
  }
  Completion ask(const std::string& prompt) { return begin(prompt).get(); }
  ArchiveStats stats() const { return archive_->stats(); }
  SchedulerStats counts() const { return scheduler_->stats(); }
  PrefixArchive& archive() { return *archive_; }
  LocalModel& model() { return *model_; }

 private:
  std::unique_ptr<LocalModel> model_;
  std::unique_ptr<PrefixArchive> archive_;
  std::unique_ptr<Scheduler> scheduler_;
  std::thread thread_;
  std::thread archive_thread_;
};

class Archive : public testing::Test {
 protected:
  Archive() {
    std::string pattern = (fs::temp_directory_path() / "hearth_archive_XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    scratch_ = pattern;
    folder_ = scratch_ / "prefixes";
    set_log_sink([this](LogLevel, std::string_view line) { log_ += concat(line, "\n"); });
  }
  ~Archive() override {
    set_log_sink({});
    fs::remove_all(scratch_);
  }

  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(folder_)) out.push_back(entry.path());
    return out;
  }
  /// Two prompts that begin with `shared`, and a stop; what is shared is on disk then, once.
  void share(const Setting& how, const std::string& shared) {
    Served served(how, folder_);
    served.ask(shared + "one");
    served.ask(shared + "two");
    if (how.window > 0) served.ask(shared + "three");  // the second only shows where prompts part
    served.stop();
    EXPECT_GE(served.stats().saved, 1);
  }
  static Completion plain(const Setting& how, const std::string& prompt) {
    return Served(how, "").ask(prompt);
  }

  fs::path scratch_, folder_;
  std::string log_;
  const std::string shared_ = repeated(kText, 8);
};

TEST_F(Archive, WhatPromptsShareSurvivesARestart) {
  const std::string rest = repeated("play some jazz on the speaker in the living room ", 14);
  for (const std::string kv : {"f16", "int8", "f32"}) {
    for (const int64_t window : {int64_t{0}, int64_t{24}}) {
      const Setting how{.window = window, .source = concat(kv, window), .kv_format = kv};
      const std::string shared = window > 0 ? shared_ : shared_ + rest;
      share(how, shared);
      Served again(how, folder_);
      const std::string prompt = shared + "four";
      const Completion answer = again.ask(prompt);
      EXPECT_GE(answer.usage.cached_tokens, 80) << kv << " window " << window;
      EXPECT_GE(answer.usage.cached_tokens, answer.usage.prompt_tokens - 8) << kv << " window " << window;
      EXPECT_EQ(again.stats().restored, 1);
      const Completion expected = plain(how, prompt);
      EXPECT_EQ(answer.text, expected.text);
      for (size_t t = 0; t < expected.tokens.size(); ++t)
        EXPECT_EQ(answer.tokens[t].logprob, expected.tokens[t].logprob);
    }
  }
  EXPECT_EQ(log_, "");
}

TEST_F(Archive, OneThatWasAskedForOnceIsSavedAtTheEnd) {
  {
    Served first({}, folder_);
    first.ask(shared_);
    EXPECT_EQ(first.stats().saved, 0);
    first.stop();
    EXPECT_EQ(first.stats().saved, 1);
  }
  Served second({}, folder_);
  EXPECT_GE(second.ask(shared_ + "now").usage.cached_tokens, 80);
  second.stop();
  EXPECT_EQ(second.stats().saved, 0);  // what is new is little
  EXPECT_EQ(files().size(), 1U);
}

TEST_F(Archive, TwoWhoComeTogetherWaitForTheSameFile) {
  share({}, shared_);
  Served again({}, folder_);
  auto one = again.begin(shared_ + "four");
  auto two = again.begin(shared_ + "five");
  auto other = again.begin("open the blinds");
  EXPECT_GE(one.get().usage.cached_tokens, 80);
  EXPECT_GE(two.get().usage.cached_tokens, 80);
  EXPECT_EQ(other.get().text, plain({}, "open the blinds").text);
  EXPECT_EQ(again.stats().restored, 1);
}

TEST_F(Archive, AnotherModelNeverGetsThem) {
  share({}, shared_);
  for (const Setting& other :
       {Setting{.source = "b"}, Setting{.window = 400}, Setting{.kv_format = "int8"}}) {
    Served served(other, folder_);
    const Completion answer = served.ask(shared_ + "four");
    EXPECT_EQ(answer.usage.cached_tokens, 0);
    EXPECT_EQ(answer.text, plain(other, shared_ + "four").text);
    EXPECT_EQ(served.stats().damaged, 0);
  }
  Served same({}, folder_);  // and they are still there
  EXPECT_GE(same.ask(shared_ + "four").usage.cached_tokens, 80);
}

TEST_F(Archive, AFingerprintTellsWeightsApart) {
  ThreadPool pool(1);
  const auto print = [&](const auto& change, int64_t context) {
    io::TensorFile file = model::open_source(HEARTH_SOURCE_DIR "/models/device/device.gguf").value();
    change(file);
    return model::fingerprint(*model::Model::load(std::move(file), kernels::Precision::kFast, pool).value(),
                              context);
  };
  const uint64_t same = print([](auto&) {}, 512);
  EXPECT_EQ(same, print([](auto&) {}, 512));
  EXPECT_NE(same,
            print([](auto& file) { file.metadata.set("llama.rope.freq_base", io::Value::of(5e5F)); }, 512));
  EXPECT_NE(same, print(
                      [](auto& file) {
                        file.metadata.set("llama.attention.sliding_window", io::Value::of(uint32_t{100}));
                      },
                      512));
}

TEST_F(Archive, ADamagedFileIsSaidOnceAndRemoved) {
  share({}, shared_);
  const fs::path path = files().at(0);
  const std::string whole = io::read_file(path, 1 << 30).value();
  const std::string prompt = shared_ + "four";
  const std::string expected = plain({}, prompt).text;
  std::vector<std::string> bad;
  for (const size_t at : {size_t{3}, size_t{9}, size_t{40}, whole.size() / 2, whole.size() - 1}) {
    bad.push_back(whole);
    bad.back()[at] = static_cast<char>(bad.back()[at] ^ 4);
  }
  bad.push_back(whole.substr(0, whole.size() - 100));
  bad.push_back(whole + "more");
  bad.emplace_back();
  for (const std::string& bytes : bad) {
    std::ofstream(path, std::ios::binary) << bytes;
    log_.clear();
    Served served({}, folder_);
    const Completion answer = served.ask(prompt);
    EXPECT_EQ(answer.text, expected);
    EXPECT_EQ(answer.usage.cached_tokens, 0);
    EXPECT_EQ(served.stats().damaged, 1);
    EXPECT_EQ(served.stats().restored, 0);
    EXPECT_EQ(std::count(log_.begin(), log_.end(), '\n'), 1) << log_;
    EXPECT_NE(log_.find("removed"), std::string::npos) << log_;
    served.stop();
    const auto left = io::read_file(path, 1 << 30);  // another may have been saved under its name
    EXPECT_TRUE(!left || *left != bytes);
    for (const fs::path& file : files()) fs::remove(file);
  }
}

TEST_F(Archive, WhatIsRemovedMeanwhileIsComputed) {
  share({}, shared_);
  Served served({}, folder_);
  for (const fs::path& file : files()) fs::remove(file);
  EXPECT_EQ(served.ask(shared_ + "four").text, plain({}, shared_ + "four").text);
  EXPECT_EQ(served.stats().damaged, 0);
}

TEST_F(Archive, TheFolderStaysBelowItsLimit) {
  share({}, shared_);
  const auto one = static_cast<int64_t>(fs::file_size(files().at(0)));
  const Setting small{.most_bytes = one + one / 2};
  const std::string others[] = {repeated("play some jazz on the speaker in the den ", 12),
                                repeated("how warm is it in the attic right now, and outside? ", 10)};
  for (const std::string& text : others) {
    Served served(small, folder_);
    served.ask(text);
    served.stop();
    int64_t sum = 0;
    for (const fs::path& file : files()) sum += static_cast<int64_t>(fs::file_size(file));
    EXPECT_LE(sum, small.most_bytes);
    EXPECT_GT(sum, 0);
  }
  Served last(small, folder_);
  EXPECT_EQ(last.ask(shared_).usage.cached_tokens, 0);  // gone for those that came later
  EXPECT_GE(last.ask(others[1] + "well").usage.cached_tokens, 80);
}

TEST_F(Archive, WhatWasUsedLastStaysWhereThereIsRoomForOne) {
  const std::string texts[] = {repeated("play some jazz on the speaker in the den ", 12),
                               repeated("how warm is it in the attic right now, and outside? ", 10)};
  int64_t most = 0;
  for (const std::string& text : texts) {
    Served({}, folder_).ask(text);
    for (const fs::path& file : files()) {
      most = std::max(most, static_cast<int64_t>(fs::file_size(file)));
      fs::remove(file);
    }
  }
  const Setting small{.most_bytes = most + most / 4};
  for (int last = 0; last < 2; ++last) {
    for (const fs::path& file : files()) fs::remove(file);
    {
      Served served(small, folder_);
      served.ask(texts[1 - last]);
      served.ask(texts[last]);
    }
    EXPECT_EQ(files().size(), 1U);
    Served again(small, folder_);
    EXPECT_GE(again.ask(texts[last] + "well").usage.cached_tokens, 80);
    EXPECT_EQ(again.ask(texts[1 - last] + "well").usage.cached_tokens, 0);
  }
}

TEST_F(Archive, AnAnswerThatFailsLeavesARightPrefix) {
  const std::string prompt = repeated("one two three four ", 30);
  const Setting how;
  const Completion expected = plain(how, prompt);
  for (int text = 1; text <= 12; ++text) {
    const Setting own{.source = concat("failed at ", text)};
    {
      Served served(own, folder_);
      EXPECT_NE(served.fail_at(prompt, text).find("its reader broke"), std::string::npos);
      EXPECT_EQ(served.ask(prompt).text, expected.text);
    }
    EXPECT_EQ(Served(own, folder_).ask(prompt).text, expected.text);
  }
}

TEST_F(Archive, AFileWithAPieceTooManyIsDamaged) {
  const Setting how{.window = 24};
  share(how, shared_);
  for (const fs::path& path : files()) {
    auto file = io::PrefixFile::open(path).value();
    std::vector<std::vector<std::byte>> bodies;
    for (const uint32_t bytes : file.header().piece_bytes) {
      bodies.emplace_back(bytes);
      ASSERT_TRUE(file.read_next(bodies.back()));
    }
    bodies.push_back(bodies.back());
    const std::vector<std::span<std::byte>> pieces(bodies.begin(), bodies.end());
    ASSERT_TRUE(io::write_prefix_file(path, file.header(), pieces, [] { return true; })->commit());
  }
  Served served(how, folder_);
  EXPECT_EQ(served.ask(shared_ + "four").text, plain(how, shared_ + "four").text);
  EXPECT_GE(served.stats().damaged, 1);
  EXPECT_EQ(served.stats().restored, 0);
  EXPECT_NE(log_.find("pieces instead of"), std::string::npos) << log_;
}

TEST_F(Archive, OneThatHangsHoldsNobodyUpForLong) {
  share({}, shared_);
  Served served({.drives_archive = false}, folder_);
  const std::string other = repeated("play some jazz on the speaker in the den ", 12);
  served.ask(other + "one");
  served.ask(other + "two");  // begins to be saved, and nobody does it
  ASSERT_TRUE(served.archive().busy());
  const Completion answer = served.ask(shared_ + "four");
  EXPECT_EQ(answer.usage.cached_tokens, 0);
  EXPECT_EQ(answer.text, plain({}, shared_ + "four").text);
  served.drive_archive();
}

TEST_F(Archive, AReadCanBeGivenUp) {
  share({}, shared_);
  Served served({.drives_archive = false}, folder_);
  PrefixArchive& archive = served.archive();
  const std::vector<int32_t> tokens = served.model().encode_prompt(shared_, true).value();
  ASSERT_TRUE(archive.restore(tokens, 100));
  auto finished = std::async(std::launch::async, [&] { archive.finish(0); });
  EXPECT_EQ(finished.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  served.drive_archive();
  finished.get();
  EXPECT_TRUE(archive.rest(now_s() + 10));  // its scheduler takes the sequence
  EXPECT_EQ(archive.stats().restored, 0);
  EXPECT_GE(served.ask(shared_ + "four").usage.cached_tokens, 80);  // the file is as good as before
  EXPECT_EQ(log_, "");
}

TEST_F(Archive, WhatMemoryMayNotKeepIsNotRead) {
  share({}, shared_);
  const std::string prompt = shared_ + "four";
  int64_t held = 0;
  {
    Served served({}, folder_);
    served.ask(prompt);
    served.stop();
    held = served.counts().prefix_bytes;
  }
  ASSERT_GT(held, 0);
  for (const fs::path& file : files()) fs::remove(file);
  share({}, shared_);
  {
    Served enough({.prefix_bytes = held}, folder_);
    EXPECT_GE(enough.ask(prompt).usage.cached_tokens, 80);
    EXPECT_EQ(enough.stats().restored, 1);
  }
  Served small({.prefix_bytes = held / 4}, folder_);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(small.ask(prompt).usage.cached_tokens, 0);
  EXPECT_EQ(small.stats().restored, 0);
}

TEST_F(Archive, TheFolderIsItsOwnersAlone) {
  share({}, shared_);
  EXPECT_EQ(fs::status(folder_).permissions(), fs::perms::owner_all);
  for (const fs::path& file : files())
    EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  Served served({}, "");
  constexpr uid_t kOther = 12345;
  if (::chown(folder_.c_str(), kOther, kOther) != 0) GTEST_SKIP() << "no right to give a folder away";
  const auto refused = PrefixArchive::create(served.model(), {.folder = folder_, .source = "a"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kIo);
  EXPECT_NE(refused.error().message.find("belongs to another user"), std::string::npos);
}

TEST_F(Archive, AFullCacheTakesBackWhatIsBeingSaved) {
  const Setting tight{.cache_tokens = 1024};
  Served served(tight, folder_);
  const std::string large = repeated("play some jazz on the speaker in the living room ", 60);
  for (int i = 0; i < 3; ++i) {
    served.ask(shared_ + std::to_string(i));
    const Completion answer = served.ask(large + std::to_string(i));
    EXPECT_GT(answer.usage.prompt_tokens, 700);
    EXPECT_EQ(answer.tokens.size(), 12U);
  }
}

TEST_F(Archive, LeftoversOfADeadWriterGo) {
  fs::create_directories(folder_);
  const fs::path dead = folder_ / ".x.prefix.tmp-999999999-0";
  const fs::path old = folder_ / concat(".x.prefix.tmp-", ::getpid(), "-0");
  const fs::path alive = folder_ / concat(".x.prefix.tmp-", ::getppid(), "-0");
  const fs::path foreign = folder_ / "notes.txt";
  for (const fs::path& path : {dead, old, alive, foreign}) std::ofstream(path) << "x";
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(30));
  const Served served({}, folder_);
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_FALSE(fs::exists(old));
  EXPECT_TRUE(fs::exists(alive));
  EXPECT_TRUE(fs::exists(foreign));
}

TEST_F(Archive, AFileMustBeMuchLongerThanWhatIsThere) {
  share({}, shared_);
  Served served({}, folder_);
  const std::vector<int32_t> tokens = served.model().encode_prompt(repeated(kText, 20), true).value();
  const auto first = [&](size_t n) { return std::span(tokens).first(n); };
  const int64_t known = served.archive().stored(tokens, 1000);
  ASSERT_GT(known, 80);
  EXPECT_FALSE(served.archive().worth_saving(first(40)));
  EXPECT_FALSE(served.archive().worth_saving(first(static_cast<size_t>(known) + 40)));
  EXPECT_TRUE(served.archive().worth_saving(first(static_cast<size_t>(known) + 60)));
}

TEST(PrefixMemory, IsLimitedInBytes) {
  LoadOptions options;
  options.threads = 1;
  options.context_tokens = 512;
  options.max_sequences = 8;
  const auto model =
      LocalModel::load(open_model(HEARTH_SOURCE_DIR "/models/device/device.gguf").value(), options).value();
  runtime::Runtime& runtime = model->runtime();
  std::vector<int32_t> tokens(100, 5);
  const auto make = [&](int32_t last) {
    tokens[0] = last;
    const runtime::SeqId sequence = runtime.open_sequence().value();
    const runtime::SequenceChunk chunk{sequence, tokens, runtime::LogitsWanted::kNone};
    EXPECT_TRUE(runtime.forward({&chunk, 1}));
    return sequence;
  };
  const runtime::SeqId sample = make(1);
  const int64_t one = runtime.kv_bytes_in_use();
  runtime.close_sequence(sample);
  PrefixCache cache(runtime, 8, 2 * one, true);
  for (int32_t i = 1; i <= 4; ++i) {
    const runtime::SeqId sequence = make(i);
    cache.keep(sequence, tokens);
  }
  EXPECT_EQ(cache.size(), 2);
  EXPECT_EQ(cache.bytes(), 2 * one);
  EXPECT_EQ(cache.evicted(), 2);
  EXPECT_EQ(runtime.kv_bytes_in_use(), 2 * one);
}

}  // namespace
}  // namespace hearth::engine
