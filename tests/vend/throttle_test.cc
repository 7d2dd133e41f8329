#include "throttle.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "service.h"

namespace stsfs::vend {
namespace {

using namespace std::chrono_literals;

class Throttles : public ::testing::Test {
 protected:
  void fail_freely(const std::string& who) {
    for (int i = 0; i < 5; ++i) ASSERT_EQ(throttle_.attempt(who), 0s) << i;
  }
  fakes::FakeClock clock_;
  Throttle throttle_{{.entries_max = 100}, clock_};
};

TEST_F(Throttles, LetSomeFailuresPassAndThenPauseLongerEachTime) {
  fail_freely("alice");
  EXPECT_EQ(throttle_.attempt("alice"), 1s);
  EXPECT_EQ(throttle_.attempt("alice"), 1s) << "a refused attempt does not count";
  clock_.advance(1s);
  EXPECT_EQ(throttle_.attempt("alice"), 0s);
  EXPECT_EQ(throttle_.attempt("alice"), 2s);
  for (int i = 0; i < 20; ++i) {
    clock_.advance(60s);
    EXPECT_EQ(throttle_.attempt("alice"), 0s);
  }
  EXPECT_EQ(throttle_.attempt("alice"), 60s);
  EXPECT_EQ(throttle_.attempt("bob"), 0s);
}

TEST_F(Throttles, CountAttemptsFromTheirBeginning) {
  fail_freely("alice");  // all under way at once, none has failed yet
  EXPECT_GT(throttle_.attempt("alice"), 0s);
}

TEST_F(Throttles, ForgetAfterSuccessAndAfterAWhile) {
  fail_freely("alice");
  throttle_.succeeded("alice");
  fail_freely("alice");
  clock_.advance(16min);
  fail_freely("alice");
}

TEST_F(Throttles, AreBounded) {
  for (int i = 0; i < 1'000; ++i) {
    clock_.advance(1ms);
    throttle_.attempt("user" + std::to_string(i));
  }
  EXPECT_LE(throttle_.size(), 100u);
}

TEST_F(Throttles, CountAnAddressOfIpv6ByItsNetwork) {
  EXPECT_EQ(throttle_address("2001:db8:1:2:3:4:5:6"), throttle_address("2001:db8:1:2:ffff::1"));
  EXPECT_NE(throttle_address("2001:db8:1:2::1"), throttle_address("2001:db8:1:3::1"));
  EXPECT_EQ(throttle_address("192.0.2.7"), "192.0.2.7");
}

}  // namespace
}  // namespace stsfs::vend
