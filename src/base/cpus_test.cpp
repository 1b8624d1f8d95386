// CPU quotas read from made-up /proc and cgroup trees.
#include "base/cpus.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <string>

namespace hearth {
namespace {

class CpuQuota : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "hearth_cpus_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void put(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  double quota() const { return cgroup_cpu_quota(root_ / "proc", root_ / "cgroup"); }

  std::filesystem::path root_;
};

TEST_F(CpuQuota, WithoutGroupsThereIsNone) {
  EXPECT_EQ(quota(), HUGE_VAL);
  put("proc/self/cgroup", "0::/\n");
  EXPECT_EQ(quota(), HUGE_VAL);
}

/// A service with CPUQuota=150%: the limit is in its own group, and the root has no such file.
TEST_F(CpuQuota, TheProcessesOwnGroupCounts) {
  put("proc/self/cgroup", "0::/system.slice/hearth.service\n");
  put("cgroup/system.slice/cpu.max", "max 100000\n");
  put("cgroup/system.slice/hearth.service/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota(), 1.5);
}

TEST_F(CpuQuota, TheLeastOfAllLevelsCounts) {
  put("proc/self/cgroup", "0::/outer/middle/inner\n");
  put("cgroup/outer/cpu.max", "50000 100000\n");
  put("cgroup/outer/middle/cpu.max", "400000 100000\n");
  put("cgroup/outer/middle/inner/cpu.max", "max 100000\n");
  put("cgroup/other/cpu.max", "1000 100000\n");
  EXPECT_EQ(quota(), 0.5);
  put("cgroup/outer/middle/inner/cpu.max", "20000 100000\n");
  EXPECT_EQ(quota(), 0.2);
}

/// In a container the root is its own group, whatever path the host has for it.
TEST_F(CpuQuota, TheRootCountsWhenThePathIsNotThere) {
  put("cgroup/cpu.max", "250000 100000\n");
  for (const char* path : {"/", "/docker/0123", "/../elsewhere", "/docker/"}) {
    put("proc/self/cgroup", std::string("0::") + path + "\n");
    EXPECT_EQ(quota(), 2.5) << path;
  }
}

TEST_F(CpuQuota, Version1Counts) {
  put("proc/self/cgroup", "11:cpuset:/job\n5:cpu,cpuacct:/job\n4:memory:/job\n0::/\n");
  put("cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  put("cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), HUGE_VAL);
  put("cgroup/cpu/job/cpu.cfs_quota_us", "75000\n");
  put("cgroup/cpu/job/cpu.cfs_period_us", "50000\n");
  EXPECT_EQ(quota(), 1.5);
}

TEST_F(CpuQuota, GarbageSetsNoLimit) {
  put("proc/self/cgroup", "nonsense\n:\n0::/job\n");
  for (const char* text :
       {"", "max", "100000", "abc 100000", "100000 0", "-5 100000", "0 100000", "1e999 x"}) {
    put("cgroup/job/cpu.max", text);
    EXPECT_EQ(quota(), HUGE_VAL) << text;
  }
}

TEST(AvailableCpus, IsPositive) { EXPECT_GE(available_cpus(), 1); }

}  // namespace
}  // namespace hearth
