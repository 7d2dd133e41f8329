// Renames in a bucket with a hierarchical namespace, where the server does them itself: what they
// cost, what a kill or a lost answer leaves, what the server refuses.

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;
using Names = std::vector<std::string>;

const Error kAway{Errc::kUnavailable, "away", {}};

class ServerRenamesTest : public FolderTest {
 protected:
  ServerRenamesTest() : FolderTest({.hierarchical_namespace = true}) {
    store_.put("users/alice/d/", "", {{"mode", "16877"}});
    store_.put("users/alice/d/e/deep", "deep");
    store_.put("users/alice/d/file", "file");
  }
  Result<void> rename(std::string_view from, std::string_view to,
                      RenameMode mode = RenameMode::kReplace) {
    return folder_->rename(context(), kRoot, from, kRoot, to, mode);
  }
  InodeNumber inode_of(std::string_view name, InodeNumber parent = kRoot) {
    const auto entry = lookup(parent, name);
    EXPECT_TRUE(entry) << name;
    return entry ? entry->attributes.inode : InodeNumber{};
  }
  Names below(const std::string& name) const {
    Names out;
    for (const std::string& key : store_.keys())
      if (key.starts_with("users/alice/" + name)) out.push_back(key.substr(12));
    return out;
  }
  const Names kOld{"d/", "d/e/", "d/e/deep", "d/file"};
  const Names kNew{"n/", "n/e/", "n/e/deep", "n/file"};
};

TEST_F(ServerRenamesTest, ADirectoryIsOneRequest) {
  for (int i = 0; i < 300; ++i) store_.put("users/alice/d/" + std::to_string(i), "x");
  ASSERT_TRUE(lookup("d"));
  EXPECT_EQ(names(kRoot), (Names{".", "..", "d"}));
  const auto before = faulty_.started();
  ASSERT_TRUE(rename("d", "n"));
  EXPECT_EQ(faulty_.started() - before, 1U);
  EXPECT_EQ(faulty_.started(Operation::kRename), 1U);
  EXPECT_TRUE(folder_->pending().empty());
  EXPECT_EQ(below("n").size(), 304U);
  EXPECT_EQ(below("d"), Names{});
  EXPECT_EQ(lookup("d").error().code, Errc::kNotFound);
  EXPECT_EQ(read_file(inode_of("n"), "file"), "file");
  EXPECT_EQ(read_file(inode_of("e", inode_of("n")), "deep"), "deep");
}

TEST_F(ServerRenamesTest, AnOpenFileBelowReadsOn) {
  const auto opened = folder_->open(context(), inode_of("file", inode_of("d")), O_RDWR);
  ASSERT_TRUE(opened);
  ASSERT_TRUE(rename("d", "n"));
  EXPECT_EQ(read_handle(opened->handle, {0, 100}), "file");
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("FI"), 0));
  ASSERT_TRUE(flush(opened->handle));
  folder_->release(opened->handle);
  EXPECT_EQ(store_.content("users/alice/n/file"), "FIle");
  EXPECT_EQ(below("d"), Names{});
}

/// Whether the request came to the server or not: the next daemon shows the new tree, and has it.
TEST_F(ServerRenamesTest, AreEndedByTheNextDaemon) {
  for (const bool came : {false, true}) {
    ASSERT_TRUE(lookup("d"));
    if (came)
      faulty_.lose_answer({.operation = Operation::kRename}, kAway);
    else
      faulty_.fail({.operation = Operation::kRename}, kAway);
    faulty_.before({.operation = Operation::kRename}, [&] {
      faulty_.fail_everything(Error{Errc::kUnavailable, "killed", {}});
    });
    ASSERT_TRUE(rename("d", "n"));
    EXPECT_EQ(below("n"), came ? kNew : Names{});
    kill_and_begin();
    faulty_.fail_everything(std::nullopt);
    faulty_.heal();
    EXPECT_EQ(lookup("d").error().code, Errc::kNotFound);
    EXPECT_EQ(read_file(inode_of("n"), "file"), "file");
    folder_->resume();
    ASSERT_TRUE(drain());
    EXPECT_EQ(below("n"), kNew);
    EXPECT_EQ(below("d"), Names{});
    EXPECT_EQ(faulty_.started(Operation::kCopy), 0U);
    kill_and_begin();  // the note is gone: what has the old name now stays there
    store_.put("users/alice/d/again", "x");
    folder_->resume();
    ASSERT_TRUE(drain());
    EXPECT_EQ(below("d"), (Names{"d/", "d/again"}));
    store_.erase("users/alice/d/again");
    store_.erase("users/alice/d/");
    folder_->refresh();
    ASSERT_TRUE(rename("n", "d"));
  }
}

TEST_F(ServerRenamesTest, WaitForTheServerBehindTheJournal) {
  faulty_.fail({.operation = Operation::kRename, .count = Calls::kAll}, kAway);
  ASSERT_TRUE(rename("d", "n"));
  const InodeNumber n = inode_of("n");
  EXPECT_EQ(names(n), (Names{".", "..", "e", "file"}));
  EXPECT_FALSE(write_file(n, "new", "new"));  // kept, and tried again
  EXPECT_FALSE(drain());                      // nothing is under way any more
  EXPECT_EQ(below("n"), Names{});             // and nothing is in the way of the tree
  faulty_.heal();
  ASSERT_TRUE(drain());
  EXPECT_EQ(below("n"), (Names{"n/", "n/e/", "n/e/deep", "n/file", "n/new"}));
  EXPECT_EQ(below("d"), Names{});
  EXPECT_EQ(faulty_.started(Operation::kCopy), 0U);
}

TEST_F(ServerRenamesTest, WhatTheServerRefusesHasNotHappened) {
  options_.commit = CommitMode::kBackground;
  kill_and_begin();
  faulty_.fail({.operation = Operation::kPut, .count = Calls::kAll}, kAway);
  ASSERT_TRUE(write_file(inode_of("d"), "staged", "staged"));
  faulty_.fail({.operation = Operation::kRename}, Error{Errc::kDenied, "403 AccessDenied", {}});
  EXPECT_EQ(rename("d", "n").error().code, Errc::kDenied);
  EXPECT_EQ(lookup("n").error().code, Errc::kNotFound);
  EXPECT_EQ(read_file(inode_of("d"), "staged"), "staged");
  kill_and_begin();
  EXPECT_EQ(lookup("n").error().code, Errc::kNotFound);
  EXPECT_EQ(read_file(inode_of("d"), "staged"), "staged");
  faulty_.heal();
  folder_->resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/d/staged"), "staged");
  EXPECT_EQ(below("n"), Names{});
}

TEST_F(ServerRenamesTest, ReplaceAnEmptyDirectory) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "n", 0700));
  ASSERT_TRUE(rename("d", "n"));
  EXPECT_EQ(below("n"), kNew);
  EXPECT_EQ(lookup("n")->attributes.mode & 07777, 0755U);
}

TEST_F(ServerRenamesTest, DoNotReplaceWhatAnotherClientHasJustFilled) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "n", 0700));
  faulty_.before({.operation = Operation::kDelete, .key = "users/alice/n/"},
                 [&] { store_.put("users/alice/n/theirs", "theirs"); });
  EXPECT_EQ(rename("d", "n").error().code, Errc::kNotEmpty);
  EXPECT_EQ(below("d"), kOld);
  EXPECT_EQ(below("n"), (Names{"n/", "n/theirs"}));
  EXPECT_EQ(read_file(inode_of("d"), "file"), "file");
  folder_->refresh();
  EXPECT_EQ(read_file(inode_of("n"), "theirs"), "theirs");
}

/// Acknowledged before the server could be asked: then it is object by object, beside theirs.
TEST_F(ServerRenamesTest, MergeWithWhatAnotherClientMadeMeanwhile) {
  faulty_.fail({.operation = Operation::kRename, .count = Calls::kAll}, kAway);
  ASSERT_TRUE(rename("d", "n"));
  store_.put("users/alice/n/theirs", "theirs");
  faulty_.heal();
  ASSERT_TRUE(drain());
  EXPECT_EQ(below("n"), (Names{"n/", "n/e/", "n/e/deep", "n/file", "n/theirs"}));
  EXPECT_EQ(below("d"), Names{});
}

TEST_F(ServerRenamesTest, AreCopiesWhereTheServerHasNone) {
  faulty_.fail({.operation = Operation::kRename, .count = Calls::kAll},
               Error{Errc::kNotSupported, "400 OperationNotSupported", {}});
  ASSERT_TRUE(rename("d", "n"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(below("n"), kNew);
  EXPECT_EQ(below("d"), Names{});
  ASSERT_TRUE(rename("n", "d"));
  EXPECT_EQ(faulty_.started(Operation::kRename), 1U);  // it said so once
}

TEST_F(ServerRenamesTest, AFileToAFreeNameIsOneRequest) {
  store_.put("users/alice/a", "a", {{"mode", "33152"}});
  ASSERT_TRUE(lookup("a"));
  EXPECT_EQ(names(kRoot), (Names{".", "..", "a", "d"}));
  const auto before = faulty_.started();
  ASSERT_TRUE(rename("a", "b"));
  EXPECT_EQ(faulty_.started() - before, 1U);
  EXPECT_EQ(read_file("b"), "a");
  EXPECT_EQ(lookup("b")->attributes.mode & 07777, 0600U);
  EXPECT_EQ(lookup("a").error().code, Errc::kNotFound);
}

/// Never a moment in which the name has no file.
TEST_F(ServerRenamesTest, AFileOverAnotherIsCopied) {
  store_.put("users/alice/a", "a");
  store_.put("users/alice/b", "b");
  ASSERT_TRUE(rename("a", "b"));
  EXPECT_EQ(faulty_.started(Operation::kRename), 0U);
  EXPECT_EQ(store_.content("users/alice/b"), "a");
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/a"), std::nullopt);
}

TEST_F(ServerRenamesTest, OfTwoClientsOneGetsAFreeName) {
  store_.put("users/alice/a", "a");
  ASSERT_TRUE(lookup("a"));
  EXPECT_EQ(lookup("b").error().code, Errc::kNotFound);
  faulty_.before({.operation = Operation::kRename}, [&] { store_.put("users/alice/b", "theirs"); });
  EXPECT_EQ(rename("a", "b", RenameMode::kNoReplace).error().code, Errc::kExists);
  EXPECT_EQ(store_.content("users/alice/a"), "a");
  EXPECT_EQ(store_.content("users/alice/b"), "theirs");
}

}  // namespace
}  // namespace stsfs::fs
