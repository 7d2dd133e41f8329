#include "stsfs/sts/policy_template.h"

#include <gtest/gtest.h>

#include "stsfs/sts/session_policy.h"

namespace stsfs::sts {
namespace {

std::string allow(const std::string& action, const std::string& resource,
                  const std::string& more = {}) {
  return R"({"Version":"1","Statement":[{"Effect":"Allow","Action":")" + action +
         R"(","Resource":")" + resource + "\"" + more + "}]}";
}

TEST(PolicyTemplate, ThatIsShippedIsValidAndConfined) {
  for (const Access access :
       {Access::kReadWrite, Access::kReadOnly, Access::kUploadOnly, Access::kSharedFolder}) {
    const auto parsed = PolicyTemplate::parse(shipped_template(access));
    ASSERT_TRUE(parsed) << parsed.error().message;
    const auto filled = parsed->fill({"alice", "examplebucket", "users/alice/"});
    ASSERT_TRUE(filled) << filled.error().message;
    EXPECT_EQ(filled->find('$'), std::string::npos);
  }
}

TEST(PolicyTemplate, PutsTheUserWhereItIsNamed) {
  const auto parsed = PolicyTemplate::parse(
      allow("oss:GetObject", "acs:oss:*:*:${bucket}/${prefix}*",
            R"(,"Condition":{"StringEquals":{"oss:ExistingObjectTag/owner":"${user}"}})"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  const auto filled = parsed->fill({"alice", "bucket", "users/alice/"});
  EXPECT_NE(filled->find(R"("oss:ExistingObjectTag/owner":"alice")"), std::string::npos) << *filled;
}

TEST(PolicyTemplate, RefusesWhatIsNotConfinedToTheFolder) {
  for (const std::string& bad : {
           allow("oss:GetObject", "*"),
           allow("oss:GetObject", "acs:oss:*:*:*"),
           allow("oss:GetObject", "acs:oss:*:*:${bucket}/*"),
           allow("oss:GetObject", "acs:oss:*:*:otherbucket/${prefix}*"),
           allow("oss:*", "acs:oss:*:*:${bucket}"),
           allow("oss:DeleteBucket", "acs:oss:*:*:${bucket}"),
           allow("oss:ListObjects", "acs:oss:*:*:${bucket}"),
           allow("oss:ListObjects", "acs:oss:*:*:${bucket}",
                 R"(,"Condition":{"StringLike":{"oss:Prefix":["${prefix}*","*"]}})"),
           allow("oss:ListObjects", "acs:oss:*:*:${bucket}",
                 R"(,"Condition":{"StringNotLike":{"oss:Prefix":["${prefix}*"]}})"),
           allow("oss:GetBucket*", "acs:oss:*:*:${bucket}"),
           allow("sts:AssumeRole", "acs:oss:*:*:${bucket}/${prefix}*"),
           allow("oss:Get${user}", "acs:oss:*:*:${bucket}/${prefix}*"),
       })
    EXPECT_FALSE(PolicyTemplate::parse(bad)) << bad;
  EXPECT_TRUE(PolicyTemplate::parse(allow("oss:GetBucketInfo", "acs:oss:*:*:${bucket}")));
}

TEST(PolicyTemplate, RefusesWhatIsNoPolicy) {
  for (
      const std::string& bad :
      {std::string(), std::string("{}"), std::string("[]"),
       std::string(R"({"Version":"1","Statement":[]})"),
       std::string(R"({"Version":"2","Statement":[{}]})"),
       std::string(R"({"Version":"1","Statement":{}})"),
       allow("oss:GetObject", "acs:oss:*:*:${bucket}/${prefix}*", R"(,"Principal":"*")"),
       allow("oss:GetObject", "acs:oss:*:*:${bucket}/${prefix}*", R"(,"NotAction":"oss:X")"),
       allow("oss:GetObject", "acs:oss:*:*:${bucket}/${prefix}*", R"(,"Effect":"Allow")"),
       allow("oss:GetObject", "acs:oss:*:*:${bucket}/${prefix}${x}"),
       allow("oss:GetObject", "acs:oss:*:*:${bucket}/${prefix}$"),
       allow("oss:GetObject", "acs:oss:*:*:${bucket}/${prefix}*", R"(,"Condition":[])"),
       allow("oss:GetObject", "acs:oss:*:*:${bucket}/${prefix}*",
             R"(,"Condition":{"StringLike":{"k":7}})"),
       std::string(
           R"({"Version":"1","Statement":[{"Effect":"Permit","Action":"oss:GetObject","Resource":"*"}]})"),
       std::string(20'000, ' '), std::string(10'000, '[')})
    EXPECT_FALSE(PolicyTemplate::parse(bad)) << bad.substr(0, 200);
}

TEST(PolicyTemplate, CannotBeGivenMoreThanItWasMadeFor) {
  const auto parsed = PolicyTemplate::parse(shipped_template(Access::kReadWrite));
  for (const char* prefix :
       {"*/", "a\"],\"Resource\":[\"*/", "users/${user}/", "a/../", "a?/", "", "x", "a\\/"})
    EXPECT_FALSE(parsed->fill({"alice", "bucket", prefix})) << prefix;
  for (const char* user : {"*", "a\"b", "${bucket}", "..", "a/b"})
    EXPECT_FALSE(parsed->fill({user, "bucket", "a/"})) << user;
  for (const char* bucket : {"*", "b\"c", "Bucket", "b/c"})
    EXPECT_FALSE(parsed->fill({"alice", bucket, "a/"})) << bucket;
}

TEST(SessionPolicy, HasTheStatementsThatWereAskedFor) {
  PolicyScope scope{.bucket = "examplebucket", .prefix = "users/alice/"};
  scope.extras = {.acl = true, .restore = true, .versions = true, .tagging = true};
  scope.source_addresses = {"192.0.2.0/24", "2001:db8::/32"};
  scope.require_tls = true;
  const auto policy = session_policy(scope);
  ASSERT_TRUE(policy) << policy.error().message;
  for (const char* part : {"oss:GetObjectAcl", "oss:RestoreObject", "oss:GetObjectVersion",
                           "oss:ListObjectVersions", "oss:PutObjectTagging",
                           R"("NotIpAddress":{"acs:SourceIp":["192.0.2.0/24","2001:db8::/32"]})",
                           R"("acs:SecureTransport":["false"])"})
    EXPECT_NE(policy->find(part), std::string::npos) << part;
  EXPECT_EQ(policy->find("users/alice/*\"],\"Condition"), std::string::npos);
  scope.source_addresses = {"192.0.2.0/24\"],\"x\":[\""};
  EXPECT_FALSE(session_policy(scope));
}

TEST(RolePolicy, AndTheOtherTwoAreForOneRoleAndOneUser) {
  EXPECT_EQ(
      *trust_policy("acs:ram::123456789012:user/vending"),
      R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":)"
      R"({"RAM":["acs:ram::123456789012:user/vending"]}}]})");
  EXPECT_EQ(*assume_policy("acs:ram::123456789012:role/stsfs-user"),
            R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",)"
            R"("Resource":"acs:ram:*:123456789012:role/stsfs-user"}]})");
  for (const char* bad : {"", "*", "acs:ram::*:user/x", "acs:ram::1:user/", "acs:ram::1:user/a\"b",
                          "acs:ram::1:root"})
    EXPECT_FALSE(trust_policy(bad)) << bad;
  EXPECT_FALSE(assume_policy("acs:ram::1:role/*"));
  EXPECT_TRUE(role_policy({.bucket = "examplebucket", .prefix = "users/"}));
}

}  // namespace
}  // namespace stsfs::sts
