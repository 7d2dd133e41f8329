#include "reading/held_blocks.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"

namespace stsfs::fs {
namespace {

using cache::BlockPool;

constexpr std::uint64_t kBlock = BlockPool::kBlockSize;

class HeldBlocksTest : public ::testing::Test {
 protected:
  /// As a request does it: wishes, takes, places, fills.
  HeldBlocks::Pins fill(ByteRange range) {
    HeldBlocks::Pins pins;
    const auto wishes = blocks_.wishes_for(range, pins);
    auto fresh = pool_->take(holder_, wishes, BlockPool::Purpose::kDemand);
    blocks_.place(range, pins, *fresh);
    blocks_.filled(range);
    return pins;
  }
  /// Everything that is not pinned is taken away for somebody else.
  void crowd_out() {
    const auto other = pool_->add_holder();
    const std::vector<BlockPool::Wish> all(BlockPool::kBudgetMin / kBlock);
    EXPECT_TRUE(pool_->take(other, all, BlockPool::Purpose::kDemand));
  }

  fakes::FakeClock clock_;
  std::shared_ptr<BlockPool> pool_ = BlockPool::create(0, clock_).value();
  BlockPool::HolderPointer holder_ = pool_->add_holder();
  HeldBlocks blocks_{*pool_, 3 * kBlock + 100};
};

TEST_F(HeldBlocksTest, WhatIsHereIsPinnedAndWhatIsMissingIsWishedFor) {
  fill({kBlock, kBlock});
  HeldBlocks::Pins pins;
  EXPECT_TRUE(blocks_.pin({kBlock + 10, 20}, pins));
  EXPECT_FALSE(blocks_.pin({kBlock - 10, 20}, pins));
  ASSERT_EQ(pins.size(), 1U);

  HeldBlocks::Pins present;
  const auto wishes = blocks_.wishes_for({0, 3 * kBlock + 100}, present);
  ASSERT_EQ(wishes.size(), 3U);
  EXPECT_EQ(wishes[1].position, 2U);
  EXPECT_EQ(wishes[2].size_bytes, 100U);  // the last block is as long as the object
  ASSERT_EQ(present.size(), 4U);
  EXPECT_EQ(present[1].block(), pins[0].block());
}

TEST_F(HeldBlocksTest, ABlockThatHadToMakeRoomIsNotHereAnyMore) {
  fill({0, 2 * kBlock});
  blocks_.take_lost();
  crowd_out();
  HeldBlocks::Pins pins;
  EXPECT_FALSE(blocks_.pin({0, 10}, pins));
  EXPECT_TRUE(blocks_.take_lost());
  EXPECT_FALSE(blocks_.take_lost());
  EXPECT_EQ(blocks_.missing({0, kBlock}).size(), 1U);
}

TEST_F(HeldBlocksTest, OfTwoWhoWishedForABlockTheFirstPlacesIt) {
  const ByteRange range{0, kBlock};
  HeldBlocks::Pins slow;
  const auto wishes = blocks_.wishes_for(range, slow);
  auto fresh = pool_->take(holder_, wishes, BlockPool::Purpose::kDemand);
  const HeldBlocks::Pins quick = fill(range);
  blocks_.place(range, slow, *fresh);
  EXPECT_EQ(slow[0].block(), quick[0].block());
  EXPECT_TRUE((*fresh)[0]);  // it was not needed
}

TEST_F(HeldBlocksTest, TheUnusedAreGivenBackButForThoseUsedLast) {
  fill({0, 3 * kBlock});
  EXPECT_EQ(blocks_.added(), 3U);
  HeldBlocks::Pins pins;
  blocks_.pin({0, 1}, pins);  // the first is now the one used last
  const auto in_use = [](ByteRange block) { return block.offset == kBlock; };
  const auto given_back = blocks_.take_unused(in_use, 1);
  ASSERT_EQ(given_back.size(), 1U);
  EXPECT_TRUE(blocks_.contains({0, 2 * kBlock}));
  EXPECT_FALSE(blocks_.contains({2 * kBlock, 1}));
  EXPECT_EQ(blocks_.added(), 0U);
}

}  // namespace
}  // namespace stsfs::fs
