#include "stsfs/sts/session_policy.h"

#include <gtest/gtest.h>

namespace stsfs::sts {
namespace {

TEST(UserNames, AreCheckedNotEscaped) {
  for (const char* good : {"al", "alice", "Alice.B@example.com", "a_b-c", "...", "-x"})
    EXPECT_TRUE(check_user_name(good)) << good;
  for (const char* bad : {"", "a", ".", "..", "a/b", "a*", "a?", "a b", "a\"b", "a\\b", "a\nb",
                          "${user}", "älice", "a,b", "a%2f"})
    EXPECT_FALSE(check_user_name(bad)) << bad;
  EXPECT_TRUE(check_user_name(std::string(64, 'a')));
  EXPECT_FALSE(check_user_name(std::string(65, 'a')));
  EXPECT_FALSE(check_user_name(std::string_view("a\0b", 3)));
}

TEST(PrefixTemplate, PutsTheUserInAComponentOfItsOwn) {
  EXPECT_EQ(*expand_prefix("users/${user}/", "alice"), "users/alice/");
  EXPECT_EQ(*expand_prefix("${user}/", "alice"), "alice/");
  EXPECT_EQ(*expand_prefix("a/${user}/files/", "alice"), "a/alice/files/");
  for (const char* bad : {"users/", "users/${user}", "users/x${user}/", "users/${user}x/",
                          "/${user}/", "users//${user}/", "../${user}/", "${user}/${user}/",
                          "u*/${user}/", "u\"/${user}/", "", "${user}/./", "${User}/"})
    EXPECT_FALSE(check_prefix_template(bad)) << bad;
  EXPECT_FALSE(expand_prefix("users/${user}/", ".."));
  EXPECT_FALSE(expand_prefix("users/${user}/", "a*"));
}

TEST(SessionPolicy, AllowsThePrefixAndNothingElse) {
  const auto policy = session_policy({.bucket = "examplebucket", .prefix = "users/alice/"});
  ASSERT_TRUE(policy);
  EXPECT_EQ(
      *policy,
      R"({"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:GetObject","oss:PutObject",)"
      R"("oss:DeleteObject","oss:AbortMultipartUpload","oss:GetObjectTagging",)"
      R"("oss:PutObjectTagging","oss:RestoreObject"],"Resource":)"
      R"(["acs:oss:*:*:examplebucket/users/alice/*"]},{"Effect":"Allow","Action":["oss:ListObjects"],)"
      R"("Resource":["acs:oss:*:*:examplebucket"],"Condition":{"StringLike":{"oss:Prefix":)"
      R"(["users/alice/*"]}}}]})");
}

TEST(SessionPolicy, ReadOnlyHasNoActionThatWrites) {
  const auto policy = session_policy(
      {.bucket = "examplebucket", .prefix = "users/alice/", .access = Access::kReadOnly});
  ASSERT_TRUE(policy);
  for (const char* writes : {"Put", "Delete", "Abort", "\"oss:*"})
    EXPECT_EQ(policy->find(writes), std::string::npos) << writes;
}

TEST(SessionPolicy, RefusesWhatCouldWidenIt) {
  for (const char* prefix :
       {"", "users/alice", "*/", "users/al?ce/", "a\"],\"x\":[\"/", "../", "a//b/"})
    EXPECT_FALSE(session_policy({.bucket = "examplebucket", .prefix = prefix})) << prefix;
  for (const char* bucket : {"", "*", "bucket/x", "Bucket", "b\"ucket"})
    EXPECT_FALSE(session_policy({.bucket = bucket, .prefix = "a/"})) << bucket;
}

TEST(SessionPolicy, StaysWithinWhatStsTakes) {
  PolicyScope scope{.bucket = std::string(63, 'b'), .prefix = std::string(700, 'p') + "/"};
  scope.require_tls = true;
  const auto long_one = session_policy(scope);
  ASSERT_TRUE(long_one) << long_one.error().message;
  EXPECT_LE(long_one->size(), kPolicyMaxBytes);
  scope.prefix = std::string(766, 'p') + "/";
  const auto too_long = session_policy(scope);
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, Errc::kTooLarge);
}

}  // namespace
}  // namespace stsfs::sts
