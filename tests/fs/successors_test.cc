// What became of versions that this mount itself replaced by others with the same bytes.

#include "content/successors.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"

namespace stsfs::fs {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const ObjectVersion kFirst{"d/f", "1"}, kSecond{"n/f", "1"}, kThird{"n/f", "2"};

class SuccessorsTest : public ::testing::Test {
 protected:
  fakes::FakeClock clock_;
  Successors successors_{clock_};
};

TEST_F(SuccessorsTest, AreFollowedToTheLast) {
  EXPECT_FALSE(successors_.any());
  successors_.became(kFirst, kSecond);
  EXPECT_TRUE(successors_.any());
  EXPECT_EQ(successors_.of(kFirst), kSecond);
  successors_.became(kSecond, kThird);
  EXPECT_EQ(successors_.of(kFirst), kThird);
  EXPECT_EQ(successors_.of(kSecond), kThird);
  EXPECT_EQ(successors_.of(kThird), std::nullopt);
}

TEST_F(SuccessorsTest, AreNothingWithoutAnETagOrAChange) {
  successors_.became({"d/f", ""}, kSecond);
  successors_.became(kSecond, {"n/f", ""});
  successors_.became(kThird, kThird);
  EXPECT_FALSE(successors_.any());
  EXPECT_EQ(successors_.of(kSecond), std::nullopt);
}

// A file that is renamed there and back.
TEST_F(SuccessorsTest, DoNotLeadInACircle) {
  successors_.became(kFirst, kSecond);
  successors_.became(kSecond, kFirst);
  EXPECT_EQ(successors_.of(kFirst), std::nullopt);
  EXPECT_EQ(successors_.of(kSecond), kFirst);
  successors_.became(kFirst, kSecond);
  EXPECT_EQ(successors_.of(kFirst), kSecond);
  EXPECT_EQ(successors_.of(kSecond), std::nullopt);
}

TEST_F(SuccessorsTest, AreOldForWhoHasAskedSince) {
  successors_.became(kFirst, kSecond);
  clock_.advance(seconds(1));
  EXPECT_EQ(successors_.of(kFirst, clock_.steady()), std::nullopt);
  EXPECT_EQ(successors_.of(kFirst, clock_.steady() - seconds(1)), kSecond);
}

TEST_F(SuccessorsTest, AreNewsForWhoAsksBeforeTheVersionIsLeft) {
  successors_.becomes(kFirst, kSecond);
  clock_.advance(seconds(1));
  const SteadyTime asked = clock_.steady();
  EXPECT_EQ(successors_.of(kFirst, asked), kSecond);
  clock_.advance(seconds(1));
  successors_.left(kFirst);
  EXPECT_EQ(successors_.of(kFirst, asked), kSecond);
  clock_.advance(seconds(1));
  EXPECT_EQ(successors_.of(kFirst, clock_.steady()), std::nullopt);
  EXPECT_EQ(successors_.of(kFirst), kSecond);
}

TEST_F(SuccessorsTest, AreKeptWhenTheirOwnComeBeforeTheVersionIsLeft) {
  successors_.becomes(kFirst, kSecond);
  successors_.became(kSecond, kThird);
  successors_.left(kFirst);
  EXPECT_EQ(successors_.of(kFirst), kThird);
}

TEST_F(SuccessorsTest, AreForgottenWhereTheVersionIsNeverLeft) {
  successors_.becomes(kFirst, kSecond);
  clock_.advance(minutes(11));
  successors_.became({"g", "1"}, {"g", "2"});
  EXPECT_EQ(successors_.of(kFirst), std::nullopt);
}

TEST_F(SuccessorsTest, HaveTheSameBytes) {
  successors_.became({"f", "1"}, {"f", "2"});
  successors_.became({"f", "2"}, {"f", "3"});
  EXPECT_TRUE(successors_.are_same("f", "1", "3"));
  EXPECT_TRUE(successors_.are_same("f", "2", "1"));
  EXPECT_TRUE(successors_.are_same("f", "4", "4"));
  EXPECT_FALSE(successors_.are_same("f", "1", "4"));
  EXPECT_FALSE(successors_.are_same("g", "1", "3"));
}

TEST_F(SuccessorsTest, AreForgottenAfterSomeMinutes) {
  successors_.became(kFirst, kSecond);
  clock_.advance(minutes(6));
  successors_.became({"g", "1"}, {"g", "2"});
  EXPECT_EQ(successors_.of(kFirst), kSecond);
  successors_.became(kSecond, kThird);
  clock_.advance(minutes(6));
  successors_.became({"h", "1"}, {"h", "2"});
  EXPECT_EQ(successors_.of(kFirst), std::nullopt);
  EXPECT_EQ(successors_.of(kSecond), kThird);
}

TEST_F(SuccessorsTest, AreOnlySoMany) {
  const auto version = [](int number, const char* etag) {
    return ObjectVersion{std::to_string(number), etag};
  };
  for (int i = 0; i < 40'000; ++i) successors_.became(version(i, "1"), version(i, "2"));
  EXPECT_EQ(successors_.of(version(0, "1")), std::nullopt);
  EXPECT_EQ(successors_.of(version(39'999, "1")), version(39'999, "2"));
}

}  // namespace
}  // namespace stsfs::fs
