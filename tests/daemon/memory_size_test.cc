#include "memory_size.h"

#include <map>

#include <gtest/gtest.h>

namespace stsfs::daemon {
namespace {

constexpr std::uint64_t kMachine = std::uint64_t{24} << 30;

std::uint64_t limit(std::map<std::string, std::string> files) {
  return memory_limit(kMachine, [&](const std::string& path) { return files[path]; });
}

TEST(MemoryLimit, WithoutControlGroupsIsTheMachine) { EXPECT_EQ(limit({}), kMachine); }

TEST(MemoryLimit, IsTheSmallestOnTheWayUp) {
  EXPECT_EQ(limit({{"/proc/self/cgroup", "1:cpu:/x\n0::/a.slice/b.scope\n"},
                   {"/sys/fs/cgroup/a.slice/b.scope/memory.max", "max\n"},
                   {"/sys/fs/cgroup/a.slice/memory.max", "1073741824\n"}}),
            std::uint64_t{1} << 30);
}

TEST(MemoryLimit, InAContainerIsThatOfItsRoot) {
  EXPECT_EQ(limit({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/memory.max", "536870912\n"}}),
            std::uint64_t{512} << 20);
}

TEST(DefaultReadMemory, IsAtMostAGibibyte) {
  EXPECT_GT(default_read_memory(), 0U);
  EXPECT_LE(default_read_memory(), std::uint64_t{1} << 30);
}

}  // namespace
}  // namespace stsfs::daemon
