// Names that are gone here and deleted behind: what shows meanwhile, in what order it happens, what
// survives a kill.

#include <thread>

#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;

class RemovalsTest : public FolderTest {
 protected:
  Result<void> unlink(std::string_view name, InodeNumber parent = kRoot) {
    return folder_->unlink(context(), parent, name);
  }
  InodeNumber directory_of(std::string_view name) { return lookup(name)->attributes.inode; }
  void network_gone() { faulty_.fail_everything(Error{Errc::kUnavailable, "network gone", {}}); }
  void network_back() { faulty_.fail_everything(std::nullopt); }
  void forget_what_is_known() { folder_->refresh(); }
};

TEST_F(RemovalsTest, AreAcknowledgedBeforeAnythingIsDeleted) {
  store_.put("users/alice/f", "x");
  ASSERT_TRUE(lookup("f"));
  network_gone();
  ASSERT_TRUE(unlink("f"));
  network_back();
  EXPECT_EQ(store_.content("users/alice/f"), "x");
  ASSERT_EQ(folder_->pending().size(), 1U);
  EXPECT_EQ(folder_->pending()[0].path, "f");
  EXPECT_EQ(folder_->pending()[0].doing, "no longer here, to be deleted in OSS");
  forget_what_is_known();
  EXPECT_EQ(lookup("f").error().code, Errc::kNotFound);
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", ".."}));
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.keys().empty());
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(RemovalsTest, AreNotSeenInAnAnswerThatWasOnItsWay) {
  store_.put("users/alice/d/", "");
  store_.put("users/alice/d/f", "x");
  const InodeNumber d = directory_of("d");
  ASSERT_TRUE(unlink("f", d));
  // The server listed the file, then the delete ended, then the listing comes.
  bool gone = false;
  faulty_.after({.operation = Operation::kList, .key = "users/alice/d/"},
                [&] { gone = drain().has_value(); });
  EXPECT_TRUE(folder_->rmdir(context(), kRoot, "d"));
  EXPECT_TRUE(gone);
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(RemovalsTest, DoNotHideWhatIsWrittenAgainMeanwhile) {
  store_.put("users/alice/d/", "");
  store_.put("users/alice/d/f", "x");
  const InodeNumber d = directory_of("d");
  ASSERT_TRUE(unlink("f", d));
  bool written = false;
  faulty_.before({.operation = Operation::kList, .key = "users/alice/d/"}, [&] {
    written = drain() && write_file(d, "f", "x");  // the same bytes, and so the same ETag
  });
  EXPECT_EQ(folder_->rmdir(context(), kRoot, "d").error().code, Errc::kNotEmpty);
  EXPECT_TRUE(written);
}

TEST_F(RemovalsTest, AreNotTakenForWrittenAgainWhereTheServerIsSlow) {
  ASSERT_TRUE(write_file(kRoot, "f", "x"));
  ASSERT_TRUE(unlink("f"));
  clock_.advance(std::chrono::minutes(1));  // so long that it is looked at first
  faulty_.after({.operation = Operation::kBrief},
                [&] { clock_.advance(std::chrono::seconds(20)); });
  ASSERT_TRUE(drain());
  EXPECT_EQ(faulty_.started(Operation::kBrief), 1U);
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(RemovalsTest, GoManyInOneRequestAfterAMoment) {
  for (int i = 0; i < 500; ++i) store_.put("users/alice/f" + std::to_string(i), "x");
  names(kRoot);
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(unlink("f" + std::to_string(i)));
  EXPECT_EQ(faulty_.started(Operation::kDelete) + faulty_.started(Operation::kDeleteMany), 0U);
  ASSERT_TRUE(drain());
  EXPECT_EQ(faulty_.started(Operation::kDelete), 0U);
  EXPECT_EQ(faulty_.started(Operation::kDeleteMany), 1U);
  EXPECT_EQ(faulty_.started(Operation::kBrief), 0U);
  EXPECT_TRUE(store_.keys().empty());
}

/// Else it would show for those of them that are still to go.
TEST_F(RemovalsTest, ADirectoryGoesAfterAllThatWasBelowIt) {
  constexpr int kFiles = 1'200;  // more than one request takes
  const auto name = [](int i) { return "f" + std::to_string(i); };
  store_.put("users/alice/d/", "");
  store_.put("users/alice/d/e/", "");
  for (int i = 0; i < kFiles; ++i) store_.put("users/alice/d/e/" + name(i), "x");
  const InodeNumber d = directory_of("d");
  const InodeNumber e = lookup(d, "e")->attributes.inode;
  names(e);
  const Error stopped{Errc::kUnavailable, "stopped", {}};
  faulty_.fail({.operation = Operation::kDeleteMany, .count = Calls::kAll}, stopped);
  for (int i = 0; i < kFiles; ++i) ASSERT_TRUE(unlink(name(i), e));
  ASSERT_TRUE(folder_->rmdir(context(), d, "e"));
  EXPECT_FALSE(drain());
  faulty_.heal();
  faulty_.fail({.operation = Operation::kDeleteMany, .from = 2, .count = Calls::kAll}, stopped);
  EXPECT_FALSE(drain());
  EXPECT_EQ(folder_->pending().size(), 201U);
  folder_->refresh();
  EXPECT_EQ(names(d), (std::vector<std::string>{".", ".."}));
  faulty_.heal();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/d/"});
}

TEST_F(RemovalsTest, ADirectoryStaysGoneWhileALargeFileThatWasInItIsOpen) {
  store_.put("users/alice/d/", "");
  store_.put("users/alice/d/e/", "");
  store_.put("users/alice/d/e/large", std::string(65 * kMiB, 'x'));
  store_.put("users/alice/other", "x");
  const InodeNumber d = directory_of("d");
  const InodeNumber e = lookup(d, "e")->attributes.inode;
  const auto opened = folder_->open(context(), lookup(e, "large")->attributes.inode, O_RDONLY);
  ASSERT_TRUE(opened);
  ASSERT_TRUE(unlink("large", e));
  ASSERT_TRUE(folder_->rmdir(context(), d, "e"));
  ASSERT_TRUE(unlink("other"));
  while (store_.meta("users/alice/other")) scheduler_.advance(std::chrono::milliseconds(100));
  folder_->refresh();
  EXPECT_EQ(names(d), (std::vector<std::string>{".", ".."}));
  EXPECT_TRUE(store_.meta("users/alice/d/e/large"));
  folder_->release(opened->handle);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/d/"});
}

TEST_F(RemovalsTest, WaitForThoseThatFollowButNotForLong) {
  for (int i = 0; i < 20; ++i) store_.put("users/alice/f" + std::to_string(i), "x");
  names(kRoot);
  const auto deletes = [&] {
    return faulty_.started(Operation::kDelete) + faulty_.started(Operation::kDeleteMany);
  };
  const auto go_on = [&] {  // once the deleting thread has set its timer again
    while (scheduler_.pending() == 0 && deletes() == 0) std::this_thread::yield();
    scheduler_.advance(std::chrono::milliseconds(90));
  };
  ASSERT_TRUE(unlink("f0"));
  for (int i = 1; i <= 10; ++i) {
    go_on();
    EXPECT_EQ(deletes(), 0U) << i;
    ASSERT_TRUE(unlink("f" + std::to_string(i)));
  }
  for (int i = 11; i < 20; ++i) {
    go_on();
    ASSERT_TRUE(unlink("f" + std::to_string(i)));
  }
  while (deletes() == 0) std::this_thread::yield();
  ASSERT_TRUE(drain());
  EXPECT_LE(deletes(), 3U);
}

TEST_F(RemovalsTest, AreGoneForTheNextDaemonToo) {
  store_.put("users/alice/f", "x");
  ASSERT_TRUE(unlink("f"));
  kill_and_begin();
  EXPECT_EQ(lookup("f").error().code, Errc::kNotFound);
  EXPECT_EQ(folder_->pending().size(), 1U);
  folder_->resume();
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.keys().empty());
  kill_and_begin();
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(RemovalsTest, OfAnEarlierDaemonSpareWhatAnotherClientWroteMeanwhile) {
  store_.put("users/alice/f", "ours");
  store_.put("users/alice/same", "ours");
  ASSERT_TRUE(unlink("f"));
  ASSERT_TRUE(unlink("same"));
  clock_.advance(std::chrono::seconds(10));
  kill_and_begin();
  store_.put("users/alice/f", "theirs");
  store_.put("users/alice/same", "ours");  // the same bytes, and so the same ETag
  EXPECT_EQ(read_file("f"), "theirs");
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/f"), "theirs");
  EXPECT_EQ(store_.content("users/alice/same"), "ours");
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(RemovalsTest, ThatFailedLookAgainBeforeTheyDelete) {
  store_.put("users/alice/f", "ours");
  ASSERT_TRUE(unlink("f"));
  network_gone();
  EXPECT_FALSE(drain());
  EXPECT_NE(folder_->pending().at(0).last_error, "");
  network_back();
  store_.put("users/alice/f", "theirs");
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/f"), "theirs");
}

TEST_F(RemovalsTest, SpareWhatAnotherClientWritesBeforeTheDelete) {
  store_.put("users/alice/f", "ours");
  ASSERT_TRUE(unlink("f"));
  store_.put("users/alice/f", "theirs");
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/f"), "theirs");
  EXPECT_TRUE(folder_->pending().empty());
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "f"}));
  EXPECT_EQ(read_file("f"), "theirs");
}

TEST_F(RemovalsTest, OfManyLookAtThemWithOneListing) {
  for (int i = 0; i < 500; ++i) store_.put("users/alice/z" + std::to_string(i), "x");
  names(kRoot);
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(unlink("z" + std::to_string(i)));
  store_.put("users/alice/z7", "theirs");
  store_.erase("users/alice/z8");
  const auto before = faulty_.started();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/z7"});
  EXPECT_EQ(store_.content("users/alice/z7"), "theirs");
  EXPECT_EQ(faulty_.started() - before, 2U);
  EXPECT_EQ(faulty_.started(Operation::kBrief), 0U);
}

// A listing shows what lies between them as well.
TEST_F(RemovalsTest, ThatLieFarApartAreLookedAtOneByOne) {
  const auto name = [](int i) { return "ä" + std::to_string(i) + "é"; };
  for (int i = 0; i < 3'000; ++i) store_.put("users/alice/" + name(i), "x");
  names(kRoot);
  for (int i = 0; i < 3'000; i += 30) ASSERT_TRUE(unlink(name(i)));
  store_.put("users/alice/" + name(30), "theirs");
  const auto listings = faulty_.started(Operation::kList);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys().size(), 2'901U);
  EXPECT_EQ(store_.content("users/alice/" + name(30)), "theirs");
  EXPECT_LE(faulty_.started(Operation::kList) - listings, 3U);
  EXPECT_LE(faulty_.started(Operation::kBrief), 100U);
}

TEST_F(RemovalsTest, TakeAlongWhatAnotherClientHadWrittenBefore) {
  for (const char* name : {"before", "just", "old"})
    store_.put("users/alice/" + std::string(name), "known");
  names(kRoot);
  for (const char* name : {"before", "just", "old"}) ASSERT_TRUE(lookup(name));
  store_.put("users/alice/before", "theirs");
  clock_.advance(std::chrono::seconds(20));
  store_.put("users/alice/just", "theirs");  // which may have been later
  ASSERT_TRUE(unlink("before"));
  ASSERT_TRUE(unlink("just"));
  // That a file is renamed does not say that its name goes, whatever it has by then.
  faulty_.after({.operation = Operation::kCopy}, [&] {
    store_.put("users/alice/old", "theirs");
    clock_.advance(std::chrono::seconds(20));
  });
  EXPECT_TRUE(folder_->rename(context(), kRoot, "old", kRoot, "new", RenameMode::kReplace));
  // However long the answer takes.
  faulty_.before({.operation = Operation::kBrief, .count = Calls::kAll},
                 [&] { clock_.advance(std::chrono::seconds(5)); });
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(),
            (std::vector<std::string>{"users/alice/just", "users/alice/new", "users/alice/old"}));
}

TEST_F(RemovalsTest, OfADirectorySpareItWhereAnotherClientMakesItAnew) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  ASSERT_TRUE(folder_->rmdir(context(), kRoot, "d"));
  clock_.advance(std::chrono::seconds(3));
  store_.put("users/alice/d/", "");  // an ETag that all directories have
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/d/"});
  EXPECT_TRUE(lookup("d"));
}

TEST_F(RemovalsTest, ComeBeforeWhatIsWrittenUnderTheSameName) {
  store_.put("users/alice/f", "old");
  ASSERT_TRUE(unlink("f"));
  ASSERT_TRUE(write_file(kRoot, "f", "new"));
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/f"});
  EXPECT_EQ(store_.content("users/alice/f"), "new");
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/f"), "new");
  kill_and_begin();
  folder_->resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/f"), "new");
}

TEST_F(RemovalsTest, KilledAfterTheNameWasWrittenAnewSpareIt) {
  store_.put("users/alice/f", "old");
  ASSERT_TRUE(unlink("f"));
  faulty_.lose_answer({.operation = Operation::kDelete}, Error{Errc::kTimedOut, "lost", {}});
  EXPECT_FALSE(write_file(kRoot, "f", "new"));  // its turn comes after the delete
  kill_and_begin();
  folder_->resume();
  while (scheduler_.run_next()) {
  }
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/f"});
  EXPECT_EQ(store_.content("users/alice/f"), "new");
}

// "A directory that has no object of its own does not vanish with its last file: it gets one."
TEST_F(RemovalsTest, KeepADirectoryThatWouldVanishWithItsLastFile) {
  store_.put("users/alice/d/e/f", "x");
  store_.put("users/alice/d/g", "x");
  const InodeNumber d = directory_of("d");
  const InodeNumber e = lookup(d, "e")->attributes.inode;
  ASSERT_TRUE(unlink("f", e));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), (std::vector<std::string>{"users/alice/d/e/", "users/alice/d/g"}));
  ASSERT_TRUE(unlink("g", d));
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), (std::vector<std::string>{"users/alice/d/e/"}));
}

TEST_F(RemovalsTest, MakeNothingForADirectoryThatGoesItself) {
  store_.put("users/alice/d/f", "x");
  const InodeNumber d = directory_of("d");
  ASSERT_TRUE(unlink("f", d));
  ASSERT_TRUE(folder_->rmdir(context(), kRoot, "d"));
  forget_what_is_known();
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", ".."}));
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.keys().empty());
  EXPECT_EQ(faulty_.started(Operation::kPut), 0U);
}

TEST_F(RemovalsTest, OfADirectorySpareAnotherClientsNewEntry) {
  ASSERT_TRUE(folder_->mkdir(context(), kRoot, "d", 0755));
  ASSERT_TRUE(folder_->rmdir(context(), kRoot, "d"));
  store_.put("users/alice/d/theirs", "x");
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/d/theirs"});
  forget_what_is_known();
  EXPECT_TRUE(lookup("d"));
}

TEST_F(RemovalsTest, ThatNobodyMayMakeShowTheNameAgain) {
  store_.put("users/alice/f", "x");
  ASSERT_TRUE(unlink("f"));
  faulty_.fail({.operation = Operation::kDelete, .count = fakes::Calls::kAll},
               Error{Errc::kDenied, "AccessDenied", {}});
  EXPECT_EQ(drain().error().code, Errc::kDenied);
  forget_what_is_known();
  EXPECT_TRUE(lookup("f"));
  EXPECT_EQ(unlink("f").error().code, Errc::kDenied);  // now it waits for the answer
  faulty_.heal();
  ASSERT_TRUE(unlink("f"));
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(RemovalsTest, OfALargeOpenFileWaitForItsLastClose) {
  const std::string large(std::size_t{65} << 20, 'x');
  store_.put("users/alice/f", large);
  const auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_RDONLY);
  ASSERT_TRUE(unlink("f"));
  EXPECT_EQ(lookup("f").error().code, Errc::kNotFound);
  EXPECT_EQ(read_handle(opened->handle, {5, 3}), "xxx");
  scheduler_.advance(std::chrono::seconds(1));
  EXPECT_EQ(read_handle(opened->handle, {std::uint64_t{64} << 20, 3}), "xxx");
  folder_->release(opened->handle);
  ASSERT_TRUE(drain());
  EXPECT_TRUE(store_.keys().empty());
}

/// A file that is too large to be fetched, and is open.
class LargeAndOpen : public RemovalsTest {
 protected:
  LargeAndOpen() {
    for (std::size_t i = 0; i < large_.size(); i += 1'000) large_[i] = static_cast<char>(i / 1'000);
    store_.put("users/alice/f", large_);
    handle_ = folder_->open(context(), lookup("f")->attributes.inode, O_RDWR)->handle;
    EXPECT_EQ(read_handle(handle_, {0, 10}), large_.substr(0, 10));
  }
  void expect_old_bytes() {
    for (const std::uint64_t at : {std::uint64_t{0}, 30 * kMiB, 65 * kMiB - 100})
      EXPECT_EQ(read_handle(handle_, {at, 100}), large_.substr(at, 100)) << at;
  }
  std::string large_ = std::string(65 * kMiB, 'x');
  HandleNumber handle_{};
};

class RemovedAndMadeAnew : public LargeAndOpen {
 protected:
  RemovedAndMadeAnew() { EXPECT_TRUE(unlink("f")); }
};

// "When another file of that name is written before, the object is first copied aside on the
// server"
TEST_F(RemovedAndMadeAnew, IsReadOnByWhoHasItOpen) {
  ASSERT_TRUE(write_file(kRoot, "f", "new"));
  EXPECT_EQ(store_.content("users/alice/f"), "new");
  expect_old_bytes();
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "f"}));
  ASSERT_TRUE(unlink("f"));
  ASSERT_TRUE(write_file(kRoot, "f", "newer"));
  expect_old_bytes();
  folder_->release(handle_);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/f"});
  EXPECT_EQ(store_.content("users/alice/f"), "newer");
}

TEST_F(RemovedAndMadeAnew, LeavesNothingBehindAfterAKill) {
  ASSERT_TRUE(write_file(kRoot, "f", "new"));
  EXPECT_EQ(store_.keys().size(), 2U);
  clock_.advance(std::chrono::seconds(60));
  kill_and_begin();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/f"});
  EXPECT_EQ(read_file("f"), "new");
}

TEST_F(RemovedAndMadeAnew, IsMadeWhereTheOldCannotBeKept) {
  faulty_.fail({.operation = Operation::kCopy, .count = fakes::Calls::kAll},
               Error{Errc::kDenied, "no copies", {}});
  ASSERT_TRUE(write_file(kRoot, "f", "new"));
  EXPECT_EQ(store_.content("users/alice/f"), "new");
  EXPECT_EQ(read_handle(handle_, {65 * kMiB - 100, 100}).error().code, Errc::kStale);
  folder_->release(handle_);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/f"});
}

TEST_F(RemovedAndMadeAnew, IsKeptForNobodyOnceItIsClosed) {
  folder_->release(handle_);
  ASSERT_TRUE(write_file(kRoot, "f", "new"));
  EXPECT_EQ(faulty_.started(Operation::kCopy), 0U);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/f"});
}

class RenamedOver : public LargeAndOpen {
 protected:
  RenamedOver() { store_.put("users/alice/new", "new"); }
  Result<void> rename() {
    return folder_->rename(context(), kRoot, "new", kRoot, "f", RenameMode::kReplace);
  }
};

// "One that is renamed over is copied aside as well"
TEST_F(RenamedOver, IsReadOnByWhoHasItOpen) {
  ASSERT_TRUE(rename());
  EXPECT_EQ(read_file("f"), "new");
  expect_old_bytes();
  EXPECT_EQ(names(kRoot), (std::vector<std::string>{".", "..", "f"}));
  ASSERT_TRUE(write_file(kRoot, "f", "newer"));
  expect_old_bytes();
  folder_->release(handle_);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/f"});
  EXPECT_EQ(store_.content("users/alice/f"), "newer");
}

TEST_F(RenamedOver, LeavesNothingBehindAfterAKill) {
  ASSERT_TRUE(rename());
  clock_.advance(std::chrono::seconds(60));
  kill_and_begin();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/f"});
  EXPECT_EQ(read_file("f"), "new");
}

TEST_F(RenamedOver, IsReplacedWhereItCannotBeKept) {
  faulty_.fail({.operation = Operation::kCopy}, Error{Errc::kDenied, "no copies", {}});
  ASSERT_TRUE(rename());
  EXPECT_EQ(read_file("f"), "new");
  EXPECT_EQ(read_handle(handle_, {65 * kMiB - 100, 100}).error().code, Errc::kStale);
  folder_->release(handle_);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/f"});
}

TEST_F(RenamedOver, IsWrittenOnWhenTheRenameFails) {
  faulty_.fail({.operation = Operation::kCopy, .from = 2, .count = fakes::Calls::kAll},
               Error{Errc::kUnavailable, "reset", {}});
  ASSERT_FALSE(rename());
  faulty_.heal();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), (std::vector<std::string>{"users/alice/f", "users/alice/new"}));
  expect_old_bytes();
  ASSERT_TRUE(folder_->write(context(), handle_, as_bytes(std::string_view("ours")), 30 * kMiB));
  ASSERT_TRUE(flush(handle_));
  large_.replace(30 * kMiB, 4, "ours");
  expect_old_bytes();
  folder_->release(handle_);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/f"), large_);
  EXPECT_EQ(store_.keys(), (std::vector<std::string>{"users/alice/f", "users/alice/new"}));
}

TEST_F(RemovalsTest, OfALargeOpenFileAreMadeBeforeItsDirectoryIsRenamed) {
  const std::string large(65 * kMiB, 'x');
  store_.put("users/alice/d/f", large);
  store_.put("users/alice/d/other", "other");
  const InodeNumber d = lookup("d")->attributes.inode;
  const auto opened = folder_->open(context(), lookup(d, "f")->attributes.inode, O_RDONLY);
  ASSERT_TRUE(folder_->unlink(context(), d, "f"));
  ASSERT_TRUE(folder_->rename(context(), kRoot, "d", kRoot, "e", RenameMode::kReplace));
  EXPECT_EQ(read_handle(opened->handle, {64 * kMiB, 3}), "xxx");
  folder_->release(opened->handle);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/e/other"});
}

TEST_F(RemovalsTest, AreNotSeenByAPagedListing) {
  for (int i = 1000; i < 3500; ++i) store_.put("users/alice/" + std::to_string(i), "x");
  names(kRoot);
  for (int i = 1000; i < 3400; ++i) {
    if (i % 100 == 7) continue;
    ASSERT_TRUE(unlink(std::to_string(i)));
  }
  forget_what_is_known();
  EXPECT_EQ(names(kRoot).size(), 2U + 24U + 100U);
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys().size(), 124U);
}

}  // namespace
}  // namespace stsfs::fs
