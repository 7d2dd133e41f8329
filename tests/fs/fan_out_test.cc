#include "fan_out.h"

#include <gtest/gtest.h>

namespace stsfs::fs {
namespace {

/// Transfers that end when a test says so.
struct Started {
  std::vector<Callback<int>> open;
  int count = 0;
  int cancelled = 0;
};

TEST(FanOut, ResultsAreInTheOrderOfTheirTransfers) {
  const auto out = fan_out<int>(nullptr, 10, 3, [](std::size_t i, Callback<int> done) {
    done(static_cast<int>(i));
    return Transfer();
  });
  ASSERT_EQ(out.size(), 10U);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(out[static_cast<std::size_t>(i)].value(), i);
}

TEST(FanOut, TheNextOneStartsAsSoonAsTheFirstOfThoseUnderWayHasEnded) {
  Started started;
  std::size_t most = 0;
  const auto out = fan_out<int>(nullptr, 7, 3, [&](std::size_t, Callback<int> done) {
    started.open.push_back(std::move(done));
    most = std::max(most, started.open.size());
    // The third ends the first; from then on each ends the one that is waited for.
    if (++started.count >= 3) {
      started.open.front()(started.count);
      started.open.erase(started.open.begin());
    }
    if (started.count == 7)
      for (Callback<int>& left : started.open) left(0);
    return Transfer();
  });
  EXPECT_EQ(out.size(), 7U);
  EXPECT_EQ(most, 3U);
}

TEST(FanOut, AnInterruptCancelsWhatIsUnderWayAndStartsNothingMore) {
  Interrupt interrupt;
  Started started;
  const auto out = fan_out<int>(&interrupt, 10, 2, [&](std::size_t, Callback<int> done) {
    started.open.push_back(std::move(done));
    if (++started.count == 2) interrupt.raise();
    return Transfer([&] { ++started.cancelled; });
  });
  ASSERT_EQ(out.size(), 10U);
  for (const auto& result : out) EXPECT_EQ(result.error().code, Errc::kInterrupted);
  EXPECT_EQ(started.count, 2);
  EXPECT_EQ(started.cancelled, 2);
}

}  // namespace
}  // namespace stsfs::fs
