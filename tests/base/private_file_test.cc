#include "stsfs/base/private_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "stsfs/base/fd.h"
#include "support/temporary_directory.h"

namespace stsfs {
namespace {

class PrivateFile : public ::testing::Test {
 protected:
  std::string with_mode(unsigned mode) {
    const std::string path = directory_ / "secret";
    EXPECT_TRUE(write_file_atomically(path, "hush", 0600));
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    return path;
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(PrivateFile, IsReadWhenOnlyItsOwnerMay) {
  const auto text = read_private_file(with_mode(0600));
  ASSERT_TRUE(text);
  EXPECT_EQ(text->reveal(), "hush");
  EXPECT_TRUE(read_private_file(with_mode(0400)));
}

TEST_F(PrivateFile, IsRefusedWithTheRemedyWhenOthersMayReadIt) {
  for (unsigned mode : {0640u, 0604u, 0620u, 0601u}) {
    const auto text = read_private_file(with_mode(mode));
    ASSERT_FALSE(text) << std::oct << mode;
    EXPECT_EQ(text.error().code, Errc::kDenied);
    EXPECT_NE(text.error().message.find("chmod 600"), std::string::npos) << text.error().message;
  }
}

TEST_F(PrivateFile, IsRefusedWhenSomebodyElseOwnsIt) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const std::string path = with_mode(0600);
  ASSERT_EQ(chown(path.c_str(), 12345, 12345), 0);
  const auto text = read_private_file(path);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Errc::kDenied);
  EXPECT_NE(text.error().message.find("12345"), std::string::npos);
}

TEST_F(PrivateFile, DoesNotHangOnAFifoNorTakeADirectory) {
  const std::string fifo = directory_ / "fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(read_private_file(fifo).error().code, Errc::kInvalid);
  EXPECT_EQ(read_private_file(directory_.path()).error().code, Errc::kInvalid);
}

TEST_F(PrivateFile, HasABound) {
  EXPECT_EQ(read_private_file(with_mode(0600), 3).error().code, Errc::kTooLarge);
  EXPECT_EQ(read_private_file(directory_ / "none").error().code, Errc::kNotFound);
}

}  // namespace
}  // namespace stsfs
