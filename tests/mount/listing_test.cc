// Directories through real mounts: what listing costs. Statements of stsfs(7) stand above the tests
// that hold them.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "mount/cloud.h"
#include "mount/whole_files.h"
#include "stsfs/base/random.h"

#include <gtest/gtest.h>

namespace stsfs::mount_tests {
namespace {

namespace file = std::filesystem;

/// Stats every entry, as `ls -l` does. Returns how many there are.
int look_at_all(const std::string& path) {
  int out = 0;
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return -1;
  while (const dirent* entry = readdir(directory)) {
    struct stat stat {};
    if (fstatat(dirfd(directory), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0) ++out;
  }
  closedir(directory);
  return out - 2;
}

class Listing : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { cloud_ = std::make_unique<Cloud>(); }
  static void TearDownTestSuite() { cloud_.reset(); }

  static std::uint64_t sent(MountedUser& user, const std::string& operation) {
    return std::stoull(user.status("/operations/" + operation + "/started"));
  }

  static inline std::unique_ptr<Cloud> cloud_;
};

TEST_F(Listing, NamesCostNoHeadAndAttributesAreRememberedOverARemount) {
  MountedUser user(*cloud_, "u" + random_hex(4));
  file::create_directory(user / "d");
  for (int i = 0; i < 150; ++i) write_to(user / ("d/f" + std::to_string(i)), "x");
  ASSERT_EQ(user.umount().code, 0);
  ASSERT_EQ(user.mount().code, 0);
  EXPECT_EQ(names_in(user / "d").size(), 150u);
  const std::uint64_t for_names = sent(user, "HeadObject");
  EXPECT_LE(for_names, 1u);  // of `d`, which could be a file
  EXPECT_EQ(look_at_all(user / "d"), 150);
  EXPECT_EQ(sent(user, "HeadObject"), for_names);
}

TEST_F(Listing, AWalkThroughSmallDirectoriesCostsFewRequests) {
  MountedUser user(*cloud_, "u" + random_hex(4), "commit=background");
  for (int d = 0; d < 25; ++d) {
    file::create_directory(user / ("d" + std::to_string(100 + d)));
    for (int i = 0; i < 6; ++i)
      write_to(user / ("d" + std::to_string(100 + d) + "/f" + std::to_string(i)), "x");
  }
  ASSERT_EQ(user.stsfs({"drain", user.path()}).code, 0);
  ASSERT_EQ(user.umount().code, 0);
  ASSERT_EQ(user.mount().code, 0);
  const std::uint64_t before = sent(user, "ListObjectsV2");
  int files = 0;
  for (const auto& entry : file::recursive_directory_iterator(user.path()))
    files += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(files, 150);
  EXPECT_LE(sent(user, "ListObjectsV2") - before, 6u);
}

TEST_F(Listing, APositionInADirectoryStaysGoodWhileEntriesComeAndGo) {
  MountedUser user(*cloud_, "u" + random_hex(4), "commit=background");
  for (int i = 0; i < 60; ++i) write_to(user / ("f" + std::to_string(100 + i)), "x");
  DIR* directory = opendir(user.path().c_str());
  ASSERT_NE(directory, nullptr);
  for (int i = 0; i < 22; ++i) ASSERT_NE(readdir(directory), nullptr);
  const long position = telldir(directory);
  const dirent* next = readdir(directory);
  ASSERT_NE(next, nullptr);
  const std::string name = next->d_name;
  for (const char* gone : {"f100", "f101", "f150"}) file::remove(user / gone);
  write_to(user / "f100a", "x");
  seekdir(directory, position);
  next = readdir(directory);
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(name, next->d_name);
  closedir(directory);
}

// 200 round trips of 250 ms are 50 s one after the other.
TEST_F(Listing, SmallFilesThatAreReadOneAfterTheOtherAreFetchedAhead) {
  MountedUser user(*cloud_, "copier");
  const std::string tree = user.outside("tree");
  for (int i = 0; i < 200; ++i) {
    const std::string directory = tree + "/" + std::to_string(i / 50);
    file::create_directories(directory);
    write_to(directory + "/" + std::to_string(1000 + i), std::string(4096, static_cast<char>(i)));
  }
  ASSERT_EQ(run({"cp", "-r", tree, user / "tree"}).code, 0);
  ASSERT_EQ(user.umount().code, 0);
  ASSERT_EQ(user.mount().code, 0);
  run({"curl", "-sf", "-d", R"({"latency_ms":250})", cloud_->admin_endpoint() + "/faults"});
  const std::string copy = user.outside("copy");
  const Outcome copied = run({"cp", "-r", user / "tree", copy}, {}, {}, std::chrono::seconds(40));
  run({"curl", "-sf", "-X", "DELETE", cloud_->admin_endpoint() + "/faults"});
  EXPECT_EQ(copied.code, 0) << copied.said;
  EXPECT_EQ(run({"diff", "-r", tree, copy}).code, 0);
  // What a machine that is busy comes to only after a second is asked for once more.
  EXPECT_LT(sent(user, "GetObject") + sent(user, "HeadObject"), 400U);
}

}  // namespace
}  // namespace stsfs::mount_tests
