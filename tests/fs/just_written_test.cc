// What this mount wrote is read without being fetched, and is never taken for what it is not.

#include "reading/just_written.h"

#include "folder_fixture.h"
#include "stsfs/base/crc64.h"

namespace stsfs::fs {
namespace {

using oss::Operation;
using std::chrono::milliseconds;
using std::chrono::seconds;

class ReadAfterWriteTest : public FolderTest {
 protected:
  void write(std::string_view name, std::string_view text) {
    ASSERT_TRUE(write_file(InodeNumber::kRoot, name, text));
  }
  /// Bytes are fetched, and versions asked for, since the last call.
  std::pair<std::uint64_t, std::uint64_t> gets_and_heads() {
    const Counts now{faulty_.started(Operation::kGet), faulty_.started(Operation::kHead)};
    const Counts before = std::exchange(seen_, now);
    return {now.first - before.first, now.second - before.second};
  }
  using Counts = std::pair<std::uint64_t, std::uint64_t>;
  Counts seen_{0, 0};
};

TEST_F(ReadAfterWriteTest, AsksForNothingAtOnce) {
  write("file", "content");
  gets_and_heads();
  EXPECT_EQ(read_file("file"), "content");
  EXPECT_EQ(gets_and_heads(), Counts(0, 0));
}

TEST_F(ReadAfterWriteTest, LaterAsksOnlyWhetherItIsStillThere) {
  write("file", "content");
  clock_.advance(seconds(5));
  gets_and_heads();
  EXPECT_EQ(read_file("file"), "content");
  EXPECT_EQ(gets_and_heads(), Counts(0, 1));
}

TEST_F(ReadAfterWriteTest, ShowsWhatAnotherClientWroteSince) {
  write("file", "content");
  store_.put("users/alice/file", "theirs, longer");
  clock_.advance(seconds(5));
  EXPECT_EQ(read_file("file"), "theirs, longer");
  store_.erase("users/alice/file");
  clock_.advance(seconds(40));
  EXPECT_EQ(read_file("file").error().code, Errc::kNotFound);
}

// git writes an object under a temporary name, compilers their output.
TEST_F(ReadAfterWriteTest, GoesWithTheFileToAnotherName) {
  write("temporary", "content");
  ASSERT_TRUE(folder_->rename(context(), InodeNumber::kRoot, "temporary", InodeNumber::kRoot,
                              "final", RenameMode::kReplace));
  gets_and_heads();
  EXPECT_EQ(read_file("final"), "content");
  EXPECT_EQ(gets_and_heads().first, 0U);
}

// `echo line >> log`: what the file had is not fetched to be sent again.
TEST_F(ReadAfterWriteTest, NorIsWhatIsAddedTo) {
  write("log", "one\n");
  gets_and_heads();
  const auto inode = lookup("log")->attributes.inode;
  for (const std::string_view line : {"two\n", "three\n"}) {
    const auto opened = folder_->open(context(), inode, O_WRONLY | O_APPEND);
    ASSERT_TRUE(folder_->write(context(), opened->handle, as_bytes(line), 0));
    ASSERT_TRUE(flush(opened->handle));
    folder_->release(opened->handle);
  }
  EXPECT_EQ(store_.content("users/alice/log"), "one\ntwo\nthree\n");
  EXPECT_EQ(gets_and_heads().first, 0U);
  EXPECT_EQ(read_file("log"), "one\ntwo\nthree\n");
  EXPECT_EQ(gets_and_heads().first, 0U);
}

TEST_F(ReadAfterWriteTest, OfTwoVersionsTheLaterCounts) {
  write("file", "first");
  write("file", "second");
  EXPECT_EQ(read_file("file"), "second");
  clock_.advance(seconds(5));
  EXPECT_EQ(read_file("file"), "second");
}

TEST_F(ReadAfterWriteTest, AfterAMinuteTheMemoryIsFree) {
  write("file", "content");
  EXPECT_EQ(folder_->read_memory().used_bytes, 7U);
  scheduler_.advance(seconds(61));
  EXPECT_EQ(folder_->read_memory().used_bytes, 0U);
  gets_and_heads();
  EXPECT_EQ(read_file("file"), "content");
  EXPECT_EQ(gets_and_heads().first, 1U);
}

TEST_F(ReadAfterWriteTest, TheOldestMakeRoom) {
  const std::string text(1'000'000, 'x');
  for (int i = 0; i < 40; ++i) write("f" + std::to_string(i), text);
  EXPECT_LE(folder_->read_memory().used_bytes, folder_->read_memory().budget_bytes / 8);
  gets_and_heads();
  EXPECT_EQ(read_file("f39"), text);
  EXPECT_EQ(gets_and_heads().first, 0U);
  EXPECT_EQ(read_file("f0"), text);
  EXPECT_EQ(gets_and_heads().first, 1U);
}

class JustWrittenTest : public ::testing::Test {
 protected:
  ~JustWrittenTest() override { kept_.stop(); }
  std::string found(const std::string& etag) {
    const auto pin = kept_.find(InodeNumber(7), etag);
    return pin ? std::string(as_text(pin.bytes())) : "";
  }
  void keep(const std::string& etag, std::string_view sent) {
    kept_.keep(InodeNumber(7), etag, *staged_, sent.size(), crc64(0, as_bytes(sent)));
  }

  stsfs::testing::TemporaryDirectory directory_{stsfs::testing::TemporaryDirectory::in_memory()};
  fakes::FakeClock clock_;
  fakes::FakeScheduler scheduler_{clock_};
  std::shared_ptr<staging::StagingArea> area_ =
      staging::StagingArea::open({directory_.path() + "/staging", 0}).value();
  std::shared_ptr<staging::StagedFile> staged_ = area_->create().value();
  std::shared_ptr<cache::BlockPool> pool_ =
      cache::BlockPool::create(cache::BlockPool::kBudgetMin, clock_).value();
  JustWritten kept_{scheduler_, clock_, pool_};
};

TEST_F(JustWrittenTest, BytesBelongToTheirVersion) {
  ASSERT_TRUE(staged_->write(as_bytes("content"), 0));
  keep("one", "content");
  EXPECT_EQ(found("one"), "content");
  EXPECT_TRUE(kept_.has(InodeNumber(7), "one"));
  EXPECT_EQ(found("two"), "");
  EXPECT_FALSE(kept_.has(InodeNumber(8), "one"));
}

// The staged file goes on changing under a writer that has it open.
TEST_F(JustWrittenTest, WhatWasWrittenOverSinceItWasSentIsNotKept) {
  ASSERT_TRUE(staged_->write(as_bytes("changed"), 0));
  keep("one", "content");
  EXPECT_EQ(found("one"), "");
  EXPECT_EQ(pool_->figures().used_bytes, 0U);
}

TEST_F(JustWrittenTest, WhatIsReadTakesTheirRoom) {
  ASSERT_TRUE(staged_->write(as_bytes("content"), 0));
  keep("one", "content");
  const std::vector<cache::BlockPool::Wish> all(cache::BlockPool::kBudgetMin /
                                                cache::BlockPool::kBlockSize);
  const auto reader = pool_->add_holder();
  auto blocks = pool_->take(reader, all, cache::BlockPool::Purpose::kDemand);
  ASSERT_TRUE(blocks);
  EXPECT_EQ(found("one"), "");
  keep("two", "content");  // no room: not kept
  EXPECT_EQ(found("two"), "");
}

TEST_F(JustWrittenTest, AfterTheEndNothingIsKept) {
  ASSERT_TRUE(staged_->write(as_bytes("content"), 0));
  kept_.stop();
  keep("one", "content");
  EXPECT_EQ(found("one"), "");
  EXPECT_EQ(pool_->figures().used_bytes, 0U);
}

}  // namespace
}  // namespace stsfs::fs
