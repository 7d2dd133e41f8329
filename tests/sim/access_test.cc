// Evaluation: RAM, "Policy evaluation process"; OSS, "Authentication".

#include "identity/access.h"

#include "identities.h"

namespace stsfs::sim {
namespace {

Principal user_of(const Doors& cloud, std::string_view key_id) {
  const AccessKey& key = *cloud.directory->find_key(key_id);
  return {key.owner->root ? Principal::Kind::kAccount : Principal::Kind::kUser,
          key.owner->account_id,
          key.id,
          key.owner->arn,
          key.owner,
          nullptr};
}

Principal session_of(const Doors& cloud, std::string_view policy = {},
                     std::string_view role = "adminrole") {
  std::shared_ptr<const Policy> parsed;
  if (!policy.empty())
    parsed = std::make_shared<const Policy>(parse_policy(policy, PolicyKind::kSession).value());
  const auto issued = cloud.sessions->create(
      {cloud.directory->find_role("acs:ram::123456789012:role/" + std::string(role)), "alice", "",
       parsed, vector_time() + std::chrono::hours(1)});
  return {Principal::Kind::kRoleSession, "123456789012", issued.session->access_key_id,
          issued.session->arn(),         nullptr,        issued.session};
}

/// "" when allowed, else the message and EC.
std::string ask(const Doors& cloud, const Principal& who, AccessQuestion question,
                const WireRequest& request = wire("GET", "/")) {
  const auto refusal = cloud.access.authorize(who, request, question);
  return refusal ? refusal->message + " " + refusal->ec : "";
}

const std::string kByAcl =
    "You have no right to access this object because of bucket acl. 0003-00000001";
const std::string kByBucket = "The bucket you access does not belong to you. 0003-00000001";
const std::string kBySession = "Access denied by authorizer's policy. 0003-00000301";
const std::string kByDeny = "Access denied by bucket policy. 0003-00000201";

TEST(Access, UsersHaveWhatTheirPoliciesAndGroupsGrant) {
  const Doors cloud;
  EXPECT_EQ(ask(cloud, user_of(cloud, "ak"), {"oss:PutObject", "b", "k"}), "");
  EXPECT_EQ(ask(cloud, user_of(cloud, "ak"), {"oss:PutBucketPolicy", "b", ""}), "");
  EXPECT_EQ(ask(cloud, user_of(cloud, "reader"), {"oss:GetObject", "b", "k"}), "");
  EXPECT_EQ(ask(cloud, user_of(cloud, "reader"), {"oss:PutObject", "b", "k"}), kByAcl);
  EXPECT_EQ(ask(cloud, user_of(cloud, "reader"), {"oss:GetObject", "b", "secret/k"}), kByDeny);
  EXPECT_EQ(ask(cloud, user_of(cloud, "nobody"), {"oss:GetBucketInfo", "b", ""}), kByBucket);
}

TEST(Access, AnAccountMayDoAllWithItsOwnAndNothingWithOthers) {
  const Doors cloud;
  const Principal root = user_of(cloud, "rootkey");
  EXPECT_EQ(ask(cloud, root, {"oss:DeleteBucket", "b", ""}), "");
  AccessQuestion foreign{"oss:GetObject", "b", "k"};
  foreign.bucket_owner = "999";
  EXPECT_EQ(ask(cloud, root, foreign), kByAcl);
  // A policy of another account grants nothing here.
  EXPECT_EQ(ask(cloud, user_of(cloud, "stranger"), {"oss:GetObject", "b", "k"}), kByAcl);
}

// RAM guide: "upload only to exampledir/*".
TEST(Access, ASessionMayUploadToTheDirectoryOfItsPolicyOnly) {
  const Doors cloud;
  const Principal who = session_of(
      cloud,
      R"({"Version":"1","Statement":[{"Action":["oss:PutObject"],"Resource":["acs:oss:*:*:b/exampledir/*"],"Effect":"Allow"}]})");
  EXPECT_EQ(ask(cloud, who, {"oss:PutObject", "b", "exampledir/a"}), "");
  EXPECT_EQ(ask(cloud, who, {"oss:PutObject", "b", "other/a"}), kBySession);
  EXPECT_EQ(ask(cloud, who, {"oss:GetObject", "b", "exampledir/a"}), kBySession);
}

// RAM guide: "download only sample-bucket/2015/01/01/*.jpg".
TEST(Access, AUserMayDownloadThePicturesOfOneDayOnly) {
  const std::string document = std::string(kRam) + R"(
[[policy]]
name = "pictures"
document = '{"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:GetObject"],"Resource":["acs:oss:*:*:sample-bucket/2015/01/01/*.jpg"]}]}'
[[user]]
name = "viewer"
policies = "pictures"
access_key = { id = "viewer", secret = "v" }
)";
  const Doors cloud({}, {}, document);
  const Principal who = user_of(cloud, "viewer");
  EXPECT_EQ(ask(cloud, who, {"oss:GetObject", "sample-bucket", "2015/01/01/a.jpg"}), "");
  EXPECT_EQ(ask(cloud, who, {"oss:GetObject", "sample-bucket", "2015/01/01/a.png"}), kByAcl);
  EXPECT_EQ(ask(cloud, who, {"oss:GetObject", "sample-bucket", "2015/01/02/a.jpg"}), kByAcl);
  EXPECT_EQ(ask(cloud, who, {"oss:PutObject", "sample-bucket", "2015/01/01/a.jpg"}), kByAcl);
}

TEST(Access, ASessionWithoutAPolicyHasTheRolesRightsAndNoMore) {
  const Doors cloud;
  const Principal who = session_of(cloud);
  EXPECT_EQ(ask(cloud, who, {"oss:GetObject", "b", "any/key"}), "");
  EXPECT_EQ(ask(cloud, who, {"oss:PutObject", "b", "any/key"}), "");
  EXPECT_EQ(ask(cloud, who, {"oss:DeleteObject", "b", "any/key"}), kByAcl);
}

TEST(Access, ASessionPolicyDoesNotWidenTheRole) {
  const Doors cloud;
  const Principal who = session_of(
      cloud, R"({"Version":"1","Statement":[{"Action":"oss:*","Resource":"*","Effect":"Allow"}]})");
  EXPECT_EQ(ask(cloud, who, {"oss:GetObject", "b", "k"}), "");
  EXPECT_EQ(ask(cloud, who, {"oss:DeleteObject", "b", "k"}), kByAcl);
  EXPECT_EQ(ask(cloud, who, {"oss:GetObject", "another", "k"}), kByAcl);
}

// The policy that confines one user to one folder (sts-and-ram, 4.5).
TEST(Access, AFolderPolicyHoldsAPersonInTheirFolder) {
  const Doors cloud;
  const Principal who = session_of(
      cloud,
      R"({"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:GetObject","oss:PutObject"],"Resource":["acs:oss:*:*:b/users/alice/*"]},{"Effect":"Allow","Action":["oss:ListObjects"],"Resource":["acs:oss:*:*:b"],"Condition":{"StringLike":{"oss:Prefix":["users/alice/*"]}}}]})");
  const auto list = [&](std::string prefix) {
    return ask(cloud, who, {"oss:ListObjects", "b", "", {{"oss:Prefix", std::move(prefix)}}});
  };
  EXPECT_EQ(list("users/alice/"), "");
  EXPECT_EQ(list("users/alice/photos/"), "");
  for (const char* prefix : {"", "users/", "users/alice", "users/alicebob/", "users/bob/"})
    EXPECT_EQ(list(prefix), kBySession) << prefix;
  EXPECT_EQ(ask(cloud, who, {"oss:GetObject", "b", "users/alice/"}), "");
  EXPECT_EQ(ask(cloud, who, {"oss:GetObject", "b", "users/alicebob/k"}), kBySession);
  EXPECT_EQ(ask(cloud, who, {"oss:GetObject", "b", "users/alice"}), kBySession);
}

TEST(Access, AclsGrantWhatPoliciesLeftOpen) {
  const Doors cloud;
  const Principal anonymous;
  const auto with = [&](std::string_view action, std::string_view key, CannedAcl bucket,
                        CannedAcl object) {
    AccessQuestion question{action, "b", key};
    question.bucket_acl = bucket;
    question.object_acl = object;
    return ask(cloud, anonymous, question);
  };
  using enum CannedAcl;
  EXPECT_EQ(with("oss:GetObject", "k", kPrivate, kDefault), kByAcl);
  EXPECT_EQ(with("oss:GetObject", "k", kPublicRead, kDefault), "");
  EXPECT_EQ(with("oss:GetObject", "k", kPrivate, kPublicRead), "");
  EXPECT_EQ(with("oss:GetObject", "k", kPublicReadWrite, kPrivate), kByAcl);
  EXPECT_EQ(with("oss:PutObject", "k", kPublicRead, kDefault), kByAcl);
  EXPECT_EQ(with("oss:PutObject", "k", kPublicReadWrite, kDefault), "");
  EXPECT_EQ(with("oss:ListObjects", "", kPublicRead, kDefault), "");
  EXPECT_EQ(with("oss:GetBucketInfo", "", kPublicReadWrite, kDefault), kByBucket);
  EXPECT_EQ(with("oss:PutObjectAcl", "k", kPublicReadWrite, kDefault), kByAcl);
}

TEST(Access, AnExplicitDenyIsNotPastByAnAcl) {
  const Doors cloud;
  AccessQuestion question{"oss:GetObject", "b", "secret/k"};
  question.bucket_acl = CannedAcl::kPublicRead;
  EXPECT_EQ(ask(cloud, user_of(cloud, "reader"), question), kByDeny);
  EXPECT_EQ(ask(cloud, user_of(cloud, "nobody"), question), "");
}

TEST(Access, ASessionPolicysSilenceFallsThroughOnlyWhenSwitchedOn) {
  Doors cloud;
  const Principal who = session_of(
      cloud,
      R"({"Version":"1","Statement":[{"Action":"oss:PutObject","Resource":"acs:oss:*:*:b/x/*","Effect":"Allow"}]})");
  AccessQuestion question{"oss:GetObject", "b", "k"};
  question.bucket_acl = CannedAcl::kPublicRead;
  EXPECT_EQ(ask(cloud, who, question), kBySession);
  cloud.access.set_options({.switches = {.session_deny_falls_through_to_acl = true}});
  EXPECT_EQ(ask(cloud, who, question), "");
  question.bucket_acl = CannedAcl::kPrivate;  // the role alone would allow it: it must not
  EXPECT_EQ(ask(cloud, who, question), kByAcl);
}

TEST(Access, BucketPoliciesGrantToOthersAndDeny) {
  Doors cloud;
  EXPECT_EQ(
      cloud.access.set_bucket_policy(
          "b",
          R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:GetObject","Principal":["acs:ram::999:user/stranger"],"Resource":"acs:oss:*:123456789012:b/*"},{"Effect":"Deny","Action":"oss:*","Principal":["*"],"Resource":"acs:oss:*:123456789012:b/locked/*"}]})"),
      std::nullopt);
  EXPECT_EQ(ask(cloud, user_of(cloud, "stranger"), {"oss:GetObject", "b", "k"}), "");
  EXPECT_EQ(ask(cloud, user_of(cloud, "stranger"), {"oss:PutObject", "b", "k"}), kByAcl);
  EXPECT_EQ(ask(cloud, user_of(cloud, "rootkey"), {"oss:GetObject", "b", "locked/k"}),
            "Access denied by bucket policy. 0003-00000202");
  EXPECT_EQ(ask(cloud, user_of(cloud, "stranger"), {"oss:GetObject", "c", "k"}), kByAcl);
  EXPECT_NE(cloud.access.set_bucket_policy("b", "{}"), std::nullopt);
  EXPECT_EQ(cloud.access.set_bucket_policy("b", ""), std::nullopt);
  EXPECT_EQ(ask(cloud, user_of(cloud, "stranger"), {"oss:GetObject", "b", "k"}), kByAcl);
}

TEST(Access, ConditionsSeeTheRequest) {
  const Doors cloud;
  const Principal who = session_of(
      cloud,
      R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*","Resource":"*","Condition":{"IpAddress":{"acs:SourceIp":"10.0.0.0/8"},"Bool":{"acs:SecureTransport":"true"},"StringLike":{"acs:UserAgent":"stsfs/*"},"DateLessThan":{"acs:CurrentTime":"2026-02-01T00:00:00Z"}}}]})");
  WireRequest good = wire("GET", "/k");
  good.remote_address = "10.1.2.3";
  good.secure = true;
  good.headers = {{"User-Agent", "stsfs/0.1"}};
  const AccessQuestion question{"oss:GetObject", "b", "k"};
  EXPECT_EQ(ask(cloud, who, question, good), "");
  WireRequest bad = good;
  bad.remote_address = "127.0.0.1";
  EXPECT_EQ(ask(cloud, who, question, bad), kBySession);
  bad = good;
  bad.secure = false;
  EXPECT_EQ(ask(cloud, who, question, bad), kBySession);
  bad = good;
  bad.headers.clear();
  EXPECT_EQ(ask(cloud, who, question, bad), kBySession);
  bad = good;
  bad.now = *parse_iso8601("2026-02-01T00:00:00Z");
  EXPECT_EQ(ask(cloud, who, question, bad), kBySession);
}

TEST(Access, KeepsTheLastDenialsAndNoMore) {
  const Doors cloud;
  const Principal nobody = user_of(cloud, "nobody");
  for (std::size_t i = 0; i < Access::kDenialsMax + 5; ++i)
    ask(cloud, nobody, {"oss:GetObject", "b", "k"});
  const auto denials = cloud.access.denials();
  ASSERT_EQ(denials.size(), Access::kDenialsMax);
  EXPECT_EQ(denials.front().number, 6U);
  EXPECT_EQ(denials.back().principal, "acs:ram::123456789012:user/nobody");
  EXPECT_EQ(denials.back().resource, "acs:oss:oss-cn-hangzhou:123456789012:b/k");
}

}  // namespace
}  // namespace stsfs::sim
