#include "office/rate_limit.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"

namespace stsfs::vend {
namespace {

using namespace std::chrono_literals;

class RateLimitTest : public ::testing::Test {
 protected:
  /// Asks so often at once. What was told, `client+more` each, in order; how many were refused.
  std::string asks(const std::string& client, int times) {
    std::vector<std::string> told;
    for (int i = 0; i < times; ++i) {
      const auto verdict = limit_.ask(client, 1);
      refused_ += verdict.allowed ? 0 : 1;
      for (const auto& one : verdict.told)
        told.push_back(one.client + "+" + std::to_string(one.more));
    }
    std::sort(told.begin(), told.end());
    std::string out;
    for (const auto& one : told) out += one + " ";
    return out;
  }

  fakes::FakeClock clock_;
  RateLimit limit_{clock_};
  int refused_ = 0;
};

TEST_F(RateLimitTest, RefusesWhatIsMoreThanTenSecondsOfIt) {
  asks("a", 15);
  EXPECT_EQ(refused_, 5);
  clock_.advance(3s);
  asks("a", 5);
  EXPECT_EQ(refused_, 7);
  asks("b", 10);
  EXPECT_EQ(refused_, 7);
}

TEST_F(RateLimitTest, TellsTheFirstRefusalAtOnceAndAMinuteLaterHowManyFollowed) {
  EXPECT_EQ(asks("a", 10), "");
  EXPECT_EQ(asks("a", 101), "a+0 ");
  EXPECT_EQ(asks("b", 13), "b+0 ");
  clock_.advance(59s);
  EXPECT_EQ(asks("c", 1), "");
  clock_.advance(1s);
  EXPECT_EQ(asks("c", 1), "a+100 b+2 ") << "also when they have gone away";
  EXPECT_EQ(asks("c", 1), "");
  EXPECT_EQ(asks("b", 12), "b+0 ") << "it begins anew";
}

TEST_F(RateLimitTest, HasTheRestInTheEnd) {
  asks("a", 15);
  asks("b", 11);
  const auto rest = limit_.rest();
  ASSERT_EQ(rest.size(), 1u) << "of b all is told";
  EXPECT_EQ(rest[0].client, "a");
  EXPECT_EQ(rest[0].more, 4u);
  EXPECT_TRUE(limit_.rest().empty());
}

}  // namespace
}  // namespace stsfs::vend
