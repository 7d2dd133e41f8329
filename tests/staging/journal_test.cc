#include "stsfs/staging/journal.h"

#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include "stsfs/base/fd.h"
#include "stsfs/base/text.h"
#include "stsfs/staging/staging_area.h"
#include "support/temporary_directory.h"

namespace stsfs::staging {
namespace {

class JournalTest : public ::testing::Test {
 protected:
  std::unique_ptr<Journal> open() { return Journal::open({.file = file_}).value(); }
  static void put(Journal& journal, const JournalEntry& entry) {
    int confirmed = 0;
    journal.put(entry, nullptr, nullptr, [&](Result<void> result) {
      EXPECT_TRUE(result);
      ++confirmed;
    });
    EXPECT_EQ(confirmed, 1);
  }
  JournalEntry entry(std::uint64_t id) {
    JournalEntry out;
    out.id = id;
    out.path = "a b/数\n%.txt";
    out.staged_name = "file-12";
    out.base_key = "users/a/f";
    out.base_etag = "\"5D41\"";
    out.base_size = std::uint64_t{1} << 41;
    out.extents = {{{0, 10}, Origin::kBase},
                   {{10, 5}, Origin::kStaged},
                   {{15, 1}, Origin::kZero},
                   {{16, 40},
                    Origin::kCopied,
                    std::make_shared<const CopySource>(CopySource{"a:b,c/数", "\"5D:42\"", 100}),
                    60}};
    out.headers.content_type = "text/plain; charset=\"x&y=z\"";
    out.headers.encryption = {.method = "KMS", .key_id = "k&1", .data_method = "SM4"};
    out.headers.user = {{"mode", "33188"}, {"odd name", "a=b&c,d\n"}};
    out.tagged = true;
    out.storage_class = "IA";
    out.writes = {.line = "5f3a", .first = 7, .last = 9};
    out.aside = "another client's, \"as it says\"";
    return out;
  }

  stsfs::testing::TemporaryDirectory directory_;
  const std::string file_ = directory_.path() + "/journal.db";
};

// The first version did not say what is set aside.
TEST_F(JournalTest, ReadsAndTakesOverWhatAnEarlierVersionLeft) {
  put(*open(), entry(3));
  {
    SQLite::Database database(file_, SQLite::OPEN_READWRITE);
    for (const char* table : {"files", "fallbacks"})
      database.exec(std::string("ALTER TABLE ") + table + " DROP COLUMN aside");
    database.exec("PRAGMA user_version=1");
  }
  const auto read = Journal::read(file_).value();
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].aside, "");
  const auto journal = open();
  EXPECT_EQ(journal->entries()->size(), 1U);
  put(*journal, entry(3));
  EXPECT_EQ(Journal::read(file_)->at(0).aside, entry(3).aside);
}

TEST_F(JournalTest, DiscardsOnlyWhatIsSetAside) {
  const auto journal = open();
  JournalEntry goes_on = entry(1);
  goes_on.aside.clear();
  put(*journal, goes_on);
  put(*journal, entry(2));
  ASSERT_TRUE(write_file_atomically(directory_.path() + "/file-12", "staged"));
  EXPECT_EQ(Journal::discard(file_, goes_on).error().code, Errc::kNotFound);
  EXPECT_EQ(Journal::discard(file_, entry(3)).error().code, Errc::kNotFound);
  EXPECT_EQ(access((directory_.path() + "/file-12").c_str(), F_OK), 0);
  EXPECT_TRUE(Journal::discard(file_, entry(2)));
  EXPECT_NE(access((directory_.path() + "/file-12").c_str(), F_OK), 0);
  EXPECT_EQ(Journal::read(file_)->size(), 1U);
}

TEST_F(JournalTest, GivesBackWhatItWasTold) {
  const JournalEntry noted = entry(3);
  put(*open(), noted);
  const auto journal = open();
  const auto entries = journal->entries().value();
  ASSERT_EQ(entries.size(), 1U);
  const JournalEntry& read = entries[0];
  EXPECT_EQ(read.path, noted.path);
  EXPECT_EQ(read.staged_name, noted.staged_name);
  EXPECT_EQ(read.base_key, noted.base_key);
  EXPECT_EQ(read.base_etag, noted.base_etag);
  EXPECT_EQ(read.base_size, noted.base_size);
  EXPECT_EQ(read.extents, noted.extents);
  EXPECT_EQ(read.headers.content_type, noted.headers.content_type);
  EXPECT_EQ(read.headers.encryption, noted.headers.encryption);
  EXPECT_EQ(read.headers.user, noted.headers.user);
  EXPECT_TRUE(read.tagged);
  EXPECT_EQ(read.storage_class, noted.storage_class);
  EXPECT_EQ(read.writes, noted.writes);
  EXPECT_EQ(read.aside, noted.aside);
  EXPECT_TRUE(read.same_boot);
  EXPECT_EQ(journal->next_id(), 4U);
}

TEST_F(JournalTest, ReplacesAndErases) {
  {
    const auto journal = open();
    put(*journal, entry(1));
    JournalEntry changed = entry(1);
    changed.path = "other";
    put(*journal, changed);
    put(*journal, entry(2));
    journal->erase(2, [](Result<void> erased) { EXPECT_TRUE(erased); });
  }
  EXPECT_EQ(Journal::owed_by(file_), 1U);
  const auto entries = open()->entries().value();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].path, "other");
}

// One transaction less for each file; another daemon would find that OSS has it.
TEST_F(JournalTest, ThatAFileIsInOssGoesWithTheNextNote) {
  const auto journal =
      Journal::open({.file = file_, .sync_interval = std::chrono::hours(1)}).value();
  put(*journal, entry(1));
  int erased = 0;
  journal->erase(1, [&](Result<void> result) { erased += !!result; });
  EXPECT_EQ(Journal::read(file_)->size(), 1U);
  EXPECT_EQ(erased, 0);
  put(*journal, entry(2));
  EXPECT_EQ(erased, 1);
  ASSERT_EQ(Journal::read(file_)->size(), 1U);
  EXPECT_EQ(Journal::read(file_)->at(0).id, 2U);
}

TEST_F(JournalTest, NotesThatWaitForOthersDoNotPileUp) {
  const auto journal =
      Journal::open({.file = file_, .sync_interval = std::chrono::hours(1)}).value();
  for (std::uint64_t id = 1; id <= 100; ++id) put(*journal, entry(id));
  for (std::uint64_t id = 1; id <= 100; ++id) journal->erase(id, [](Result<void>) {});
  EXPECT_LT(Journal::read(file_)->size(), 50U);
  journal->settle([](Result<void> settled) { EXPECT_TRUE(settled); });
  EXPECT_TRUE(Journal::read(file_)->empty());
}

TEST_F(JournalTest, WhatGivesRoomBackDoesNotWait) {
  const auto area = StagingArea::open({.directory = directory_.path() + "/staging"}).value();
  const std::shared_ptr<StagedFile> file = area->create().value();
  ASSERT_TRUE(file->write(std::vector<std::byte>(std::size_t{1} << 20), 0));
  const auto journal =
      Journal::open({.file = file_, .sync_interval = std::chrono::hours(1)}).value();
  journal->put(entry(1), file, nullptr, [](Result<void> result) { EXPECT_TRUE(result); });
  journal->erase(1, file, true, [](Result<void> result) { EXPECT_TRUE(result); });
  EXPECT_TRUE(Journal::read(file_)->empty());
}

TEST_F(JournalTest, BringsWhatItHasToTheDiskWhenAsked) {
  const auto area = StagingArea::open({.directory = directory_.path() + "/staging"}).value();
  const std::shared_ptr<StagedFile> file = area->create().value();
  ASSERT_TRUE(file->write(as_bytes("precious"), 0));
  for (const bool sync_each : {false, true}) {
    const auto journal =
        Journal::open(
            {.file = file_, .sync_each = sync_each, .sync_interval = std::chrono::hours(1)})
            .value();
    journal->put(entry(1), file, nullptr, [](Result<void> result) { EXPECT_TRUE(result); });
    EXPECT_EQ(Journal::read(file_)->at(0).synced, sync_each);
    for (int i = 0; i < 2; ++i) {  // and once more with nothing left to do
      std::promise<Result<void>> promise;
      journal->to_disk([&](Result<void> result) { promise.set_value(std::move(result)); });
      EXPECT_TRUE(promise.get_future().get());
    }
    EXPECT_TRUE(Journal::read(file_)->at(0).synced);
  }
}

TEST_F(JournalTest, MarksWhatIsOnTheDiskSoonAfter) {
  const auto area = StagingArea::open({.directory = directory_.path() + "/staging"}).value();
  const std::shared_ptr<StagedFile> file = area->create().value();
  ASSERT_TRUE(file->write(as_bytes("precious"), 0));
  {
    const auto journal = open();
    journal->put(entry(1), file, nullptr, [](Result<void> result) { EXPECT_TRUE(result); });
    EXPECT_FALSE(journal->entries()->at(0).synced);
  }  // what is not yet marked is when it ends in order
  EXPECT_TRUE(open()->entries()->at(0).synced);
}

/// Of a file that was noted and whose note has gone, but not from the disk while the journal lives.
class Erased : public JournalTest {
 protected:
  void erase(bool in_oss) {
    journal_->put(entry(1), file_at_hand_, nullptr, [](Result<void> put) { EXPECT_TRUE(put); });
    journal_->erase(1, file_at_hand_, in_oss, [](Result<void> erased) { EXPECT_TRUE(erased); });
  }
  bool is_next() { return area_->create().value()->name() == name_; }

  const std::shared_ptr<StagingArea> area_ =
      StagingArea::open({.directory = directory_.path() + "/staging"}).value();
  std::shared_ptr<StagedFile> file_at_hand_ = area_->create().value();
  const std::string name_ = file_at_hand_->name();
  std::unique_ptr<Journal> journal_ =
      Journal::open({.file = file_, .sync_interval = std::chrono::hours(1)}).value();
};

// A loss of power may bring the note of a file back: its bytes must be there, and no other's.
TEST_F(Erased, StaysAsItIsUntilItsEndIsOnTheDiskAndIsUsedAgainThen) {
  for (const bool in_oss : {false, true}) {
    SCOPED_TRACE(in_oss);
    erase(in_oss);
    file_at_hand_.reset();
    EXPECT_TRUE(area_->has(name_));
    EXPECT_FALSE(is_next());
    journal_.reset();  // it brings everything to the disk
    file_at_hand_ = area_->create().value();
    EXPECT_EQ(file_at_hand_->name(), name_);
    journal_ = Journal::open({.file = file_, .sync_interval = std::chrono::hours(1)}).value();
  }
}

TEST_F(Erased, IsNotUsedAgainWhenSomebodyStillHasIt) {
  erase(true);
  journal_.reset();
  file_at_hand_.reset();
  EXPECT_FALSE(area_->has(name_));
}

/// As if the machine had been started anew since.
void start_anew(const std::string& file) {
  SQLite::Database database(file, SQLite::OPEN_READWRITE);
  for (const char* table : {"files", "fallbacks"})
    database.exec(std::string("UPDATE ") + table + " SET boot='another'");
}

class Fallback : public JournalTest {
 protected:
  Fallback() {
    auto journal = open();
    put_staged(*journal, "first", nullptr);
    journal.reset();  // it brings everything to the disk
    // An interval that does not end in the test: the second note never reaches the disk.
    journal = Journal::open({.file = file_, .sync_interval = std::chrono::hours(1)}).value();
    second_ = put_staged(*journal, "second", first_);
    first_.reset();
    crashed_ = directory_.path() + "/crashed";
    std::filesystem::create_directory(crashed_);
    for (const char* end : {"", "-wal"})
      std::filesystem::copy_file(file_ + end, crashed_ + "/journal.db" + end);
    first_is_there_ = std::filesystem::exists(directory_.path() + "/staging/" + first_name_);
  }
  std::shared_ptr<StagedFile> put_staged(Journal& journal, const std::string& path,
                                         std::shared_ptr<StagedFile> before) {
    std::shared_ptr<StagedFile> file = area_->create().value();
    JournalEntry noted = entry(1);
    noted.path = path;
    noted.staged_name = file->name();
    journal.put(noted, file, before, [](Result<void> result) { EXPECT_TRUE(result); });
    if (!before) {
      first_ = file;
      first_name_ = file->name();
    }
    return file;
  }

  const std::shared_ptr<StagingArea> area_ =
      StagingArea::open({.directory = directory_.path() + "/staging"}).value();
  std::shared_ptr<StagedFile> first_, second_;
  std::string first_name_, crashed_;
  bool first_is_there_ = false;
};

TEST_F(Fallback, KeepsWhatIsOnTheDiskUntilItsSuccessorIs) {
  EXPECT_TRUE(first_is_there_);
  const auto journal = Journal::open({.file = crashed_ + "/journal.db"}).value();
  EXPECT_EQ(journal->entries()->at(0).path, "second");  // the machine did not go down
  EXPECT_EQ(journal->fallbacks()->at(1), first_name_);
}

TEST_F(Fallback, CountsAfterALossOfPower) {
  start_anew(crashed_ + "/journal.db");
  const auto journal = Journal::open({.file = crashed_ + "/journal.db"}).value();
  ASSERT_EQ(journal->entries()->size(), 1U);
  const JournalEntry entry = journal->entries()->at(0);
  EXPECT_EQ(entry.path, "first");
  EXPECT_TRUE(entry.synced);
  EXPECT_TRUE(journal->fallbacks()->empty());
}

TEST_F(Fallback, GoesOnceItsSuccessorIsOnTheDisk) {
  {
    const auto journal = Journal::open({.file = crashed_ + "/journal.db"}).value();
    journal->sync_recovered(journal->entries()->at(0), second_, nullptr);
  }
  start_anew(crashed_ + "/journal.db");
  const auto journal = Journal::open({.file = crashed_ + "/journal.db"}).value();
  EXPECT_EQ(journal->entries()->at(0).path, "second");
}

TEST_F(JournalTest, IsOnTheDiskAtOnceWhenThatIsWanted) {
  const auto area = StagingArea::open({.directory = directory_.path() + "/staging"}).value();
  const auto journal = Journal::open({.file = file_, .sync_each = true}).value();
  journal->put(entry(1), area->create().value(), nullptr,
               [](Result<void> result) { EXPECT_TRUE(result); });
  EXPECT_TRUE(journal->entries()->at(0).synced);
}

TEST_F(JournalTest, RemembersUploadsUntilTheyEnd) {
  {
    const auto journal = open();
    journal->upload_began({"k", "one"}, [] {});
    journal->upload_began({"k", "two"}, [] {});
    journal->upload_ended("one");
  }
  const auto uploads = open()->uploads().value();
  ASSERT_EQ(uploads.size(), 1U);
  EXPECT_EQ(uploads[0].upload_id, "two");
}

TEST_F(JournalTest, TakesNotesFromManyThreads) {
  {
    const auto journal = open();
    std::vector<std::jthread> threads;
    std::atomic<int> confirmed{0};
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i)
          journal->put(entry(journal->next_id()), nullptr, nullptr,
                       [&](Result<void> result) { confirmed += !!result; });
      });
    threads.clear();
    EXPECT_EQ(confirmed, 400);
  }
  EXPECT_EQ(open()->entries()->size(), 400U);
}

TEST_F(JournalTest, IsNobodyElsesBusiness) {
  open();
  struct stat status {};
  ASSERT_EQ(stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 077, 0U);
}

TEST_F(JournalTest, RefusesWhatIsNoJournal) {
  std::ofstream(file_) << std::string(4096, 'x');
  const auto journal = Journal::open({.file = file_});
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().code, Errc::kCorrupt);
}

class AreaTest : public ::testing::Test {
 protected:
  std::shared_ptr<StagingArea> open() {
    return StagingArea::open({.directory = directory_.path() + "/staging"}).value();
  }
  stsfs::testing::TemporaryDirectory directory_;
};

TEST_F(AreaTest, AFileGoesWithItsObjectUnlessItIsKept) {
  std::string kept;
  std::string dropped;
  {
    const auto area = open();
    const auto one = area->create().value();
    const auto two = area->create().value();
    ASSERT_TRUE(one->write(as_bytes("precious"), 3));
    one->keep();
    two->keep();
    two->let_go();
    kept = one->name();
    dropped = two->name();
  }
  const auto area = open();
  EXPECT_EQ(area->reopen(dropped).error().code, Errc::kNotFound);
  const auto again = area->reopen(kept).value();
  EXPECT_GT(area->used_bytes(), 0U);
  std::string text(8, '\0');
  ASSERT_TRUE(again->read(std::as_writable_bytes(std::span(text)), 3));
  EXPECT_EQ(text, "precious");
}

TEST_F(AreaTest, SweepsWhatNobodyKnows) {
  std::string known;
  {
    const auto area = open();
    for (int i = 0; i < 3; ++i) {
      const auto file = area->create().value();
      file->keep();
      known = file->name();
    }
  }
  const auto area = open();
  EXPECT_EQ(area->sweep({known}).value(), 2U);
  EXPECT_TRUE(area->reopen(known));
}

TEST_F(AreaTest, RefusesNamesThatLeadOutside) {
  EXPECT_EQ(open()->reopen("../secret").error().code, Errc::kInvalid);
  EXPECT_EQ(open()->reopen("file-/../x").error().code, Errc::kInvalid);
}

}  // namespace
}  // namespace stsfs::staging
