#include "schedule.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "server_clock.h"

namespace stsfs::credentials {
namespace {

using namespace std::chrono_literals;

class Schedules : public ::testing::Test {
 protected:
  std::chrono::nanoseconds until_next(bool wanted = false) {
    return *schedule_.next(wanted) - clock_.steady();
  }
  fakes::FakeClock clock_;
  Schedule schedule_{RenewerOptions{}, clock_};
};

TEST_F(Schedules, RenewAtHalfOfTheLifeAndEarlierByJitterOnly) {
  std::chrono::nanoseconds earliest = 1h, latest = 0s;
  for (int i = 0; i < 200; ++i) {
    schedule_.arrived(1h);
    earliest = std::min(earliest, until_next());
    latest = std::max(latest, until_next());
  }
  EXPECT_GE(earliest, 24min);
  EXPECT_LE(latest, 30min);
  EXPECT_GT(latest - earliest, 1min) << "a fleet must be spread";
}

TEST_F(Schedules, NeverRenewWhatDoesNotExpireUnlessWanted) {
  schedule_.arrived(std::nullopt);
  EXPECT_FALSE(schedule_.next(false));
  EXPECT_TRUE(schedule_.next(true));
}

TEST_F(Schedules, TrySeveralTimesBeforeTheEnd) {
  schedule_.arrived(3s);
  clock_.advance(1500ms);
  int attempts = 0;
  while (!schedule_.expired()) {
    schedule_.failed({}, false);
    clock_.advance(std::max<std::chrono::nanoseconds>(until_next(), 1ms));
    ++attempts;
  }
  EXPECT_GE(attempts, 3);
  EXPECT_LE(attempts, 8) << "a fleet that dies together must not be a storm";
}

TEST_F(Schedules, BackOffToTheirMaximumOnceAllIsLost) {
  schedule_.arrived(1s);
  clock_.advance(2s);
  for (int i = 0; i < 20; ++i) schedule_.failed({}, false);
  std::chrono::nanoseconds longest = 0s;
  for (int i = 0; i < 200; ++i) {
    schedule_.failed({}, false);
    longest = std::max(longest, until_next());
  }
  EXPECT_GT(longest, 30s);
  EXPECT_LE(longest, 60s);
  schedule_.failed({}, true);
  EXPECT_LE(until_next(true), 5s) << "somebody waits";
}

TEST_F(Schedules, DoNotWaitOutALongPauseWhileRequestsFail) {
  schedule_.arrived(1s);
  clock_.advance(2s);
  for (int i = 0; i < 20; ++i) schedule_.failed({}, false);
  schedule_.needed();
  EXPECT_LE(until_next(), 5s);
  schedule_.failed(20s, false);
  schedule_.needed();
  EXPECT_GE(until_next(), 20s) << "the server asked for it";
  schedule_.failed({}, false);
  clock_.advance(6s);
  schedule_.needed();
  EXPECT_LE(until_next(), 0s) << "the last attempt is long enough ago";
}

TEST_F(Schedules, HonourRetryAfterUpToABound) {
  schedule_.arrived(1h);
  schedule_.failed(20s, true);
  EXPECT_GE(until_next(true), 20s);
  schedule_.failed(2h, true);
  EXPECT_LE(until_next(true), 5min);
  schedule_.hurry();
  EXPECT_LE(until_next(true), 0s);
}

TEST_F(Schedules, PauseWhenAKeyIsRefusedOnArrival) {
  std::chrono::nanoseconds pause = 0s;
  for (int i = 0; i < 50; ++i) {
    schedule_.arrived(1h);
    for (int j = 0; j < 4; ++j) schedule_.refused();
    pause = std::max(pause, until_next(true));
  }
  EXPECT_GT(pause, 500ms);
  schedule_.arrived(1h);
  clock_.advance(1min);
  schedule_.refused();
  EXPECT_LE(until_next(true), 0s) << "an old key may be refused: replace it at once";
}

TEST(ServerClocks, AreCarriedOnThroughAStepOfOurs) {
  fakes::FakeClock clock;
  ServerClock server(clock);
  EXPECT_EQ(server.offset(), 0ms);
  server.set_offset(5min);
  EXPECT_EQ(server.offset(), 5min);
  const WallTime then = server.now();
  clock.set_wall(clock.wall() + 1h);
  EXPECT_EQ(server.now(), then);
  EXPECT_EQ(server.offset(), -55min);
  clock.advance(7s);
  EXPECT_EQ(server.now(), then + 7s);
}

TEST(ServerClocks, AreFinerThanADateWhereOursAgrees) {
  fakes::FakeClock clock;
  clock.advance(700ms);
  ServerClock server(clock);
  server.heard(std::chrono::floor<std::chrono::seconds>(clock.wall()));
  EXPECT_EQ(server.now(), clock.wall());
  server.heard(std::chrono::floor<std::chrono::seconds>(clock.wall()) + 1h);
  EXPECT_EQ(server.now(), std::chrono::floor<std::chrono::seconds>(clock.wall()) + 1h);
}

}  // namespace
}  // namespace stsfs::credentials
