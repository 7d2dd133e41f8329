#include "stsfs/cache/block_pool.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "stsfs/base/await.h"

namespace stsfs::cache {
namespace {

using Purpose = BlockPool::Purpose;
using Pins = BlockPool::Pins;
using Wish = BlockPool::Wish;

constexpr std::size_t kBlocks = BlockPool::kBudgetMin / BlockPool::kBlockSize;

class BlockPoolTest : public ::testing::Test {
 protected:
  Pins take(const BlockPool::HolderPointer& holder, std::size_t count,
            Purpose purpose = Purpose::kDemand) {
    std::vector<Wish> wishes;
    for (std::size_t i = 0; i < count; ++i) wishes.push_back({.position = next_++});
    return pool_->take(holder, wishes, purpose).value_or(Pins());
  }

  /// Somebody who still wants them, but has let the pins go.
  static std::vector<BlockPool::BlockPointer> blocks_of(const Pins& pins) {
    std::vector<BlockPool::BlockPointer> out;
    for (const auto& pin : pins) out.push_back(pin.block());
    return out;
  }

  fakes::FakeClock clock_;
  std::shared_ptr<BlockPool> pool_ = BlockPool::create(1, clock_).value();
  BlockPool::HolderPointer holder_ = pool_->add_holder();
  std::uint64_t next_ = 0;
};

TEST_F(BlockPoolTest, ABudgetThatIsTooSmallIsRaised) {
  EXPECT_EQ(pool_->figures().budget_bytes, BlockPool::kBudgetMin);
}

TEST_F(BlockPoolTest, WhatIsPinnedIsNeverTakenAway) {
  const Pins all = take(holder_, kBlocks);
  ASSERT_EQ(all.size(), kBlocks);
  EXPECT_TRUE(take(holder_, 1).empty());
  EXPECT_EQ(pool_->figures().used_bytes, BlockPool::kBudgetMin);
}

TEST_F(BlockPoolTest, AllOrNothingIsGiven) {
  const Pins most = take(holder_, kBlocks - 1);
  EXPECT_TRUE(take(holder_, 2).empty());
  EXPECT_EQ(take(holder_, 1).size(), 1U);
}

TEST_F(BlockPoolTest, WhatWasReadMakesRoomFirst) {
  Pins pins = take(holder_, kBlocks);
  const auto blocks = blocks_of(pins);
  pool_->mark_read(*blocks[7]);
  pins.clear();
  const Pins more = take(holder_, 1);
  EXPECT_FALSE(pool_->pin(blocks[7]));
  EXPECT_TRUE(pool_->pin(blocks[6]));
  EXPECT_EQ(pool_->figures().taken_away, 1U);
}

TEST_F(BlockPoolTest, IdleReadersGiveBackFirstAndFromTheirFarEnd) {
  const auto idle = pool_->add_holder();
  pool_->touch(*idle);
  Pins ahead = take(idle, 2);
  const auto near = ahead[0].block(), far = ahead[1].block();
  ahead.clear();
  clock_.advance(std::chrono::seconds(1));
  pool_->touch(*holder_);
  Pins rest = take(holder_, kBlocks - 2);
  const auto mine = blocks_of(rest);
  rest.clear();
  const Pins one = take(holder_, 1);
  EXPECT_FALSE(pool_->pin(far));
  EXPECT_TRUE(pool_->pin(near));
  for (const auto& block : mine) EXPECT_TRUE(pool_->pin(block));
}

TEST_F(BlockPoolTest, APrefetchTakesNothingFromAReaderThatIsAtWork) {
  pool_->touch(*holder_);
  take(holder_, kBlocks).clear();  // dropped: nothing is kept for nobody
  Pins ahead = take(holder_, kBlocks);
  const auto blocks = blocks_of(ahead);
  ahead.clear();
  const auto other = pool_->add_holder();
  EXPECT_TRUE(take(other, 1, Purpose::kPrefetch).empty());
  clock_.advance(std::chrono::seconds(3));
  EXPECT_EQ(take(other, 1, Purpose::kPrefetch).size(), 1U);
}

TEST_F(BlockPoolTest, PrefetchesLeaveRoomForThoseWhoWait) {
  Pins ahead = take(holder_, kBlocks / 4 * 3, Purpose::kPrefetch);
  ASSERT_EQ(ahead.size(), kBlocks / 4 * 3);
  EXPECT_TRUE(take(holder_, 1, Purpose::kPrefetch).empty());
  EXPECT_EQ(take(holder_, kBlocks / 4).size(), kBlocks / 4);
}

TEST_F(BlockPoolTest, WhoWaitsIsServedInOrder) {
  Pins all = take(holder_, kBlocks);
  std::vector<int> served;
  Pins now, first, second;
  EXPECT_NE(pool_->take_or_wait(holder_, {Wish{1'000}, Wish{1'001}}, now,
                                [&](Pins pins) {
                                  served.push_back(1);
                                  first = std::move(pins);
                                }),
            0U);
  EXPECT_NE(pool_->take_or_wait(holder_, {Wish{1'002}}, now,
                                [&](Pins pins) {
                                  served.push_back(2);
                                  second = std::move(pins);
                                }),
            0U);
  EXPECT_EQ(pool_->figures().waiting, 2U);
  all.pop_back();
  EXPECT_TRUE(served.empty());  // there is room for the second, but it came later
  all.pop_back();
  EXPECT_EQ(served, std::vector{1});
  all.pop_back();
  EXPECT_EQ(served, (std::vector{1, 2}));
  EXPECT_EQ(first.size(), 2U);
}

TEST_F(BlockPoolTest, WhoGivesUpWaitingLetsTheNextOnePass) {
  Pins all = take(holder_, kBlocks);
  all.pop_back();
  Pins now, got;
  const auto big = pool_->take_or_wait(holder_, {Wish{1'000}, Wish{1'001}}, now, [](Pins) {});
  pool_->take_or_wait(holder_, {Wish{1'002}}, now, [&](Pins pins) { got = std::move(pins); });
  EXPECT_TRUE(got.empty());
  pool_->forget(big);
  EXPECT_EQ(got.size(), 1U);
}

TEST_F(BlockPoolTest, ShortBlocksCountForWhatTheyAre) {
  const std::vector<Wish> wishes(1'000, Wish{.position = 0, .size_bytes = 4'096});
  auto pins = pool_->take(holder_, wishes, Purpose::kDemand);
  ASSERT_TRUE(pins);
  EXPECT_EQ(pins->front().bytes().size(), 4'096U);
  EXPECT_EQ(pool_->figures().used_bytes, 4'096'000U);
}

TEST_F(BlockPoolTest, MemoryIsKeptAndGivenBackWhenAsked) {
  take(holder_, 10).clear();
  EXPECT_EQ(pool_->figures().used_bytes, 0U);
  EXPECT_EQ(pool_->figures().kept_bytes, 10 * BlockPool::kBlockSize);
  pool_->give_back_unused();
  EXPECT_EQ(pool_->figures().kept_bytes, 0U);
  const Pins again = take(holder_, 3);
  EXPECT_EQ(pool_->figures().kept_bytes, 3 * BlockPool::kBlockSize);
  again[2].bytes()[5] = std::byte{1};
}

// 64 readers of two blocks each on a budget of 64 blocks: each comes to its end, and the budget is
// never exceeded.
TEST_F(BlockPoolTest, ManyReadersOnASmallBudgetAllGetOn) {
  std::atomic<int> ended{0};
  {
    std::vector<std::jthread> readers;
    for (int i = 0; i < 64; ++i)
      readers.emplace_back([&] {
        const auto holder = pool_->add_holder();
        for (std::uint64_t round = 0; round < 50; ++round) {
          pool_->touch(*holder);
          auto waiter = std::make_shared<Waiter<std::shared_ptr<Pins>>>();
          Pins now;
          const auto ticket =
              pool_->take_or_wait(holder, {Wish{2 * round}, Wish{2 * round + 1}}, now,
                                  [callback = waiter->callback()](Pins pins) mutable {
                                    callback(std::make_shared<Pins>(std::move(pins)));
                                  });
          if (ticket != 0) now = std::move(**waiter->wait(nullptr));
          ASSERT_EQ(now.size(), 2U);
          now[0].bytes()[0] = std::byte{1};
          std::vector<Wish> ahead(3, Wish{.position = 2 * round + 2});
          auto more = pool_->take(holder, ahead, Purpose::kPrefetch);
        }
        ++ended;
      });
  }
  EXPECT_EQ(ended, 64);
  EXPECT_LE(pool_->figures().highest_bytes, BlockPool::kBudgetMin);
  EXPECT_EQ(pool_->figures().used_bytes, 0U);
}

}  // namespace
}  // namespace stsfs::cache
