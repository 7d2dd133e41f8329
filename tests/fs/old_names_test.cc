// What a rename of a file leaves behind: its old name is gone when it returns, and the object is
// deleted behind the journal, as after an unlink.

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;

class OldNamesTest : public FolderTest {
 protected:
  explicit OldNamesTest(const fakes::FakeStoreOptions& store = {}) : FolderTest(store) {}

  Result<void> rename(std::string_view from, std::string_view to, InodeNumber parent = kRoot,
                      InodeNumber new_parent = kRoot) {
    return folder_->rename(context(), parent, from, new_parent, to, RenameMode::kReplace);
  }
  std::uint64_t deletes() const {
    return faulty_.started(Operation::kDelete) + faulty_.started(Operation::kDeleteMany);
  }
  using Names = std::vector<std::string>;
};

TEST_F(OldNamesTest, AreGoneAtOnceAndDeletedManyAtATime) {
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(write_file(kRoot, "t" + std::to_string(i), "x"));
  const auto puts = faulty_.started();
  for (int i = 0; i < 50; ++i) {
    const std::string number = std::to_string(i);
    ASSERT_TRUE(rename("t" + number, "f" + number));
    EXPECT_EQ(store_.content("users/alice/f" + number), "x");
    EXPECT_EQ(lookup("t" + number).error().code, Errc::kNotFound);
  }
  EXPECT_EQ(names(kRoot).size(), 52U);
  EXPECT_EQ(faulty_.started(Operation::kCopy), 50U);
  EXPECT_EQ(deletes(), 0U);
  EXPECT_EQ(folder_->pending().size(), 50U);
  EXPECT_EQ(folder_->pending().at(0).doing, "no longer here, to be deleted in OSS");
  ASSERT_TRUE(drain());
  EXPECT_EQ(deletes(), 1U);
  EXPECT_LE(faulty_.started() - puts, 52U);  // and a listing
  EXPECT_EQ(store_.keys().size(), 50U);
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(OldNamesTest, AreFreeForAnotherFileAtOnce) {
  ASSERT_TRUE(write_file(kRoot, "log", "yesterday"));
  ASSERT_TRUE(rename("log", "log.1"));
  ASSERT_TRUE(write_file(kRoot, "log", "today"));
  ASSERT_TRUE(rename("log.1", "log.2"));
  ASSERT_TRUE(rename("log", "log.1"));
  ASSERT_TRUE(write_file(kRoot, "log", "yesterday"));  // the ETag that was removed
  ASSERT_TRUE(drain());
  kill_and_begin();
  folder_->resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(read_file("log"), "yesterday");
  EXPECT_EQ(read_file("log.1"), "today");
  EXPECT_EQ(read_file("log.2"), "yesterday");
  EXPECT_EQ(store_.keys().size(), 3U);
}

TEST_F(OldNamesTest, AreTakenAgainByTheSameFile) {
  ASSERT_TRUE(write_file(kRoot, "a", "x"));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(rename("a", "b"));
    ASSERT_TRUE(rename("b", "a"));
  }
  EXPECT_EQ(read_file("a"), "x");
  EXPECT_EQ(lookup("b").error().code, Errc::kNotFound);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), Names{"users/alice/a"});
  EXPECT_EQ(read_file("a"), "x");
}

TEST_F(OldNamesTest, GoAfterAKillToo) {
  ASSERT_TRUE(write_file(kRoot, "a", "x"));
  ASSERT_TRUE(write_file(kRoot, "b", "y"));
  ASSERT_TRUE(rename("a", "c"));
  ASSERT_TRUE(rename("b", "d"));
  kill_and_begin();
  EXPECT_EQ(names(kRoot), (Names{".", "..", "c", "d"}));
  EXPECT_EQ(lookup("a").error().code, Errc::kNotFound);
  store_.put("users/alice/b", "theirs");
  folder_->resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), (Names{"users/alice/b", "users/alice/c", "users/alice/d"}));
  folder_->refresh();
  EXPECT_EQ(read_file("b"), "theirs");
}

TEST_F(OldNamesTest, SpareWhatAnotherClientWritesThere) {
  ASSERT_TRUE(write_file(kRoot, "a", "x"));
  clock_.advance(std::chrono::seconds(1));
  faulty_.after({.operation = Operation::kCopy}, [&] {
    store_.put("users/alice/a", "theirs");
    clock_.advance(std::chrono::seconds(10));  // until it is removed
  });
  ASSERT_TRUE(rename("a", "b"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/a"), "theirs");
  EXPECT_EQ(read_file("b"), "x");
  EXPECT_EQ(read_file("a"), "theirs");
}

TEST_F(OldNamesTest, AreBothThereWhenKilledBeforeTheJournalKnows) {
  ASSERT_TRUE(write_file(kRoot, "a", "x"));
  faulty_.lose_answer({.operation = Operation::kCopy, .count = fakes::Calls::kAll},
                      Error{Errc::kTimedOut, "killed", {}});
  EXPECT_FALSE(rename("a", "b"));
  faulty_.heal();
  kill_and_begin();
  EXPECT_EQ(read_file("a"), "x");
  EXPECT_EQ(read_file("b"), "x");
}

TEST_F(OldNamesTest, DoNotTakeAlongWhatIsWrittenWhileTheFileIsCopied) {
  options_.commit = CommitMode::kBackground;
  kill_and_begin();
  ASSERT_TRUE(write_file(kRoot, "a", "old"));
  ASSERT_TRUE(drain());
  const auto opened = folder_->open(context(), lookup("a")->attributes.inode, O_RDWR);
  ASSERT_TRUE(opened);
  bool closed = false;  // which is acknowledged when the journal has it, under the old name still
  faulty_.before({.operation = Operation::kCopy}, [&] {
    closed = folder_->write(context(), opened->handle, as_bytes("new"), 0).has_value() &&
             flush(opened->handle).has_value();
  });
  ASSERT_TRUE(rename("a", "b"));
  EXPECT_TRUE(closed);
  faulty_.fail_everything(Error{Errc::kUnavailable, "killed", {}});
  folder_->release(opened->handle);
  kill_and_begin();
  faulty_.heal();
  EXPECT_EQ(read_file("b"), "new");
  folder_->resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), Names{"users/alice/b"});
  EXPECT_EQ(store_.content("users/alice/b"), "new");
}

TEST_F(OldNamesTest, KeepADirectoryThatWouldVanishWithThem) {
  store_.put("users/alice/d/f", "x");
  store_.put("users/alice/e/f", "x");
  const InodeNumber d = lookup("d")->attributes.inode;
  const InodeNumber e = lookup("e")->attributes.inode;
  ASSERT_TRUE(rename("f", "g", d, kRoot));
  ASSERT_TRUE(rename("f", "g", e, e));
  folder_->refresh();
  EXPECT_EQ(names(kRoot), (Names{".", "..", "d", "e", "g"}));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), (Names{"users/alice/d/", "users/alice/e/g", "users/alice/g"}));
}

TEST_F(OldNamesTest, GoBeforeTheirDirectoryGetsAnotherName) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  const InodeNumber d = lookup("d")->attributes.inode;
  ASSERT_TRUE(write_file(d, "a", "x"));
  ASSERT_TRUE(rename("a", "b", d, d));
  ASSERT_TRUE(rename("d", "n"));
  ASSERT_TRUE(rename("b", "c", d, d));  // while its objects are on their way
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), (Names{"users/alice/n/", "users/alice/n/c"}));
  EXPECT_EQ(read_file(d, "c"), "x");
}

TEST_F(OldNamesTest, GoWhateverTheirTreeHasMadeOfThemOnItsWay) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  const InodeNumber d = lookup("d")->attributes.inode;
  ASSERT_TRUE(write_file(d, "f", "x"));
  ASSERT_TRUE(folder_->symlink(context(), d, "l", "f"));
  // The link is put anew where the tree goes to, with another ETag, while it gets its own new name.
  bool has_come = false;
  faulty_.before({.operation = Operation::kPut, .key = "users/alice/m"},
                 [&] { has_come = drain().has_value(); });
  faulty_.before({.operation = Operation::kPutSymlink, .key = "users/alice/m"},
                 [&] { has_come = drain().has_value(); });
  ASSERT_TRUE(rename("d", "n"));
  ASSERT_TRUE(rename("l", "m", d, kRoot));
  EXPECT_TRUE(has_come);
  folder_->refresh();
  EXPECT_EQ(names(d), (Names{".", "..", "f"}));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), (Names{"users/alice/m", "users/alice/n/", "users/alice/n/f"}));
}

TEST_F(OldNamesTest, OfLinksGoWithWhatCountsThem) {
  ASSERT_TRUE(write_file(kRoot, "a", "x"));
  const InodeNumber inode = lookup("a")->attributes.inode;
  ASSERT_TRUE(folder_->link(context(), inode, kRoot, "b"));
  ASSERT_TRUE(drain());
  const auto objects = store_.keys().size();
  ASSERT_TRUE(rename("b", "c"));
  EXPECT_EQ(lookup("b").error().code, Errc::kNotFound);
  EXPECT_EQ(lookup("c")->attributes.inode, inode);
  kill_and_begin();
  folder_->resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys().size(), objects);
  EXPECT_EQ(lookup("a")->attributes.link_count, 2U);
  EXPECT_EQ(read_file("c"), "x");
}

TEST_F(OldNamesTest, OfSymbolicLinksGoToo) {
  ASSERT_TRUE(write_file(kRoot, "f", "x"));
  ASSERT_TRUE(folder_->symlink(context(), kRoot, "object", "f"));
  ASSERT_TRUE(folder_->symlink(context(), kRoot, "plain", "/elsewhere"));
  ASSERT_TRUE(rename("object", "o"));
  ASSERT_TRUE(rename("plain", "p"));
  EXPECT_EQ(lookup("object").error().code, Errc::kNotFound);
  EXPECT_EQ(lookup("plain").error().code, Errc::kNotFound);
  kill_and_begin();
  folder_->resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), (Names{"users/alice/f", "users/alice/o", "users/alice/p"}));
  EXPECT_EQ(folder_->readlink(context(), lookup("o")->attributes.inode), "f");
  EXPECT_EQ(folder_->readlink(context(), lookup("p")->attributes.inode), "/elsewhere");
}

TEST_F(OldNamesTest, ThatNobodyMayDeleteShowAgain) {
  ASSERT_TRUE(write_file(kRoot, "a", "x"));
  ASSERT_TRUE(write_file(kRoot, "b", "y"));
  faulty_.fail({.operation = Operation::kDelete, .count = fakes::Calls::kAll},
               Error{Errc::kDenied, "AccessDenied", {}});
  ASSERT_TRUE(rename("a", "c"));
  EXPECT_EQ(drain().error().code, Errc::kDenied);
  folder_->refresh();
  EXPECT_TRUE(lookup("a"));
  EXPECT_EQ(rename("b", "d").error().code, Errc::kDenied);  // from then on it says so
  EXPECT_TRUE(lookup("b"));
}

class OldNamesInATree : public OldNamesTest {
 protected:
  OldNamesInATree() : OldNamesTest({.hierarchical_namespace = true}) {}
};

TEST_F(OldNamesInATree, AreTheServersWhereItRenamesItself) {
  ASSERT_TRUE(write_file(kRoot, "a", "x"));
  ASSERT_TRUE(write_file(kRoot, "c", "y"));
  ASSERT_TRUE(rename("a", "b"));
  EXPECT_TRUE(folder_->pending().empty());
  EXPECT_EQ(store_.content("users/alice/a"), std::nullopt);
  ASSERT_TRUE(rename("c", "b"));  // which is taken: a copy
  EXPECT_EQ(folder_->pending().size(), 1U);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/c"), std::nullopt);
  EXPECT_EQ(read_file("b"), "y");
}

}  // namespace
}  // namespace stsfs::fs
