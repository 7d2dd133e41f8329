// Whose close it is: a file that several have open is kept as each of them has closed it, and not
// as another is just writing it.

#include "recovery_fixture.h"

namespace stsfs::fs {
namespace {

class Closes : public RecoveryTest, public ::testing::WithParamInterface<CommitMode> {
 protected:
  Closes() {
    options_.commit = GetParam();
    folder_->stop();
    begin();
    EXPECT_TRUE(write_file(kRoot, "f", "closed"));
  }
  HandleNumber open(int flags) {
    return folder_->open(context(), lookup("f")->attributes.inode, flags)->handle;
  }
  /// A writer that has closed one of its descriptors.
  HandleNumber closed_writer() {
    const HandleNumber out = open(O_WRONLY);
    EXPECT_TRUE(folder_->write(context(), out, as_bytes("CLOSED"), 0));
    EXPECT_TRUE(flush(out));
    return out;
  }
  HandleNumber rewrite() {
    const HandleNumber out = open(O_WRONLY | O_TRUNC);
    EXPECT_TRUE(folder_->write(context(), out, as_bytes("ha"), 0));
    return out;
  }
  void expect_after_a_kill(std::string_view text) {
    if (GetParam() == CommitMode::kClose) {
      EXPECT_EQ(store_.content(key_), text);
    }
    kill_and_begin();
    resume();
    EXPECT_EQ(read_file("f"), text);
    EXPECT_EQ(store_.content(key_), text);
  }
};

// "Other clients see the old content or the new, never a part." The kernel sends a release when it
// likes, also behind the next open.
TEST_P(Closes, TheReleaseOfAReaderLeavesWhatAnotherIsWriting) {
  const HandleNumber reader = open(O_RDONLY);
  EXPECT_EQ(read_handle(reader, {0, 10}), "closed");
  rewrite();
  folder_->release(reader);
  expect_after_a_kill("closed");
}

TEST_P(Closes, TheReleaseOfAWriterLeavesWhatAnotherIsWriting) {
  const HandleNumber first = closed_writer();
  rewrite();
  folder_->release(first);
  expect_after_a_kill("CLOSED");
}

TEST_P(Closes, ASecondDescriptorOfAWriterLeavesWhatAnotherIsWriting) {
  const HandleNumber first = closed_writer();
  rewrite();
  ASSERT_TRUE(flush(first));
  expect_after_a_kill("CLOSED");
}

// A program that is started meanwhile closes what it inherited.
TEST_P(Closes, WhatAChildClosesOfWhatItsParentIsWritingStaysOpen) {
  const HandleNumber handle = rewrite();
  Context child = context();
  child.caller.pid = context().caller.pid + 1;
  const auto holds = [&](pid_t process) { return process == context().caller.pid; };
  ASSERT_TRUE(
      wait([&](Callback<void> done) { folder_->flush(child, handle, holds, std::move(done)); }));
  expect_after_a_kill("closed");
}

TEST_P(Closes, WhatAChildClosesLastIsKept) {
  const HandleNumber handle = rewrite();
  Context child = context();
  child.caller.pid = context().caller.pid + 1;
  ASSERT_TRUE(wait([&](Callback<void> done) {
    folder_->flush(
        child, handle, [](pid_t) { return false; }, std::move(done));
  }));
  expect_after_a_kill("ha");
}

TEST_P(Closes, TheOtherIsKeptAsHeClosesIt) {
  const HandleNumber reader = open(O_RDONLY);
  const HandleNumber writer = rewrite();
  folder_->release(reader);
  ASSERT_TRUE(flush(writer));
  folder_->release(writer);
  expect_after_a_kill("ha");
}

// What was empty is begun anew like any other.
TEST_P(Closes, AnEmptyFileIsKeptAsItWasWhileItIsWrittenAnew) {
  ASSERT_TRUE(write_file(kRoot, "e", ""));
  const auto writer = folder_->open(context(), lookup("e")->attributes.inode, O_WRONLY | O_TRUNC);
  ASSERT_TRUE(folder_->write(context(), writer->handle, as_bytes("ha"), 0));
  scheduler_.advance(std::chrono::seconds(15));
  EXPECT_NE(store_.content("users/alice/e"), "ha");
  kill_and_begin();
  resume();
  EXPECT_EQ(read_file("e"), "");
}

TEST_P(Closes, AnEmptyFileThatWasOnlyBegunAnewIsBroughtToOss) {
  ASSERT_TRUE(write_file(kRoot, "e", ""));
  scheduler_.advance(std::chrono::seconds(15));
  const auto opened = folder_->open(context(), lookup("e")->attributes.inode, O_RDONLY | O_TRUNC);
  folder_->release(opened->handle);
  scheduler_.advance(std::chrono::seconds(15));
  EXPECT_TRUE(folder_->pending().empty());
}

// Close returns when it is in OSS, or in the journal.
TEST_P(Closes, WhatWasOnlyCutIsKept) {
  const HandleNumber handle = open(O_WRONLY);
  AttributeChange change;
  change.size_bytes = 5;
  ASSERT_TRUE(
      folder_->setattr(context(), lookup("f")->attributes.inode, HandleNumber(handle), change));
  ASSERT_TRUE(flush(handle));
  expect_after_a_kill("close");
}

TEST_P(Closes, WhatComesFromAMappingBehindTheLastFlushIsKeptWithTheRelease) {
  const HandleNumber handle = open(O_RDWR);
  ASSERT_TRUE(folder_->write(context(), handle, as_bytes("C"), 0));
  ASSERT_TRUE(flush(handle));
  ASSERT_TRUE(folder_->write_back(context(), handle, as_bytes("CLOSED"), 0));
  folder_->release(handle);
  expect_after_a_kill("CLOSED");
}

INSTANTIATE_TEST_SUITE_P(Modes, Closes,
                         ::testing::Values(CommitMode::kClose, CommitMode::kBackground),
                         [](const auto& mode) {
                           return mode.param == CommitMode::kClose ? "Close" : "Background";
                         });

}  // namespace
}  // namespace stsfs::fs
