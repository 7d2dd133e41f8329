#include "stsfs/base/fd.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

namespace stsfs {
namespace {

class FdTest : public testing::Test {
 protected:
  FdTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "stsfs-fd-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~FdTest() override { std::filesystem::remove_all(directory_); }
  std::string directory_;
};

TEST_F(FdTest, AtomicWriteReplacesTheFileAndSetsItsMode) {
  const std::string path = directory_ + "/token";
  ASSERT_TRUE(write_file_atomically(path, "one", 0644));
  ASSERT_TRUE(write_file_atomically(path, "two", 0600));
  EXPECT_EQ(read_file(path).value(), "two");
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(FdTest, ReadingStopsAtTheBound) {
  const std::string path = directory_ + "/long";
  ASSERT_TRUE(write_file_atomically(path, std::string(100, 'x')));
  EXPECT_TRUE(read_file(path, 100));
  const auto refused = read_file(path, 99);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kTooLarge);
}

TEST_F(FdTest, DirectoriesAreMadeWithTheirParents) {
  ASSERT_TRUE(make_directories(directory_ + "/a/b/c"));
  EXPECT_TRUE(make_directories(directory_ + "/a/b/c"));
  ASSERT_TRUE(write_file_atomically(directory_ + "/file", ""));
  EXPECT_FALSE(make_directories(directory_ + "/file/x"));
  const auto not_directory = make_directories(directory_ + "/file");
  ASSERT_FALSE(not_directory);
  EXPECT_EQ(not_directory.error().code, Errc::kNotDirectory);
}

}  // namespace
}  // namespace stsfs
