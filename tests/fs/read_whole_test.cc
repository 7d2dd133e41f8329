#include "reading/read_whole.h"

#include <gtest/gtest.h>

namespace stsfs::fs {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kGiB = 1 << 30;
constexpr std::uint64_t kWindow = 256 * kMiB;

class ReadWholeTest : public ::testing::Test {
 protected:
  /// A reader jumps that often, and waits for each.
  void jump(ReadWhole& whole, int times, microseconds wait) {
    for (int i = 0; i < times; ++i) {
      whole.jumped(now_);
      now_ += wait;
      whole.waited(wait);
    }
  }
  /// All that may be under way now; as bytes.
  std::uint64_t ask(ReadWhole& whole) {
    std::uint64_t out = 0;
    while (const auto piece = whole.next()) {
      whole.asked(*piece, now_);
      asked_.push_back(*piece);
      out += piece->length;
    }
    return out;
  }
  /// It all comes, at this rate.
  void receive(ReadWhole& whole, std::uint64_t bytes_per_second) {
    std::vector<ByteRange> pieces;
    pieces.swap(asked_);
    for (const ByteRange& piece : pieces) {
      now_ += microseconds(piece.length * 1'000'000 / bytes_per_second);
      whole.ended(piece, piece.length, now_);
    }
  }

  SteadyTime now_{seconds(1'000)};
  std::vector<ByteRange> asked_;
};

TEST_F(ReadWholeTest, ItBeginsAfterManyJumpsThatCostedTime) {
  ReadWhole whole(kGiB, kGiB, kWindow);
  jump(whole, 127, milliseconds(20));
  EXPECT_FALSE(whole.begun());
  EXPECT_FALSE(whole.next());
  jump(whole, 1, milliseconds(20));
  EXPECT_TRUE(whole.begun());
  EXPECT_TRUE(whole.wants_blocks());
  EXPECT_TRUE(whole.next());
}

TEST_F(ReadWholeTest, WhereJumpsCostLittleThereAreMoreOfThem) {
  ReadWhole whole(kGiB, kGiB, kWindow);
  jump(whole, 1'900, microseconds(250));
  EXPECT_FALSE(whole.begun());
  jump(whole, 300, microseconds(250));
  EXPECT_TRUE(whole.begun());
}

TEST_F(ReadWholeTest, OfASmallObjectOneForEachBlockIsMany) {
  ReadWhole whole(16 * kMiB, kGiB, kWindow);
  jump(whole, 17, milliseconds(20));
  EXPECT_TRUE(whole.begun());
}

TEST_F(ReadWholeTest, WhatHasNoRoomIsNeverAskedForWhole) {
  ReadWhole whole(kGiB, kGiB - 1, kWindow);
  jump(whole, 10'000, milliseconds(20));
  EXPECT_FALSE(whole.begun());
}

TEST_F(ReadWholeTest, WhoJumpsSeldomNeverGetsThere) {
  ReadWhole whole(kGiB, kGiB, kWindow);
  for (int i = 0; i < 1'000; ++i) {
    jump(whole, 1, milliseconds(20));
    now_ += seconds(1);
  }
  EXPECT_FALSE(whole.begun());
}

TEST_F(ReadWholeTest, ItGoesThroughTheObjectOnce) {
  ReadWhole whole(100 * kMiB + 1, kGiB, kWindow);
  jump(whole, 1'000, milliseconds(20));
  std::uint64_t at = 0;
  while (ask(whole) > 0) {
    for (const ByteRange& piece : asked_) {
      EXPECT_EQ(piece.offset, at);
      at = piece.end();
    }
    receive(whole, 500 * kMiB);
  }
  EXPECT_EQ(at, 100 * kMiB + 1);
}

TEST_F(ReadWholeTest, ASlowLineIsLeftToTheReaders) {
  ReadWhole whole(kGiB, kGiB, kWindow);
  jump(whole, 1'000, milliseconds(20));
  for (int i = 0; i < 5; ++i) {
    EXPECT_LE(ask(whole), 4 * kMiB);
    receive(whole, 2 * kMiB);
  }
}

TEST_F(ReadWholeTest, AFastLineIsUsed) {
  ReadWhole whole(kGiB, kGiB, kWindow);
  jump(whole, 1'000, milliseconds(20));
  ask(whole);
  receive(whole, 400 * kMiB);
  EXPECT_GE(ask(whole), 100 * kMiB);
}

TEST_F(ReadWholeTest, ItTakesNoLongerThanItsReadersHaveWaited) {
  ReadWhole whole(kGiB, kGiB, kWindow);
  jump(whole, 150, milliseconds(20));
  const SteadyTime began = now_;
  while (ask(whole) > 0) receive(whole, 10 * kMiB);
  EXPECT_GE(now_ - began, seconds(3));
  EXPECT_LE(now_ - began, seconds(4));
  jump(whole, 100, milliseconds(20));
  EXPECT_TRUE(whole.next());
}

TEST_F(ReadWholeTest, AfterAPauseWhatIsHereStaysAndBlocksAreNoLongerAskedFor) {
  ReadWhole whole(kGiB, kGiB, kWindow);
  jump(whole, 150, milliseconds(20));
  now_ += minutes(5);
  jump(whole, 1, milliseconds(20));
  EXPECT_TRUE(whole.begun());
  EXPECT_FALSE(whole.wants_blocks());
}

TEST_F(ReadWholeTest, WithoutMemoryItGoesNoFurther) {
  ReadWhole whole(kGiB, kGiB, kWindow);
  jump(whole, 150, milliseconds(20));
  ASSERT_TRUE(whole.next());
  whole.refused();
  EXPECT_FALSE(whole.next());
}

}  // namespace
}  // namespace stsfs::fs
