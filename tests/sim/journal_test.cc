#include "store/journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/bucket.h"
#include "support/temporary_directory.h"

namespace stsfs::sim {
namespace {

std::string noise(std::size_t size, unsigned seed) {
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
  return out;
}

std::string text_of(const Content& content) {
  std::string out(content.size(), 'x');
  EXPECT_TRUE(content.read(0, {reinterpret_cast<std::byte*>(out.data()), out.size()}));
  return out;
}

/// One life of a simulator's storage.
struct Life {
  explicit Life(const std::string& directory)
      : storage(Storage::in_directory(directory).value()),
        journal(Journal::open(directory, storage).value()),
        buckets(journal->read().value()) {
    if (buckets.count("b") != 0) return;
    EXPECT_TRUE(journal->bucket({.name = "b"}, {}));
    buckets["b"] = std::make_shared<Bucket>(BucketOptions{.name = "b"}, WallTime{}, journal.get());
  }
  ~Life() { storage->freeze(); }
  Bucket& bucket() { return *buckets.at("b"); }

  Object object(const std::string& bytes) const {
    ContentWriter writer(storage);
    EXPECT_TRUE(writer.write(bytes));
    Object out;
    out.content = writer.finish();
    return out;
  }

  std::shared_ptr<Storage> storage;
  std::unique_ptr<Journal> journal;
  Journal::Buckets buckets;
};

class JournalTest : public ::testing::Test {
 protected:
  std::string path() const { return directory_.path() + "/journal"; }
  std::uint64_t size_of(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(stat((directory_.path() + name).c_str(), &status), 0) << name;
    return static_cast<std::uint64_t>(status.st_size);
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(JournalTest, EverythingOfAnObjectSurvives) {
  const std::string large = noise(300'000, 1);
  {
    Life life(directory_.path());
    Object object = life.object(large);
    object.etag = "\"ABC\"";
    object.last_modified = WallTime(std::chrono::seconds(1'700'000'000));
    object.kind = ObjectKind::kAppendable;
    object.storage_class = "Archive";
    object.content_md5 = "md5==";
    object.headers = {{"content-type", "text/\xFF"}};
    object.user = {{"mode", "33188"}, {"odd", std::string("\0\x01", 2)}};
    object.acl = "public-read";
    object.tags = {{"a", "b"}};
    object.restore = {WallTime(std::chrono::seconds(5)), std::nullopt};
    object.sealed = true;
    object.encryption = {{"x-oss-server-side-encryption", "AES256"}};
    ASSERT_TRUE(life.bucket().put("k\xFF\n", object));
  }
  Life life(directory_.path());
  const ObjectPointer object = life.bucket().find("k\xFF\n");
  ASSERT_TRUE(object);
  EXPECT_TRUE(text_of(object->content) == large);
  EXPECT_EQ(object->content.crc64(), life.object(large).content.crc64());
  EXPECT_EQ(object->etag, "\"ABC\"");
  EXPECT_EQ(object->last_modified, WallTime(std::chrono::seconds(1'700'000'000)));
  EXPECT_EQ(object->kind, ObjectKind::kAppendable);
  EXPECT_EQ(object->storage_class, "Archive");
  EXPECT_EQ(object->content_md5, "md5==");
  EXPECT_EQ(object->headers, (sign::Pairs{{"content-type", "text/\xFF"}}));
  EXPECT_EQ(object->user.at("odd"), std::string("\0\x01", 2));
  EXPECT_EQ(object->acl, "public-read");
  EXPECT_EQ(object->tags.size(), 1U);
  EXPECT_EQ(object->restore.ready_at, WallTime(std::chrono::seconds(5)));
  EXPECT_FALSE(object->restore.expires);
  EXPECT_TRUE(object->sealed);
  EXPECT_EQ(object->encryption.size(), 1U);
}

TEST_F(JournalTest, LastStateCountsAfterManyLives) {
  for (int i = 0; i < 5; ++i) {
    Life life(directory_.path());
    EXPECT_EQ(life.bucket().totals().objects, static_cast<std::uint64_t>(i == 0 ? 0 : 1));
    ASSERT_TRUE(life.bucket().put("k", life.object(noise(200'000, 1))));
    ASSERT_TRUE(life.bucket().put("k", life.object(noise(100'000 + i, 2))));
    ASSERT_TRUE(life.bucket().put("gone", life.object("x")));
    ASSERT_TRUE(life.bucket().remove("gone", "", {}));
  }
  Life life(directory_.path());
  EXPECT_TRUE(text_of(life.bucket().find("k")->content) == noise(100'004, 2));
  EXPECT_EQ(life.bucket().find("gone"), nullptr);
}

TEST_F(JournalTest, UploadsGoOnAfterARestart) {
  std::string open_id;
  std::string ended_id;
  {
    Life life(directory_.path());
    open_id = life.bucket().start_upload({.key = "k"}).value();
    ended_id = life.bucket().start_upload({.key = "k"}).value();
    const Object part = life.object(noise(150'000, 7));
    ASSERT_TRUE(life.bucket().put_part("k", open_id, 3, {"\"P\"", part.content, {}}));
    ASSERT_TRUE(life.bucket().abort_upload("k", ended_id));
  }
  Life life(directory_.path());
  EXPECT_FALSE(life.bucket().has_upload("k", ended_id));
  const auto upload = life.bucket().find_upload("k", open_id);
  ASSERT_TRUE(upload);
  EXPECT_EQ(upload->parts.at(3).etag, "\"P\"");
  EXPECT_TRUE(text_of(upload->parts.at(3).content) == noise(150'000, 7));
}

TEST_F(JournalTest, CopiesShareTheirBytesAfterARestartToo) {
  {
    Life life(directory_.path());
    const Object object = life.object(noise(200'000, 1));
    ASSERT_TRUE(life.bucket().put("one", object));
    ASSERT_TRUE(life.bucket().put("two", object));
  }
  Life life(directory_.path());
  ASSERT_TRUE(life.bucket().remove("one", "", {}));
  EXPECT_TRUE(text_of(life.bucket().find("two")->content) == noise(200'000, 1));
}

class TornJournal : public JournalTest, public ::testing::WithParamInterface<int> {};

TEST_P(TornJournal, KeepsWhatStoodBeforeTheTear) {
  std::uint64_t whole = 0;
  {
    Life life(directory_.path());
    ASSERT_TRUE(life.bucket().put("first", life.object("1")));
    whole = size_of("/journal");
    ASSERT_TRUE(life.bucket().put("second", life.object("2")));
  }
  const auto cut = GetParam() < 0 ? size_of("/journal") - 1 : whole + GetParam();
  ASSERT_EQ(truncate(path().c_str(), static_cast<off_t>(cut)), 0);
  Life life(directory_.path());
  EXPECT_TRUE(life.bucket().find("first"));
  EXPECT_FALSE(life.bucket().find("second"));
}
// Between records, within a length, within a checksum, within a payload, before its last byte.
INSTANTIATE_TEST_SUITE_P(Cuts, TornJournal, ::testing::Values(0, 2, 7, 30, -1));

TEST_F(JournalTest, ChangedByteEndsTheReading) {
  std::uint64_t whole = 0;
  {
    Life life(directory_.path());
    ASSERT_TRUE(life.bucket().put("first", life.object("1")));
    whole = size_of("/journal");
    ASSERT_TRUE(life.bucket().put("second", life.object("2")));
  }
  const UniqueFd fd(open(path().c_str(), O_WRONLY));
  ASSERT_TRUE(pwrite_full(fd.get(), std::as_bytes(std::span("x", 1)), whole + 20));
  Life life(directory_.path());
  EXPECT_TRUE(life.bucket().find("first"));
  EXPECT_FALSE(life.bucket().find("second"));
}

TEST_F(JournalTest, SpaceOfWhatIsGoneIsGivenBackAtTheStart) {
  {
    Life life(directory_.path());
    const Object never_stored = life.object(noise(3'000'000, 1));
    life.storage->freeze();  // a kill
  }
  const Life life(directory_.path());
  for (const char* name : {"/data.0", "/data.1", "/data.2", "/data.3"})
    EXPECT_EQ(size_of(name), 0U) << name;
}

TEST_F(JournalTest, DirectoryIsForOneSimulator) {
  const Life life(directory_.path());
  const auto second = Journal::open(directory_.path(), life.storage);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kBusy);
}

TEST_F(JournalTest, SomebodyElsesFileIsRefusedAndLeft) {
  ASSERT_TRUE(write_file_atomically(path(), "my thesis"));
  const auto storage = Storage::in_directory(directory_.path()).value();
  const auto read = Journal::open(directory_.path(), storage).value()->read();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::kCorrupt);
  EXPECT_EQ(read_file(path()).value(), "my thesis");
}

}  // namespace
}  // namespace stsfs::sim
