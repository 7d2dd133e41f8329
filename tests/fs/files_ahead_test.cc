// Small files that are read one after the other: how many requests go out before somebody asks, and
// that nobody is shown what an open that asks by itself would not show.
#include "folder_fixture.h"

namespace stsfs::fs {
namespace {

using oss::Operation;
using std::chrono::milliseconds;
using std::chrono::seconds;

class FilesAheadTest : public FolderTest {
 protected:
  static std::string name(int number) {
    return "f" + std::to_string(number / 10) + std::to_string(number % 10);
  }
  static std::string key(int number) { return "users/alice/d/" + name(number); }
  static std::string text(int number) { return "content of " + std::to_string(number); }

  /// A directory of `count` files, listed a moment ago.
  void seed(int count) {
    for (int i = 0; i < count; ++i) store_.put(key(i), text(i));
    list();
  }
  void list() {
    clock_.advance(seconds(5));
    names(InodeNumber::kRoot);
    directory_inode_ = lookup("d")->attributes.inode;
    names(directory_inode_);
    started_gets_ = faulty_.started(Operation::kGet);
    started_heads_ = faulty_.started(Operation::kHead);
  }
  Result<std::string> read(int number) { return read_file(directory_inode_, name(number)); }
  /// The files from the one after the last that was read so.
  void read_to(int end) {
    for (; next_ < end; ++next_) ASSERT_EQ(read(next_), text(next_)) << next_;
  }
  std::uint64_t gets() { return faulty_.started(Operation::kGet) - started_gets_; }
  std::uint64_t heads() { return faulty_.started(Operation::kHead) - started_heads_; }
  void begin_again() {
    folder_->stop();
    folder_.reset();
    begin();
  }

  int next_ = 0;
  InodeNumber directory_inode_{};
  std::uint64_t started_gets_ = 0, started_heads_ = 0;
};

TEST_F(FilesAheadTest, TheNextOfTheListingAreFetchedOncePatternShows) {
  seed(40);
  read_to(2);
  EXPECT_EQ(gets(), 2U);
  read_to(3);
  EXPECT_GT(gets(), 3U + 4U);
  read_to(40);
  EXPECT_EQ(gets(), 40U);  // each once
  EXPECT_LE(heads(), 2U);  // and nothing else of them
}

TEST_F(FilesAheadTest, TheyGoOnInTheNextDirectory) {
  for (int i = 0; i < 20; ++i) store_.put("users/alice/e/" + name(i), text(i));
  seed(20);
  const InodeNumber next = lookup("e")->attributes.inode;
  names(next);
  list();
  read_to(20);
  EXPECT_GT(gets(), 20U + 4U);
  for (int i = 0; i < 20; ++i) ASSERT_EQ(read_file(next, name(i)), text(i));
  EXPECT_EQ(gets(), 40U);
  EXPECT_LE(heads(), 3U);
}

TEST_F(FilesAheadTest, NothingIsFetchedForOneWhoJumpsAbout) {
  seed(90);
  for (int i = 0; i < 30; ++i) ASSERT_EQ(read(i * 37 % 90), text(i * 37 % 90));
  EXPECT_LE(gets(), 31U);
}

// A build, an interpreter and its modules: written here, and read a moment later in any order.
TEST_F(FilesAheadTest, WhatWasWrittenHereIsReadWithOneRequestEach) {
  seed(1);
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(write_file(directory_inode_, name(i), text(i)));
  scheduler_.advance(seconds(90));  // the bytes are here no more
  const std::uint64_t gets_before = gets(), heads_before = heads();
  for (int i = 0; i < 40; ++i) ASSERT_EQ(read(i * 37 % 40), text(i * 37 % 40));
  EXPECT_EQ(gets() - gets_before, 40U);
  EXPECT_LE(heads() - heads_before, 1U);
}

TEST_F(FilesAheadTest, NothingIsFetchedForOneWhoGoesBackwards) {
  seed(30);
  for (int i = 29; i >= 0; --i) ASSERT_EQ(read(i), text(i));
  EXPECT_EQ(gets(), 30U);
}

TEST_F(FilesAheadTest, NoContentIsFetchedForOneWhoWantsAttributes) {
  seed(30);
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(lookup(directory_inode_, name(i)));
  EXPECT_EQ(gets(), 0U);
}

// `ls -l` where somebody read a moment ago.
TEST_F(FilesAheadTest, OneWhoStopsOpeningIsSoonSeen) {
  seed(90);
  read_to(6);
  for (int i = 6; i < 90; ++i) ASSERT_TRUE(lookup(directory_inode_, name(i)));
  EXPECT_LE(gets(), 6U + 12U);
}

TEST_F(FilesAheadTest, WhatAReaderThatStopsLeavesIsLittleAndGoes) {
  seed(90);
  read_to(5);
  EXPECT_LE(gets(), 5U + 10U);
  EXPECT_GT(folder_->read_memory().used_bytes, 0U);
  scheduler_.advance(seconds(3));
  EXPECT_EQ(folder_->read_memory().used_bytes, 0U);
}

TEST_F(FilesAheadTest, OneWhoLeavesOutEverySecondWastesNoMoreThanItUses) {
  seed(80);
  for (int i = 0; i < 80; i += 2) ASSERT_EQ(read(i), text(i));
  EXPECT_LE(gets(), 80U);
}

// --- what is shown ---

TEST_F(FilesAheadTest, AnAnswerConfirmsAnOpenNoLongerThanAnyOther) {
  seed(20);
  read_to(4);
  store_.put(key(4), "theirs");
  store_.put(key(5), "theirs too");
  clock_.advance(milliseconds(900));
  EXPECT_EQ(read(4), text(4));  // asked for less than a second ago
  clock_.advance(milliseconds(200));
  EXPECT_EQ(read(5), "theirs too");
}

TEST_F(FilesAheadTest, StrictlyEveryOpenAsksItself) {
  options_.fresh = options_.open_fresh = milliseconds(0);
  begin_again();
  seed(20);
  read_to(6);
  EXPECT_LE(gets(), 6U);
  store_.put(key(6), "theirs");
  EXPECT_EQ(read(6), "theirs");
}

TEST_F(FilesAheadTest, AVersionThatTheListingDoesNotShowIsFoundByTheOpen) {
  seed(20);
  store_.put(key(5), "a newer version");
  store_.erase(key(6));
  read_to(5);
  EXPECT_EQ(read(5), "a newer version");
  EXPECT_EQ(read(6).error().code, Errc::kNotFound);
  EXPECT_EQ(read(7), text(7));
}

TEST_F(FilesAheadTest, OurOwnChangesAreNotUndone) {
  seed(20);
  read_to(4);
  ASSERT_TRUE(write_file(directory_inode_, name(4), "ours, not their"));
  const InodeNumber fifth = lookup(directory_inode_, name(5))->attributes.inode;
  AttributeChange change;
  change.mode = 0600;
  ASSERT_TRUE(folder_->setattr(context(), fifth, std::nullopt, change));
  ASSERT_TRUE(folder_->unlink(context(), directory_inode_, name(6)));
  ASSERT_TRUE(folder_->rename(context(), directory_inode_, name(8), directory_inode_, name(7),
                              RenameMode::kReplace));
  EXPECT_EQ(read(4), "ours, not their");
  EXPECT_EQ(read(5), text(5));
  EXPECT_EQ(lookup(directory_inode_, name(5))->attributes.mode & 07777U, 0600U);
  EXPECT_EQ(read(6).error().code, Errc::kNotFound);
  EXPECT_EQ(read(7), text(8));
  EXPECT_EQ(read(8).error().code, Errc::kNotFound);
}

// Pages in the kernel are worth a question without a body: one for all of them.
TEST_F(FilesAheadTest, WhatTheKernelHasIsConfirmedByOneListing) {
  seed(30);
  read_to(30);
  scheduler_.advance(seconds(5));
  list();
  const auto open = [&](int number) {
    const InodeNumber inode = lookup(directory_inode_, name(number))->attributes.inode;
    const Opened opened = folder_->open(context(), inode, O_RDONLY).value();
    EXPECT_TRUE(opened.keep_cache);
    folder_->release(opened.handle);
  };
  const std::uint64_t lists = faulty_.started(Operation::kList);
  for (int i = 0; i < 30; ++i) open(i);
  EXPECT_EQ(heads(), 1U);
  EXPECT_EQ(faulty_.started(Operation::kList) - lists, 1U);
  EXPECT_EQ(gets(), 0U);
  store_.put(key(9), "theirs");
  scheduler_.advance(seconds(2));
  EXPECT_EQ(read(9), "theirs");
}

// --- what goes wrong ---

TEST_F(FilesAheadTest, WhatCouldNotBeFetchedIsReadInTheOrdinaryWay) {
  seed(30);
  read_to(2);
  faulty_.fail({.operation = Operation::kGet, .from = 2, .count = 8},  // 1 is the next file's own
               Error{Errc::kUnavailable, "reset", {}});
  read_to(30);
}

TEST_F(FilesAheadTest, WithoutANetworkOnlyWhatIsHereIsRead) {
  seed(30);
  read_to(4);
  faulty_.fail_everything(Error{Errc::kUnavailable, "no route", {}});
  EXPECT_EQ(read(4), text(4));
  clock_.advance(seconds(2));
  EXPECT_EQ(read(5).error().code, Errc::kUnavailable);
  faulty_.fail_everything(std::nullopt);
  EXPECT_EQ(read(5), text(5));
}

TEST_F(FilesAheadTest, ItTakesNoMoreThanItsShareOfTheMemory) {
  constexpr std::size_t kMiB = 1 << 20;
  for (int i = 0; i < 30; ++i) store_.put(key(i), std::string(kMiB, static_cast<char>('a' + i)));
  list();
  for (int i = 0; i < 30; ++i) {
    ASSERT_EQ(read(i), std::string(kMiB, static_cast<char>('a' + i)));
    EXPECT_LE(folder_->read_memory().used_bytes, folder_->read_memory().budget_bytes / 8);
  }
  EXPECT_EQ(gets(), 30U);
}

TEST_F(FilesAheadTest, WithoutASlotNothingGoesAhead) {
  options_.prefetches_max = 0;
  begin_again();
  seed(30);
  read_to(30);
  EXPECT_EQ(gets(), 30U);
}

TEST_F(FilesAheadTest, EmptyAndLargeFilesAmongThemAreReadToo) {
  seed(30);
  const std::string large(3 << 20, 'l');
  store_.put(key(7), "");
  store_.put(key(9), large);
  list();
  read_to(7);
  EXPECT_EQ(read(7), "");
  EXPECT_EQ(read(8), text(8));
  EXPECT_EQ(read(9), large);
  EXPECT_EQ(read(10), text(10));
}

TEST_F(FilesAheadTest, EndingTheMountEndsThem) {
  seed(30);
  faulty_.delay({.operation = Operation::kGet, .from = 4, .count = fakes::Calls::kAll}, seconds(9));
  read_to(3);
  folder_->stop();
  EXPECT_EQ(folder_->read_memory().used_bytes, 0U);
}

}  // namespace
}  // namespace stsfs::fs
