// What is written survives the daemon.

#include "recovery_fixture.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include "stsfs/staging/name_journal.h"

namespace stsfs::fs {
namespace {

using fakes::Calls;
using oss::Operation;

class Recovery : public RecoveryTest {};

// "… nor of what a close was about to bring to OSS: it stands in a journal beside the staged bytes,
// and the next mount of the folder shows it and goes on."
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

TEST_F(Recovery, TheLogNamesTheFileThatIsNotInOssYet) {
  network_gone();
  ::testing::internal::CaptureStdout();
  ASSERT_FALSE(write_file(kRoot, "f", "precious"));
  const std::string log = ::testing::internal::GetCapturedStdout();
  EXPECT_NE(log.find("f is not in OSS yet and is kept: "), std::string::npos) << log;
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
  EXPECT_EQ(store_.content("users/alice/g"), "SECOND");
  ASSERT_TRUE(drain());
  EXPECT_EQ(store_.keys(), std::vector<std::string>{"users/alice/g"});
}

}  // namespace
}  // namespace stsfs::fs
