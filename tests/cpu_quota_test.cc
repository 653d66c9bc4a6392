// Limits of processor time, in file systems made up for the test.
#include "lamina/cpu_quota.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/io/io_checks.h"

namespace lamina {
namespace {

class CpuQuota : public testing_io::InDirectory {
 protected:
  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((dir_ / path).parent_path());
    std::ofstream(dir_ / path) << text;
  }
};

TEST_F(CpuQuota, NoneWithoutALimit) {
  EXPECT_FALSE(cpu_quota(dir_).has_value());  // no such files at all
  write("proc/self/cgroup", "0::/user.slice\n");
  write("sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/cpu.max", "");
  EXPECT_FALSE(cpu_quota(dir_).has_value());
}

TEST_F(CpuQuota, Version2TakesTheLeastOfNestedGroups) {
  write("proc/self/cgroup", "0::/pod/box\n");
  write("sys/fs/cgroup/pod/box/cpu.max", "400000 100000\n");
  EXPECT_EQ(cpu_quota(dir_), 4);
  write("sys/fs/cgroup/pod/cpu.max", "150000 100000\n");
  EXPECT_EQ(cpu_quota(dir_), 1.5);
}

TEST_F(CpuQuota, Version2SeenFromInsideAContainer) {
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(cpu_quota(dir_), 2);
}

TEST_F(CpuQuota, Version1) {
  write("proc/self/cgroup", "9:memory:/m\n4:cpu,cpuacct:/docker/abc\n3:cpuset:/c\n");
  write("sys/fs/cgroup/memory/m/cpu.cfs_quota_us", "1000\n");  // of another controller
  write("sys/fs/cgroup/memory/m/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(cpu_quota(dir_).has_value());
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "250000\n");  // the container's own, at the top
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cpu_quota(dir_), 2.5);
}

}  // namespace
}  // namespace lamina
