// Where things lie, who holds them, and what may be mounted where.
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "mount_point.h"
#include "paths.h"
#include "state_lock.h"
#include "support/temporary_directory.h"

#include <gtest/gtest.h>

namespace stsfs::daemon {
namespace {

Paths paths_with(const std::map<std::string, std::string>& variables, uid_t uid) {
  return paths_of(
      [&](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
      },
      uid, "/home/alice");
}

TEST(Paths, FollowTheXdgVariables) {
  const Paths paths = paths_with({{"XDG_CONFIG_HOME", "/c"},
                                  {"XDG_STATE_HOME", "/s"},
                                  {"XDG_CACHE_HOME", "/x"},
                                  {"XDG_RUNTIME_DIR", "/r"}},
                                 0);
  EXPECT_EQ(paths.config_files,
            (std::vector<std::string>{"/etc/stsfs/stsfs.toml", "/c/stsfs/stsfs.toml"}));
  EXPECT_EQ(paths.state, "/s/stsfs");
  EXPECT_EQ(paths.cache, "/x/stsfs");
  EXPECT_EQ(paths.runtime, "/r/stsfs");
}

TEST(Paths, HaveTheirDefaultsForUsersAndForRoot) {
  const Paths user = paths_with({}, 4'000'000);
  EXPECT_EQ(user.config_files[1], "/home/alice/.config/stsfs/stsfs.toml");
  EXPECT_EQ(user.state, "/home/alice/.local/state/stsfs");
  EXPECT_EQ(user.cache, "/home/alice/.cache/stsfs");
  EXPECT_EQ(user.runtime, "/tmp/stsfs-4000000");
  const Paths root = paths_with({}, 0);
  EXPECT_EQ(root.state, "/var/lib/stsfs");
  EXPECT_EQ(user.cache, "/home/alice/.cache/stsfs");
  EXPECT_EQ(root.cache, "/var/cache/stsfs");
  EXPECT_EQ(root.runtime, "/run/stsfs");
}

TEST(Paths, RelativeXdgValuesAreIgnored) {
  EXPECT_EQ(paths_with({{"XDG_STATE_HOME", "state"}}, 1).state, "/home/alice/.local/state/stsfs");
}

TEST(Paths, TheFolderIdDependsOnEveryPartAndOnWhereItEnds) {
  const std::string id = folder_id("https://e", "bucket", "a/");
  EXPECT_EQ(id.size(), 16U);
  EXPECT_EQ(id, folder_id("https://e", "bucket", "a/"));
  EXPECT_NE(id, folder_id("https://f", "bucket", "a/"));
  EXPECT_NE(id, folder_id("https://e", "bucket", "b/"));
  EXPECT_NE(folder_id("e", "bucketa", ""), folder_id("e", "bucket", "a"));
}

TEST(Paths, BelowIsAMatterOfWholeComponents) {
  EXPECT_TRUE(is_below("/m", "/m"));
  EXPECT_TRUE(is_below("/m/state", "/m"));
  EXPECT_FALSE(is_below("/mount", "/m"));
  EXPECT_TRUE(is_below("/anything", "/"));
}

constexpr std::chrono::milliseconds kNoPatience{0};

/// How many of this process's descriptors are of that file.
int descriptors_of(const std::string& path) {
  int out = 0;
  std::error_code gone;  // one that was closed meanwhile
  for (const auto& one : std::filesystem::directory_iterator("/proc/self/fd"))
    if (std::filesystem::read_symlink(one.path(), gone) == path) ++out;
  return out;
}

TEST(StateLock, IsHeldByOneAndNamesTheHolder) {
  testing::TemporaryDirectory directory;
  const std::string place = directory / "mounts/abc";
  {
    const auto held = StateLock::take(place, "/proc", kNoPatience);
    ASSERT_TRUE(held) << held.error().message;
    const auto refused = StateLock::take(place, "/elsewhere", kNoPatience);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kBusy);
    EXPECT_NE(refused.error().message.find("already at /proc;"), std::string::npos);
    EXPECT_NE(refused.error().message.find("state=NAME"), std::string::npos);
  }
  const auto ending = StateLock::take(place, "/elsewhere", kNoPatience);
  ASSERT_TRUE(ending) << ending.error().message;
  const auto refused = StateLock::take(place, "/m", kNoPatience);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("stsfs umount /elsewhere"), std::string::npos);
  struct stat stat {};
  ASSERT_EQ(::stat(place.c_str(), &stat), 0);
  EXPECT_EQ(stat.st_mode & 0777, 0700U);
}

TEST(StateLock, WhoeverHasJustBeenKilledIsWaitedFor) {
  testing::TemporaryDirectory directory;
  const std::string place = directory / "mounts/abc";
  auto held = StateLock::take(place, "/proc", kNoPatience);
  ASSERT_TRUE(held) << held.error().message;
  const auto count = [&] { return descriptors_of(place + "/lock"); };
  std::atomic<bool> returned{false};
  std::thread kernel([&, lock = std::move(*held)]() mutable {
    while (count() < 2 && !returned) std::this_thread::yield();  // until somebody wants it
    const StateLock gone = std::move(lock);
  });
  const auto next = StateLock::take(place, "/m", std::chrono::minutes(1));
  returned = true;
  kernel.join();
  EXPECT_TRUE(next) << next.error().message;
}

TEST(StateLock, ADirectoryThatOthersMayEnterIsRefused) {
  testing::TemporaryDirectory directory;
  std::filesystem::create_directory(directory / "open");
  ASSERT_EQ(chmod((directory / "open").c_str(), 0755), 0);
  const auto refused = StateLock::take(directory / "open", "/m", kNoPatience);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("chmod 0700"), std::string::npos);
}

TEST(MountPoint, MustBeADirectoryThatIsThere) {
  testing::TemporaryDirectory directory;
  const auto missing = check_mount_point(directory / "missing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::kNotFound);
  EXPECT_NE(missing.error().message.find("mkdir -p"), std::string::npos);
  std::ofstream(directory / "file") << "x";
  EXPECT_EQ(check_mount_point(directory / "file").error().code, Errc::kNotDirectory);
  std::filesystem::create_directory(directory / "there");
  std::filesystem::create_symlink("there", directory / "link");
  EXPECT_EQ(check_mount_point(directory / "link").value(),
            std::filesystem::canonical(directory / "there"));
}

}  // namespace
}  // namespace stsfs::daemon
