#include "sts/sts_service.h"

#include <nlohmann/json.hpp>

#include "identities.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"

namespace stsfs::sim {
namespace {

using nlohmann::json;

constexpr std::string_view kP0 =
    R"({"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:GetObject"],"Resource":["acs:oss:*:*:b/u/*"]}]})";

sign::Pairs assume(std::string role = "adminrole", std::string name = "alice") {
  return {{"RoleArn", "acs:ram::123456789012:role/" + role}, {"RoleSessionName", std::move(name)}};
}

json answer_of(const StsAnswer& answer) { return json::parse(answer.body); }

/// "" for success.
std::string code_after(Doors& cloud, sign::Pairs parameters, std::string_view id = "ak",
                       std::string_view secret = "sk", std::string nonce = random_hex(8)) {
  return cloud.sts.handle(rpc_call(std::move(parameters), id, secret, vector_time(), nonce), "")
      .code;
}

sign::Pairs with(sign::Pairs base, std::string name, std::string value) {
  std::erase_if(base, [&](const auto& pair) { return pair.first == name; });
  base.emplace_back(std::move(name), std::move(value));
  return base;
}

/// R5 and R6: what @alicloud/openapi-core signs.
sign::Pairs vector_parameters(std::string signature) {
  return {{"AccessKeyId", "ak"},
          {"Action", "AssumeRole"},
          {"DurationSeconds", "900"},
          {"Format", "JSON"},
          {"Policy", std::string(kP0)},
          {"RoleArn", "acs:ram::123456789012:role/adminrole"},
          {"RoleSessionName", "alice"},
          {"SignatureMethod", "HMAC-SHA1"},
          {"SignatureNonce", "0123456789abcdef"},
          {"SignatureVersion", "1.0"},
          {"Timestamp", "2026-01-02T03:04:05Z"},
          {"Version", "2015-04-01"},
          {"Signature", std::move(signature)}};
}

TEST(Sts, AnswersTheVectorByGetInTheShapeOfTheDocumentation) {
  Doors cloud;
  WireRequest get = wire("GET", "/");
  get.query = vector_parameters("2S4nQqdX2rY/gB84dxTXJbO99NM=");
  const StsAnswer answer = cloud.sts.handle(get, "");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.content_type, "application/json;charset=utf-8");
  const json body = answer_of(answer);
  EXPECT_EQ(body["AssumedRoleUser"]["Arn"], "acs:ram::123456789012:role/adminrole/alice");
  EXPECT_TRUE(body["AssumedRoleUser"]["AssumedRoleId"].get<std::string>().ends_with(":alice"));
  EXPECT_EQ(body["Credentials"]["Expiration"], "2026-01-02T03:19:05Z");
  EXPECT_TRUE(body["Credentials"]["AccessKeyId"].get<std::string>().starts_with("STS."));
  EXPECT_EQ(body["Credentials"]["AccessKeyId"].get<std::string>().size(), 24U);
  EXPECT_EQ(body["Credentials"]["AccessKeySecret"].get<std::string>().size(), 40U);
  EXPECT_GT(body["Credentials"]["SecurityToken"].get<std::string>().size(), 100U);
  EXPECT_EQ(body["RequestId"], answer.request_id);
  const auto session = cloud.sessions->find(body["Credentials"]["AccessKeyId"].get<std::string>());
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->policy->text, kP0);
}

TEST(Sts, TakesParametersInTheBodyOrInBoth) {
  const sign::Pairs all = vector_parameters("nSQFi+oYUhojnO+TrH1/yDa1bMI=");
  for (const std::size_t in_query : {std::size_t{0}, std::size_t{6}, all.size()}) {
    Doors cloud;
    WireRequest post = wire("POST", "/");
    post.headers = {{"content-type", "application/x-www-form-urlencoded; charset=UTF-8"}};
    std::string body;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i < in_query)
        post.query.push_back(all[i]);
      else
        body += (body.empty() ? "" : "&") + all[i].first + "=" + percent_encode(all[i].second);
    }
    EXPECT_EQ(cloud.sts.handle(post, body).code, "") << in_query << " in the query";
  }
}

/// A3: what @alicloud/openapi-core signs.
WireRequest acs3_vector() {
  WireRequest post = wire("POST", "/");
  post.query = {{"DurationSeconds", "900"},
                {"Policy", std::string(kP0)},
                {"RoleArn", "acs:ram::123456789012:role/adminrole"},
                {"RoleSessionName", "alice"}};
  post.headers = {
      {"host", "sts.cn-hangzhou.aliyuncs.com"},
      {"x-acs-action", "AssumeRole"},
      {"x-acs-version", "2015-04-01"},
      {"x-acs-date", "2026-01-02T03:04:05Z"},
      {"x-acs-signature-nonce", "0123456789abcdef"},
      {"x-acs-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"Authorization",
       "ACS3-HMAC-SHA256 Credential=ak,SignedHeaders=host;x-acs-action;x-acs-content-sha256;"
       "x-acs-date;x-acs-signature-nonce;x-acs-version,Signature="
       "93c8903699db2cfda6fdf31b8213feb2c40f872e5a91a5975bd973b7f6441abf"}};
  return post;
}

TEST(Sts, AcceptsTheAcs3VectorAndRefusesItChanged) {
  Doors cloud;
  EXPECT_EQ(cloud.sts.handle(acs3_vector(), "").code, "");
  EXPECT_EQ(cloud.sts.handle(acs3_vector(), "").code, "SignatureNonceUsed");
  EXPECT_EQ(cloud.sts.handle(acs3_vector(), "body").code, "SignatureDoesNotMatch");
  WireRequest other = acs3_vector();
  other.query[3].second = "bob";
  EXPECT_EQ(cloud.sts.handle(other, "").code, "SignatureDoesNotMatch");
  other = acs3_vector();
  other.headers.emplace_back("x-acs-security-token", "unsigned");
  EXPECT_NE(cloud.sts.handle(other, "").code, "");
  other = acs3_vector();
  other.headers.emplace_back("x-acs-extra", "unsigned");
  EXPECT_EQ(cloud.sts.handle(other, "").code, "IncompleteSignature");
  other = acs3_vector();
  other.now += std::chrono::minutes(16);
  EXPECT_EQ(cloud.sts.handle(other, "").code, "InvalidTimeStamp.Expired");
}

TEST(Sts, ARepeatedNonceIsRefusedAndAnUnsignedRequestUsesNone) {
  Doors cloud;
  EXPECT_EQ(code_after(cloud, assume(), "ak", "wrong", "same"), "SignatureDoesNotMatch");
  EXPECT_EQ(code_after(cloud, assume(), "ak", "sk", "same"), "");
  EXPECT_EQ(code_after(cloud, assume(), "ak", "sk", "same"), "SignatureNonceUsed");
  EXPECT_EQ(code_after(cloud, assume("long"), "reader", "rs", "same"), "NoPermission");
}

TEST(Sts, AnswersEachWrongRequestWithItsCode) {
  struct Row {
    const char* name;
    std::string value;
    const char* code;
    int status;
  };
  const std::string big = R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:)" +
                          std::string(2'048, 'x') + R"(","Resource":"*"}]})";
  const Row rows[] = {
      {"RoleArn", "", "MissingRoleArn", 400},
      {"RoleArn", "acs:ram::123:user/x", "InvalidParameter.RoleArn", 400},
      {"RoleArn", "acs:ram::x:role/adminrole", "InvalidParameter.RoleArn", 400},
      {"RoleArn", "acs:ram::123456789012:role/none", "EntityNotExist.Role", 404},
      {"RoleSessionName", "", "MissingRoleSessionName", 400},
      {"RoleSessionName", "a", "InvalidParameter.RoleSessionName", 400},
      {"RoleSessionName", std::string(65, 'a'), "InvalidParameter.RoleSessionName", 400},
      {"RoleSessionName", "a b", "InvalidParameter.RoleSessionName", 400},
      {"RoleSessionName", std::string(64, 'a'), "", 200},
      {"DurationSeconds", "899", "InvalidParameter.DurationSeconds", 400},
      {"DurationSeconds", "3601", "InvalidParameter.DurationSeconds", 400},
      {"DurationSeconds", "-1", "InvalidParameter.DurationSeconds", 400},
      {"DurationSeconds", "3600", "", 200},
      {"Policy", "{}", "InvalidParameter.PolicyGrammar", 400},
      {"Policy", "", "InvalidParameter.PolicyGrammar", 400},
      {"Policy", big, "InvalidParameter.PolicySize", 400},
      {"ExternalId", "a", "InvalidParameter.ExternalId", 400},
      {"ExternalId", "a!b", "InvalidParameter.ExternalId", 400},
      {"SourceIdentity", "a b", "InvalidParameter.SourceIdentity", 400},
      {"Version", "2014-01-01", "InvalidVersion", 404},
      {"Version", "", "MissingVersion", 400},
      {"Action", "CreateUser", "InvalidAction.NotFound", 404},
      {"Action", "", "MissingAction", 400},
      {"SignatureMethod", "HMAC-SHA256", "InvalidParameter.SignatureMethod", 400},
      {"SignatureVersion", "2.0", "InvalidParameter.SignatureVersion", 400},
      {"SignatureNonce", "", "MissingSignatureNonce", 400},
      {"Timestamp", "yesterday", "InvalidTimeStamp.Format", 400},
      {"Timestamp", "2026-01-02T02:49:04Z", "InvalidTimeStamp.Expired", 400},
      {"Timestamp", "2026-01-02T03:19:06Z", "InvalidTimeStamp.Expired", 400},
      {"Timestamp", "2026-01-02T03:04:05.123Z", "", 200},
      {"SecurityToken", "t", "InvalidAccessKeyId.NotFound", 404},
      {"AccessKeyId", "who", "InvalidAccessKeyId.NotFound", 404},
      {"AccessKeyId", "off", "InvalidAccessKeyId.Inactive", 400},
  };
  for (const Row& row : rows) {
    Doors cloud;
    const StsAnswer answer =
        cloud.sts.handle(rpc_call(with(assume(), row.name, row.value), "ak", "sk"), "");
    EXPECT_EQ(answer.code, row.code) << row.name << "=" << row.value.substr(0, 60);
    EXPECT_EQ(answer.status, row.status) << row.name << "=" << row.value.substr(0, 60);
  }
}

TEST(Sts, AMismatchSaysWhatItWouldHaveSigned) {
  Doors cloud;
  const StsAnswer answer = cloud.sts.handle(rpc_call(assume(), "ak", "wrong"), "");
  const json body = answer_of(answer);
  EXPECT_EQ(body["Code"], "SignatureDoesNotMatch");
  EXPECT_TRUE(body["Message"].get<std::string>().starts_with(
      "Specified signature is not matched with our calculation. server string to sign "
      "is:GET&%2F&"));
  EXPECT_EQ(body["HostId"], "sts.example.com");
  EXPECT_TRUE(body.contains("RequestId") && body.contains("Recommend"));
}

TEST(Sts, OnlyTrustedUsersWithThePermissionMayAssume) {
  Doors cloud;
  EXPECT_EQ(code_after(cloud, assume(), "nobody", "ns"), "NoPermission");    // trusted, no policy
  EXPECT_EQ(code_after(cloud, assume(), "stranger", "ss"), "NoPermission");  // policy, not trusted
  const StsAnswer root = cloud.sts.handle(rpc_call(assume("long"), "rootkey", "rootsecret"), "");
  EXPECT_EQ(root.status, 403);
  EXPECT_EQ(answer_of(root)["Message"], "Roles may not be assumed by root accounts.");
}

TEST(Sts, ARoleMayAllowLongerSessionsAndTestsMayAskForShortOnes) {
  Doors cloud;
  EXPECT_EQ(code_after(cloud, with(assume("long"), "DurationSeconds", "43200")), "");
  EXPECT_EQ(code_after(cloud, with(assume("long"), "DurationSeconds", "43201")),
            "InvalidParameter.DurationSeconds");
  Doors fast({}, {.allow_short_tokens = true});
  EXPECT_EQ(code_after(fast, with(assume(), "DurationSeconds", "3")), "");
  EXPECT_EQ(code_after(fast, with(assume(), "DurationSeconds", "0")),
            "InvalidParameter.DurationSeconds");
}

TEST(Sts, ASessionMayAssumeAnotherRoleForAnHourAtMost) {
  Doors cloud;
  const json first = answer_of(cloud.sts.handle(rpc_call(assume(), "ak", "sk"), ""))["Credentials"];
  const auto chained = [&](std::string duration, std::string nonce) {
    auto parameters = with(assume("long", "chained"), "DurationSeconds", std::move(duration));
    parameters.emplace_back("SecurityToken", first["SecurityToken"].get<std::string>());
    return cloud.sts.handle(
        rpc_call(parameters, first["AccessKeyId"].get<std::string>(),
                 first["AccessKeySecret"].get<std::string>(), vector_time(), nonce),
        "");
  };
  EXPECT_EQ(chained("3600", "n2").code, "");
  EXPECT_EQ(chained("3601", "n3").code, "InvalidParameter.DurationSeconds");
  EXPECT_EQ(code_after(cloud, assume(), first["AccessKeyId"].get<std::string>(),
                       first["AccessKeySecret"].get<std::string>()),
            "MissingSecurityToken");
}

TEST(Sts, TellsWhoIsCalling) {
  Doors cloud;
  const auto who = [&](sign::Pairs more, std::string_view id, std::string_view secret,
                       std::string nonce) {
    more.emplace_back("Action", "GetCallerIdentity");
    return answer_of(
        cloud.sts.handle(rpc_call(std::move(more), id, secret, vector_time(), nonce), ""));
  };
  const json user = who({}, "ak", "sk", "1");
  EXPECT_EQ(user["IdentityType"], "RAMUser");
  EXPECT_EQ(user["Arn"], "acs:ram::123456789012:user/app");
  EXPECT_EQ(who({}, "rootkey", "rootsecret", "2")["IdentityType"], "Account");
  const json session =
      answer_of(cloud.sts.handle(rpc_call(assume("long"), "ak", "sk"), ""))["Credentials"];
  const json role = who({{"SecurityToken", session["SecurityToken"].get<std::string>()}},
                        session["AccessKeyId"].get<std::string>(),
                        session["AccessKeySecret"].get<std::string>(), "3");
  EXPECT_EQ(role["IdentityType"], "AssumedRoleUser");
  EXPECT_EQ(role["RoleId"], "300");
  EXPECT_EQ(role["PrincipalId"], "300:alice");
}

TEST(Sts, WritesXmlWhenAskedTo) {
  Doors cloud;
  const StsAnswer good =
      cloud.sts.handle(rpc_call(with(assume(), "Format", "XML"), "ak", "sk"), "");
  EXPECT_EQ(good.content_type, "text/xml;charset=utf-8");
  EXPECT_NE(good.body.find("<AssumeRoleResponse><RequestId>" + good.request_id), std::string::npos);
  EXPECT_NE(good.body.find("<Credentials><SecurityToken>"), std::string::npos);
  const StsAnswer bad =
      cloud.sts.handle(rpc_call(with(with(assume(), "Format", "XML"), "RoleSessionName", "<&"),
                                "ak", "sk", vector_time(), "n2"),
                       "");
  EXPECT_NE(bad.body.find("<Error><RequestId>"), std::string::npos);
  EXPECT_NE(bad.body.find("<Code>InvalidParameter.RoleSessionName</Code>"), std::string::npos);
}

TEST(Sts, WhatItHandsOutOpensOss) {
  Doors cloud;
  const json got = answer_of(cloud.sts.handle(
      rpc_call(with(assume(), "Policy", std::string(kP0)), "ak", "sk"), ""))["Credentials"];
  const Target mine{"b", "u/1"};
  WireRequest request = wire("GET", "/u/1");
  sign_v4(request, mine, got["AccessKeyId"].get<std::string>(),
          got["AccessKeySecret"].get<std::string>(), got["SecurityToken"].get<std::string>());
  const auto verified = cloud.access.verify(request, std::vector{mine});
  ASSERT_TRUE(verified);
  EXPECT_FALSE(cloud.access.authorize(verified->principal, request, {"oss:GetObject", "b", "u/1"}));
  EXPECT_TRUE(cloud.access.authorize(verified->principal, request, {"oss:GetObject", "b", "v/1"}));
}

}  // namespace
}  // namespace stsfs::sim
