#include "stsfs/fuse/mounts.h"

#include <unistd.h>

#include <filesystem>

#include "support/temporary_directory.h"

#include <gtest/gtest.h>

namespace stsfs::fuse {
namespace {

TEST(Mounts, LinesAreReadWithTheirEscapesAndOptionalFields) {
  const auto mounts = parse_mounts(
      "36 35 98:0 / /mnt rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw\n"
      "90 35 0:45 / /home/a\\040b rw - fuse.stsfs https://vend\\054x rw,user_id=1007,group_id=0\n"
      "garbage\n");
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].mount_point, "/mnt");
  EXPECT_EQ(mounts[0].type, "ext3");
  EXPECT_EQ(mounts[1].mount_point, "/home/a b");
  EXPECT_EQ(mounts[1].device, "0:45");
  EXPECT_EQ(mounts[1].source, "https://vend,x");
  EXPECT_EQ(mounts[0].user, std::nullopt);
  EXPECT_EQ(mounts[1].user, 1007U);
}

TEST(Mounts, APathIsResolvedThroughLinksAndDots) {
  testing::TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "real/inner");
  std::filesystem::create_symlink("real/inner", directory / "link");
  const std::string wanted = std::filesystem::canonical(directory / "real/inner");
  EXPECT_EQ(resolve_mount_point(directory / "link").value(), wanted);
  EXPECT_EQ(resolve_mount_point(directory / "real/inner/").value(), wanted);
  EXPECT_EQ(resolve_mount_point(directory / "real/inner/.").value(), wanted);
  EXPECT_EQ(resolve_mount_point("/").value(), "/");
}

TEST(Mounts, ALoopOfLinksIsAnError) {
  testing::TemporaryDirectory directory;
  std::filesystem::create_symlink("b", directory / "a");
  std::filesystem::create_symlink("a", directory / "b");
  EXPECT_EQ(resolve_mount_point(directory / "a").error().code, Errc::kLoop);
}

TEST(Mounts, UsersAllowOthersWhereAWholeLineSaysSo) {
  EXPECT_TRUE(lets_users_allow_others("mount_max = 10\n\t user_allow_other # all of them\n"));
  EXPECT_TRUE(lets_users_allow_others("user_allow_other"));
  EXPECT_FALSE(lets_users_allow_others("# user_allow_other\nuser_allow_other = yes\n"));
  EXPECT_FALSE(lets_users_allow_others(""));
}

TEST(Mounts, WhatIsNotMountedIsNotFound) {
  testing::TemporaryDirectory directory;
  EXPECT_FALSE(find_mount(directory.path())->has_value());
  EXPECT_EQ(unmount(directory.path(), false).error().code, Errc::kNotFound);
}

}  // namespace
}  // namespace stsfs::fuse
