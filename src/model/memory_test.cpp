// Memory limits read from made-up /proc and cgroup trees; plans that fit, and refusals with numbers.
#include "model/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "io/file.h"
#include "model/test_util.h"

namespace hearth::model {
namespace {

using testing::HasSubstr;

constexpr int64_t kMiB = int64_t{1} << 20;

class MachineTree : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth_model_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    put("proc/meminfo", "MemTotal:       8388608 kB\nMemFree: 1 kB\nMemAvailable:   4194304 kB\n");
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    ASSERT_TRUE(io::write_file(root_ / path, text).ok());
  }
  MachineMemory read() {
    auto memory = machine_memory(root_ / "proc", root_ / "cgroup");
    EXPECT_TRUE(memory.ok());
    return memory.ok() ? *memory : MachineMemory{};
  }
  std::filesystem::path root_;
};

TEST_F(MachineTree, WithoutGroupsTheMachineCounts) {
  const MachineMemory memory = read();
  EXPECT_EQ(memory.total_bytes, 8192 * kMiB);
  EXPECT_EQ(memory.available_bytes, 4096 * kMiB);
  EXPECT_EQ(memory.limit, "this machine");
}

TEST_F(MachineTree, Version2LimitsOfEveryLevelCount) {
  put("proc/self/cgroup", "0::/outer/inner\n");
  put("cgroup/outer/inner/memory.max", "max\n");
  put("cgroup/outer/inner/memory.current", "1\n");
  put("cgroup/outer/memory.max", concat(1024 * kMiB, '\n'));
  put("cgroup/outer/memory.current", concat(900 * kMiB, '\n'));
  put("cgroup/outer/memory.stat", concat("anon 5\ninactive_file ", 300 * kMiB, '\n'));
  const MachineMemory memory = read();
  EXPECT_EQ(memory.available_bytes, 424 * kMiB);
  EXPECT_EQ(memory.total_bytes, 1024 * kMiB);  // more never fits here
  EXPECT_EQ(memory.limit, "the cgroup limit");
}

TEST_F(MachineTree, Version1LimitsCount) {
  put("proc/self/cgroup", "5:cpu,memory:/job\n4:devices:/\n");
  put("cgroup/memory/job/memory.limit_in_bytes", concat(512 * kMiB, '\n'));
  put("cgroup/memory/job/memory.usage_in_bytes", concat(100 * kMiB, '\n'));
  put("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  put("cgroup/memory/memory.usage_in_bytes", "1\n");
  EXPECT_EQ(read().available_bytes, 412 * kMiB);
  EXPECT_EQ(read().total_bytes, 512 * kMiB);
}

TEST(Memory, ThisMachineAnswers) {
  const auto memory = machine_memory();
  ASSERT_TRUE(memory.ok());
  EXPECT_GT(memory->available_bytes, 0);
  EXPECT_LE(memory->available_bytes, memory->total_bytes);
}

TEST(Memory, TheLargestContextIsFoundAndRefusalsSayIt) {
  const PlanFor plan = [](int64_t context) -> Result<MemoryPlan> {
    return MemoryPlan{100 * kMiB, context * kMiB / 100, 10 * kMiB, context};
  };
  const MachineMemory memory{8192 * kMiB, 160 * kMiB, "this machine"};  // 150 MiB usable: 4000 positions
  auto largest = largest_context_that_fits(plan, 100000, memory);
  ASSERT_TRUE(largest.ok());
  EXPECT_EQ(*largest, 3968);  // 62 pages
  EXPECT_TRUE(check_fits(plan, 4000, memory).ok());
  EXPECT_EQ(*largest_context_that_fits(plan, 3000, memory), 3000);
  const Status refused = check_fits(plan, 32768, memory);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kNoMemory);
  EXPECT_THAT(refused.error().message, HasSubstr("a context of 3968 tokens would fit"));
  const MachineMemory tiny{8192 * kMiB, 50 * kMiB, "the cgroup limit"};
  EXPECT_EQ(*largest_context_that_fits(plan, 100000, tiny), 0);
  EXPECT_THAT(check_fits(plan, 64, tiny).error().message, HasSubstr("no context fits"));
}

TEST(Memory, WeightBytesAreWhatLoadingOwns) {
  ThreadPool pool(1);
  for (const ArchSpec* arch : arch_registry()) {
    const io::TensorFile file = small_file(small_metadata(std::string(arch->name)));
    const auto spec = spec_of(file);
    ASSERT_TRUE(spec.ok());
    int64_t vectors = 0;
    for (const io::Tensor& tensor : file.tensors) {
      if (tensor.shape.size() == 1) vectors += static_cast<int64_t>(tensor.data.size());
    }
    for (auto precision : {kernels::Precision::kReference, kernels::Precision::kFast}) {
      auto model = Model::load(file, precision, pool);
      ASSERT_TRUE(model.ok()) << model.error().message;
      EXPECT_EQ(weight_bytes(file, *spec, precision),
                (*model)->owned_bytes() + (*model)->mapped_bytes() + vectors);
    }
  }
}

}  // namespace
}  // namespace hearth::model
