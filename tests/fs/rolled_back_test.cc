// A kill leaves what was closed, whatever was written over it since.

#include <filesystem>
#include <fstream>

#include "recovery_fixture.h"

namespace stsfs::fs {
namespace {

class RolledBack : public BackgroundCommitTest {
 protected:
  HandleNumber open() {
    return folder_->open(context(), lookup("f")->attributes.inode, O_RDWR)->handle;
  }
  void write(HandleNumber handle, std::uint64_t offset, std::string_view text) {
    ASSERT_TRUE(folder_->write(context(), handle, as_bytes(text), offset));
  }
  void close(HandleNumber handle) {
    ASSERT_TRUE(flush(handle));
    folder_->release(handle);
  }
  std::vector<std::string> beside() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(options_.staging_directory)) {
      const std::string name = entry.path().filename();
      if (name.starts_with("file-") && name.find('.') != std::string::npos)
        out.push_back(entry.path());
    }
    return out;
  }
};

// "What was written and not closed yet is lost. Where it changed in place what had been closed and
// was not in OSS yet, that goes there as it was when it was closed."
TEST_F(RolledBack, AnOverwriteThatWasNotClosedIsLost) {
  ASSERT_TRUE(write_file(kRoot, "f", "first version"));
  const HandleNumber handle = open();
  write(handle, 0, "SEC");
  write(handle, 6, "VER");
  EXPECT_EQ(read_handle(handle, {0, 100}), "SECst VERsion");
  kill_and_begin();
  EXPECT_TRUE(beside().empty());
  EXPECT_EQ(read_file("f"), "first version");
  resume();
  EXPECT_EQ(store_.content(key_), "first version");
}

TEST_F(RolledBack, TheLastCloseCounts) {
  ASSERT_TRUE(write_file(kRoot, "f", std::string(20'000, 'a')));
  const HandleNumber first = open();
  write(first, 0, std::string(10'000, 'b'));
  const HandleNumber second = open();
  write(second, 5'000, std::string(10'000, 'c'));
  close(first);
  const std::string closed =
      std::string(5'000, 'b') + std::string(10'000, 'c') + std::string(5'000, 'a');
  write(second, 0, std::string(30'000, 'd'));
  kill_and_begin();
  EXPECT_EQ(read_file("f"), closed);
  resume();
  EXPECT_EQ(store_.content(key_), closed);
}

TEST_F(RolledBack, SoItIsAfterASecondKill) {
  ASSERT_TRUE(write_file(kRoot, "f", "first"));
  write(open(), 0, "SE");
  kill_and_begin();
  write(open(), 2, "CO");
  EXPECT_EQ(beside().size(), 1U);
  kill_and_begin();
  resume();
  EXPECT_EQ(store_.content(key_), "first");
}

/// Each attempt to send it notes what it sends.
TEST_F(RolledBack, WhatWasBegunToBeSentCountsAsClosed) {
  ASSERT_TRUE(write_file(kRoot, "f", "first"));
  network_gone();
  const HandleNumber handle = open();
  write(handle, 0, "SEC");
  scheduler_.advance(std::chrono::seconds(15));
  write(handle, 0, "THIRD");
  kill_and_begin();
  network_back();
  resume();
  EXPECT_EQ(store_.content(key_), "SECst");
}

/// One version is on its way, another was closed since, and a third is being written in its place.
TEST_F(RolledBack, WhatTakesThePlaceOfAClosedVersionIsNotSentBeforeItsClose) {
  ASSERT_TRUE(write_file(kRoot, "f", "first"));
  faulty_.delay({.operation = oss::Operation::kPut}, std::chrono::seconds(2));
  scheduler_.advance(std::chrono::milliseconds(400));
  ASSERT_TRUE(write_file(kRoot, "f", "second"));
  scheduler_.advance(std::chrono::milliseconds(400));
  const auto third =
      folder_->open(context(), lookup("f")->attributes.inode, O_WRONLY | O_TRUNC)->handle;
  write(third, 0, "thi");
  scheduler_.advance(std::chrono::seconds(30));
  EXPECT_EQ(store_.content(key_), "first");
  write(third, 3, "rd");
  kill_and_begin();
  EXPECT_EQ(read_file("f"), "second");
  resume();
  EXPECT_EQ(store_.content(key_), "second");
}

TEST_F(RolledBack, WhatIsInOssNeedsNothing) {
  ASSERT_TRUE(write_file(kRoot, "f", "first"));
  const HandleNumber handle = open();
  write(handle, 0, "SEC");
  EXPECT_EQ(beside().size(), 1U);
  ASSERT_TRUE(flush(handle));
  EXPECT_TRUE(beside().empty());
  ASSERT_TRUE(drain());
  write(handle, 0, "THI");
  EXPECT_TRUE(beside().empty());
  folder_->release(handle);
}

TEST_F(RolledBack, WhatIsAppendedNeedsNothing) {
  ASSERT_TRUE(write_file(kRoot, "f", "first"));
  write(open(), 5, " and more");
  EXPECT_TRUE(beside().empty());
  kill_and_begin();
  resume();
  EXPECT_EQ(store_.content(key_), "first");
}

/// A kill comes before what is kept has all been written; then nothing was written over either.
TEST_F(RolledBack, ARecordThatIsNotWholeCountsForNothing) {
  ASSERT_TRUE(write_file(kRoot, "f", std::string(10'000, 'a')));
  const HandleNumber handle = open();
  write(handle, 0, std::string(4096, 'b'));
  const std::uintmax_t whole = std::filesystem::file_size(beside().at(0));
  write(handle, 4096, std::string(4096, 'c'));
  const std::string path = beside().at(0);
  folder_->stop();
  folder_.reset();
  std::filesystem::resize_file(path, whole + 1'000);
  begin();
  EXPECT_EQ(read_file("f"),
            std::string(4096, 'a') + std::string(4096, 'c') + std::string(10'000 - 8192, 'a'));
}

TEST_F(RolledBack, ARescueWithoutADaemonKnowsIt) {
  ASSERT_TRUE(write_file(kRoot, "f", "first"));
  write(open(), 0, "SE");
  folder_->stop();
  folder_.reset();
  const auto entries = staging::Journal::read(options_.staging_directory + "/journal.db").value();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(rescued(entries[0]), "first");
  begin();
}

}  // namespace
}  // namespace stsfs::fs
