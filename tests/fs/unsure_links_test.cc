// Names of files whose answer was lost, so that nobody knows at first whether they are there.

#include "links_fixture.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;

class UnsureLinksTest : public LinksFixture {
 protected:
  /// What failed is tried again, and then all is in OSS.
  void settle() {
    static_cast<void>(drain());
    faulty_.heal();
    ASSERT_TRUE(drain());
  }
  /// Two names, and what two names need: nothing else is kept.
  void expect_two_names(std::string_view text) {
    EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "a", "b"}));
    EXPECT_EQ(inode_of("a"), inode_of("b"));
    EXPECT_EQ(count_of("a"), 2U);
    EXPECT_EQ(read_file("a"), text);
    EXPECT_EQ(read_file("b"), text);
    EXPECT_EQ(kept_objects(), 3U);
  }
  void write_and_link() {
    ASSERT_TRUE(write_file(kRoot, "a", "text"));
    ASSERT_TRUE(link("a", "b"));
  }
  /// In the next mount as well; with the names goes all that was kept for them.
  void expect_two_names_that_can_go() {
    begin_anew();
    expect_two_names("text");
    ASSERT_TRUE(unlink("a"));
    ASSERT_TRUE(unlink("b"));
    begin_anew();
    EXPECT_TRUE(store_.keys().empty());
  }

  const Error gone_{Errc::kUnavailable, "gone", {}};
};

// --- names that are made ---

TEST_F(UnsureLinksTest, AreLookedForWhenTheAnswerWasLost) {
  for (std::uint64_t which : {1U, 2U}) {  // the file's own name, and the second one
    write_and_link();
    faulty_.lose_answer({.operation = Operation::kPutSymlink, .from = which}, gone_);
    EXPECT_TRUE(drain());
    faulty_.heal();
    expect_two_names_that_can_go();
  }
}

TEST_F(UnsureLinksTest, ThatAreNotThereTakeTheirTokensAlong) {
  for (std::uint64_t which : {1U, 2U}) {
    write_and_link();
    faulty_.fail({.operation = Operation::kPutSymlink, .from = which}, gone_);
    settle();
    expect_two_names_that_can_go();
  }
}

TEST_F(UnsureLinksTest, LoseATokenOfWhichTheAnswerWasLost) {
  for (std::uint64_t which : {1U, 2U}) {
    write_and_link();
    faulty_.lose_answer({.operation = Operation::kPut, .from = which}, gone_);
    settle();
    expect_two_names_that_can_go();
  }
}

TEST_F(UnsureLinksTest, AreLookedForAgainWhenOssDoesNotSay) {
  for (const bool is_there : {true, false}) {
    for (std::uint64_t which : {1U, 2U}) {
      write_and_link();
      const Calls put{.operation = Operation::kPutSymlink, .from = which};
      if (is_there)
        faulty_.lose_answer(put, gone_);
      else
        faulty_.fail(put, gone_);
      faulty_.fail({.operation = Operation::kGetSymlink, .count = Calls::kAll}, gone_);
      EXPECT_FALSE(drain());
      faulty_.heal();
      EXPECT_EQ(count_of("a"), 2U);
      ASSERT_TRUE(drain());
      expect_two_names_that_can_go();
    }
  }
}

TEST_F(UnsureLinksTest, AreCountedWhenTheyWereThereBeforeTheyWereCounted) {
  write_and_link();
  faulty_.fail({.operation = Operation::kList}, gone_);  // which would count them
  settle();
  EXPECT_EQ(count_of("a"), 2U);
  EXPECT_EQ(count_of("b"), 2U);
  expect_two_names_that_can_go();
}

TEST_F(UnsureLinksTest, KeepTheirTokenWhereTheirDirectoryIsRenamedMeanwhile) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  write_and_link();
  ASSERT_TRUE(drain());  // a third name is made at once
  faulty_.lose_answer({.operation = Operation::kPutSymlink}, gone_);
  faulty_.fail({.operation = Operation::kGetSymlink, .count = Calls::kAll}, gone_);
  EXPECT_FALSE(folder_->link(context(), inode_of("a"), inode_of("d"), "c"));
  ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, "e", RenameMode::kReplace));
  faulty_.heal();
  begin_anew();
  ASSERT_TRUE(unlink("a"));
  ASSERT_TRUE(unlink("b"));
  begin_anew();
  EXPECT_EQ(read_file(inode_of("e"), "c"), "text");
}

TEST_F(UnsureLinksTest, ThatGoBelowADirectoryOnItsWayTakeTheirTokensAlong) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(folder_->link(context(), inode_of("a"), inode_of("d"), "b"));
  begin_anew();
  faulty_.fail({.operation = Operation::kPutSymlink, .count = Calls::kAll}, gone_);
  ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, "e", RenameMode::kReplace));
  EXPECT_FALSE(drain());
  faulty_.heal();
  faulty_.lose_answer({.operation = Operation::kDelete, .from = 2}, gone_);
  const InodeNumber e = inode_of("e");
  static_cast<void>(unlink("b", e));
  faulty_.heal();
  folder_->refresh();
  static_cast<void>(unlink("b", e));
  begin_anew();
  EXPECT_EQ(names(inode_of("e")), (std::vector<std::string>{".", ".."}));
  EXPECT_EQ(count_of("a"), 1U);
  ASSERT_TRUE(unlink("a"));
  begin_anew();
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/e/"});
}

TEST_F(UnsureLinksTest, ThatGoBelowADirectoryOnItsWayDoNotLetItShowWhenItIsRemoved) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  const InodeNumber below = folder_->mkdir(context(), inode_of("d"), "s", 0755)->attributes.inode;
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(folder_->link(context(), inode_of("a"), below, "b"));
  begin_anew();
  faulty_.fail({.operation = Operation::kCopy, .count = Calls::kAll}, gone_);
  ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, "e", RenameMode::kReplace));
  EXPECT_FALSE(drain());
  const InodeNumber e = inode_of("e");
  ASSERT_TRUE(unlink("b", inode_of("s", e)));  // its object goes a moment later
  ASSERT_TRUE(folder_->rmdir(context(), e, "s"));
  folder_->refresh();
  EXPECT_EQ(names(e), (std::vector<std::string>{".", ".."}));
  faulty_.heal();
  begin_anew();
  EXPECT_EQ(names(inode_of("e")), (std::vector<std::string>{".", ".."}));
}

TEST_F(UnsureLinksTest, ThatWentBelowADirectoryOnItsWayDoNotTakeAlongWhatIsWrittenThereNext) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  ASSERT_TRUE(write_file(inode_of("d"), "z", "text"));
  ASSERT_TRUE(folder_->link(context(), inode_of("a"), inode_of("d"), "b"));
  begin_anew();
  faulty_.fail({.operation = Operation::kCopy, .count = Calls::kAll}, gone_);
  ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, "e", RenameMode::kReplace));
  EXPECT_FALSE(drain());
  const InodeNumber e = inode_of("e");
  ASSERT_TRUE(unlink("b", e));
  ASSERT_TRUE(write_file(e, "b", "another text"));
  faulty_.heal();
  begin_anew();
  EXPECT_EQ(read_file(inode_of("e"), "b"), "another text");
}

// --- a second name while the file is being written ---

TEST_F(UnsureLinksTest, AreFollowedByACommit) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  const auto opened = folder_->open(context(), inode_of("a"), O_WRONLY);
  FolderOptions options = options_;
  options.staging_directory = directory_.path() + "/other";
  const auto other = MountedFolder::make(faulty_, scheduler_, clock_, options).value();
  const auto known = other->lookup(context(), kRoot, "a");
  ASSERT_TRUE(other->link(context(), known->attributes.inode, kRoot, "b"));
  ASSERT_TRUE(other->drain(Deadline::in(clock_, std::chrono::hours(1))));
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("TEXT"), 0));
  EXPECT_TRUE(flush(opened->handle));
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes(" and more"), 4));
  EXPECT_TRUE(flush(opened->handle));
  folder_->release(opened->handle);
  other->stop();
  clock_.advance(std::chrono::minutes(1));
  expect_two_names("TEXT and more");
  begin_anew();
  expect_two_names("TEXT and more");
}

TEST_F(UnsureLinksTest, AreFollowedByAChangeOfAttributes) {
  ASSERT_TRUE(write_file(kRoot, "a", "text"));
  const auto opened = folder_->open(context(), inode_of("a"), O_WRONLY);
  FolderOptions options = options_;
  options.staging_directory = directory_.path() + "/other";
  const auto other = MountedFolder::make(faulty_, scheduler_, clock_, options).value();
  const auto known = other->lookup(context(), kRoot, "a");
  ASSERT_TRUE(other->link(context(), known->attributes.inode, kRoot, "b"));
  ASSERT_TRUE(other->drain(Deadline::in(clock_, std::chrono::hours(1))));
  other->stop();
  ASSERT_TRUE(folder_->setattr(context(), inode_of("a"), opened->handle, {.mode = 0600}));
  folder_->release(opened->handle);
  begin_anew();
  expect_two_names("text");
  EXPECT_EQ(lookup("b")->attributes.mode & 07777U, 0600U);
}

// --- a first name that goes early, and leaves a copy under the second one ---

TEST_F(UnsureLinksTest, KnowAnEarlierVersionOfTheirFile) {
  write_and_link();
  faulty_.lose_answer({.operation = Operation::kCopy}, gone_);
  EXPECT_FALSE(unlink("a"));
  ASSERT_TRUE(write_file(kRoot, "a", "another text"));
  begin_anew();
  expect_two_names("another text");
}

TEST_F(UnsureLinksTest, MoveOverAnEarlierVersionOfTheirFile) {
  write_and_link();
  faulty_.lose_answer({.operation = Operation::kCopy}, gone_);
  EXPECT_FALSE(unlink("a"));
  ASSERT_TRUE(write_file(kRoot, "a", "another text"));
  faulty_.lose_answer({.operation = Operation::kCopy, .from = 2}, gone_);
  EXPECT_FALSE(unlink("a"));
  ASSERT_TRUE(write_file(kRoot, "a", "a third text"));
  ASSERT_TRUE(unlink("a"));
  begin_anew();
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "b"}));
  EXPECT_EQ(read_file("b"), "a third text");
}

TEST_F(UnsureLinksTest, TakeTheCopyAlongWhenTheyGo) {
  write_and_link();
  faulty_.lose_answer({.operation = Operation::kCopy}, gone_);
  EXPECT_FALSE(unlink("a"));
  ASSERT_TRUE(unlink("b"));
  EXPECT_EQ(lookup("b").error().code, Errc::kNotFound);
  begin_anew();
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "a"}));
  EXPECT_EQ(read_file("a"), "text");
}

TEST_F(UnsureLinksTest, DoNotTakeWhatAnotherClientWroteForTheirCopy) {
  write_and_link();
  faulty_.fail({.operation = Operation::kCopy}, gone_);
  EXPECT_FALSE(unlink("a"));
  store_.put("users/alice/b", "theirs");
  ASSERT_TRUE(write_file(kRoot, "a", "another text"));
  begin_anew();
  EXPECT_EQ(read_file("b"), "theirs");
  EXPECT_EQ(read_file("a"), "another text");
  EXPECT_EQ(count_of("a"), 2U);  // under a name beside theirs
}

// --- what takes the name of a symbolic link ---

TEST_F(UnsureLinksTest, OfSymbolicLinksAreTakenByFilesBeforeTheirDeleteCameThrough) {
  for (const char* target : {"nowhere", "l", "n"}) {  // to nothing, to a link, to a file
    ASSERT_TRUE(write_file(kRoot, "n", "other"));
    ASSERT_TRUE(folder_->symlink(context(), kRoot, "l", target));
    ASSERT_TRUE(unlink("l"));
    faulty_.fail({.operation = Operation::kDelete, .count = Calls::kAll}, gone_);
    EXPECT_FALSE(write_file(kRoot, "l", "text"));
    EXPECT_FALSE(drain());  // what the release began has failed, too
    faulty_.heal();
    folder_->resume();
    EXPECT_TRUE(write_file(kRoot, "l", "text")) << target;
    EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "l", "n"})) << target;
    EXPECT_EQ(read_file("l"), "text") << target;
    for (const char* name : {"l", "n"}) ASSERT_TRUE(unlink(name));
    begin_anew();
  }
}

TEST_F(UnsureLinksTest, OfSymbolicLinksAreTakenByFilesThatAreNotInOssYet) {
  options_.commit = CommitMode::kBackground;
  kill_and_begin();
  for (const char* target : {"nowhere", "m", "n"}) {  // to nothing, to a link, to a file
    ASSERT_TRUE(write_file(kRoot, "n", "other"));
    ASSERT_TRUE(folder_->symlink(context(), kRoot, "l", target));
    ASSERT_TRUE(folder_->symlink(context(), kRoot, "m", "nowhere"));
    ASSERT_TRUE(drain());
    ASSERT_TRUE(write_file(kRoot, "f", "text"));
    ASSERT_TRUE(folder_->rename(context(), kRoot, "f", kRoot, "l", RenameMode::kReplace));
    begin_anew();
    EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "l", "m", "n"})) << target;
    EXPECT_EQ(read_file("l"), "text") << target;
    for (const char* name : {"l", "m", "n"}) ASSERT_TRUE(unlink(name));
    begin_anew();
  }
}

}  // namespace
}  // namespace stsfs::fs
