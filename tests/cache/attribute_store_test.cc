#include "stsfs/cache/attribute_store.h"

#include <sys/stat.h>

#include <fstream>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "stsfs/oss/retrying_store.h"
#include "support/temporary_directory.h"

namespace stsfs::cache {
namespace {

using Where = AttributeStore::Where;

class AttributeStoreTest : public ::testing::Test {
 protected:
  AttributeStoreTest() { open(); }

  void open(bool with_file = true) {
    store_.reset();
    options_.file = with_file ? directory_.path() + "/cache/attributes.db" : "";
    store_ = AttributeStore::open(options_, clock_);
  }
  static WallTime at(int second) { return WallTime(std::chrono::seconds(1'000 + second)); }
  static oss::ObjectMeta meta(const std::string& etag, int modified, int answered) {
    oss::ObjectMeta out;
    out.etag = etag;
    out.last_modified = at(modified);
    out.server_time = at(answered);
    out.size_bytes = 5;
    out.crc64 = 77;
    out.storage_class = "IA";
    out.headers.content_type = "text/plain";
    out.headers.encryption = {.method = "KMS", .key_id = "k", .data_method = "SM4"};
    out.headers.user = {{"mode", "33188"}, {"note", std::string("a\0b", 3)}};
    return out;
  }
  bool knows(const std::string& key, const std::string& etag, WallTime modified,
             Where where = Where::kAnywhere) {
    return store_->find(key, etag, modified, where).has_value();
  }

  testing::TemporaryDirectory directory_;
  fakes::FakeClock clock_;
  AttributeStoreOptions options_;
  std::unique_ptr<AttributeStore> store_;
};

TEST_F(AttributeStoreTest, AnswersForTheSameVersionOnly) {
  store_->put("k", meta("e", 0, 10));
  EXPECT_TRUE(knows("k", "e", at(0)));
  EXPECT_FALSE(knows("k", "other", at(0)));
  EXPECT_FALSE(knows("k", "e", at(1)));
}

// An entry that we noted has no LastModified; a HEAD that follows our write does not change that.
TEST_F(AttributeStoreTest, AnswersForAnEntryThatWeNotedAlsoAfterAHead) {
  store_->forget("k");
  store_->put_written("k", meta("e", 0, 0));
  EXPECT_TRUE(knows("k", "e", WallTime{}));
  store_->put("k", meta("e", 0, 10));
  EXPECT_TRUE(knows("k", "e", WallTime{}));
  EXPECT_EQ(store_->find("k", "e", WallTime{}, Where::kMemory)->last_modified, at(0));
  EXPECT_FALSE(knows("k", "other", WallTime{}));
}

// Which may have been outrun within its second, but says no more than we know.
TEST_F(AttributeStoreTest, WhatWeWroteStaysKnownAfterAHeadOfTheSameSecond) {
  store_->put_written("k", meta("e", 10, 10));
  oss::ObjectMeta seen = meta("e", 10, 11);
  seen.headers.user[oss::kWriteIdName] = "1";
  store_->put("k", seen);
  clock_.advance(std::chrono::minutes(1));
  EXPECT_TRUE(knows("k", "e", at(10)));
  open();
  EXPECT_TRUE(knows("k", "e", at(10)));
  oss::ObjectMeta changed = meta("e", 10, 11);
  changed.headers.user["mode"] = "33152";
  store_->put_written("k", meta("e", 10, 10));
  store_->put("k", changed);
  clock_.advance(std::chrono::minutes(1));
  EXPECT_FALSE(knows("k", "e", at(10)));
}

// A change of attributes leaves the ETag as it is: the answer of before must not stand for it.
TEST_F(AttributeStoreTest, AnAnswerThatWasOnItsWayWhileWeWroteCountsForNothing) {
  oss::ObjectMeta ours = meta("e", 10, 10);
  ours.headers.user["mode"] = "33152";
  store_->put_written("k", ours);
  store_->put("k", meta("e", 0, 10));  // answered in the same second
  EXPECT_EQ(store_->find("k", "e", WallTime{}, Where::kMemory)->headers.user["mode"], "33152");
  store_->forget("k");
  store_->put("k", meta("e", 0, 11));  // of a change whose outcome is not known
  EXPECT_FALSE(knows("k", "e", WallTime{}));
}

TEST_F(AttributeStoreTest, RemembersOverARestartWithAllThatAHeadTold) {
  store_->put("k", meta("e", 0, 10));
  open();
  EXPECT_FALSE(knows("k", "e", at(0), Where::kMemory));
  const auto found = store_->find("k", "e", at(0), Where::kAnywhere);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->size_bytes, 5u);
  EXPECT_EQ(found->crc64, 77u);
  EXPECT_EQ(found->storage_class, "IA");
  EXPECT_EQ(found->headers.content_type, "text/plain");
  EXPECT_EQ(found->headers.encryption, meta("e", 0, 10).headers.encryption);
  EXPECT_EQ(found->headers.user, meta("e", 0, 10).headers.user);
  EXPECT_TRUE(knows("k", "e", at(0), Where::kMemory));
}

TEST_F(AttributeStoreTest, WhatCouldChangeInTheSameSecondIsGoodForAWhileAndNeverKept) {
  store_->put("k", meta("e", 9, 10));
  EXPECT_TRUE(knows("k", "e", at(9)));
  clock_.advance(std::chrono::seconds(31));
  EXPECT_FALSE(knows("k", "e", at(9)));
  open();
  EXPECT_FALSE(knows("k", "e", at(9)));
}

TEST_F(AttributeStoreTest, AnOutrunAnswerTakesTheKeptOneAway) {
  store_->put("k", meta("e", 0, 10));
  store_->flush();
  store_->put("k", meta("e", 19, 20));
  open();
  EXPECT_FALSE(knows("k", "e", at(0)));
}

TEST_F(AttributeStoreTest, WhatWeWroteIsKnownByTheTimeOfTheAnswer) {
  store_->put_written("k", meta("e", 0, 10));
  for (const int modified : {9, 10, 11}) EXPECT_TRUE(knows("k", "e", at(modified)));
  EXPECT_FALSE(knows("k", "e", at(13)));
  EXPECT_FALSE(knows("k", "e", at(6)));
  EXPECT_TRUE(knows("k", "e", {}));
  open();
  EXPECT_TRUE(knows("k", "e", at(10)));
}

TEST_F(AttributeStoreTest, AnAnswerFromBeforeOurWriteDoesNotCount) {
  store_->put_written("k", meta("new", 0, 20));
  store_->put("k", meta("old", 0, 10));
  EXPECT_TRUE(knows("k", "new", at(20)));
}

TEST_F(AttributeStoreTest, ForgetsInMemoryAndOnDisk) {
  store_->put("k", meta("e", 0, 10));
  store_->flush();
  store_->forget("k");
  EXPECT_FALSE(knows("k", "e", at(0)));
  open();
  EXPECT_FALSE(knows("k", "e", at(0)));
}

TEST_F(AttributeStoreTest, ForgetsAllBelowAlsoWhatIsOnItsWayToTheDisk) {
  options_.memory_rows_max = 2;
  open();
  for (const char* key : {"d/a", "d/b", "d/c/", "da"}) store_->put_written(key, meta("e", 0, 10));
  store_->forget_below("d/");
  const auto check = [&] {
    for (const char* key : {"d/a", "d/b", "d/c/"}) EXPECT_FALSE(knows(key, "e", at(10))) << key;
    EXPECT_TRUE(knows("da", "e", at(10)));
  };
  check();
  open();
  check();
}

TEST_F(AttributeStoreTest, WhatIsAbsentIsSoForAWhile) {
  store_->put_absent("d/");
  ASSERT_TRUE(store_->recent("d/"));
  EXPECT_TRUE(store_->recent("d/")->etag.empty());
  clock_.advance(std::chrono::seconds(31));
  EXPECT_FALSE(store_->recent("d/"));
}

TEST_F(AttributeStoreTest, MemoryIsBoundedAndTheDiskHasTheRest) {
  options_.memory_rows_max = 2;
  open();
  for (const char* key : {"a", "b", "c"}) store_->put(key, meta("e", 0, 10));
  store_->flush();
  EXPECT_FALSE(knows("a", "e", at(0), Where::kMemory));
  EXPECT_TRUE(knows("a", "e", at(0)));
}

TEST_F(AttributeStoreTest, TheDiskIsBounded) {
  options_.disk_rows_max = 100;
  options_.memory_rows_max = 1;
  open();
  for (int i = 0; i < 300; ++i) {
    store_->put("k" + std::to_string(i), meta("e", 0, 10));
    if (i % 50 == 49) {
      store_->flush();
      clock_.advance(std::chrono::seconds(2));
    }
  }
  open();
  int known = 0;
  for (int i = 0; i < 300; ++i) known += knows("k" + std::to_string(i), "e", at(0)) ? 1 : 0;
  EXPECT_LE(known, 100);
  EXPECT_TRUE(knows("k299", "e", at(0)));
}

TEST_F(AttributeStoreTest, ADatabaseThatCannotBeReadIsMadeAnew) {
  store_->put("k", meta("e", 0, 10));
  store_.reset();
  std::ofstream(options_.file, std::ios::binary | std::ios::trunc) << std::string(8'192, 'x');
  open();
  EXPECT_FALSE(knows("k", "e", at(0)));
  store_->put("k", meta("e", 0, 10));
  open();
  EXPECT_TRUE(knows("k", "e", at(0)));
}

TEST_F(AttributeStoreTest, DamageWithinIsFoundWhileReadingAndMendedToo) {
  for (int i = 0; i < 2'000; ++i) store_->put("key" + std::to_string(i), meta("e", 0, 10));
  store_.reset();
  struct stat before {};
  ASSERT_EQ(stat(options_.file.c_str(), &before), 0);
  std::fstream file(options_.file, std::ios::binary | std::ios::in | std::ios::out);
  for (off_t page = 4'096; page < before.st_size; page += 4'096) {
    file.seekp(page);
    file << std::string(2'000, '\xee');
  }
  file.close();
  open();
  for (int i = 0; i < 2'000; ++i) EXPECT_FALSE(knows("key" + std::to_string(i), "e", at(0)));
  store_->put("k", meta("e", 0, 10));
  open();
  EXPECT_TRUE(knows("k", "e", at(0)));
}

TEST_F(AttributeStoreTest, WithoutAFileItRemembersInMemory) {
  open(false);
  store_->put("k", meta("e", 0, 10));
  EXPECT_TRUE(knows("k", "e", at(0)));
}

TEST_F(AttributeStoreTest, AFileThatCannotBeMadeIsDoneWithout) {
  std::ofstream(directory_.path() + "/file") << "x";
  options_.file = directory_.path() + "/file/attributes.db";
  store_.reset();
  store_ = AttributeStore::open(options_, clock_);
  store_->put("k", meta("e", 0, 10));
  EXPECT_TRUE(knows("k", "e", at(0)));
}

TEST_F(AttributeStoreTest, RemembersThatThereAreHiddenLinks) {
  EXPECT_FALSE(store_->has_hidden_links());
  store_->note_hidden_link();
  open();
  EXPECT_TRUE(store_->has_hidden_links());
}

}  // namespace
}  // namespace stsfs::cache
