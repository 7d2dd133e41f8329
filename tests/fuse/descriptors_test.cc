#include "descriptors.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stsfs/base/fd.h"
#include "support/temporary_directory.h"

#include <gtest/gtest.h>

namespace stsfs::fuse {
namespace {

class DescriptorsTest : public ::testing::Test {
 protected:
  // Where a shell would put it, whatever the test program has open itself.
  void SetUp() override { saved_.reset(dup(STDIN_FILENO)); }
  void TearDown() override { dup2(saved_.get(), STDIN_FILENO); }

  void open_as_standard_input(int flags) {
    const UniqueFd file(open((directory_ / "file").c_str(), flags | O_CREAT, 0600));
    ASSERT_TRUE(file);
    ASSERT_EQ(dup2(file.get(), STDIN_FILENO), STDIN_FILENO);
    ASSERT_EQ(fstat(STDIN_FILENO, &file_), 0);
  }
  bool held() const {
    return holds_for_writing(getpid(), Descriptors::kFirstTen, file_.st_dev, file_.st_ino);
  }

  testing::TemporaryDirectory directory_;
  struct stat file_ {};
  UniqueFd saved_;
};

TEST_F(DescriptorsTest, OnlyOneThatMayWriteCounts) {
  open_as_standard_input(O_WRONLY);
  EXPECT_TRUE(held());
  open_as_standard_input(O_RDWR);
  EXPECT_TRUE(held());
  open_as_standard_input(O_RDONLY);
  EXPECT_FALSE(held());
}

TEST_F(DescriptorsTest, OnlyThatInodeOnThatDeviceCounts) {
  open_as_standard_input(O_WRONLY);
  EXPECT_FALSE(holds_for_writing(getpid(), Descriptors::kFirstTen, file_.st_dev, file_.st_ino + 1));
  EXPECT_FALSE(holds_for_writing(getpid(), Descriptors::kFirstTen, file_.st_dev + 1, file_.st_ino));
  EXPECT_FALSE(holds_for_writing(0, Descriptors::kAll, file_.st_dev, file_.st_ino));
  ASSERT_EQ(dup2(saved_.get(), STDIN_FILENO), STDIN_FILENO);
  EXPECT_FALSE(held());
}

TEST_F(DescriptorsTest, OneBehindTheFirstTenCountsWhereAllAreLookedAt) {
  constexpr int kFar = 100;
  open_as_standard_input(O_WRONLY);
  const UniqueFd far(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, kFar));
  ASSERT_GE(far.get(), kFar);
  ASSERT_EQ(dup2(saved_.get(), STDIN_FILENO), STDIN_FILENO);
  EXPECT_FALSE(held());
  EXPECT_TRUE(holds_for_writing(getpid(), Descriptors::kAll, file_.st_dev, file_.st_ino));
}

}  // namespace
}  // namespace stsfs::fuse
