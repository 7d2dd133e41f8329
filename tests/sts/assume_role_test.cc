#include "stsfs/sts/assume_role.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/scripted_engine.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "stsfs/sign/rpc.h"

namespace stsfs::sts {
namespace {

using namespace std::chrono_literals;
using fakes::ScriptedEngine;

constexpr const char* kGood = R"({"RequestId":"6894B13B-6D71-4EF5-88FA-F32781734A7F",
  "AssumedRoleUser":{"Arn":"acs:ram::123456789012:role/r/alice","AssumedRoleId":"1:alice"},
  "Credentials":{"AccessKeyId":"STS.abc","AccessKeySecret":"canary-secret",
                 "SecurityToken":"canary-token","Expiration":"2026-01-02T04:04:05Z"}})";

class Sts : public ::testing::Test {
 protected:
  Result<Session> assume(http::Response response, SignatureKind kind = SignatureKind::kAcs3) {
    engine_ = std::make_unique<ScriptedEngine>(
        [response](auto&) -> Result<http::Response> { return response; });
    auto client =
        Client::create(*engine_, clock_, {.endpoint = "http://127.0.0.1:9000", .signature = kind});
    EXPECT_TRUE(client);
    AccessKey key{"ak", Secret(std::string_view("its-secret"))};
    return (*client)->assume_role(key, request_, Deadline::in(clock_, 5s), interrupt_);
  }
  Error refused(int status, const std::string& code) {
    auto session = assume(
        {status, {}, R"({"Code":")" + code + R"(","Message":"Because.","RequestId":"REQ-1"})"});
    EXPECT_FALSE(session);
    return session ? Error{} : session.error();
  }

  fakes::FakeClock clock_;
  Interrupt interrupt_;
  std::unique_ptr<ScriptedEngine> engine_;
  AssumeRoleRequest request_{.role_arn = "acs:ram::123456789012:role/r",
                             .session_name = "alice",
                             .duration = 900s,
                             .policy = R"({"Version":"1"})"};
};

TEST_F(Sts, HandsOutASession) {
  const auto session = assume({200, {}, kGood});
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ(session->access_key_id, "STS.abc");
  EXPECT_EQ(session->access_key_secret.reveal(), "canary-secret");
  EXPECT_EQ(session->security_token.reveal(), "canary-token");
  EXPECT_EQ(session->expiration, parse_iso8601("2026-01-02T04:04:05Z"));
  EXPECT_EQ(session->arn, "acs:ram::123456789012:role/r/alice");
}

TEST_F(Sts, IsAskedWithAcs3AsTheOfficialClientDoes) {
  ASSERT_TRUE(assume({200, {}, kGood}));
  const auto asked = engine_->asked().at(0);
  EXPECT_EQ(asked.url,
            "http://127.0.0.1:9000/?DurationSeconds=900&RoleArn=acs%3Aram%3A%3A123456789012%3Arole"
            "%2Fr&RoleSessionName=alice&Policy=%7B%22Version%22%3A%221%22%7D");
  EXPECT_EQ(asked.header("x-acs-action"), "AssumeRole");
  EXPECT_EQ(asked.header("host"), "127.0.0.1:9000");
  sign::Pairs headers;
  for (const auto& header : asked.headers)
    if (header.name != "Authorization") headers.emplace_back(header.name, header.value);
  const sign::Pairs query = {{"DurationSeconds", "900"},
                             {"RoleArn", request_.role_arn},
                             {"RoleSessionName", "alice"},
                             {"Policy", request_.policy}};
  EXPECT_EQ(asked.header("Authorization"),
            sign::acs3::authorization("POST", "/", query, headers,
                                      asked.header("x-acs-content-sha256"), {"ak", "its-secret"}));
}

TEST_F(Sts, IsAskedWithRpcWhereThatIsWanted) {
  ASSERT_TRUE(assume({200, {}, kGood}, SignatureKind::kRpc));
  const auto asked = engine_->asked().at(0);
  sign::Pairs parameters;
  std::string signature;
  for (std::string_view pair : split(asked.body, '&')) {
    const auto equals = pair.find('=');
    const std::string name = *percent_decode(pair.substr(0, equals));
    const std::string value = *percent_decode(pair.substr(equals + 1));
    if (name == "Signature")
      signature = value;
    else
      parameters.emplace_back(name, value);
  }
  EXPECT_EQ(signature,
            sign::rpc::signature("its-secret", sign::rpc::string_to_sign("POST", parameters)));
  EXPECT_EQ(asked.body.find("its-secret"), std::string::npos);
}

TEST_F(Sts, RefusalsHaveCodeRequestIdAndRemedy) {
  const Error denied = refused(403, "NoPermission");
  EXPECT_EQ(denied.code, Errc::kDenied);
  EXPECT_EQ(denied.message.find("STS: 403 NoPermission: Because. (request id REQ-1); remedy: "), 0u)
      << denied.message;
  EXPECT_EQ(refused(404, "EntityNotExist.Role").code, Errc::kDenied);
  EXPECT_EQ(refused(404, "InvalidAccessKeyId.NotFound").code, Errc::kCredential);
  EXPECT_EQ(refused(400, "SignatureDoesNotMatch").code, Errc::kCredential);
  EXPECT_EQ(refused(400, "InvalidParameter.PolicyGrammar").code, Errc::kInvalid);
  EXPECT_EQ(refused(400, "InvalidTimeStamp.Expired").code, Errc::kClockSkew);
  EXPECT_EQ(refused(400, "Throttling.User").code, Errc::kThrottled);
  EXPECT_EQ(refused(500, "InternalError").code, Errc::kUnavailable);
  EXPECT_EQ(refused(503, "Unheard").code, Errc::kUnavailable);
}

TEST_F(Sts, SaysHowLongToWait) {
  const auto session = assume({400, {{"x-acs-retry-after", "1500"}}, R"({"Code":"Throttling"})"});
  EXPECT_EQ(session.error().retry_after, 1500ms);
}

TEST_F(Sts, MakesSenseOfNoAnswerThatIsNone) {
  for (
      const char* body :
      {"", "<html>", "[]", "{}", R"({"Credentials":7})", R"({"Credentials":{"AccessKeyId":"a"}})",
       R"({"Credentials":{"AccessKeyId":"a","AccessKeySecret":"b","SecurityToken":"c"}})",
       R"({"Credentials":{"AccessKeyId":"a\n","AccessKeySecret":"b","SecurityToken":"c","Expiration":"2026-01-02T04:04:05Z"}})"})
    EXPECT_EQ(assume({200, {}, body}).error().code, Errc::kProtocol) << body;
  EXPECT_EQ(assume({502, {}, "<html>"}).error().code, Errc::kUnavailable);
}

TEST_F(Sts, IsNotAskedWithWhatItWouldRefuse) {
  request_.session_name = "a/b";
  EXPECT_EQ(assume({200, {}, kGood}).error().code, Errc::kInvalid);
  EXPECT_TRUE(engine_->asked().empty());
}

TEST_F(Sts, EndpointIsSchemeAndHost) {
  for (const char* bad :
       {"", "sts.aliyuncs.com", "https://", "https://a/b", "https://a@b", "ftp://a", "https://a?b"})
    EXPECT_FALSE(StsOptions{.endpoint = bad}.validate()) << bad;
  EXPECT_NE(
      StsOptions{.endpoint = "http://sts.example"}.validate().error().message.find("https://"),
      std::string::npos)
      << "what STS answers are keys";
}

}  // namespace
}  // namespace stsfs::sts
