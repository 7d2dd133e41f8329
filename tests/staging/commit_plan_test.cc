#include "stsfs/staging/commit_plan.h"

#include <random>

#include <gtest/gtest.h>

namespace stsfs::staging {
namespace {

constexpr std::uint64_t kKiB = 1024, kMiB = 1024 * kKiB, kGiB = 1024 * kMiB;

std::uint64_t sent_bytes(const CommitPlan& plan) {
  std::uint64_t sum = 0;
  for (const PlannedPart& part : plan.parts)
    if (!part.copied) sum += part.range.length;
  return sum;
}

TEST(CommitPlan, PutsASmallFileAtOnce) {
  ExtentMap map;
  map.write({0, 16 * kMiB});
  EXPECT_EQ(plan_commit(map.all(), {}), CommitPlan{});
  EXPECT_EQ(plan_commit({}, {}), CommitPlan{});
}

TEST(CommitPlan, FetchesTheRestOfASmallFile) {
  ExtentMap map(4 * kMiB);
  map.write({kMiB, 10});
  const CommitPlan plan = plan_commit(map.all(), {});
  EXPECT_TRUE(plan.parts.empty());
  EXPECT_EQ(plan.fetched_before, (std::vector<ByteRange>{{0, kMiB}, {kMiB + 10, 3 * kMiB - 10}}));
}

TEST(CommitPlan, CopiesWhatAnAppendLeavesAlone) {
  ExtentMap map(10 * kGiB);
  map.write({10 * kGiB, kMiB});
  const CommitPlan plan = plan_commit(map.all(), {});
  EXPECT_TRUE(plan.fetched_before.empty());
  EXPECT_EQ(plan.parts.size(), 21U);
  EXPECT_EQ(sent_bytes(plan), kMiB);
}

// A database's log, a virtual machine's disk: synced again and again while it is open.
TEST(CommitPlan, SendsOnlyWhatChangedSinceTheLastCommit) {
  ExtentMap map;
  map.write({0, 600 * kMiB});
  map.zero({600 * kMiB, 400 * kMiB});
  static_cast<void>(map.freeze());
  map.committed();
  map.write({300 * kMiB, 8 * kKiB});
  const CommitPlan plan = plan_commit(map.all(), {});
  EXPECT_TRUE(plan.fetched_before.empty());
  EXPECT_EQ(plan.parts.size(), 4U);
  EXPECT_EQ(sent_bytes(plan), 100 * kKiB);
  for (const PlannedPart& part : plan.parts) EXPECT_EQ(part.source, nullptr);
}

TEST(CommitPlan, CopiesAWholeObjectOrRangesOfSeveral) {
  const auto one = std::make_shared<const CopySource>(CopySource{"one", "e", 10 * kGiB});
  ExtentMap map;
  map.copy({0, 4 * kGiB - 4 * kKiB}, one, 0);  // as copy_file_range takes it
  map.copy({4 * kGiB - 4 * kKiB, 6 * kGiB + 4 * kKiB}, one, 4 * kGiB - 4 * kKiB);
  EXPECT_EQ(whole_copy(map.all()), one);
  const CommitPlan plan = plan_commit(map.all(), {});
  EXPECT_EQ(plan.parts.size(), 20U);
  EXPECT_EQ(sent_bytes(plan), 0U);
  map.copy({10 * kGiB, 200 * kMiB}, one, 7);
  map.write({9 * kGiB, 10});
  EXPECT_EQ(whole_copy(map.all()), nullptr);
  const CommitPlan mixed = plan_commit(map.all(), {});
  std::uint64_t at = 0;
  for (const PlannedPart& part : mixed.parts) {
    EXPECT_EQ(part.range.offset, at);
    at = part.range.end();
    if (!part.copied) continue;
    ASSERT_EQ(part.source, one);
    EXPECT_EQ(part.source_offset, part.range.offset < 10 * kGiB
                                      ? part.range.offset
                                      : part.range.offset - 10 * kGiB + 7);
  }
  EXPECT_EQ(at, map.size());
  EXPECT_EQ(mixed.fetched_before, (std::vector<ByteRange>{{9 * kGiB + 10, 100 * kKiB - 10}}));
}

TEST(CommitPlan, AFileCutShortIsNoCopyOfItsSource) {
  const auto source = std::make_shared<const CopySource>(CopySource{"k", "e", 10});
  ExtentMap map;
  map.copy({0, 10}, source, 0);
  EXPECT_EQ(whole_copy(map.all()), source);
  map.truncate(9);
  EXPECT_EQ(whole_copy(map.all()), nullptr);
  EXPECT_EQ(whole_copy(ExtentMap(10).all()), nullptr);  // of its own base: nothing is to be copied
}

TEST(CommitPlan, FillsASmallChangeUpToTheLeastPart) {
  ExtentMap map(100 * kMiB);
  map.write({50 * kMiB, 4 * kKiB});
  const CommitPlan plan = plan_commit(map.all(), {});
  ASSERT_EQ(plan.parts.size(), 3U);
  EXPECT_EQ(plan.parts[1].range, (ByteRange{50 * kMiB, 100 * kKiB}));
  EXPECT_EQ(plan.fetched_before, (std::vector<ByteRange>{{50 * kMiB + 4 * kKiB, 96 * kKiB}}));
}

TEST(CommitPlan, TheLastPartMayBeShort) {
  ExtentMap map(100 * kMiB);
  map.write({100 * kMiB, 1});
  const CommitPlan plan = plan_commit(map.all(), {});
  EXPECT_TRUE(plan.fetched_before.empty());
  EXPECT_EQ(plan.parts.back().range.length, 1U);
}

TEST(CommitPlan, SixtyFourSmallChangesSendLittle) {
  ExtentMap map(256 * kMiB);
  for (std::uint64_t i = 0; i < 64; ++i) map.write({i * 4 * kMiB + 1234, 4 * kKiB});
  const CommitPlan plan = plan_commit(map.all(), {});
  EXPECT_LE(sent_bytes(plan), 16 * kMiB);
}

// Whatever was changed: the parts cover the file once, in order, within the limits of OSS, and copy
// only what is unchanged.
TEST(CommitPlan, HoldsTheLimitsWhateverWasChanged) {
  std::mt19937_64 random(4711);
  for (int round = 0; round < 200; ++round) {
    const std::uint64_t size = (17 + random() % 2'000) * kMiB + random() % kMiB;
    ExtentMap map(random() % 4 == 0 ? 0 : size);
    const std::uint64_t changes = random() % 3'000;
    for (std::uint64_t i = 0; i < changes; ++i)
      map.write({random() % size, 1 + random() % (random() % 2 ? 100 : 300'000)});
    if (random() % 3 == 0) map.truncate(random() % size + 1);
    const CommitPlan plan = plan_commit(map.all(), {});
    if (plan.parts.empty()) continue;
    std::uint64_t at = 0;
    for (const PlannedPart& part : plan.parts) {
      ASSERT_EQ(part.range.offset, at) << "round " << round;
      at = part.range.end();
      if (&part != &plan.parts.back()) {
        ASSERT_GE(part.range.length, 100 * kKiB);
      }
      ASSERT_LE(part.range.length, kGiB);
      if (!part.copied) continue;
      for (const Extent& extent : map.within(part.range)) ASSERT_EQ(extent.origin, Origin::kBase);
    }
    ASSERT_EQ(at, map.size());
    ASSERT_LE(plan.parts.size(), 10'000U);
    for (const ByteRange& range : plan.fetched_before) map.fetched(range);
    for (const PlannedPart& part : plan.parts)
      for (const Extent& extent : map.within(part.range))
        ASSERT_EQ(extent.origin == Origin::kBase, part.copied && extent.origin == Origin::kBase)
            << "round " << round;
  }
}

TEST(StreamedParts, HoldTerabytesInTenThousand) {
  EXPECT_EQ(streamed_part(1, {}), (ByteRange{0, 8 * kMiB}));
  EXPECT_EQ(streamed_part(1'001, {}), (ByteRange{8'000 * kMiB, 16 * kMiB}));
  EXPECT_GE(streamed_part(10'000, {}).end(), std::uint64_t{7} << 40);
  const auto parts = streamed_parts(20 * kGiB + 1, {});
  EXPECT_EQ(parts.back().range.end(), 20 * kGiB + 1);
  for (std::size_t i = 1; i < parts.size(); ++i)
    ASSERT_EQ(parts[i].range.offset, parts[i - 1].range.end());
}

}  // namespace
}  // namespace stsfs::staging
