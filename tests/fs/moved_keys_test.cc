#include "pending/moved_keys.h"

#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace stsfs::fs {
namespace {

std::string key(int number) { return "d/" + std::to_string(100'000 + number); }

TEST(MovedKeys, KeepARangeOfWhatHasBeenPassed) {
  MovedKeys moved;
  std::string after;
  for (int i = 0; i < 50'000; ++i) {
    moved.copied(key(i), "etag");
    if (i % 1'000 != 999) continue;
    EXPECT_EQ(*moved.etag_of(key(i)), "etag");
    moved.passed(after, key(i), true);
    after = key(i);
    EXPECT_EQ(moved.size(), 1U);
  }
  EXPECT_EQ(moved.count(), 50'000U);
  for (const int i : {0, 999, 1'000, 49'999}) {
    EXPECT_TRUE(moved.has(key(i))) << i;
    EXPECT_EQ(moved.etag_of(key(i)), nullptr) << i;
    EXPECT_FALSE(moved.may_be_at(key(i))) << i;
  }
  EXPECT_FALSE(moved.has(key(50'000)));
  EXPECT_TRUE(moved.may_be_at(key(50'000)));
}

TEST(MovedKeys, KeepWhatIsAheadOfThePassOneByOne) {
  MovedKeys moved;
  moved.gone(key(7'000));
  moved.copied(key(5), "five");
  moved.passed("", key(10), true);
  EXPECT_TRUE(moved.has(key(7'000)));
  EXPECT_EQ(*moved.etag_of(key(7'000)), "");
  EXPECT_EQ(moved.size(), 2U);
  moved.gone(key(3));  // passed
  EXPECT_EQ(moved.size(), 2U);
  moved.copied(key(3), "another client's");
  EXPECT_TRUE(moved.may_be_at(key(3)));
  moved.gone(key(3));
  EXPECT_FALSE(moved.may_be_at(key(3)));
  EXPECT_EQ(moved.size(), 2U);
}

TEST(MovedKeys, LeaveAGapWhereSomethingStays) {
  MovedKeys moved;
  moved.passed("", key(10), true);
  moved.copied(key(15), "fifteen");
  moved.passed(key(10), key(20), false);
  moved.passed(key(20), key(30), true);
  EXPECT_FALSE(moved.has(key(15)));
  EXPECT_TRUE(moved.may_be_at(key(15)));
  EXPECT_FALSE(moved.has(key(20)));
  EXPECT_TRUE(moved.has(key(21)));
  EXPECT_EQ(moved.size(), 2U);
  moved.passed("", key(25), true);
  EXPECT_TRUE(moved.has(key(15)));
  EXPECT_EQ(moved.size(), 1U);
}

TEST(MovedKeys, AreBoundedWhateverStays) {
  MovedKeys moved;
  for (int i = 0; i < 10'000; ++i) moved.passed(key(2 * i), key(2 * i + 1), true);
  EXPECT_LE(moved.size(), 1'000U);
}

TEST(MovedKeys, AgreeWithASetOfKeys) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  MovedKeys moved;
  std::set<int> passed;
  std::map<int, std::string> known;
  for (int step = 0; step < 2'000; ++step) {
    const int at = static_cast<int>(random() % 500);
    switch (random() % 4) {
      case 0:
        moved.copied(key(at), "e" + std::to_string(step));
        known[at] = "e" + std::to_string(step);
        break;
      case 1:
        moved.gone(key(at));
        if (passed.contains(at))
          known.erase(at);
        else
          known.emplace(at, "");
        break;
      default: {
        const int last = at + static_cast<int>(random() % 10);
        const bool is_all = random() % 2 == 0;
        moved.passed(key(at), key(last), is_all);
        for (int i = at + 1; i <= last; ++i) {
          known.erase(i);
          if (is_all) passed.insert(i);
        }
      }
    }
    const int looked = static_cast<int>(random() % 520);
    const bool is_known = known.contains(looked);
    ASSERT_EQ(moved.has(key(looked)), is_known || passed.contains(looked)) << looked;
    ASSERT_EQ(moved.etag_of(key(looked)) != nullptr, is_known) << looked;
    if (is_known) {
      ASSERT_EQ(*moved.etag_of(key(looked)), known.at(looked));
    }
  }
}

}  // namespace
}  // namespace stsfs::fs
