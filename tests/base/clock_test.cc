#include "stsfs/base/clock.h"

#include <gtest/gtest.h>

namespace stsfs {
namespace {

TEST(Deadline, HasNothingLeftOnceItHasPassed) {
  EXPECT_EQ(Deadline::in(system_clock(), -std::chrono::seconds(1)).left(system_clock()).count(), 0);
  // Farther back than a duration can say.
  EXPECT_EQ(Deadline::at(SteadyTime::min()).left(system_clock()).count(), 0);
}

TEST(Deadline, RoundsWhatIsLeftUp) {
  const auto left = Deadline::in(system_clock(), std::chrono::seconds(10)).left(system_clock());
  EXPECT_GT(left, std::chrono::seconds(9));
  EXPECT_LE(left, std::chrono::seconds(10));
}

}  // namespace
}  // namespace stsfs
