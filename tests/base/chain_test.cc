#include "stsfs/base/chain.h"

#include <gtest/gtest.h>

namespace stsfs {
namespace {

/// A transfer that counts how often it was cancelled.
Transfer counted(int& cancels) {
  return Transfer([&cancels] { ++cancels; });
}

TEST(Chain, CancelsTheStepUnderWay) {
  Chain chain;
  int first = 0;
  int second = 0;
  chain.step([&] { return counted(first); });
  chain.step([&] { return counted(second); });
  EXPECT_EQ(first, 1);  // the finished step goes when the next one begins
  EXPECT_EQ(second, 0);
  chain.cancel();
  EXPECT_EQ(second, 1);
}

TEST(Chain, StartsNothingOnceCancelled) {
  Chain chain;
  chain.cancel();
  bool started = false;
  chain.step([&] {
    started = true;
    return Transfer();
  });
  EXPECT_FALSE(started);
}

TEST(Chain, DropsAStepThatWasStartedWhileItWasCancelled) {
  Chain chain;
  int cancels = 0;
  chain.step([&] {
    chain.cancel();
    return counted(cancels);
  });
  EXPECT_EQ(cancels, 1);
}

TEST(Chain, KeepsTheLaterStepWhenTheFirstCompletesBeforeItsStartReturns) {
  Chain chain;
  int first = 0;
  int second = 0;
  chain.step([&] {
    chain.step([&] { return counted(second); });  // as a callback that runs at once would do
    return counted(first);
  });
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 0);
  chain.cancel();
  EXPECT_EQ(second, 1);
}

}  // namespace
}  // namespace stsfs
