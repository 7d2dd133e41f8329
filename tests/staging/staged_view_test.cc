#include "stsfs/staging/staged_view.h"

#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "stsfs/base/text.h"
#include "stsfs/staging/staging_area.h"
#include "support/temporary_directory.h"

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kLarge = std::uint64_t{1} << 20;

class StagedViews : public ::testing::Test {
 protected:
  void open(std::uint64_t budget_bytes = 0) {
    area_ = StagingArea::open(
                {.directory = directory_.path() + "/staging", .budget_bytes = budget_bytes})
                .value();
    file_ = area_->create().value();
  }
  void write(std::uint64_t offset, const std::string& text) {
    ASSERT_TRUE(file_->write(as_bytes(text), offset));
  }
  std::shared_ptr<StagedView> frozen(std::vector<ByteRange> staged) {
    std::vector<Extent> extents;
    for (const ByteRange& range : staged) extents.push_back({range, Origin::kStaged});
    auto view = std::make_shared<StagedView>(file_);
    view->freeze(++moment_, extents);
    return view;
  }
  static std::string text(const StagedView& view, ByteRange range) {
    std::string out(range.length, '?');
    EXPECT_TRUE(view.read(std::as_writable_bytes(std::span(out)), range.offset));
    return out;
  }
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path() + "/staging"))
      if (entry.path().filename().string().starts_with("file-")) ++count;
    return count;
  }

  stsfs::testing::TemporaryDirectory directory_;
  std::shared_ptr<StagingArea> area_;
  std::shared_ptr<StagedFile> file_;
  std::uint64_t moment_ = 0;
};

TEST_F(StagedViews, ShowWhatWasThereWhenTheyWereFrozen) {
  open();
  write(0, "hello world");
  StagedView live(file_);
  const auto view = frozen({{0, 11}});
  write(6, "there");
  write(0, "J");
  write(11, ", and more");
  EXPECT_EQ(text(*view, {0, 11}), "hello world");
  EXPECT_EQ(text(*view, {4, 4}), "o wo");
  EXPECT_EQ(text(live, {0, 21}), "Jello there, and more");
}

TEST_F(StagedViews, ShowOneMomentEach) {
  open();
  write(0, std::string(3 * 4096, 'a'));
  const auto first = frozen({{0, 3 * 4096}});
  write(0, std::string(4096, 'b'));
  const auto second = frozen({{0, 3 * 4096}});
  write(0, std::string(2 * 4096, 'c'));
  const auto third = frozen({{0, 3 * 4096}});
  write(0, std::string(3 * 4096, 'd'));
  EXPECT_EQ(text(*first, {0, 3 * 4096}), std::string(3 * 4096, 'a'));
  EXPECT_EQ(text(*second, {0, 3 * 4096}), std::string(4096, 'b') + std::string(2 * 4096, 'a'));
  EXPECT_EQ(text(*third, {0, 3 * 4096}), std::string(2 * 4096, 'c') + std::string(4096, 'a'));
}

TEST_F(StagedViews, WhatIsWrittenBehindThemIsNotCopied) {
  open();
  write(0, std::string(kLarge + 5, 'a'));
  const auto view = frozen({{0, kLarge + 5}});
  write(kLarge + 5, std::string(kLarge - 5, 'b'));
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(area_->used_bytes(), 2 * kLarge);
}

TEST_F(StagedViews, WhatIsWrittenOverTwiceIsCopiedOnce) {
  open();
  write(0, std::string(kLarge, 'a'));
  const auto view = frozen({{0, kLarge}});
  for (int i = 0; i < 10; ++i) write(64 * 1024, std::string(64 * 1024, 'b'));
  EXPECT_EQ(files(), 2U);
  EXPECT_EQ(area_->used_bytes(), kLarge + 64 * 1024 + 4096);  // it says what it is
}

TEST_F(StagedViews, GiveRoomBackWhenTheyGo) {
  open();
  write(0, std::string(kLarge, 'a'));
  auto first = frozen({{0, kLarge}});
  auto second = frozen({{0, kLarge}});
  write(0, std::string(kLarge, 'b'));
  second.reset();  // the first still counts on what was copied since
  EXPECT_EQ(text(*first, {0, kLarge}), std::string(kLarge, 'a'));
  first.reset();
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(area_->used_bytes(), kLarge);
  write(0, "c");
  EXPECT_EQ(files(), 1U);
}

// "… a write for which it has no room fails with ENOSPC."
TEST_F(StagedViews, NothingIsWrittenOverForWhichThereIsNoRoom) {
  open(2 * kLarge);
  write(0, std::string(kLarge + kLarge / 2, 'a'));
  const auto view = frozen({{0, kLarge + kLarge / 2}});
  const std::string other(kLarge, 'b');
  EXPECT_EQ(file_->write(as_bytes(other), 0).error().code, Errc::kNoSpace);
  EXPECT_EQ(text(*view, {0, kLarge}), std::string(kLarge, 'a'));
  EXPECT_EQ(text(StagedView(file_), {0, kLarge}), std::string(kLarge, 'a'));
  write(0, std::string(1024, 'c'));
  EXPECT_EQ(text(*view, {0, kLarge}), std::string(kLarge, 'a'));
}

/// Any writes, of any view, against copies in memory.
TEST_F(StagedViews, AlwaysShowTheirMoment) {
  constexpr std::uint64_t kSize = 20 * 4096;
  for (std::uint32_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE(seed);
    open();
    std::mt19937 random(seed);
    const auto below = [&](std::uint64_t bound) {
      return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(random);
    };
    struct Known {
      std::shared_ptr<StagedView> view;
      std::vector<ByteRange> held;
      std::string content;
    };
    std::vector<Known> known;
    std::string now(kSize, '\0');
    for (int step = 0; step < 200; ++step) {
      const std::uint64_t offset = below(kSize);
      const std::uint64_t length = 1 + below(std::min<std::uint64_t>(kSize - offset, 9'000));
      const std::string piece(length, static_cast<char>('a' + below(26)));
      write(offset, piece);
      now.replace(offset, length, piece);
      if (below(10) == 0) {  // all of it, or two pieces
        const std::uint64_t cut = below(kSize - 4096) + 1;
        std::vector<ByteRange> held{{0, cut}};
        if (below(2) == 0) held.push_back({cut + 4096, kSize - cut - 4096});
        known.push_back({frozen(held), held, now});
      }
      if (known.size() > 4 || (!known.empty() && below(20) == 0))
        known.erase(known.begin() + static_cast<std::ptrdiff_t>(below(known.size())));
      for (const Known& one : known)
        for (const ByteRange& range : one.held)
          ASSERT_EQ(text(*one.view, range), one.content.substr(range.offset, range.length));
    }
    known.clear();
    EXPECT_EQ(files(), 1U);
  }
}

}  // namespace
}  // namespace stsfs::staging
