#include "reserve.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <span>
#include <string>

#include <gtest/gtest.h>

#include "stsfs/base/fd.h"
#include "stsfs/staging/journal.h"
#include "support/temporary_directory.h"

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kHeld = std::uint64_t{1} << 20;  // an eighth of the disk

/// A filesystem of 8 MiB that somebody fills.
class ReserveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root mounts a tmpfs";
    mkdir(disk_.c_str(), 0700);
    ASSERT_EQ(mount("small", disk_.c_str(), "tmpfs", 0, "size=8m,mode=0700"), 0);
  }
  void TearDown() override {
    other_.reset();
    umount2(disk_.c_str(), MNT_DETACH);
  }
  void fill_disk() {
    other_.reset(::open((disk_ + "/other").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600));
    const std::string page(4096, 'x');
    while (::write(other_.get(), page.data(), page.size()) > 0) {
    }
  }
  void clear_disk() { EXPECT_EQ(ftruncate(other_.get(), 0), 0); }
  std::unique_ptr<Journal> open(std::shared_ptr<Reserve> reserve) const {
    auto journal = Journal::open({.file = disk_ + "/journal.db", .reserve = std::move(reserve)});
    EXPECT_TRUE(journal) << journal.error().message;
    return journal ? std::move(*journal) : nullptr;
  }
  static Result<void> put(Journal& journal, std::uint64_t id) {
    JournalEntry entry;
    entry.id = id;
    entry.path = std::string(8'000, 'p');  // more than a page
    Result<void> out;
    journal.put(entry, nullptr, nullptr, [&](Result<void> result) { out = std::move(result); });
    return out;
  }
  static Result<void> erase(Journal& journal, std::uint64_t id) {
    Result<void> out;
    journal.erase(id, nullptr, false, [&](Result<void> result) { out = std::move(result); });
    return out;
  }

  testing::TemporaryDirectory directory_;
  const std::string disk_ = directory_ / "disk";
  const std::string file_ = disk_ + "/reserve";
  UniqueFd other_;
};

TEST_F(ReserveTest, HoldsAnEighthOfASmallDiskAndGivesItFreeInPieces) {
  Reserve reserve(file_);
  EXPECT_EQ(reserve.missing_bytes(), kHeld);
  reserve.fill();
  EXPECT_EQ(reserve.missing_bytes(), 0u);
  int pieces = 0;
  while (reserve.give_free(false)) ++pieces;
  EXPECT_EQ(pieces, 4);
  EXPECT_EQ(reserve.missing_bytes(), kHeld / 2);
  while (reserve.give_free(true)) ++pieces;
  EXPECT_EQ(pieces, 8);
  EXPECT_EQ(reserve.missing_bytes(), kHeld);
}

TEST_F(ReserveTest, TakesNothingOfADiskThatIsNearlyFull) {
  Reserve reserve(file_);
  fill_disk();
  ASSERT_EQ(ftruncate(other_.get(), 7 * kHeld), 0);
  reserve.fill();
  EXPECT_EQ(reserve.missing_bytes(), kHeld);
  clear_disk();
  reserve.fill();
  EXPECT_EQ(reserve.missing_bytes(), 0u);
}

TEST_F(ReserveTest, IsFoundByTheNextOne) {
  Reserve(file_).fill();
  fill_disk();
  Reserve next(file_);
  EXPECT_EQ(next.missing_bytes(), 0u);
  EXPECT_TRUE(next.give_free(false));
}

TEST_F(ReserveTest, AJournalOpensOnADiskThatIsFullAndForgetsWhatWasInIt) {
  const auto reserve = std::make_shared<Reserve>(file_);
  reserve->fill();
  {
    const auto journal = open(reserve);
    for (std::uint64_t id = 1; id <= 20; ++id) ASSERT_TRUE(put(*journal, id));
  }
  fill_disk();
  const auto journal = open(reserve);
  ASSERT_TRUE(journal);
  EXPECT_EQ(journal->entries().value().size(), 20u);
  fill_disk();
  for (std::uint64_t id = 1; id <= 20; ++id) {
    const auto erased = erase(*journal, id);
    ASSERT_TRUE(erased) << erased.error().message;
  }
  EXPECT_TRUE(journal->entries().value().empty());
}

// What is new takes half of it at most: the rest is for what is to be forgotten.
TEST_F(ReserveTest, ANewNoteIsRefusedBeforeItHasTakenAll) {
  const auto reserve = std::make_shared<Reserve>(file_);
  reserve->fill();
  const auto journal = open(reserve);
  ASSERT_TRUE(put(*journal, 1));
  fill_disk();
  Result<void> result;
  for (std::uint64_t id = 2; result && id < 2'000; ++id) {
    result = put(*journal, id);
    fill_disk();
  }
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kNoSpace);
  EXPECT_LE(reserve->missing_bytes(), kHeld / 2);
  EXPECT_TRUE(erase(*journal, 1));
  clear_disk();
  EXPECT_TRUE(put(*journal, 1));
  EXPECT_EQ(reserve->missing_bytes(), 0u);  // there is room again
}

}  // namespace
}  // namespace stsfs::staging
