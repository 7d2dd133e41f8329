#include "stsfs/staging/extent_map.h"

#include <random>

#include <gtest/gtest.h>

namespace stsfs::staging {
namespace {

using Extents = std::vector<Extent>;

TEST(ExtentMap, StartsWithItsBase) {
  EXPECT_EQ(ExtentMap(10).all(), (Extents{{{0, 10}, Origin::kBase}}));
  EXPECT_TRUE(ExtentMap(0).all().empty());
}

TEST(ExtentMap, LaysAWriteOverTheBase) {
  ExtentMap map(10);
  map.write({3, 4});
  EXPECT_EQ(map.all(),
            (Extents{{{0, 3}, Origin::kBase}, {{3, 4}, Origin::kStaged}, {{7, 3}, Origin::kBase}}));
  EXPECT_EQ(map.within({2, 2}), (Extents{{{2, 1}, Origin::kBase}, {{3, 1}, Origin::kStaged}}));
}

TEST(ExtentMap, FillsAGapBehindTheEndWithZeros) {
  ExtentMap map(4);
  map.write({10, 2});
  EXPECT_EQ(map.size(), 12U);
  EXPECT_EQ(
      map.all(),
      (Extents{{{0, 4}, Origin::kBase}, {{4, 6}, Origin::kZero}, {{10, 2}, Origin::kStaged}}));
}

TEST(ExtentMap, ForgetsWhatWasCutOff) {
  ExtentMap map(10);
  map.truncate(4);
  map.truncate(8);
  EXPECT_EQ(map.all(), (Extents{{{0, 4}, Origin::kBase}, {{4, 4}, Origin::kZero}}));
}

TEST(ExtentMap, TakesOnlyBaseRunsAsFetched) {
  ExtentMap map(10);
  map.truncate(5);
  map.truncate(10);
  map.fetched({0, 10});
  EXPECT_EQ(map.all(), (Extents{{{0, 5}, Origin::kStaged}, {{5, 5}, Origin::kZero}}));
  EXPECT_FALSE(map.needs_base());
}

TEST(ExtentMap, KeepsTheOffsetOfWhatIsCopied) {
  const auto source = std::make_shared<const CopySource>(CopySource{"k", "e", 1000});
  ExtentMap map(10);
  map.copy({10, 20}, source, 100);
  map.copy({30, 5}, source, 120);  // goes on where the other ends
  map.write({15, 2});
  EXPECT_EQ(map.all(), (Extents{{{0, 10}, Origin::kBase},
                                {{10, 5}, Origin::kCopied, source, 100},
                                {{15, 2}, Origin::kStaged},
                                {{17, 18}, Origin::kCopied, source, 107}}));
  EXPECT_EQ(map.within({20, 1}), (Extents{{{20, 1}, Origin::kCopied, source, 110}}));
  ExtentMap again(map.all());
  EXPECT_EQ(again.all(), map.all());
}

TEST(ExtentMap, WhatWasCopiedIsTheBaseOnceItIsCommitted) {
  const auto source = std::make_shared<const CopySource>(CopySource{"k", "e", 1000});
  ExtentMap map;
  map.copy({0, 20}, source, 0);
  static_cast<void>(map.freeze());
  map.write({5, 1});
  map.copy({10, 5}, source, 500);  // another place of it
  map.committed();
  EXPECT_EQ(map.all(), (Extents{{{0, 5}, Origin::kBase},
                                {{5, 1}, Origin::kStaged},
                                {{6, 4}, Origin::kBase},
                                {{10, 5}, Origin::kCopied, source, 500},
                                {{15, 5}, Origin::kBase}}));
}

TEST(ExtentMap, WhatIsCopiedIsTheBaseAlsoWhenItsSourceHasMovedMeanwhile) {
  const auto source = std::make_shared<const CopySource>(CopySource{"k", "e", 1000});
  const auto moved = std::make_shared<const CopySource>(CopySource{"l", "f", 1000});
  ExtentMap map;
  map.copy({0, 20}, source, 100);
  EXPECT_FALSE(map.move_source(*moved, source));
  static_cast<void>(map.freeze());
  EXPECT_TRUE(map.move_source(*source, moved));
  map.copy({10, 5}, moved, 500);
  EXPECT_EQ(map.within({0, 10}), (Extents{{{0, 10}, Origin::kCopied, moved, 100}}));
  map.committed();
  EXPECT_EQ(map.all(), (Extents{{{0, 10}, Origin::kBase},
                                {{10, 5}, Origin::kCopied, moved, 500},
                                {{15, 5}, Origin::kBase}}));
}

TEST(ExtentMap, FindsDataAndHoles) {
  ExtentMap map(4);
  map.zero({4, 6});
  map.write({8, 2});
  EXPECT_EQ(map.next_hole(0), 4U);
  EXPECT_EQ(map.next_data(5), 8U);
  EXPECT_EQ(map.next_hole(8), 10U);
}

TEST(ExtentMap, WhatACommitTookIsInTheBaseUntilItIsWrittenAgain) {
  ExtentMap map;
  map.write({0, 10});
  map.zero({10, 5});
  static_cast<void>(map.freeze());
  map.write({4, 2});  // while it is being sent
  map.committed();
  const Extent staged{.range = {0, 4}, .origin = Origin::kStaged, .in_base = true};
  const Extent behind{.range = {6, 4}, .origin = Origin::kStaged, .in_base = true};
  const Extent hole{.range = {10, 5}, .origin = Origin::kZero, .in_base = true};
  EXPECT_EQ(map.all(), (Extents{staged, {{4, 2}, Origin::kStaged}, behind, hole}));
  EXPECT_EQ(map.staged_bytes(), 2U);
  EXPECT_FALSE(map.needs_base());

  static_cast<void>(map.freeze());
  map.committed();
  EXPECT_EQ(map.staged_bytes(), 0U);
  EXPECT_EQ(map.all().size(), 2U);
  map.base_gone();
  EXPECT_EQ(map.all(), (Extents{{{0, 10}, Origin::kStaged}, {{10, 5}, Origin::kZero}}));
}

TEST(ExtentMap, HolesAreToBeSentUntilTheyAreInTheBase) {
  ExtentMap map(100);
  EXPECT_EQ(map.unsent_bytes(), 0U);
  map.write({10, 5});
  map.zero({20, 7});
  map.truncate(130);
  EXPECT_EQ(map.staged_bytes(), 5U);
  EXPECT_EQ(map.unsent_bytes(), 5U + 7 + 30);
  static_cast<void>(map.freeze());
  map.write({22, 1});
  map.committed();
  EXPECT_EQ(map.unsent_bytes(), 1U);
}

TEST(ExtentMap, WhatAFailedCommitTookIsForTheNextOne) {
  ExtentMap map;
  map.write({0, 4});
  static_cast<void>(map.freeze());
  map.write({4, 4});
  EXPECT_EQ(map.all(), (Extents{{{0, 8}, Origin::kStaged}}));
  static_cast<void>(map.freeze());
  map.committed();
  EXPECT_EQ(map.staged_bytes(), 0U);
}

/// One byte of the plain array that a map is compared with.
struct Byte {
  Origin origin = Origin::kZero;
  bool in_base = false;
  bool taken = false;  ///< By the last commit that began, and not written since.
  bool operator==(const Byte& other) const {
    return origin == other.origin && in_base == other.in_base;
  }
};

/// Byte by byte, against a plain array.
TEST(ExtentMap, AgreesWithAPlainArrayUnderRandomOperations) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto below = [&](std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random);
  };
  for (int round = 0; round < 400; ++round) {
    const std::uint64_t base = below(50);
    ExtentMap map(base);
    std::vector<Byte> plain(base, Byte{Origin::kBase});
    bool is_taken = false;
    for (int step = 0; step < 40; ++step) {
      const ByteRange range{below(60), below(20)};
      switch (below(6)) {
        case 0:
          map.write(range);
          if (range.empty()) break;
          if (plain.size() < range.end()) plain.resize(range.end());
          for (auto i = range.offset; i < range.end(); ++i) plain[i] = {Origin::kStaged};
          break;
        case 1:
          map.truncate(range.offset);
          plain.resize(range.offset);
          break;
        case 2:
          static_cast<void>(map.freeze());
          is_taken = true;
          for (Byte& byte : plain) byte.taken = true;
          break;
        case 3:
          if (!is_taken) break;
          map.committed();
          for (Byte& byte : plain) byte.in_base |= byte.taken && byte.origin != Origin::kBase;
          break;
        case 4:
          map.base_gone();
          for (Byte& byte : plain) byte.in_base = false;
          break;
        default:
          map.fetched(range);
          for (auto i = range.offset; i < range.end() && i < plain.size(); ++i)
            if (plain[i].origin == Origin::kBase) plain[i] = {Origin::kStaged};
      }
      std::vector<Byte> got;
      std::uint64_t expected_offset = 0;
      for (const Extent& extent : map.all()) {
        ASSERT_EQ(extent.range.offset, expected_offset);
        ASSERT_GT(extent.range.length, 0U);
        got.insert(got.end(), extent.range.length, {extent.origin, extent.in_base});
        expected_offset = extent.range.end();
      }
      ASSERT_TRUE(got == plain) << "step " << step;
      ASSERT_EQ(map.size(), plain.size());
    }
  }
}

}  // namespace
}  // namespace stsfs::staging
