// A close that is answered by the journal (commit=background).

#include "recovery_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;
using std::chrono::milliseconds;
using std::chrono::seconds;

class BackgroundCommit : public BackgroundCommitTest {
 protected:
  HandleNumber open(std::string_view name, int flags) {
    return folder_->open(context(), lookup(name)->attributes.inode, flags)->handle;
  }
  void append(const std::string& text) {
    const HandleNumber handle = open("f", O_WRONLY | O_APPEND);
    ASSERT_TRUE(folder_->write(context(), handle, as_bytes(text), 0));
    ASSERT_TRUE(flush(handle));
    folder_->release(handle);
  }
};

// "With commit=background close returns when the file is in the journal."
TEST_F(BackgroundCommit, CloseIsAnsweredByTheJournal) {
  network_gone();
  ASSERT_TRUE(write_file(kRoot, "f", "precious"));
  kill_and_begin();
  network_back();
  EXPECT_EQ(read_file("f"), "precious");
  resume();
  EXPECT_EQ(store_.content(key_), "precious");
}

TEST_F(BackgroundCommit, AFileGoesToOssAMomentLater) {
  ASSERT_TRUE(write_file(kRoot, "f", "precious"));
  EXPECT_FALSE(store_.content(key_));
  scheduler_.advance(seconds(1));
  EXPECT_EQ(store_.content(key_), "precious");
}

TEST_F(BackgroundCommit, ARenameBeforeThatCostsNoRequest) {
  ASSERT_TRUE(write_file(kRoot, ".f.tmp", "precious"));
  ASSERT_TRUE(folder_->rename(context(), kRoot, ".f.tmp", kRoot, "f", RenameMode::kReplace));
  kill_and_begin();
  EXPECT_EQ(read_file("f"), "precious");
  EXPECT_EQ(lookup(".f.tmp").error().code, Errc::kNotFound);
  resume();
  EXPECT_EQ(store_.keys(), std::vector<std::string>{key_});
  EXPECT_EQ(faulty_.started(Operation::kPut), 1U);
  EXPECT_EQ(faulty_.started(Operation::kCopy), 0U);
}

TEST_F(BackgroundCommit, WhatItWasRenamedOverIsGoneWithIt) {
  store_.put("users/alice/g", "old");
  ASSERT_EQ(read_file("g"), "old");
  ASSERT_TRUE(write_file(kRoot, "f", "new"));
  ASSERT_TRUE(folder_->rename(context(), kRoot, "f", kRoot, "g", RenameMode::kReplace));
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "g"));
  kill_and_begin();
  resume();
  EXPECT_EQ(lookup("g").error().code, Errc::kNotFound);
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(BackgroundCommit, WhatItWasRenamedOverStaysNowhereWhenItIsRenamedAgain) {
  store_.put("users/alice/g", "old");
  ASSERT_EQ(read_file("g"), "old");
  ASSERT_TRUE(write_file(kRoot, "f", "new"));
  ASSERT_TRUE(folder_->rename(context(), kRoot, "f", kRoot, "g", RenameMode::kReplace));
  ASSERT_TRUE(folder_->rename(context(), kRoot, "g", kRoot, "h", RenameMode::kReplace));
  kill_and_begin();
  resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/h"});
  EXPECT_EQ(store_.content("users/alice/h"), "new");
}

TEST_F(BackgroundCommit, AChangeOfModeIsKeptWithIt) {
  ASSERT_TRUE(write_file(kRoot, "f", "precious"));
  const auto entry = lookup("f");
  ASSERT_TRUE(folder_->setattr(context(), entry->attributes.inode, std::nullopt, {.mode = 0600}));
  kill_and_begin();
  EXPECT_EQ(lookup("f")->attributes.mode, mode_t(S_IFREG | 0600));
  resume();
  EXPECT_EQ(store_.meta(key_)->headers.user.at("mode"), std::to_string(S_IFREG | 0600));
}

TEST_F(BackgroundCommit, WhatIsBeingWrittenAgainIsNotSentHalfWritten) {
  ASSERT_TRUE(write_file(kRoot, "f", "first"));
  const auto entry = lookup("f");
  const auto opened = folder_->open(context(), entry->attributes.inode, O_RDWR);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("SEC"), 0));
  scheduler_.advance(seconds(5));
  EXPECT_FALSE(store_.content(key_));
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("OND"), 3));
  ASSERT_TRUE(flush(opened->handle));
  folder_->release(opened->handle);
  scheduler_.advance(seconds(5));
  EXPECT_EQ(store_.content(key_), "SECOND");
}

TEST_F(BackgroundCommit, ATruncationThatIsNotClosedLeavesTheClosedVersion) {
  ASSERT_TRUE(write_file(kRoot, "f", "first"));
  const auto entry = lookup("f");
  const auto opened = folder_->open(context(), entry->attributes.inode, O_WRONLY | O_TRUNC);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("se"), 0));
  kill_and_begin();
  resume();
  EXPECT_EQ(store_.content(key_), "first");
}

TEST_F(BackgroundCommit, FsyncWaitsForOss) {
  auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes("precious"), 0));
  ASSERT_TRUE(wait([&](Callback<void> done) {
    folder_->fsync(context(), made->second.handle, false, std::move(done));
  }));
  EXPECT_EQ(store_.content(key_), "precious");
}

TEST_F(BackgroundCommit, DrainSendsEverything) {
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(write_file(kRoot, "f" + std::to_string(i), std::to_string(i)));
  EXPECT_EQ(folder_->pending().size(), 100U);
  ASSERT_TRUE(folder_->drain(Deadline::in(clock_, seconds(10))));
  EXPECT_EQ(store_.keys().size(), 100U);
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(BackgroundCommit, ADirectoryThatIsRenamedTakesItsFilesAlong) {
  const auto directory = folder_->mkdir(context(), kRoot, "a", 0755);
  ASSERT_TRUE(write_file(directory->attributes.inode, "f", "precious"));
  ASSERT_TRUE(folder_->rename(context(), kRoot, "a", kRoot, "b", RenameMode::kReplace));
  kill_and_begin();
  folder_->resume();  // no timers: time would run ahead of the thread that renames
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/b/f"), "precious");
  EXPECT_FALSE(store_.content("users/alice/a/f"));
}

// --- while others go on writing ---

// As a script does that logs a line now and then.
TEST_F(BackgroundCommit, GoesOnWhileLinesAreAppendedAllTheTime) {
  ASSERT_TRUE(write_file(kRoot, "f", ""));
  scheduler_.advance(seconds(1));
  const std::uint64_t before = faulty_.started(Operation::kPut);
  for (int i = 0; i < 150; ++i) {
    append("a line\n");
    scheduler_.advance(milliseconds(200));
  }
  EXPECT_GE(store_.content(key_).value_or("").size(), 500U);
  EXPECT_LE(faulty_.started(Operation::kPut) - before, 4U);
}

TEST_F(BackgroundCommit, GoesOnWhileAnotherHandleWrites) {
  ASSERT_TRUE(write_file(kRoot, "f", ""));
  scheduler_.advance(seconds(1));
  const HandleNumber log = open("f", O_WRONLY | O_APPEND);
  append("closed\n");
  for (int i = 0; i < 150; ++i) {
    ASSERT_TRUE(folder_->write(context(), log, as_bytes("open\n"), 0));
    scheduler_.advance(milliseconds(100));
  }
  EXPECT_TRUE(store_.content(key_).value_or("").starts_with("closed\n"));
  folder_->release(log);
}

}  // namespace
}  // namespace stsfs::fs
