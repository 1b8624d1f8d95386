// Speed measurements of the model in the repository add up: rounds, bytes, shares, profiles; comparing finds
// what changed and how sure that is; energy counters wrap around.
#include "lab/speed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lab/energy.h"
#include "lab/speed_compare.h"

namespace hearth::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class SpeedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth_speed_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::filesystem::path& name, const std::string& text) {
    const std::filesystem::path path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }

  std::filesystem::path folder_;
};

std::unique_ptr<engine::LocalModel> load(const SpeedOptions& options) {
  auto opened = engine::open_model(std::string(HEARTH_SOURCE_DIR) + "/models/device/device.gguf");
  engine::LoadOptions load_options;
  load_options.threads = 2;
  load_options.context_tokens = options.context_tokens();
  load_options.max_sequences = options.open_sequences();
  auto model = engine::LocalModel::load(std::move(opened).value(), load_options);
  return std::move(model).value();
}

double sum(const std::vector<ProfilePart>& parts, int64_t* bytes) {
  double seconds = 0;
  for (const ProfilePart& part : parts) {
    seconds += part.seconds;
    *bytes += part.weight_bytes;
  }
  return seconds;
}

TEST_F(SpeedTest, EveryDepthHasItsRounds) {
  SpeedOptions options;
  options.prompt_tokens = 24;
  options.generated_tokens = 4;
  options.depths = {0, 70};
  options.repeats = 3;
  options.sequences = 3;
  options.profile = true;
  const auto model = load(options);
  std::vector<double> fractions;
  const auto report = measure_speed(*model, options, [&](double fraction, std::string_view) {
    fractions.push_back(fraction);
    return true;
  });
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_GT(report->peaks.int8_gop_s, 0);
  EXPECT_GT(report->peaks.fp32_gflop_s, 0);
  EXPECT_GT(report->peak_rss_bytes, model->model().owned_bytes());
  EXPECT_EQ(report->weight_bytes_per_token, model->model().read_bytes_per_token());
  ASSERT_THAT(report->depths, SizeIs(2));
  for (const DepthSpeed& speed : report->depths) {
    EXPECT_EQ(speed.fill_tokens_per_s > 0, speed.depth > 0);
    for (const Rounds* rounds :
         {&speed.prefill_tokens_per_s, &speed.decode_tokens_per_s, &speed.batch_tokens_per_s,
          &speed.read_bandwidth_gb_s, &speed.decode_bandwidth_share}) {
      EXPECT_THAT(*rounds, SizeIs(3));
      EXPECT_GT(median(*rounds), 0);
    }
    int64_t prefill_bytes = 0, decode_bytes = 0;
    EXPECT_GT(sum(speed.prefill_profile, &prefill_bytes), 0);
    EXPECT_GT(sum(speed.decode_profile, &decode_bytes), 0);
    EXPECT_EQ(prefill_bytes, report->weight_bytes_per_token);  // one step reads all weights once
    EXPECT_EQ(decode_bytes, report->weight_bytes_per_token);
  }
  EXPECT_GT(report->depths[1].kv_bytes_per_token, report->depths[0].kv_bytes_per_token);
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
  EXPECT_GT(fractions.back(), 0.9);
}

TEST_F(SpeedTest, StopsWhenAskedTo) {
  const SpeedOptions options;
  const auto model = load(options);
  int calls = 0;
  const auto report = measure_speed(*model, options, [&](double, std::string_view) { return ++calls < 5; });
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(calls, 5);
}

TEST_F(SpeedTest, RefusesNonsense) {
  SpeedOptions options;
  const auto model = load(options);
  options.depths = {10, 5};
  EXPECT_EQ(measure_speed(*model, options, nullptr).error().code, ErrorCode::kUsage);
  options = SpeedOptions();
  options.repeats = 0;
  EXPECT_EQ(measure_speed(*model, options, nullptr).error().code, ErrorCode::kUsage);
}

TEST_F(SpeedTest, MediansRatiosAndNoise) {
  // Three runs of one round each, as an interleaved gate makes them, and one run of three rounds.
  const auto before = read_speed_runs(write("a.json",
                                            "{\"threads\":2,\"depth\":0,\"decode_tokens_per_s\":90}\n"
                                            "{\"threads\":2,\"depth\":0,\"decode_tokens_per_s\":100}\n\n"
                                            "{\"threads\":2,\"depth\":0,\"decode_tokens_per_s\":200}\n"));
  const auto after = read_speed_runs(write("b.json",
                                           R"({"threads":1,"decode_tokens_per_s":1,"depths":[
               {"depth":0,"decode_tokens_per_s":1,"rounds":{"decode_tokens_per_s":[80,88,89]}},
               {"depth":7,"decode_tokens_per_s":1}]})"));
  ASSERT_TRUE(before.ok() && after.ok());
  const auto compared = compare_speed(*before, *after);
  ASSERT_TRUE(compared.ok()) << compared.error().message;
  ASSERT_THAT(compared->rows, SizeIs(1));
  const SpeedComparison& row = compared->rows[0];
  EXPECT_EQ(row.key, "decode_tokens_per_s");
  EXPECT_EQ(row.before, 100);
  EXPECT_EQ(row.after, 88);
  EXPECT_DOUBLE_EQ(row.ratio, 0.88);
  EXPECT_DOUBLE_EQ(row.before_noise, 0.1);  // distances 10, 0, 100
  EXPECT_DOUBLE_EQ(row.after_noise, 1.0 / 88);
  EXPECT_THAT(compared->differences, testing::ElementsAre("threads: 2, 1"));
}

TEST_F(SpeedTest, EveryDepthOfEveryRunCountsAndWhatIsGoneIsNamed) {
  // As the gate writes them: a line for each depth.
  const auto before =
      read_speed_runs(write("a.json",
                            "{\"depth\":0,\"prefill_tokens_per_s\":9,\"decode_tokens_per_s\":90}\n"
                            "{\"depth\":1024,\"decode_tokens_per_s\":80}\n"
                            "{\"depth\":2048,\"decode_tokens_per_s\":70}\n"));
  const auto after =
      read_speed_runs(write("b.json",
                            "{\"depth\":0,\"prefill_tokens_per_s\":null,\"decode_tokens_per_s\":90}\n"
                            "{\"depth\":1024,\"decode_tokens_per_s\":40}\n"));
  ASSERT_TRUE(before.ok() && after.ok());
  const auto compared = compare_speed(*before, *after);
  ASSERT_TRUE(compared.ok()) << compared.error().message;
  ASSERT_THAT(compared->rows, SizeIs(2));
  EXPECT_EQ(compared->rows[1].depth, 1024);
  EXPECT_EQ(compared->rows[1].ratio, 0.5);
  EXPECT_THAT(compared->missing,
              testing::ElementsAre("prefill_tokens_per_s at 0", "decode_tokens_per_s at 2048"));
}

TEST_F(SpeedTest, FilesThatAreNoResults) {
  for (const std::string text : {"", "\n\n", "[1]", "{\"depth\":0}\nnonsense\n", "{"}) {
    EXPECT_FALSE(read_speed_runs(write("bad.json", text)).ok()) << text;
  }
  EXPECT_EQ(read_speed_runs(folder_ / "absent.json").error().code, ErrorCode::kNotFound);
  const auto empty = read_speed_runs(write("empty.json", "{}"));
  ASSERT_TRUE(empty.ok());
  EXPECT_EQ(compare_speed(*empty, *empty).error().code, ErrorCode::kUsage);
}

TEST_F(SpeedTest, EnergyCountsPackagesOnceAndWrapsAround) {
  EXPECT_FALSE(EnergyMeter(folder_ / "absent").available());
  write("intel-rapl:0/energy_uj", "900000\n");
  write("intel-rapl:0/max_energy_range_uj", "1000000\n");
  write("intel-rapl:0:0/energy_uj", "5\n");  // a part of package 0
  write("intel-rapl:1/energy_uj", "100\n");
  write("other/energy_uj", "7\n");
  EnergyMeter meter(folder_);
  ASSERT_TRUE(meter.available());
  EXPECT_EQ(meter.joules(), 0.0);
  write("intel-rapl:0/energy_uj", "150000\n");
  write("intel-rapl:1/energy_uj", "1000100\n");
  write("intel-rapl:0:0/energy_uj", "500000\n");
  EXPECT_DOUBLE_EQ(meter.joules().value(), 1.25);
  write("intel-rapl:1/energy_uj", "0\n");  // backwards, and the range is not told
  EXPECT_EQ(meter.joules(), std::nullopt);
  EXPECT_DOUBLE_EQ(meter.joules().value(), 0.0);
}

}  // namespace
}  // namespace hearth::lab
