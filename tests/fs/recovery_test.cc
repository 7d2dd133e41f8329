// What is written survives the daemon: here it "dies" by being dropped with everything it had under
// way, and another begins on the same staging directory.

#include "folder_fixture.h"

#include <filesystem>

#include <SQLiteCpp/SQLiteCpp.h>

#include "stsfs/base/fd.h"
#include "stsfs/oss/retrying_store.h"
#include "stsfs/staging/name_journal.h"
#include "stsfs/staging/rescue.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;

class Recovery : public FolderTest {
 protected:
  const std::string key_ = "users/alice/f";
  void network_gone() {
    names(kRoot);  // what is known by now stays usable
    faulty_.fail_everything(Error{Errc::kUnavailable, "network gone"});
  }
  void network_back() { faulty_.fail_everything(std::nullopt); }
  void resume() {
    folder_->resume();
    while (scheduler_.run_next()) {
    }
  }
  std::string rescued(const staging::JournalEntry& entry) {
    const std::string target = directory_.path() + "/rescued";
    EXPECT_TRUE(staging::rescue_file(options_.staging_directory, entry, target));
    return stsfs::read_file(target, std::size_t{1} << 30).value();
  }
};

class BackgroundCommit : public Recovery {
 protected:
  BackgroundCommit() {
    options_.commit = CommitMode::kBackground;
    folder_->stop();
    begin();
  }
};

TEST_F(Recovery, AFailedCloseIsMadeGoodByTheNextDaemon) {
  network_gone();
  ASSERT_FALSE(write_file(kRoot, "f", "precious"));
  kill_and_begin();
  network_back();
  ASSERT_EQ(folder_->pending().size(), 1U);
  EXPECT_EQ(read_file("f"), "precious");  // shown before it is in OSS
  resume();
  EXPECT_EQ(store_.content(key_), "precious");
  EXPECT_TRUE(folder_->pending().empty());
  kill_and_begin();
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(Recovery, AnAnswerThatWasLostIsNoConflict) {
  faulty_.lose_answer({.operation = Operation::kPut}, Error{Errc::kTimedOut, "no answer"});
  ASSERT_FALSE(write_file(kRoot, "f", "precious"));
  kill_and_begin();
  resume();
  EXPECT_EQ(store_.keys(), std::vector<std::string>{key_});
  EXPECT_EQ(faulty_.started(Operation::kPut), 1U);  // it was found, and not sent again
}

TEST_F(Recovery, AnAnswerThatWasLostIsNoConflictForTheSameDaemonEither) {
  faulty_.lose_answer({.operation = Operation::kPut}, Error{Errc::kTimedOut, "no answer"});
  ASSERT_FALSE(write_file(kRoot, "f", "precious"));
  while (scheduler_.run_next()) {
  }
  EXPECT_EQ(store_.keys(), std::vector<std::string>{key_});
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(Recovery, OfAFileThatWasChangedInPartTheLostAnswerIsFoundBeforeItsBaseIsMissed) {
  const std::string base(std::size_t{20} << 20, 'b');
  store_.put(key_, base);
  const auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_RDWR);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("XY"), std::size_t{10} << 20));
  faulty_.lose_answer({.operation = Operation::kComplete}, Error{Errc::kTimedOut, "no answer"});
  ASSERT_FALSE(flush(opened->handle));
  kill_and_begin();
  resume();
  EXPECT_TRUE(folder_->pending().empty());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{key_});
  EXPECT_EQ(faulty_.started(Operation::kComplete), 1U);
}

TEST_F(Recovery, AVersionOfOursThatSomebodyBroughtBackIsAnothersVersion) {
  ASSERT_TRUE(write_file(kRoot, "f", "first"));
  const oss::ObjectMeta first = *store_.meta(key_);
  ASSERT_TRUE(write_file(kRoot, "f", "second"));
  const auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_RDWR);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("S"), 0));
  store_.put(key_, "first", first.headers.user);
  EXPECT_EQ(flush(opened->handle).error().code, Errc::kStale);
  EXPECT_EQ(store_.content(key_), "first");
}

TEST_F(Recovery, AnotherClientsFileIsNotOverwrittenByWhatIsRecovered) {
  network_gone();
  ASSERT_FALSE(write_file(kRoot, "f", "ours"));
  store_.put(key_, "theirs");
  kill_and_begin();
  network_back();
  resume();
  EXPECT_EQ(store_.content(key_), "theirs");
  ASSERT_EQ(store_.keys().size(), 2U);
  EXPECT_EQ(store_.content(store_.keys()[1]), "ours");
}

TEST_F(Recovery, APartialChangeKeepsItsBase) {
  const std::string base(std::size_t{20} << 20, 'b');
  store_.put(key_, base);
  const auto entry = lookup("f");
  const auto opened = folder_->open(context(), entry->attributes.inode, O_RDWR);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("XY"), std::size_t{10} << 20));
  network_gone();
  ASSERT_FALSE(flush(opened->handle));
  kill_and_begin();
  network_back();
  resume();
  std::string expected = base;
  expected.replace(std::size_t{10} << 20, 2, "XY");
  EXPECT_TRUE(store_.content(key_) == expected);
  for (const PendingFile& file : folder_->pending()) ADD_FAILURE() << file.last_error;
}

// Nothing whole is left to be put anywhere: what is ours is kept, and the path shows theirs.
TEST_F(Recovery, APartialChangeOfAVersionThatIsGoneIsKeptForARescue) {
  store_.put(key_, std::string(std::size_t{20} << 20, 'b'));
  const auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_RDWR);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("XY"), std::size_t{10} << 20));
  store_.put(key_, "theirs");
  EXPECT_EQ(flush(opened->handle).error().code, Errc::kStale);
  // Whoever has it open is told so, and nothing more is taken that could not be kept.
  EXPECT_EQ(folder_->write(context(), opened->handle, as_bytes("Z"), 0).error().code, Errc::kStale);
  EXPECT_EQ(flush(opened->handle).error().code, Errc::kStale);
  EXPECT_EQ(read_handle(opened->handle, {std::size_t{10} << 20, 2}), "XY");
  EXPECT_EQ(read_file("f"), "theirs");
  folder_->release(opened->handle);
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(read_file("f"), "theirs");
    ASSERT_EQ(folder_->pending().size(), 1U);
    EXPECT_EQ(folder_->pending()[0].path, "f");
    EXPECT_EQ(folder_->pending()[0].bytes, 2U);
    EXPECT_FALSE(folder_->pending()[0].last_error.empty());
    EXPECT_TRUE(drain());
    kill_and_begin();
    resume();
  }
  ASSERT_TRUE(write_file(kRoot, "f", "ours again"));
  EXPECT_EQ(store_.content(key_), "ours again");
  const auto kept = staging::Journal::read(options_.staging_directory + "/journal.db").value();
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(rescued(kept[0]).substr(std::size_t{10} << 20, 2), "XY");
  EXPECT_EQ(store_.keys(), std::vector<std::string>{key_});
}

TEST_F(Recovery, AndWhereItsObjectWasRemovedThereIsNone) {
  store_.put(key_, std::string(std::size_t{20} << 20, 'b'));
  const auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_RDWR);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("XY"), std::size_t{10} << 20));
  store_.erase(key_);
  EXPECT_EQ(flush(opened->handle).error().code, Errc::kStale);
  folder_->release(opened->handle);
  EXPECT_EQ(lookup("f").error().code, Errc::kNotFound);
  EXPECT_TRUE(names(kRoot).size() == 2U) << "only the directory itself and the one above";
  EXPECT_EQ(folder_->pending().size(), 1U);
}

// With no journal the only copy would be in memory: then it is not given up.
TEST_F(Recovery, WhatTheJournalCannotKeepIsTriedAgain) {
  store_.put(key_, std::string(std::size_t{20} << 20, 'b'));
  const auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_RDWR);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("XY"), std::size_t{10} << 20));
  store_.put(key_, "theirs");
  {
    SQLite::Database blocker(options_.staging_directory + "/journal.db", SQLite::OPEN_READWRITE);
    blocker.exec("BEGIN IMMEDIATE");
    EXPECT_EQ(flush(opened->handle).error().code, Errc::kStale);
    EXPECT_EQ(folder_->pending().size(), 1U);
  }
  EXPECT_EQ(flush(opened->handle).error().code, Errc::kStale);
  folder_->release(opened->handle);
  kill_and_begin();
  EXPECT_EQ(folder_->pending().size(), 1U);
  EXPECT_EQ(read_file("f"), "theirs");
}

TEST_F(Recovery, AVersionOfOursWhoseAnswerWasLostIsNotTakenForAnothers) {
  std::string expected(std::size_t{20} << 20, 'b');
  store_.put(key_, expected);
  const auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_RDWR);
  const auto change = [&](std::size_t at, std::string_view text) {
    ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes(text), at));
    expected.replace(at, text.size(), text);
  };
  change(std::size_t{10} << 20, "XY");
  faulty_.lose_answer({.operation = Operation::kComplete}, Error{Errc::kTimedOut, "no answer"});
  ASSERT_FALSE(flush(opened->handle));
  // What lies between the two changes is sent again, and is to be fetched from that version.
  change((std::size_t{10} << 20) + (std::size_t{512} << 10), "Z");
  const auto flushed = flush(opened->handle);
  EXPECT_TRUE(flushed) << flushed.error().message;
  folder_->release(opened->handle);
  EXPECT_TRUE(store_.content(key_) == expected);
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(Recovery, AFileThatWasRemovedStaysRemoved) {
  network_gone();
  ASSERT_FALSE(write_file(kRoot, "f", "gone"));
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "f"));
  kill_and_begin();
  network_back();
  EXPECT_EQ(lookup("f").error().code, Errc::kNotFound);
  resume();
  EXPECT_TRUE(folder_->drain(Deadline::in(clock_, std::chrono::seconds(10))));
  EXPECT_TRUE(folder_->pending().empty());
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(Recovery, OfTheTwoNotesOfAFileThatWasRemovedTheLaterCounts) {
  store_.put(key_, "before");
  const auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_RDWR);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("after"), 0));
  faulty_.fail({.operation = Operation::kPut, .count = Calls::kAll}, Error{Errc::kUnavailable, ""});
  ASSERT_FALSE(flush(opened->handle));
  folder_->stop();
  folder_.reset();
  {
    auto journal =
        staging::Journal::open({.file = options_.staging_directory + "/journal.db"}).value();
    auto names = staging::NameJournal::open(*journal).value();
    names->add({staging::RemovalEntry{.id = names->next_id(),
                                      .key = key_,
                                      .etag = store_.meta(key_)->etag,
                                      .removed_at = clock_.wall()}},
               [](Result<void> added) { EXPECT_TRUE(added); });
  }
  faulty_.heal();
  begin();
  EXPECT_EQ(lookup("f").error().code, Errc::kNotFound);
  resume();
  EXPECT_TRUE(folder_->drain(Deadline::in(clock_, std::chrono::seconds(10))));
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(Recovery, AnObjectWhoseAnswerWasLostGoesWithItsFile) {
  faulty_.lose_answer({.operation = Operation::kPut}, Error{Errc::kTimedOut, "no answer"});
  ASSERT_FALSE(write_file(kRoot, "f", "precious"));
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "f"));
  EXPECT_TRUE(folder_->drain(Deadline::in(clock_, std::chrono::seconds(10))));
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(Recovery, WhatWasNeverClosedLeavesNothingBehind) {
  auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes("half"), 0));
  kill_and_begin();
  EXPECT_TRUE(folder_->pending().empty());
  resume();
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(Recovery, AnUploadThatWasUnderWayIsAborted) {
  faulty_.fail({.operation = Operation::kUploadPart, .count = Calls::kAll},
               Error{Errc::kUnavailable, "reset"});
  faulty_.fail({.operation = Operation::kAbort, .count = Calls::kAll},
               Error{Errc::kUnavailable, "reset"});
  ASSERT_FALSE(write_file(kRoot, "f", std::string(std::size_t{20} << 20, 'x')));
  ASSERT_GE(store_.open_uploads(), 1U);
  kill_and_begin();
  faulty_.heal();
  resume();
  EXPECT_EQ(store_.open_uploads(), 0U);
  EXPECT_EQ(store_.content(key_)->size(), std::size_t{20} << 20);
}

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
  scheduler_.advance(std::chrono::seconds(1));
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
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/h"});
  EXPECT_EQ(store_.content("users/alice/h"), "new");
}

TEST_F(Recovery, ACommitThatIsWantedDuringARenameGoesToTheNewName) {
  ASSERT_TRUE(write_file(kRoot, "f", "first"));
  const auto opened = folder_->open(context(), lookup("f")->attributes.inode, O_RDWR);
  Result<void> synced = fail(Errc::kIo, "not answered");
  faulty_.before({.operation = Operation::kCopy}, [&] {
    ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("SECOND"), 0));
    folder_->fsync(context(), opened->handle, false, [&](Result<void> done) { synced = done; });
  });
  ASSERT_TRUE(folder_->rename(context(), kRoot, "f", kRoot, "g", RenameMode::kReplace));
  EXPECT_TRUE(synced) << synced.error().message;
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/g"});
  EXPECT_EQ(store_.content("users/alice/g"), "SECOND");
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
  scheduler_.advance(std::chrono::seconds(5));
  EXPECT_FALSE(store_.content(key_));
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes("OND"), 3));
  ASSERT_TRUE(flush(opened->handle));
  folder_->release(opened->handle);
  scheduler_.advance(std::chrono::seconds(5));
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
  ASSERT_TRUE(folder_->drain(Deadline::in(clock_, std::chrono::seconds(10))));
  EXPECT_EQ(store_.keys().size(), 100U);
  EXPECT_TRUE(folder_->pending().empty());
}

TEST_F(BackgroundCommit, ADirectoryThatIsRenamedTakesItsFilesAlong) {
  const auto directory = folder_->mkdir(context(), kRoot, "a", 0755);
  ASSERT_TRUE(write_file(directory->attributes.inode, "f", "precious"));
  ASSERT_TRUE(folder_->rename(context(), kRoot, "a", kRoot, "b", RenameMode::kReplace));
  kill_and_begin();
  resume();
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.content("users/alice/b/f"), "precious");
  EXPECT_FALSE(store_.content("users/alice/a/f"));
}

/// The disk is as it was at `remember`, and the machine was started anew.
class PowerLoss : public BackgroundCommit {
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

TEST_F(Recovery, ALargeFileGoesUpWhileItIsWritten) {
  const std::string piece(std::size_t{1} << 20, 'p');
  auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  for (std::uint64_t at = 0; at < 64; ++at)
    ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes(piece), at << 20));
  EXPECT_GE(faulty_.started(Operation::kUploadPart), 6U);
  EXPECT_FALSE(store_.content(key_));
  ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes("changed"), 5));
  ASSERT_TRUE(flush(made->second.handle));
  std::string expected(std::size_t{64} << 20, 'p');
  expected.replace(5, 7, "changed");
  EXPECT_TRUE(store_.content(key_) == expected);
  EXPECT_EQ(faulty_.started(Operation::kUploadPart), 9U);  // the first one twice
  EXPECT_EQ(store_.open_uploads(), 0U);
}

TEST_F(Recovery, TimesThatWereSetAreThereAfterAStream) {
  const std::string piece(std::size_t{1} << 20, 'p');
  auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  for (std::uint64_t at = 0; at < 40; ++at)
    ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes(piece), at << 20));
  const WallTime when(std::chrono::seconds(1'600'000'000));
  ASSERT_TRUE(folder_->setattr(context(), made->first.attributes.inode, made->second.handle,
                               {.mtime = when}));
  ASSERT_TRUE(flush(made->second.handle));
  EXPECT_EQ(store_.meta(key_)->headers.user.at("mtime"), "1600000000");
  EXPECT_EQ(store_.meta(key_)->size_bytes, std::uint64_t{40} << 20);
}

TEST_F(Recovery, AStreamOfAFileThatIsRemovedIsAborted) {
  const std::string piece(std::size_t{1} << 20, 'p');
  auto made = folder_->create(context(), kRoot, "f", 0644, O_WRONLY | O_CREAT);
  for (std::uint64_t at = 0; at < 40; ++at)
    ASSERT_TRUE(folder_->write(context(), made->second.handle, as_bytes(piece), at << 20));
  ASSERT_EQ(store_.open_uploads(), 1U);
  ASSERT_TRUE(folder_->unlink(context(), kRoot, "f"));
  ASSERT_TRUE(flush(made->second.handle));
  folder_->release(made->second.handle);
  EXPECT_EQ(store_.open_uploads(), 0U);
  EXPECT_TRUE(store_.keys().empty());
}

TEST_F(Recovery, AnAppendSendsOnlyWhatIsNew) {
  const std::string base(std::size_t{100} << 20, 'b');
  store_.put(key_, base);
  const auto entry = lookup("f");
  const auto opened = folder_->open(context(), entry->attributes.inode, O_WRONLY | O_APPEND);
  ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes(std::string(1 << 20, 'n')), 0));
  ASSERT_TRUE(flush(opened->handle));
  EXPECT_EQ(faulty_.started(Operation::kGet), 0U);
  EXPECT_EQ(faulty_.started(Operation::kCopyPart), 1U);
  EXPECT_EQ(faulty_.started(Operation::kUploadPart), 1U);
  EXPECT_TRUE(store_.content(key_) == base + std::string(1 << 20, 'n'));
  // What comes from the base is read on from the new version.
  folder_->release(opened->handle);
  const auto again = folder_->open(context(), entry->attributes.inode, O_RDONLY);
  EXPECT_EQ(read_handle(again->handle, {0, 4}), "bbbb");
}

}  // namespace
}  // namespace stsfs::fs
