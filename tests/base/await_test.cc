#include "stsfs/base/await.h"

#include <thread>

#include <gtest/gtest.h>

namespace stsfs {
namespace {

TEST(Await, ReturnsWhatTheCallbackIsGiven) {
  std::jthread thread;
  const auto result = await<int>(nullptr, [&](Callback<int> done) {
    thread = std::jthread([done = std::move(done)]() mutable { done(7); });
    return Transfer();
  });
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, 7);
}

TEST(Await, ReturnsACompletionThatCameBeforeTheWait) {
  const auto result = await<int>(nullptr, [](Callback<int> done) {
    done(fail(Errc::kNotFound, "gone"));
    return Transfer();
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kNotFound);
}

TEST(Await, CancelsTheTransferWhenInterrupted) {
  Interrupt interrupt;
  bool cancelled = false;
  std::jthread raiser([&] { interrupt.raise(); });
  Callback<int> kept;
  const auto result = await<int>(&interrupt, [&](Callback<int> done) {
    kept = std::move(done);
    return Transfer([&] { cancelled = true; });
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kInterrupted);
  EXPECT_TRUE(cancelled);
}

TEST(Await, FailsAtOnceWhenInterruptedBefore) {
  Interrupt interrupt;
  interrupt.raise();
  const auto result = await<int>(&interrupt, [](Callback<int>) { return Transfer(); });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kInterrupted);
}

}  // namespace
}  // namespace stsfs
