#include "reading/read_streams.h"

#include <random>

#include <gtest/gtest.h>

#include "reading/byte_set.h"
#include "reading/whole_checksum.h"

namespace stsfs::fs {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kKiB = 1 << 10;
constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kGiB = 1 << 30;
constexpr std::chrono::nanoseconds kRoundTrip = milliseconds(20);

class ReadStreamsTest : public ::testing::Test {
 protected:
  ReadStreams::Plan read(std::uint64_t offset, std::uint64_t length) {
    return streams_.read({offset, length}, now_);
  }
  /// All that may be asked for now.
  std::vector<ReadStreams::Piece> ask_ahead() {
    std::vector<ReadStreams::Piece> out;
    while (auto piece = streams_.next_piece()) {
      streams_.asked(*piece, now_);
      out.push_back(*piece);
    }
    return out;
  }
  /// A reader from `from` on over a line of 20 ms: it waits for each window.
  ReadStreams::StreamId read_on(std::uint64_t from, std::uint64_t to) {
    ReadStreams::StreamId stream = 0;
    for (std::uint64_t at = from; at < to; at += 128 * kKiB) {
      const auto plan = read(at, 128 * kKiB);
      stream = plan.stream;
      for (const auto& piece : ask_ahead()) streams_.ended(piece, piece.range.length, now_);
      if (at % kMiB == 0) {
        now_ += milliseconds(2);
        streams_.stalled(stream, now_, milliseconds(1));
      }
    }
    return stream;
  }

  ReadStreams streams_{kGiB, {.window_max = 64 * kMiB}};
  SteadyTime now_{std::chrono::hours(1)};
};

TEST_F(ReadStreamsTest, AFirstReadAtTheStartBringsALittleMore) {
  EXPECT_EQ(read(0, 4 * kKiB).ask, (ByteRange{0, kMiB + 128 * kKiB}));
  EXPECT_FALSE(streams_.next_piece());
}

TEST_F(ReadStreamsTest, ASmallObjectIsAskedForWhole) {
  ReadStreams streams(700'000, {});
  EXPECT_EQ(streams.read({0, 4'096}, now_).ask, (ByteRange{0, 700'000}));
}

TEST_F(ReadStreamsTest, AFirstReadInTheMiddleBringsItsSurroundings) {
  EXPECT_EQ(read(100 * kMiB + 5, 10).ask, (ByteRange{100 * kMiB, 256 * kKiB}));
}

TEST_F(ReadStreamsTest, TheSecondReadOpensAWindow) {
  read(0, 128 * kKiB);
  read(128 * kKiB, 128 * kKiB);
  const auto pieces = ask_ahead();
  ASSERT_FALSE(pieces.empty());
  EXPECT_EQ(pieces.front().range.offset, kMiB + 128 * kKiB);
  EXPECT_EQ(pieces.front().range.end() % kMiB, 0U);
  EXPECT_LE(pieces.back().range.end(), 256 * kKiB + 4 * kMiB);
}

TEST_F(ReadStreamsTest, AWindowGrowsWhileItsReaderWaitsAndOnlyToTheMost) {
  read_on(0, 512 * kMiB);
  std::uint64_t ahead = 0;
  for (std::uint64_t at = 512 * kMiB;; at += 128 * kKiB) {
    read(at, 128 * kKiB);
    const auto pieces = ask_ahead();
    if (pieces.empty()) continue;
    ahead = pieces.back().range.end() - at;
    break;
  }
  EXPECT_GT(ahead, 32 * kMiB);
  EXPECT_LE(ahead, 64 * kMiB + 128 * kKiB);
}

TEST_F(ReadStreamsTest, AReaderThatNeverWaitsKeepsASmallWindow) {
  std::uint64_t farthest = 0;
  for (std::uint64_t at = 0; at < 100 * kMiB; at += 128 * kKiB) {
    read(at, 128 * kKiB);
    for (const auto& piece : ask_ahead()) {
      farthest = piece.range.end() - at;
      streams_.ended(piece, piece.range.length, now_);
    }
  }
  EXPECT_LE(farthest, 4 * kMiB + 128 * kKiB);
}

TEST_F(ReadStreamsTest, ASlowLineIsNotFilledWithWhatIsNotWaitedFor) {
  for (std::uint64_t at = 0; at < 4 * kMiB; at += 128 * kKiB) {
    const auto plan = read(at, 128 * kKiB);
    ask_ahead();
    now_ += std::chrono::seconds(1);  // 128 KiB/s
    streams_.stalled(plan.stream, now_, kRoundTrip);
  }
  read(4 * kMiB, 128 * kKiB);
  const auto pieces = ask_ahead();
  for (const auto& piece : pieces) EXPECT_LE(piece.range.end(), 6 * kMiB);
}

TEST_F(ReadStreamsTest, AStreamHasAtMostSixteenRequestsUnderWay) {
  read_on(0, 256 * kMiB);
  std::vector<ReadStreams::Piece> pieces;
  for (std::uint64_t at = 256 * kMiB; at < 700 * kMiB; at += kMiB) {
    read(at, kMiB);
    for (const auto& piece : ask_ahead()) pieces.push_back(piece);
  }
  EXPECT_EQ(pieces.size(), 16U);
  streams_.ended(pieces.front(), pieces.front().range.length, now_);
  EXPECT_EQ(ask_ahead().size(), 1U);
}

// Two of the kernel's requests are answered by two threads: which comes first is chance.
TEST_F(ReadStreamsTest, ReadsOfOneStreamMayComeOutOfOrder) {
  const auto stream = read(0, 128 * kKiB).stream;
  for (std::uint64_t at = 128 * kKiB; at < 64 * kMiB; at += 256 * kKiB) {
    EXPECT_EQ(read(at + 128 * kKiB, 128 * kKiB).stream, stream);
    EXPECT_EQ(read(at, 128 * kKiB).stream, stream);
    ask_ahead();
  }
}

TEST_F(ReadStreamsTest, TwoReadersOfOneFileEachKeepTheirStream) {
  const auto first = read(0, 128 * kKiB).stream;
  const auto second = read(500 * kMiB, 128 * kKiB).stream;
  EXPECT_NE(first, second);
  for (std::uint64_t at = 128 * kKiB; at < 50 * kMiB; at += 128 * kKiB) {
    const auto one = read(at, 128 * kKiB);
    const auto two = read(500 * kMiB + at, 128 * kKiB);
    EXPECT_EQ(one.stream, first);
    EXPECT_EQ(two.stream, second);
    EXPECT_FALSE(one.lets_go || two.lets_go);
    for (const auto& piece : ask_ahead()) streams_.ended(piece, piece.range.length, now_);
  }
}

TEST_F(ReadStreamsTest, AFifthReaderEndsTheOneThatWasReadLongestAgo) {
  read(0, 4 * kKiB);
  EXPECT_TRUE(streams_.awaits({kMiB, 1}));
  for (std::uint64_t i = 1; i < 4; ++i) EXPECT_FALSE(read(i * 100 * kMiB, 4 * kKiB).lets_go);
  EXPECT_TRUE(read(900 * kMiB, 4 * kKiB).lets_go);
  EXPECT_FALSE(streams_.awaits({kMiB, 1}));
}

// A handle of 2 follows closely; who reads far ahead of others is a reader of his own.
TEST_F(ReadStreamsTest, WhoSharesAStreamDoesNotTakeItAlong) {
  SteadyTime now = now_;
  ReadStreams::StreamId stream = 0;
  for (std::uint64_t at = 0; at < 8 * kMiB; at += 128 * kKiB) {
    stream = streams_.read({at, 128 * kKiB}, now, 1).stream;
    ask_ahead();
  }
  EXPECT_EQ(streams_.read({8 * kMiB, 128 * kKiB}, now, 2).stream, stream);
  EXPECT_NE(streams_.read({8 * kMiB + 3 * kMiB, 128 * kKiB}, now, 2).stream, stream);
  EXPECT_EQ(streams_.read({8 * kMiB + 128 * kKiB, 128 * kKiB}, now, 1).stream, stream);
}

TEST_F(ReadStreamsTest, ManyReadersOfAStreamNeverLeaveIt) {
  for (std::uint64_t by = 1; by <= 2 * ReadStreams::kReadersMax; ++by)
    streams_.read({(by - 1) * 128 * kKiB, 128 * kKiB}, now_, by);
  for (std::uint64_t by = 1; by <= 2 * ReadStreams::kReadersMax; ++by) streams_.leaves(by);
  EXPECT_FALSE(ask_ahead().empty());
}

TEST_F(ReadStreamsTest, WhatIsHereOfALeftStreamStaysAndNothingMoreIsAskedFor) {
  for (std::uint64_t at = 0; at < 8 * kMiB; at += 128 * kKiB)
    streams_.read({at, 128 * kKiB}, now_, 1);
  const auto pieces = ask_ahead();
  ASSERT_FALSE(pieces.empty());
  EXPECT_TRUE(streams_.read({500 * kMiB, 4 * kKiB}, now_, 1).lets_go);
  for (const auto& piece : pieces) streams_.ended(piece, piece.range.length, now_);
  EXPECT_TRUE(streams_.wants(pieces.back().range));
  EXPECT_FALSE(streams_.awaits(pieces.back().range));
  EXPECT_TRUE(ask_ahead().empty());
  streams_.read({8 * kMiB, 128 * kKiB}, now_, 1);
  EXPECT_FALSE(ask_ahead().empty());
}

TEST_F(ReadStreamsTest, JumpsBringWhatTheyAskForAndNothingMore) {
  std::mt19937_64 random(1);
  std::uint64_t asked = 0, fetched = 0;
  for (int i = 0; i < 2'000; ++i) {
    const std::uint64_t offset = random() % (kGiB / 4'096) * 4'096;
    fetched += read(offset, 4'096).ask.length;
    asked += 4'096;
    for (const auto& piece : ask_ahead()) {
      fetched += piece.range.length;
      streams_.ended(piece, piece.range.length, now_);
    }
  }
  EXPECT_TRUE(streams_.random());
  EXPECT_LT(fetched, 2 * asked);
}

TEST_F(ReadStreamsTest, AfterJumpsAReaderThatGoesOnGetsAWindowAgain) {
  for (std::uint64_t i = 0; i < 10; ++i) read((i * 37 % 10) * 100 * kMiB + 50 * kMiB, 4 * kKiB);
  ASSERT_TRUE(streams_.random());
  for (std::uint64_t at = 700 * kMiB; at < 702 * kMiB; at += 128 * kKiB) read(at, 128 * kKiB);
  EXPECT_TRUE(streams_.next_piece());
}

TEST_F(ReadStreamsTest, WithoutMemoryTheWindowHalvesUntilTheReaderComesAgain) {
  read(0, 128 * kKiB);
  const auto stream = read(128 * kKiB, 128 * kKiB).stream;
  streams_.refused(stream);
  EXPECT_FALSE(streams_.next_piece());
  read(256 * kKiB, 128 * kKiB);
  const auto pieces = ask_ahead();
  ASSERT_FALSE(pieces.empty());
  EXPECT_LE(pieces.back().range.end(), 2 * kMiB + 384 * kKiB);
}

TEST_F(ReadStreamsTest, WhatLiesBehindIsWantedForAMomentOnly) {
  read_on(0, 100 * kMiB);
  EXPECT_TRUE(streams_.wants({99 * kMiB, kMiB}));
  EXPECT_TRUE(streams_.wants({101 * kMiB, kMiB}));
  EXPECT_FALSE(streams_.wants({90 * kMiB, kMiB}));
}

TEST_F(ReadStreamsTest, NothingIsAskedForBeyondTheEnd) {
  ReadStreams streams(10 * kMiB + 1, {});
  for (std::uint64_t at = 0; at < 10 * kMiB; at += 128 * kKiB) {
    const auto plan = streams.read({at, 128 * kKiB}, now_);
    EXPECT_LE(plan.ask.end(), 10 * kMiB + 1);
    while (auto piece = streams.next_piece()) {
      EXPECT_LE(piece->range.end(), 10 * kMiB + 1);
      EXPECT_FALSE(piece->range.empty());
      streams.asked(*piece, now_);
      streams.ended(*piece, piece->range.length, now_);
    }
  }
}

// --- what it is made of ---

TEST(ByteSetTest, AddsJoinAndRemovesCut) {
  ByteSet set;
  set.add({0, 10});
  set.add({20, 10});
  EXPECT_FALSE(set.contains({5, 20}));
  EXPECT_EQ(set.missing({5, 30}), (std::vector<ByteRange>{{10, 10}, {30, 5}}));
  set.add({10, 10});
  EXPECT_TRUE(set.contains({0, 30}));
  set.remove({5, 5});
  EXPECT_EQ(set.missing({0, 30}), (std::vector<ByteRange>{{5, 5}}));
  set.remove({0, 100});
  EXPECT_TRUE(set.empty());
}

TEST(ByteSetTest, AgreesWithAPlainOne) {
  std::mt19937_64 random(7);
  ByteSet set;
  std::vector<bool> plain(200);
  for (int i = 0; i < 5'000; ++i) {
    const ByteRange range{random() % 150, random() % 50};
    const bool adds = random() % 2 == 0;
    if (adds)
      set.add(range);
    else
      set.remove(range);
    for (std::uint64_t at = range.offset; at < range.end(); ++at) plain[at] = adds;
    const ByteRange asked{random() % 150, 1 + random() % 49};
    std::uint64_t missing = 0, expected = 0;
    for (const ByteRange& gap : set.missing(asked)) missing += gap.length;
    for (std::uint64_t at = asked.offset; at < asked.end(); ++at) expected += plain[at] ? 0 : 1;
    ASSERT_EQ(missing, expected);
    ASSERT_EQ(set.contains(asked), expected == 0);
  }
}

TEST(WholeChecksumTest, RangesMayComeInAnyOrder) {
  std::vector<std::byte> bytes(1'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7);
  const std::span<const std::byte> all(bytes);
  WholeChecksum checksum(1'000);
  checksum.add({500, 500}, crc64(0, all.subspan(500)));
  checksum.add({0, 100}, crc64(0, all.first(100)));
  EXPECT_FALSE(checksum.whole());
  checksum.add({50, 100}, 1);  // overlaps
  checksum.add({100, 400}, crc64(0, all.subspan(100, 400)));
  EXPECT_EQ(checksum.whole(), crc64(0, all));
}

}  // namespace
}  // namespace stsfs::fs
