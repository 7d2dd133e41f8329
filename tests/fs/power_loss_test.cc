// What is written survives a loss of power, but for the last moment.

#include "recovery_fixture.h"

#include <filesystem>

#include <SQLiteCpp/SQLiteCpp.h>

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;

/// The disk is as it was at `remember`, and the machine was started anew.
class PowerLoss : public BackgroundCommitTest {
 protected:
  void remember() {
    std::filesystem::copy(options_.staging_directory, disk_,
                          std::filesystem::copy_options::recursive);
  }
  void lose_power(bool synced = true) {
    folder_->stop();
    folder_.reset();
    std::filesystem::remove_all(options_.staging_directory);
    std::filesystem::rename(disk_, options_.staging_directory);
    {
      SQLite::Database database(options_.staging_directory + "/journal.db", SQLite::OPEN_READWRITE);
      database.exec("UPDATE files SET boot='another',synced=" + std::to_string(int{synced}));
    }
    begin();
    ASSERT_TRUE(folder_->probe(Deadline::in(clock_, std::chrono::seconds(10)), nullptr));
  }
  void change(std::uint64_t offset, std::string_view text) {
    const auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_RDWR);
    ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes(text), offset));
    ASSERT_TRUE(flush(opened->handle));
    folder_->release(opened->handle);
  }
  void chmod(mode_t mode) {
    ASSERT_TRUE(
        folder_->setattr(context(), lookup("f")->attributes.inode, std::nullopt, {.mode = mode}));
  }
  void expect_done() {
    resume();
    for (const PendingFile& file : folder_->pending()) ADD_FAILURE() << file.last_error;
    EXPECT_EQ(store_.keys(), std::vector<std::string>{key_});
  }

 private:
  const std::string disk_ = directory_.path() + "/disk";
};

TEST_F(PowerLoss, FindsWhatHadReachedOss) {
  ASSERT_TRUE(write_file(kRoot, "f", "precious"));
  remember();
  ASSERT_TRUE(drain());
  lose_power();
  EXPECT_EQ(read_file("f"), "precious");
  expect_done();
  EXPECT_EQ(faulty_.started(Operation::kPut), 1U);
}

TEST_F(PowerLoss, FindsItAlsoWhenItsBytesWereNotOnTheDiskYet) {
  ASSERT_TRUE(write_file(kRoot, "f", "precious"));
  remember();
  ASSERT_TRUE(drain());
  lose_power(false);
  EXPECT_EQ(read_file("f"), "precious");
  expect_done();
}

TEST_F(PowerLoss, TellsOfWhatWasNotOnTheDisk) {
  ASSERT_TRUE(write_file(kRoot, "f", "precious"));
  remember();
  lose_power(false);
  ASSERT_EQ(folder_->pending().size(), 1U);
  EXPECT_NE(folder_->pending()[0].last_error.find("went down"), std::string::npos);
  EXPECT_EQ(lookup("f").error().code, Errc::kNotFound);
  kill_and_begin();
  ASSERT_EQ(folder_->pending().size(), 1U);
  EXPECT_TRUE(folder_->pending()[0].aside);
  const std::string journal = options_.staging_directory + "/journal.db";
  EXPECT_TRUE(staging::Journal::discard(journal, staging::Journal::read(journal)->at(0)));
  EXPECT_TRUE(folder_->pending().empty());
  kill_and_begin();
  EXPECT_TRUE(folder_->pending().empty());
}

// With OSS out of reach nobody knows whether it got there.
TEST_F(PowerLoss, GivesNothingUpThatMayBeInOss) {
  ASSERT_TRUE(write_file(kRoot, "f", "precious"));
  remember();
  ASSERT_TRUE(drain());
  faulty_.fail({.operation = Operation::kHead, .count = fakes::Calls::kAll},
               Error{Errc::kUnavailable, "gone", {}});
  lose_power(false);
  EXPECT_EQ(folder_->pending().size(), 1U);
  faulty_.heal();
  folder_->stop();
  folder_.reset();
  begin();
  ASSERT_TRUE(folder_->probe(Deadline::in(clock_, std::chrono::seconds(10)), nullptr));
  EXPECT_TRUE(folder_->pending().empty());
  EXPECT_EQ(read_file("f"), "precious");
}

TEST_F(PowerLoss, DoesNotBringBackWhatWasWrittenOver) {
  ASSERT_TRUE(write_file(kRoot, "f", "first"));
  remember();
  ASSERT_TRUE(drain());
  change(0, "SECOND");
  ASSERT_TRUE(drain());
  change(0, "THIRD!!");
  ASSERT_TRUE(drain());
  lose_power();
  EXPECT_EQ(read_file("f"), "THIRD!!");
  expect_done();
}

TEST_F(PowerLoss, GoesOnFromTheVersionThatAChangeOfAPartHadMade) {
  std::string content(std::size_t{20} << 20, 'b');
  store_.put(key_, content);
  change(std::uint64_t{10} << 20, "XY");
  remember();
  ASSERT_TRUE(drain());
  content.replace(std::size_t{10} << 20, 2, "XY");
  ASSERT_TRUE(store_.content(key_) == content);
  lose_power();
  EXPECT_TRUE(read_file("f") == content.substr(0, 1 << 24));
  expect_done();
  EXPECT_TRUE(store_.content(key_) == content);
}

TEST_F(PowerLoss, DoesNotBringBackAttributesThatWereChangedAgain) {
  store_.put(key_, "text");
  chmod(0600);
  remember();
  ASSERT_TRUE(drain());
  chmod(0640);
  ASSERT_TRUE(drain());
  lose_power();
  expect_done();
  EXPECT_EQ(lookup("f")->attributes.mode, mode_t{S_IFREG | 0640});
}

TEST_F(PowerLoss, BringsTheAttributesOfADirectoryToOss) {
  const InodeNumber directory = folder_->mkdir(context(), kRoot, "a", 0755)->attributes.inode;
  ASSERT_TRUE(folder_->setattr(context(), directory, std::nullopt, {.mode = 0700}));
  remember();
  lose_power();
  EXPECT_EQ(lookup("a")->attributes.mode, mode_t{S_IFDIR | 0700});
  resume();
  EXPECT_EQ(store_.meta("users/alice/a/")->headers.user.at("mode"), std::to_string(S_IFDIR | 0700));
}

TEST_F(PowerLoss, GoesOnWithWhatOssDoesNotHave) {
  ASSERT_TRUE(write_file(kRoot, "f", "precious"));
  remember();
  lose_power();
  EXPECT_EQ(read_file("f"), "precious");
  expect_done();
  EXPECT_EQ(store_.content(key_), "precious");
}

TEST_F(PowerLoss, ShowsWhatItHasWhenOssDoesNotAnswer) {
  ASSERT_TRUE(write_file(kRoot, "f", "precious"));
  remember();
  faulty_.fail({.operation = Operation::kHead, .count = Calls::kAll},
               Error{Errc::kUnavailable, "reset"});
  lose_power();
  EXPECT_EQ(read_file("f"), "precious");
  faulty_.heal();
  expect_done();
}

TEST_F(PowerLoss, ShowsAnothersVersionAndPutsOursBesideIt) {
  ASSERT_TRUE(write_file(kRoot, "f", "ours"));
  remember();
  store_.put(key_, "theirs");
  lose_power();
  EXPECT_EQ(read_file("f"), "theirs");
  resume();
  EXPECT_EQ(store_.content(key_), "theirs");
  ASSERT_EQ(store_.keys().size(), 2U);
  EXPECT_EQ(store_.content(store_.keys()[1]), "ours");
}

TEST_F(PowerLoss, ShowsAnothersVersionAndKeepsAChangeOfAPartForRescue) {
  store_.put(key_, std::string(std::size_t{20} << 20, 'b'));
  change(std::uint64_t{10} << 20, "XY");
  remember();
  store_.put(key_, "theirs");
  lose_power();
  EXPECT_EQ(read_file("f"), "theirs");
  resume();
  EXPECT_EQ(store_.keys(), std::vector<std::string>{key_});
  ASSERT_EQ(folder_->pending().size(), 1U);
  EXPECT_EQ(folder_->pending()[0].path, "f");
}

}  // namespace
}  // namespace stsfs::fs
