#include "answer.h"

#include <string>

#include <gtest/gtest.h>

#include "stsfs/base/time_format.h"

namespace stsfs::credentials {
namespace {

const std::string kFlat = R"({"StatusCode": 200, "AccessKeyId": "STS.id", "AccessKeySecret": "sec",
  "SecurityToken": "tok+/=", "Expiration": "2026-01-08T15:02:37Z",
  "Endpoint": "https://oss-cn-hangzhou.aliyuncs.com", "Region": "cn-hangzhou",
  "Bucket": "examplebucket", "Prefix": "users/alice/", "Permissions": "ro",
  "Versioning": true, "HierarchicalNamespace": false, "QuotaBytes": 10, "UsedBytes": 3})";

std::string with(std::string json, const std::string& from, const std::string& to) {
  const auto at = json.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return json.replace(at, from.size(), to);
}

std::string complaint(const std::string& json) {
  const auto grant = parse_grant(json, KeyKind::kTemporaryOnly);
  return grant ? "accepted" : grant.error().message;
}

TEST(Answer, OfAVendingServerHasKeyAndFolder) {
  const auto grant = parse_grant(kFlat, KeyKind::kTemporaryOnly);
  ASSERT_TRUE(grant) << grant.error().message;
  EXPECT_EQ(grant->credential.access_key_id, "STS.id");
  EXPECT_EQ(grant->credential.access_key_secret.reveal(), "sec");
  EXPECT_EQ(grant->credential.security_token.reveal(), "tok+/=");
  EXPECT_EQ(grant->credential.expiration, parse_iso8601("2026-01-08T15:02:37Z"));
  ASSERT_TRUE(grant->folder);
  EXPECT_EQ(grant->folder->endpoint, "https://oss-cn-hangzhou.aliyuncs.com");
  EXPECT_EQ(grant->folder->bucket, "examplebucket");
  EXPECT_EQ(grant->folder->prefix, "users/alice/");
  EXPECT_EQ(grant->folder->permissions, Permissions::kReadOnly);
  EXPECT_TRUE(grant->folder->versioning);
  EXPECT_EQ(grant->folder->quota_bytes, 10u);
  EXPECT_EQ(grant->folder->used_bytes, 3u);
}

TEST(Answer, MaySayWhatNewObjectsAreAndWhetherAclsCanBeRead) {
  const auto plain = parse_grant(kFlat, KeyKind::kTemporaryOnly);
  EXPECT_EQ(plain->folder->storage_class, "");
  EXPECT_FALSE(plain->folder->acls.has_value());
  const auto more = parse_grant(with(kFlat, "\"UsedBytes\": 3",
                                     "\"UsedBytes\": 3, \"StorageClass\": \"IA\", \"Acls\": false"),
                                KeyKind::kTemporaryOnly);
  ASSERT_TRUE(more) << more.error().message;
  EXPECT_EQ(more->folder->storage_class, "IA");
  EXPECT_EQ(more->folder->acls, false);
}

TEST(Answer, MaySayThatAFolderIsForUploadingOnly) {
  const auto grant = parse_grant(with(kFlat, "\"ro\"", "\"wo\""), KeyKind::kTemporaryOnly);
  ASSERT_TRUE(grant) << grant.error().message;
  EXPECT_EQ(grant->folder->permissions, Permissions::kUploadOnly);
}

TEST(Answer, MayNestItsCredentialsAsAssumeRoleDoes) {
  const auto grant = parse_grant(R"({"RequestId":"R","Credentials":{"AccessKeyId":"STS.a",
    "AccessKeySecret":"b","SecurityToken":"c","Expiration":"2026-01-08T15:02:37Z"}})",
                                 KeyKind::kTemporaryOnly);
  ASSERT_TRUE(grant) << grant.error().message;
  EXPECT_EQ(grant->credential.access_key_id, "STS.a");
  EXPECT_FALSE(grant->folder);
}

TEST(Answer, MaySayCodeSuccessAsACredentialsUriDoes) {
  const std::string json = R"({"Code":"Success","AccessKeyId":"STS.a","AccessKeySecret":"b",
    "SecurityToken":"c","Expiration":"2026-01-08T15:02:37Z","LastUpdated":"x"})";
  EXPECT_TRUE(parse_grant(json, KeyKind::kTemporaryOnly));
  EXPECT_NE(complaint(with(json, "Success", "Failed")).find("Failed"), std::string::npos);
}

TEST(Answer, MayHaveItsStatusAsAString) {
  EXPECT_TRUE(parse_grant(with(kFlat, "200", "\"200\""), KeyKind::kTemporaryOnly));
  EXPECT_FALSE(parse_grant(with(kFlat, "200", "\"500\""), KeyKind::kTemporaryOnly));
}

TEST(Answer, ThatRefusesGivesItsReason) {
  const auto grant = parse_grant(
      R"({"StatusCode":500,"ErrorCode":"NoPermission","ErrorMessage":"not you"})", KeyKind::kAny);
  ASSERT_FALSE(grant);
  EXPECT_EQ(grant.error().code, Errc::kCredential);
  EXPECT_EQ(grant.error().message, "refused: NoPermission: not you");
}

TEST(Answer, NamesTheMemberThatIsWrong) {
  const struct {
    const char* from;
    const char* to;
    const char* member;
  } cases[] = {
      {"\"STS.id\"", "7", "AccessKeyId is not a string"},
      {"\"STS.id\"", "\"\"", "AccessKeyId is empty"},
      {"\"AccessKeySecret\"", "\"Other\"", "AccessKeySecret is missing"},
      {"tok+/=", "tok\\r\\nX: y", "SecurityToken contains"},
      {"2026-01-08T15:02:37Z", "tomorrow", "Expiration is not a time"},
      {"\"Expiration\"", "\"Other\"", "Expiration is missing"},
      {"https://oss-cn", "ftp://oss-cn", "Endpoint is not"},
      {"aliyuncs.com", "aliyuncs.com/path", "Endpoint is not"},
      {"aliyuncs.com", "a@b", "Endpoint is not"},
      {"\"cn-hangzhou\"", "\"cn hangzhou\"", "Region is not"},
      {"examplebucket", "Example", "Bucket is not"},
      {"examplebucket", "a/../b", "Bucket is not"},
      {"\"Prefix\"", "\"Other\"", "Prefix is missing"},
      {"users/alice/", "users/alice", "Prefix does not end in a slash"},
      {"users/alice/", "/users/", "Prefix begins with a slash"},
      {"users/alice/", "users//", "Prefix has two slashes"},
      {"users/alice/", "users/../", "Prefix has a component"},
      {"users/alice/", "users\\u0001/", "Prefix contains control"},
      {"\"ro\"", "\"all\"", "Permissions is not rw"},
      {"true", "1", "Versioning is neither"},
      {"10", "-10", "QuotaBytes is not"},
      {"\"UsedBytes\": 3", "\"StorageClass\": \"IA\\r\\nX: y\"", "StorageClass is no word"},
      {"\"UsedBytes\": 3", "\"Acls\": \"yes\"", "Acls is neither"},
  };
  for (const auto& wrong : cases)
    EXPECT_EQ(complaint(with(kFlat, wrong.from, wrong.to)).rfind(wrong.member, 0), 0u)
        << wrong.member << " / " << complaint(with(kFlat, wrong.from, wrong.to));
}

TEST(Answer, NeverShowsTheValueItComplainsAbout) {
  EXPECT_EQ(complaint(with(kFlat, "\"sec\"", "\"canary secret\"")).find("canary"),
            std::string::npos);
}

TEST(Answer, ThatIsNoJsonObjectOrTooLongIsRefused) {
  EXPECT_EQ(complaint("<html>"), "the answer is not JSON");
  EXPECT_EQ(complaint("[1]"), "the answer is no JSON object");
  EXPECT_EQ(complaint(std::string(kAnswerMaxBytes + 1, ' ')).find("the answer is longer"), 0u);
  EXPECT_EQ(complaint(std::string(kAnswerMaxBytes, '[')), "the answer is not JSON");
  EXPECT_EQ(complaint(R"({"Credentials":[]})"), "Credentials is no JSON object");
}

TEST(Answer, OfAFileMayBeALongTermKey) {
  const std::string json = R"({"AccessKeyId":"LTAI","AccessKeySecret":"s"})";
  const auto grant = parse_grant(json, KeyKind::kAny);
  ASSERT_TRUE(grant);
  EXPECT_FALSE(grant->credential.expiration);
  EXPECT_FALSE(parse_grant(json, KeyKind::kTemporaryOnly));
}

}  // namespace
}  // namespace stsfs::credentials
