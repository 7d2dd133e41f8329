// A file that was closed, is not in OSS yet, and is being written again: what is done to its name
// and its attributes meanwhile survives a kill, with the bytes that were closed.

#include "recovery_fixture.h"

namespace stsfs::fs {
namespace {

class NamesWhileWritten : public BackgroundCommitTest,
                          public ::testing::WithParamInterface<int> {  // flags of the writer
 protected:
  NamesWhileWritten() {
    EXPECT_TRUE(write_file(kRoot, "f", "closed"));
    const auto writer =
        folder_->open(context(), lookup("f")->attributes.inode, O_WRONLY | GetParam());
    EXPECT_TRUE(folder_->write(context(), writer->handle, as_bytes("ha"), 0));
  }
  Result<void> rename(std::string_view from, std::string_view to) {
    return folder_->rename(context(), kRoot, from, kRoot, to, RenameMode::kReplace);
  }
  void kill() {
    kill_and_begin();
    resume();
    ASSERT_TRUE(drain());
  }
};

TEST_P(NamesWhileWritten, ARenameStays) {
  ASSERT_TRUE(rename("f", "g"));
  kill();
  EXPECT_EQ(read_file("g"), "closed");
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/g"});
}

TEST_P(NamesWhileWritten, SoDoesWhatGetsTheOldName) {
  ASSERT_TRUE(rename("f", "g"));
  ASSERT_TRUE(write_file(kRoot, "f", "new"));
  kill();
  EXPECT_EQ(read_file("f"), "new");
  EXPECT_EQ(read_file("g"), "closed");
  EXPECT_EQ(store_.keys(), (std::vector<std::string>{key_, "users/alice/g"}));
}

TEST_P(NamesWhileWritten, ARenameOverAnotherStays) {
  store_.put("users/alice/g", "old");
  ASSERT_EQ(read_file("g"), "old");
  ASSERT_TRUE(rename("f", "g"));
  kill();
  EXPECT_EQ(read_file("g"), "closed");
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/g"});
}

TEST_P(NamesWhileWritten, AChangeOfAttributesStays) {
  ASSERT_TRUE(
      folder_->setattr(context(), lookup("f")->attributes.inode, std::nullopt, {.mode = 0600}));
  kill();
  EXPECT_EQ(lookup("f")->attributes.mode & 07777U, 0600U);
  EXPECT_EQ(read_file("f"), "closed");
}

TEST_P(NamesWhileWritten, ARemovalStays) {
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "f"));
  kill();
  EXPECT_TRUE(store_.keys().empty());
}

INSTANTIATE_TEST_SUITE_P(By, NamesWhileWritten, ::testing::Values(0, O_TRUNC, O_APPEND),
                         [](const auto& flags) {
                           return flags.param == 0         ? "WhoWritesInPlace"
                                  : flags.param == O_TRUNC ? "WhoBeganAnew"
                                                           : "WhoAppends";
                         });

}  // namespace
}  // namespace stsfs::fs
