#include "stsfs/control/credentials_port.h"

#include <nlohmann/json.hpp>

#include "fakes/fake_provider.h"
#include "stsfs/base/await.h"
#include "stsfs/base/time_format.h"
#include "stsfs/http/engine.h"

#include <gtest/gtest.h>

namespace stsfs::control {
namespace {

using namespace std::chrono_literals;

class CredentialsPorts : public ::testing::Test {
 protected:
  CredentialsPorts()
      : provider_(fakes::FakeProvider::credential("STS.id", "the secret", "the token")),
        port_(std::move(*CredentialsPort::start(provider_, {}))),
        engine_(std::move(*http::Engine::create({}, system_clock()))) {}

  http::Response ask(const std::string& url, http::Headers headers = {},
                     http::Method method = http::Method::kGet) {
    auto answer = await<http::Response>(nullptr, [&](Callback<http::Response> done) {
      http::Request request{.method = method,
                            .url = url,
                            .headers = std::move(headers),
                            .body = nullptr,
                            .deadline = Deadline::in(system_clock(), 10s)};
      return engine_->start(std::move(request), std::move(done));
    });
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? *answer : http::Response{};
  }
  std::string base() const { return port_->uri().substr(0, port_->uri().rfind('/')); }

  fakes::FakeProvider provider_;
  std::unique_ptr<CredentialsPort> port_;
  std::unique_ptr<http::Engine> engine_;
};

TEST_F(CredentialsPorts, GiveThePresentCredentialInEveryShape) {
  const auto answer = ask(port_->uri());
  ASSERT_EQ(answer.status, 200);
  const auto json = nlohmann::json::parse(answer.body);
  EXPECT_EQ(json["Code"], "Success");
  EXPECT_EQ(json["StatusCode"], 200);
  for (const char* name : {"AccessKeyId", "access_key_id"}) EXPECT_EQ(json[name], "STS.id");
  for (const char* name : {"AccessKeySecret", "access_key_secret"})
    EXPECT_EQ(json[name], "the secret");
  for (const char* name : {"SecurityToken", "sts_token"}) EXPECT_EQ(json[name], "the token");
  EXPECT_EQ(json["mode"], "StsToken");
  EXPECT_FALSE(json.contains("Expiration")) << "this one has none";
}

TEST_F(CredentialsPorts, GiveNothingToWhoDoesNotKnowThePath) {
  for (const std::string& path :
       {std::string("/"), std::string("/latest"), "/" + std::string(32, '0'),
        port_->uri().substr(base().size()) + "0"}) {
    const auto answer = ask(base() + path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_EQ(answer.body.find("the secret"), std::string::npos);
  }
}

TEST_F(CredentialsPorts, GiveNothingThroughTheNameOfAnotherHost) {
  EXPECT_EQ(ask(port_->uri(), {{"Host", "evil.example"}}).status, 403);
  EXPECT_EQ(ask(port_->uri(), {{"Host", "127.0.0.1.evil.example:80"}}).status, 403);
  EXPECT_EQ(ask(port_->uri(), {{"Host", "localhost:1"}}).status, 200);
}

TEST_F(CredentialsPorts, AnswerGetOnly) {
  EXPECT_EQ(ask(port_->uri(), {}, http::Method::kDelete).status, 405);
}

TEST_F(CredentialsPorts, SayWhyThereIsNone) {
  provider_.fail_with({Errc::kCredential, "log in again", {}});
  const auto answer = ask(port_->uri());
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.body.find("log in again"), std::string::npos);
}

TEST_F(CredentialsPorts, KeepTheirAddressOverARestart) {
  const std::string uri = port_->uri();
  port_.reset();
  const auto address = parse_credentials_uri(uri);
  ASSERT_TRUE(address);
  auto again = CredentialsPort::start(provider_, *address);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->uri(), uri);
  EXPECT_EQ(CredentialsPort::start(provider_, *address).error().code, Errc::kBusy);
  for (const char* bad :
       {"", "http://127.0.0.1:1", "http://127.0.0.1:0/00000000000000000000000000000000",
        "http://127.0.0.1:1/short", "http://1.2.3.4:1/00000000000000000000000000000000"})
    EXPECT_FALSE(parse_credentials_uri(bad)) << bad;
}

TEST(CredentialJson, LeavesOutWhatALongTermKeyLacks) {
  const auto json = nlohmann::json::parse(
      credential_json({"LTAI", Secret(std::string_view("a\"b")), Secret(), std::nullopt}));
  EXPECT_EQ(json["AccessKeySecret"], "a\"b");
  EXPECT_EQ(json["SecretAccessKey"], "a\"b");
  EXPECT_EQ(json["mode"], "AK");
  for (const char* name :
       {"SecurityToken", "sts_token", "SessionToken", "Token", "Expiration", "expiration"})
    EXPECT_FALSE(json.contains(name)) << name;
}

TEST(CredentialJson, SaysTheExpirationInTwentyCharacters) {
  const auto when = parse_iso8601("2026-01-02T03:04:05.678Z");
  const auto json = nlohmann::json::parse(credential_json(
      {"STS.x", Secret(std::string_view("s")), Secret(std::string_view("t")), when}));
  EXPECT_EQ(json["Expiration"], "2026-01-02T03:04:05Z");
}

}  // namespace
}  // namespace stsfs::control
