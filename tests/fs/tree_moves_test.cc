// Directories that are renamed and rolled forward behind the journal: what is seen meanwhile, what
// may be done below them, what a kill at any request leaves.

#include <future>
#include <thread>

#include "pending/tree_moves.h"

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;
using std::chrono::milliseconds;
using std::chrono::seconds;

class TreeMovesTest : public FolderTest {
 protected:
  explicit TreeMovesTest(const fakes::FakeStoreOptions& store = {}) : FolderTest(store) {}
  Result<void> rename(std::string_view from, std::string_view to) {
    return folder_->rename(context(), kRoot, from, kRoot, to, RenameMode::kReplace);
  }
  InodeNumber inode_of(std::string_view name, InodeNumber parent = kRoot) {
    const auto entry = lookup(parent, name);
    EXPECT_TRUE(entry) << name;
    return entry ? entry->attributes.inode : InodeNumber{};
  }
  /// From here on nothing moves, though the rename is acknowledged.
  void stop_copies() {
    faulty_.fail({.operation = Operation::kCopy, .count = Calls::kAll},
                 Error{Errc::kUnavailable, "stopped", {}});
  }
  void fill(int files) {
    for (int i = 0; i < files; ++i)
      store_.put("users/alice/d/" + std::to_string(1000 + i), std::to_string(i));
    store_.put("users/alice/d/", "");
    store_.put("users/alice/d/e/deep", "deep");
    store_.put("users/alice/d/e/", "");
  }
  std::vector<std::string> expected_keys(int files) const {
    std::vector<std::string> out{"users/alice/n/"};
    for (int i = 0; i < files; ++i) out.push_back("users/alice/n/" + std::to_string(1000 + i));
    out.insert(out.end(), {"users/alice/n/e/", "users/alice/n/e/deep"});
    return out;
  }
};

TEST_F(TreeMovesTest, AreSeenAtOnceAndMoveBehind) {
  fill(3);
  stop_copies();
  ASSERT_TRUE(rename("d", "n"));
  EXPECT_FALSE(drain());
  EXPECT_EQ(lookup("d").error().code, Errc::kNotFound);
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "n"}));
  folder_->refresh();
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "n"}));
  const InodeNumber n = inode_of("n");
  EXPECT_EQ(names(n), (std::vector<std::string>{".", "..", "1000", "1001", "1002", "e"}));
  EXPECT_EQ(read_file(n, "1001"), "1");
  EXPECT_EQ(read_file(inode_of("e", n), "deep"), "deep");
  EXPECT_EQ(lookup(n, "no").error().code, Errc::kNotFound);
  ASSERT_EQ(folder_->pending().size(), 1U);
  EXPECT_EQ(folder_->pending()[0].doing, "being renamed from d/, 0 of 6 objects done");
  faulty_.heal();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), expected_keys(3));
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(TreeMovesTest, DoNotShowADirectoryThatWasRemovedAtItsNewPlace) {
  store_.put("users/alice/d/", "");
  stop_copies();
  ASSERT_TRUE(rename("d", "n"));
  EXPECT_FALSE(drain());
  ASSERT_TRUE(folder_->rmdir(context(), kRoot, "n"));
  folder_->refresh();
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", ".."}));
  faulty_.heal();
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "n", 0755));
  folder_->refresh();
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "n"}));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/n/"});
}

/// Nor one that could not be made there anew.
TEST_F(TreeMovesTest, DoNotShowADirectoryThatWasRemovedAndNotMadeAgain) {
  store_.put("users/alice/d/", "");
  stop_copies();
  ASSERT_TRUE(rename("d", "n"));
  EXPECT_FALSE(drain());
  ASSERT_TRUE(folder_->rmdir(context(), kRoot, "n"));
  faulty_.fail({.operation = Operation::kPut}, Error{Errc::kUnavailable, "reset", {}});
  EXPECT_FALSE(folder_->mkdir(context(), kRoot, "n", 0755));
  folder_->refresh();
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", ".."}));
}

/// Its time is brought to OSS by a copy of its object onto itself, half a minute after its last
/// entry changed: just now.
TEST_F(TreeMovesTest, DoNotShowADirectoryThatWasRemovedWhenItsTimeWasToBeStored) {
  const InodeNumber d = folder_->mkdir(context(), kRoot, "d", 0755)->attributes.inode;
  ASSERT_TRUE(write_file(d, "f", "text"));
  ASSERT_TRUE(drain());
  stop_copies();
  ASSERT_TRUE(rename("d", "n"));
  EXPECT_FALSE(drain());
  ASSERT_TRUE(folder_->unlink(context(), inode_of("n"), "f"));
  scheduler_.advance(std::chrono::seconds(20));
  faulty_.before({.operation = Operation::kDelete},
                 [this] { scheduler_.advance(std::chrono::seconds(11)); });
  ASSERT_TRUE(folder_->rmdir(context(), kRoot, "n"));
  folder_->refresh();
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", ".."}));
  EXPECT_TRUE(drain());  // there is nothing left to copy
  EXPECT_EQ(store_.keys(), std::vector<std::string>{});
}

/// An unlink that fails half-way leaves the file where it was.
TEST_F(TreeMovesTest, LeaveAFileWhoseRemovalFails) {
  fill(1);
  stop_copies();
  ASSERT_TRUE(rename("d", "n"));
  EXPECT_FALSE(drain());
  const InodeNumber n = inode_of("n");
  for (const std::uint64_t at : {1U, 2U}) {
    faulty_.fail({.operation = Operation::kDelete, .from = at}, Error{Errc::kUnavailable, "", {}});
    EXPECT_FALSE(folder_->unlink(context(), n, "1000")) << at;
    folder_->refresh();
    EXPECT_EQ(read_file(n, "1000"), "0") << at;
    faulty_.heal();
    stop_copies();
  }
  EXPECT_TRUE(folder_->unlink(context(), n, "1000"));
  EXPECT_EQ(lookup(n, "1000").error().code, Errc::kNotFound);
}

TEST_F(TreeMovesTest, CostOneCopyAnObjectAndAFewMore) {
  fill(97);  // and two markers, and one below
  ASSERT_TRUE(lookup("d"));
  const auto before = faulty_.started();
  ASSERT_TRUE(rename("d", "n"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), expected_keys(97));
  EXPECT_EQ(faulty_.started(Operation::kCopy), 100U);
  EXPECT_LE(faulty_.started() - before, 110U);
}

TEST_F(TreeMovesTest, AcrossManyPages) {
  fill(2500);
  ASSERT_TRUE(rename("d", "n"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), expected_keys(2500));
}

/// Wherever it is killed, the next daemon shows the new tree and ends the move.
TEST_F(TreeMovesTest, AreEndedByTheNextDaemonWhereverTheFirstIsKilled) {
  fill(70);
  const Operation kinds[] = {Operation::kList, Operation::kCopy, Operation::kDeleteMany};
  for (const Operation kind : kinds) {
    for (std::uint64_t at = 1; at < 80; at += kind == Operation::kCopy ? 9 : 1) {
      folder_->refresh();
      ASSERT_TRUE(lookup("d"));
      faulty_.before({.operation = kind, .from = at}, [&] {
        faulty_.fail_everything(Error{Errc::kUnavailable, "killed", {}});
      });
      const auto renamed = rename("d", "n");
      const bool all = renamed && drain();
      kill_and_begin();
      faulty_.fail_everything(std::nullopt);
      faulty_.heal();
      if (renamed) {
        EXPECT_EQ(lookup("d").error().code, Errc::kNotFound) << at;
        EXPECT_EQ(names(inode_of("n")).size(), 73U) << at;
      }
      folder_->resume();
      ASSERT_TRUE(drain());
      if (renamed) {
        ASSERT_EQ(store_.keys(), expected_keys(70)) << at;
        ASSERT_TRUE(rename("n", "d"));
        ASSERT_TRUE(drain());
      }
      ASSERT_EQ(store_.keys().size(), 73U);
      if (all) break;  // it was not killed any more
    }
  }
}

TEST_F(TreeMovesTest, TakeWhatIsWrittenBelowThemMeanwhile) {
  fill(3);
  stop_copies();
  ASSERT_TRUE(rename("d", "n"));
  EXPECT_FALSE(drain());
  const InodeNumber n = inode_of("n");
  EXPECT_FALSE(write_file(n, "1000", "changed"));  // kept, and tried again
  EXPECT_EQ(read_file(n, "1000"), "changed");
  faulty_.heal();
  ASSERT_TRUE(write_file(n, "1001", "changed too"));
  ASSERT_TRUE(write_file(n, "new", "new"));
  ASSERT_TRUE(folder_->unlink(context(), n, "1002"));
  ASSERT_TRUE(
      folder_->rename(context(), inode_of("e", n), "deep", kRoot, "out", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(),
            (std::vector<std::string>{"users/alice/n/", "users/alice/n/1000", "users/alice/n/1001",
                                      "users/alice/n/e/", "users/alice/n/new", "users/alice/out"}));
  EXPECT_EQ(store_.content("users/alice/n/1000"), "changed");
  EXPECT_EQ(store_.content("users/alice/n/1001"), "changed too");
  EXPECT_EQ(store_.content("users/alice/out"), "deep");
}

TEST_F(TreeMovesTest, WhatWasWrittenBelowThemIsNotUndoneByTheNextDaemon) {
  fill(3);
  stop_copies();
  ASSERT_TRUE(rename("d", "n"));
  EXPECT_FALSE(drain());
  faulty_.heal();
  faulty_.fail({.operation = Operation::kDeleteMany, .count = Calls::kAll},
               Error{Errc::kUnavailable, "stopped", {}});
  const InodeNumber n = inode_of("n");
  ASSERT_TRUE(write_file(n, "1000", "changed"));
  ASSERT_TRUE(folder_->unlink(context(), n, "1001"));
  EXPECT_FALSE(drain());
  kill_and_begin();
  faulty_.heal();
  folder_->resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/n/1000"), "changed");
  EXPECT_EQ(store_.keys(),
            (std::vector<std::string>{"users/alice/n/", "users/alice/n/1000", "users/alice/n/1002",
                                      "users/alice/n/e/", "users/alice/n/e/deep"}));
}

TEST_F(TreeMovesTest, ReachOpenAndDirtyFiles) {
  fill(2);
  const InodeNumber d = inode_of("d");
  const auto reader = folder_->open(context(), inode_of("1001", d), O_RDONLY);
  const auto writer = folder_->open(context(), inode_of("1000", d), O_RDWR);
  ASSERT_TRUE(folder_->write(context(), writer->handle, as_bytes("more"), 1));
  auto fresh = folder_->create(context(), d, "fresh", 0644, O_WRONLY | O_CREAT);
  ASSERT_TRUE(folder_->write(context(), fresh->second.handle, as_bytes("fresh"), 0));
  ASSERT_TRUE(rename("d", "n"));
  EXPECT_EQ(read_handle(reader->handle, {0, 10}), "1");
  ASSERT_TRUE(flush(writer->handle));
  ASSERT_TRUE(flush(fresh->second.handle));
  ASSERT_TRUE(drain());
  EXPECT_EQ(read_handle(reader->handle, {0, 10}), "1");
  EXPECT_EQ(store_.content("users/alice/n/1000"), "0more");
  EXPECT_EQ(store_.content("users/alice/n/fresh"), "fresh");
  EXPECT_EQ(store_.content("users/alice/d/fresh"), std::nullopt);
  for (const auto handle : {reader->handle, writer->handle, fresh->second.handle})
    folder_->release(handle);
}

TEST_F(TreeMovesTest, TakeTheNotesOfStagedFilesAlong) {
  fill(1);
  const InodeNumber d = inode_of("d");
  faulty_.fail({.operation = Operation::kPut, .count = Calls::kAll},
               Error{Errc::kUnavailable, "gone", {}});
  EXPECT_FALSE(write_file(d, "staged", "precious"));
  ASSERT_TRUE(rename("d", "n"));
  kill_and_begin();
  faulty_.heal();
  EXPECT_EQ(read_file(inode_of("n"), "staged"), "precious");
  folder_->resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/n/staged"), "precious");
  EXPECT_EQ(store_.content("users/alice/d/staged"), std::nullopt);
}

TEST_F(TreeMovesTest, CheckBeforeTheFirstCopy) {
  const std::string part = "/" + std::string(252, 'x');
  store_.put("users/alice/d" + part + part + part, "x");
  const std::string longer(255, 'n');
  EXPECT_EQ(rename("d", longer).error().code, Errc::kNameTooLong);
  folder_->refresh();
  store_.put_with("users/alice/a/cold", "x", {.storage_class = "Archive"});
  EXPECT_EQ(rename("a", "b").error().code, Errc::kArchived);
  EXPECT_EQ(faulty_.started(Operation::kCopy), 0U);
  EXPECT_TRUE(lookup("a"));
  store_.restore("users/alice/a/cold");
}

TEST_F(TreeMovesTest, LeaveAnotherClientsObjectAtTheNewKeyAlone) {
  fill(2);
  stop_copies();
  ASSERT_TRUE(rename("d", "n"));
  EXPECT_FALSE(drain());
  faulty_.heal();
  store_.put("users/alice/n/1000", "theirs");
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/n/1000"), "theirs");
  std::string ours;
  for (const std::string& key : store_.keys())
    if (key.starts_with("users/alice/n/1000.conflict-")) ours = *store_.content(key);
  EXPECT_EQ(ours, "0");
}

TEST_F(TreeMovesTest, TakeAlongWhatAnotherClientPutsUnderTheOldName) {
  fill(2);
  faulty_.before({.operation = Operation::kDeleteMany},
                 [&] { store_.put("users/alice/d/late", "late"); });
  ASSERT_TRUE(rename("d", "n"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/n/late"), "late");
  EXPECT_EQ(store_.content("users/alice/d/late"), std::nullopt);
}

// Of what the move has passed nothing is known one by one.
TEST_F(TreeMovesTest, TakeNothingAwayThatAnotherClientPutsBehindThem) {
  fill(2'500);
  faulty_.fail({.operation = Operation::kCopy, .from = 1'500, .count = Calls::kAll},
               Error{Errc::kUnavailable, "stopped", {}});
  ASSERT_TRUE(rename("d", "n"));
  EXPECT_FALSE(drain());
  ASSERT_EQ(store_.content("users/alice/d/1005"), std::nullopt);
  const InodeNumber n = inode_of("n");
  const auto asked = [&] {
    return faulty_.started(Operation::kHead) + faulty_.started(Operation::kGet);
  };
  const auto before = asked();
  EXPECT_EQ(read_file(n, "1004"), "4");
  EXPECT_EQ(asked() - before, 2U);  // the old key is not
  for (const char* key : {"users/alice/d/1005", "users/alice/d/1006"}) store_.put(key, "theirs");
  ASSERT_TRUE(folder_->unlink(context(), n, "1005"));
  faulty_.heal();
  ASSERT_TRUE(write_file(n, "1006", "ours"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/n/1005"), "theirs");
  EXPECT_EQ(store_.content("users/alice/n/1006"), "ours");
  std::string beside;
  for (const std::string& key : store_.keys()) {
    if (key.starts_with("users/alice/n/1006.conflict-")) beside = *store_.content(key);
    EXPECT_FALSE(key.starts_with("users/alice/d/")) << key;
  }
  EXPECT_EQ(beside, "theirs");
  EXPECT_EQ(store_.content("users/alice/n/3499"), "2499");
}

TEST_F(TreeMovesTest, EndBeforeTheOldNameIsUsedAgain) {
  fill(2);
  ASSERT_TRUE(rename("d", "n"));
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  ASSERT_TRUE(write_file(inode_of("d"), "1000", "another"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/d/1000"), "another");
  EXPECT_EQ(store_.content("users/alice/n/1000"), "0");
}

TEST_F(TreeMovesTest, FollowEachOther) {
  fill(2);
  ASSERT_TRUE(rename("d", "m"));
  ASSERT_TRUE(rename("m", "n"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), expected_keys(2));
}

// Not on the thread that renames: who is told may drop a request that ends on the loop just then.
TEST_F(TreeMovesTest, TellWhoWritesBelowThemOfAFailureOnTheLoop) {
  fill(1);
  stop_copies();
  ASSERT_TRUE(rename("d", "n"));
  EXPECT_FALSE(drain());
  const InodeNumber n = inode_of("n");
  faulty_.fail({.operation = Operation::kDelete, .count = Calls::kAll},
               Error{Errc::kUnavailable, "stopped", {}});
  const std::uint64_t before = scheduler_.ran_at_once();
  EXPECT_FALSE(write_file(n, "1000", "other"));
  EXPECT_GT(scheduler_.ran_at_once(), before);
}

TEST_F(TreeMovesTest, AreWaitedForOnlyWhileTheyGetOn) {
  fill(2);
  stop_copies();
  ASSERT_TRUE(rename("d", "m"));
  auto second = std::async(std::launch::async, [&] { return rename("m", "n"); });
  int waited = 0;
  for (; waited < 10'000; ++waited) {
    if (second.wait_for(std::chrono::milliseconds(1)) == std::future_status::ready) break;
    scheduler_.advance(std::chrono::seconds(1));
  }
  ASSERT_LT(waited, 10'000);
  const Error late = second.get().error();
  EXPECT_EQ(late.code, Errc::kTimedOut);
  EXPECT_NE(late.message.find("the rename of users/alice/d/ to users/alice/m/"), std::string::npos)
      << late.message;
  EXPECT_TRUE(lookup("m"));
  faulty_.heal();
  ASSERT_TRUE(drain());
  ASSERT_TRUE(rename("m", "n"));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), expected_keys(2));
}

TEST_F(TreeMovesTest, KeepAParentThatWouldVanish) {
  store_.put("users/alice/p/d/f", "x");
  ASSERT_TRUE(folder_->rename(context(), inode_of("p"), "d", kRoot, "d", RenameMode::kReplace));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), (std::vector<std::string>{"users/alice/d/f", "users/alice/p/"}));
}

TEST_F(TreeMovesTest, ReplaceAnEmptyDirectoryAndTakeTheirOwnMode) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0700));
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "n", 0755));
  ASSERT_TRUE(rename("d", "n"));
  ASSERT_TRUE(drain());
  clock_.advance(std::chrono::minutes(5));
  EXPECT_EQ(lookup("n")->attributes.mode & 07777U, 0700U);
}

// What lies above may get another name between a rename's look at the tree and its turn.
TEST_F(TreeMovesTest, AreOfWhereTheyLieWhenItIsTheirTurn) {
  fill(1);
  const InodeNumber d = inode_of("d");
  inode_of("e", d);
  EXPECT_FALSE(lookup(d, "g"));
  faulty_.before({.operation = Operation::kList, .key = "users/alice/d/e/"},
                 [&] { ASSERT_TRUE(rename("d", "n")); });
  ASSERT_TRUE(folder_->rename(context(), d, "e", d, "g", RenameMode::kReplace));
  EXPECT_EQ(names(d), (std::vector<std::string>{".", "..", "1000", "g"}));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), (std::vector<std::string>{"users/alice/n/", "users/alice/n/1000",
                                                     "users/alice/n/g/", "users/alice/n/g/deep"}));
}

TEST_F(TreeMovesTest, ReplaceNothingThatHasEntriesUnderThePathOfTheirTurn) {
  fill(1);
  store_.put("users/alice/d/t/", "");
  store_.put("users/alice/d/t/kept", "kept");
  const InodeNumber d = inode_of("d");
  inode_of("e", d);
  inode_of("t", d);
  faulty_.before({.operation = Operation::kList, .key = "users/alice/d/t/"}, [&] {
    ASSERT_TRUE(rename("d", "n"));
    ASSERT_TRUE(drain());
  });
  const auto replaced = folder_->rename(context(), d, "e", d, "t", RenameMode::kReplace);
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().code, Errc::kNotEmpty);
  ASSERT_TRUE(drain());
  EXPECT_EQ(*read_file(inode_of("t", d), "kept"), "kept");
  EXPECT_EQ(*read_file(inode_of("e", d), "deep"), "deep");
}

// Two that begin together, one of them into the other: whichever comes first ends first.
TEST_F(TreeMovesTest, WaitForOneThatCameBetweenTheirLookAndTheirTurn) {
  store_.put("users/alice/a/", "");
  store_.put("users/alice/c/", "");
  store_.put("users/alice/c/f", "text");
  const InodeNumber a = inode_of("a");
  inode_of("c");
  EXPECT_FALSE(lookup("b"));
  EXPECT_FALSE(lookup(a, "x"));
  faulty_.before({.operation = Operation::kList, .key = "users/alice/a/"}, [&] {
    stop_copies();
    ASSERT_TRUE(folder_->rename(context(), kRoot, "c", a, "x", RenameMode::kReplace));
  });
  auto second = std::async(std::launch::async, [&] { return rename("a", "b"); });
  for (int i = 0; i < 100; ++i) {
    if (second.wait_for(milliseconds(1)) == std::future_status::ready) break;
    scheduler_.advance(milliseconds(100));
  }
  faulty_.heal();
  faulty_.fail({.operation = Operation::kCopy, .key = "users/alice/a/x/"},
               Error{Errc::kUnavailable, "stopped once more", {}});
  int waited = 0;
  for (; waited < 10'000; ++waited) {
    if (second.wait_for(milliseconds(1)) == std::future_status::ready) break;
    scheduler_.advance(seconds(1));
  }
  ASSERT_LT(waited, 10'000);
  ASSERT_TRUE(second.get());
  static_cast<void>(drain());
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(),
            (std::vector<std::string>{"users/alice/b/", "users/alice/b/x/", "users/alice/b/x/f"}));
}

// Who asks for a name below a directory is told of that directory, whatever others get its name.
TEST_F(TreeMovesTest, SpoilNoAnswerThatIsOnItsWay) {
  store_.put("users/alice/d/", "");
  store_.put("users/alice/d/x", "text");
  store_.put("users/alice/other/", "");
  store_.put("users/alice/other/x/", "");
  const InodeNumber d = inode_of("d");
  inode_of("other");
  EXPECT_FALSE(lookup("n"));
  faulty_.before({.operation = Operation::kHead, .key = "users/alice/d/x"}, [&] {
    clock_.advance(milliseconds(1));
    ASSERT_TRUE(rename("d", "n"));
    ASSERT_TRUE(drain());
    ASSERT_TRUE(rename("other", "d"));
    ASSERT_TRUE(drain());
  });
  const auto found = lookup(d, "x");
  ASSERT_TRUE(found);
  EXPECT_TRUE(S_ISREG(found->attributes.mode));
  EXPECT_EQ(*read_file(d, "x"), "text");
}

// Attributes that go to OSS at once are there before a directory above is renamed, or go where it
// is then.
TEST_F(TreeMovesTest, LoseNoAttributesThatAreOnTheirWay) {
  fill(0);
  const InodeNumber e = inode_of("e", inode_of("d"));
  EXPECT_FALSE(lookup("n"));
  std::promise<void> deletes, may_delete;
  faulty_.before({.operation = Operation::kDeleteMany}, [&] {
    deletes.set_value();
    may_delete.get_future().wait();
  });
  std::future<Result<void>> renamed;
  faulty_.before({.operation = Operation::kCopy, .key = "users/alice/d/e/"}, [&] {
    renamed = std::async(std::launch::async, [&] { return rename("d", "n"); });
    // Where the rename waits for this change it comes to nothing before.
    deletes.get_future().wait_for(milliseconds(200));
  });
  EXPECT_TRUE(folder_->setattr(context(), e, std::nullopt, {.mode = 0700}));
  may_delete.set_value();
  ASSERT_TRUE(renamed.get());
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.meta("users/alice/n/e/")->headers.user["mode"], std::to_string(S_IFDIR | 0700));
}

/// Where a copy has an ETag of its own.
class TreeMovesToOtherVersions : public TreeMovesTest {
 protected:
  TreeMovesToOtherVersions() : TreeMovesTest({.copy_keeps_etag = false}) {}
  /// Renamed, with the objects still where they were.
  void rename_only() {
    store_.put("users/alice/d/f", content_);
    store_.put("users/alice/d/", "");
    names(inode_of("d"));
    inode_of("f", inode_of("d"));
    clock_.advance(std::chrono::seconds(5));
    stop_copies();
    ASSERT_TRUE(rename("d", "n"));
    faulty_.heal();
  }
  Result<void> chmod_file() {
    AttributeChange change;
    change.mode = 0600;
    auto done = folder_->setattr(context(), inode_of("f", inode_of("n")), std::nullopt, change);
    if (!done) return fail(done.error());
    return {};
  }
  std::string content_ = "text";
  std::string mode() { return store_.meta("users/alice/n/f")->headers.user["mode"]; }
};

TEST_F(TreeMovesToOtherVersions, KeepAttributesThatChangeOnTheWay) {
  rename_only();
  ASSERT_TRUE(chmod_file());
  ASSERT_TRUE(drain());
  EXPECT_EQ(mode(), std::to_string(S_IFREG | 0600));
}

TEST_F(TreeMovesToOtherVersions, KeepAttributesThatChangeInTheBackground) {
  options_.commit = CommitMode::kBackground;
  kill_and_begin();
  rename_only();
  ASSERT_TRUE(chmod_file());
  scheduler_.advance(std::chrono::milliseconds(500));  // before the rename is tried again
  ASSERT_TRUE(drain());
  EXPECT_EQ(mode(), std::to_string(S_IFREG | 0600));
}

TEST_F(TreeMovesToOtherVersions, KeepBytesThatChangeOnTheWay) {
  content_ = std::string(20 * kMiB, 'b');
  rename_only();
  const auto opened = folder_->open(context(), inode_of("f", inode_of("n")), O_RDWR);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("CHANGED"), 10 * kMiB));
  ASSERT_TRUE(flush(opened->handle));
  folder_->release(opened->handle);
  ASSERT_TRUE(drain());
  content_.replace(10 * kMiB, 7, "CHANGED");
  EXPECT_TRUE(store_.content("users/alice/n/f") == content_);
  EXPECT_EQ(store_.keys(), (std::vector<std::string>{"users/alice/n/", "users/alice/n/f"}));
}

// Between the two whoever asks may be told of either, and takes it for what it was.
TEST(TreeMovesThatMakeOtherVersions, TellOfThemBeforeTheyShowAndOnceOnlyTheyDo) {
  const stsfs::testing::TemporaryDirectory directory{
      stsfs::testing::TemporaryDirectory::in_memory()};
  fakes::FakeClock clock;
  fakes::InlineExecutor executor;
  fakes::FakeObjectStore store(clock, executor, {.copy_keeps_etag = false});
  fakes::FakeScheduler scheduler(clock);
  const auto journal = staging::Journal::open({.file = directory.path() + "/journal.db"}).value();
  const auto names = staging::NameJournal::open(*journal).value();
  Removals removals(store, scheduler, clock, *names, {});
  store.put("d/f", "x");
  const std::string before = store.meta("d/f")->etag;
  std::vector<std::string> told;
  TreeMoves* asked = nullptr;
  const auto tell = [&](const std::string& what, const std::string& key, const std::string& etag) {
    const bool is_moved = asked->place_of(key).is_moved;
    EXPECT_EQ(etag, before);
    EXPECT_TRUE(store.meta("d/f"));
    told.push_back(what + " " + key + (is_moved ? ", asked for there" : ", asked for at d/"));
  };
  TreeMoves moves(store, scheduler, clock, *names, removals,
                  {.left = [&](const auto& key, const auto& etag) { tell("left", key, etag); }},
                  [&](const auto& key, const auto& etag, const auto& now) {
                    EXPECT_EQ(now, store.meta("n/f")->etag);
                    tell("moved", key, etag);
                    return Result<void>();
                  });
  asked = &moves;
  auto plan = moves.prepare("d/", "n/", nullptr);
  ASSERT_TRUE(plan);
  plan->parent_has_marker = true;
  ASSERT_TRUE(moves.confirm(
      moves.switch_over(std::move(*plan)), "d", "n", false, [] {}, nullptr));
  std::promise<Result<void>> settled;
  moves.settle([&](Result<void> result) { settled.set_value(std::move(result)); });
  EXPECT_TRUE(settled.get_future().get());
  EXPECT_EQ(told,
            (std::vector<std::string>{"moved n/f, asked for at d/", "left n/f, asked for there"}));
  moves.stop();
  removals.stop();
}

/// The look before a rename, with pages of ten, and memory for five objects.
class TreeLook : public ::testing::Test {
 protected:
  TreeLook() {
    for (int i = 0; i < 1'000; ++i) store_.put("d/" + std::to_string(1000 + i), "x");
  }
  ~TreeLook() override {
    moves_.stop();
    removals_.stop();
  }
  /// Before each page.
  void before_pages(std::function<void()> hook) {
    faulty_.before({.operation = Operation::kList, .count = Calls::kAll}, std::move(hook));
  }

  stsfs::testing::TemporaryDirectory directory_{stsfs::testing::TemporaryDirectory::in_memory()};
  fakes::FakeClock clock_;
  fakes::InlineExecutor executor_;
  fakes::FakeObjectStore store_{clock_, executor_, {.page_max = 10}};
  fakes::FakeScheduler scheduler_{clock_};
  fakes::FaultyStore faulty_{store_, &scheduler_};
  const std::unique_ptr<staging::Journal> journal_ =
      staging::Journal::open({.file = directory_.path() + "/journal.db"}).value();
  const std::unique_ptr<staging::NameJournal> names_ =
      staging::NameJournal::open(*journal_).value();
  Removals removals_{faulty_, scheduler_, clock_, *names_, {}};
  TreeMoves moves_{faulty_,
                   scheduler_,
                   clock_,
                   *names_,
                   removals_,
                   {.planned_max = 5},
                   [](const auto&, const auto&, const auto&) { return Result<void>(); }};
};

TEST_F(TreeLook, IsAtAllObjectsAndRemembersTheFirst) {
  const auto plan = moves_.prepare("d/", "n/", nullptr);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->total, 1'000U);
  EXPECT_EQ(plan->objects.size(), 5U);
  store_.put_with("d/last", "x", {.storage_class = "Archive"});
  EXPECT_EQ(moves_.prepare("d/", "n/", nullptr).error().code, Errc::kArchived);
  store_.erase("d/last");
  store_.put("d/" + std::string(1'000, 'z'), "x");
  EXPECT_EQ(moves_.prepare("d/", "a longer one than before/", nullptr).error().code,
            Errc::kNameTooLong);
}

TEST_F(TreeLook, GoesOnForAsLongAsItGetsOn) {
  before_pages([&] { clock_.advance(seconds(5)); });
  EXPECT_TRUE(moves_.prepare("d/", "n/", nullptr));
}

TEST_F(TreeLook, CanBeInterrupted) {
  faulty_.delay({.operation = Operation::kList, .from = 7}, std::chrono::hours(1));
  Interrupt interrupt;
  auto looks = std::async(std::launch::async,
                          [&] { return moves_.prepare("d/", "n/", &interrupt).error().code; });
  while (faulty_.started(Operation::kList) < 7) std::this_thread::yield();
  interrupt.raise();
  EXPECT_EQ(looks.get(), Errc::kInterrupted);
  EXPECT_EQ(faulty_.started(Operation::kList), 7U);
}

}  // namespace
}  // namespace stsfs::fs
