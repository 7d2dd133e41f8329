#include "ram/ram_match.h"

#include <gtest/gtest.h>

namespace stsfs::sim {
namespace {

TEST(RamMatch, StarsAndQuestionMarksMatchAsDocumented) {
  struct Row {
    std::string_view pattern, text;
    bool matches;
  };
  constexpr Row kRows[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "a/b/c", true},
      {"a*", "a", true},
      {"a*", "ab/c", true},
      {"a*", "ba", false},
      {"*a", "bba", true},
      {"*a", "bab", false},
      {"a*b*c", "axxbyyc", true},
      {"a*b*c", "axxbyy", false},
      {"a**b", "ab", true},
      {"?", "", false},
      {"?", "a", true},
      {"?", "ab", false},
      {"?", "\xE4\xB8\xAD", true},
      {"??", "\xE4\xB8\xAD", false},
      {"a?c", "abc", true},
      {"alice/*", "alice/", true},
      {"alice/*", "alice", false},
      {"alice/*", "alicebob/x", false},
      {"*/x/*", "/x/x/x/", true},
  };
  for (const Row& row : kRows)
    EXPECT_EQ(matches_wildcard(row.pattern, row.text), row.matches)
        << row.pattern << " against " << row.text;
}

TEST(RamMatch, CaseCountsUnlessItIsIgnored) {
  EXPECT_FALSE(matches_wildcard("oss:get*", "oss:GetObject"));
  EXPECT_TRUE(matches_wildcard("oss:get*", "OSS:GetObject", Case::kIgnored));
}

TEST(RamMatch, ManyStarsEndInBoundedTime) {
  std::string pattern;
  for (int i = 0; i < 500; ++i) pattern += "*a";
  EXPECT_FALSE(matches_wildcard(pattern + "b", std::string(5'000, 'a')));
}

TEST(RamMatch, AResourceMatchesPartByPart) {
  constexpr std::string_view kPattern = "acs:oss:*:*:bucket/u/*";
  EXPECT_TRUE(matches_resource(kPattern, "acs:oss:oss-cn-hangzhou:1:bucket/u/a"));
  EXPECT_FALSE(matches_resource(kPattern, "acs:oss:oss-cn-hangzhou:1:bucket/v/a"));
  EXPECT_FALSE(matches_resource(kPattern, "acs:oss:oss-cn-hangzhou:1:bucket"));
  EXPECT_TRUE(matches_resource("*", "acs:oss:r:1:bucket"));
  EXPECT_TRUE(matches_resource("acs:oss:*:1:bucket", "acs:oss:r:1:bucket"));
  EXPECT_FALSE(matches_resource("acs:oss:*:2:bucket", "acs:oss:r:1:bucket"));
}

TEST(RamMatch, AKeyWithColonsDoesNotPoseAsAnotherBucket) {
  EXPECT_FALSE(matches_resource("acs:oss:*:*:bucket/u/*", "acs:oss:r:1:evil/x:bucket/u/1"));
}

}  // namespace
}  // namespace stsfs::sim
