#include "content/commit_slots.h"

#include <optional>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"

namespace stsfs::fs {
namespace {

using std::chrono::seconds;

class CommitSlotsTest : public ::testing::Test {
 protected:
  /// One that has its turn, or is still to have it, or is told that it has none.
  struct Commit {
    std::optional<CommitSlots::Slot> slot;
    std::optional<Error> told;
  };
  void start(Commit& commit) {
    slots_.acquire([&commit](Result<CommitSlots::Slot> slot) {
      if (slot)
        commit.slot = std::move(*slot);
      else
        commit.told = std::move(slot.error());
    });
  }
  static void end_unanswered(Commit& commit) {
    commit.slot->got_no_answer();
    commit.slot.reset();
  }
  static void end_in_oss(Commit& commit) {
    commit.slot->came_through();
    commit.slot.reset();
  }

  fakes::FakeClock clock_;
  CommitSlots slots_{2, clock_, seconds(30)};
  Commit first_, second_, third_, fourth_;
};

TEST_F(CommitSlotsTest, AreGivenInTheOrderInWhichTheyWereAskedFor) {
  for (Commit* one : {&first_, &second_, &third_, &fourth_}) start(*one);
  EXPECT_TRUE(first_.slot && second_.slot);
  EXPECT_FALSE(third_.slot || fourth_.slot);
  second_.slot.reset();
  EXPECT_TRUE(third_.slot);
  EXPECT_FALSE(fourth_.slot);
  first_.slot.reset();
  EXPECT_TRUE(fourth_.slot);
}

TEST_F(CommitSlotsTest, WhoHasWaitedLearnsThatOthersGetNoAnswer) {
  start(first_), start(second_), start(third_);
  clock_.advance(seconds(40));
  start(fourth_);
  clock_.advance(seconds(20));
  end_unanswered(first_);
  ASSERT_TRUE(third_.told);
  EXPECT_EQ(third_.told->code, Errc::kTimedOut);
  EXPECT_TRUE(fourth_.slot) << "it came only a moment ago";
  // The slot of one that was told is not lost.
  Commit fifth;
  start(fifth);
  EXPECT_FALSE(fifth.slot);
  end_unanswered(second_);
  EXPECT_TRUE(fifth.slot);
}

TEST_F(CommitSlotsTest, NobodyIsToldWhileOthersComeThrough) {
  start(first_), start(second_), start(third_), start(fourth_);
  clock_.advance(seconds(50));
  end_in_oss(first_);
  EXPECT_TRUE(third_.slot);
  clock_.advance(seconds(20));
  end_unanswered(second_);
  EXPECT_TRUE(fourth_.slot);
  EXPECT_FALSE(fourth_.told);
}

TEST_F(CommitSlotsTest, NobodyHasATurnAfterTheEnd) {
  start(first_), start(second_), start(third_);
  slots_.stop();
  end_unanswered(first_);
  start(fourth_);
  EXPECT_FALSE(third_.slot || third_.told || fourth_.slot);
}

TEST_F(CommitSlotsTest, MayFreeRoomWhileOneIsUnderWayAndAMomentAfterItsEnd) {
  EXPECT_FALSE(slots_.may_free_room());
  start(first_);
  EXPECT_TRUE(slots_.may_free_room());
  first_.slot.reset();
  EXPECT_FALSE(slots_.may_free_room()) << "it failed, and keeps what it holds";
  start(second_);
  end_in_oss(second_);
  EXPECT_TRUE(slots_.may_free_room());
  clock_.advance(seconds(10));
  EXPECT_FALSE(slots_.may_free_room());
}

TEST_F(CommitSlotsTest, NobodyIsToldOfWhatConcernsOneFile) {
  start(first_), start(second_), start(third_);
  clock_.advance(seconds(50));
  first_.slot.reset();
  EXPECT_TRUE(third_.slot);
}

}  // namespace
}  // namespace stsfs::fs
