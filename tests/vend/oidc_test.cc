// Tokens of an OpenID provider as logins: the provider is a script that answers for its documents.

#include <set>

#include <gtest/gtest.h>

#include "office/oidc.h"
#include "stsfs/sts/session_policy.h"
#include "support/token_issuer.h"
#include "vend_fixture.h"

namespace stsfs::vend {
namespace {

using stsfs::testing::TokenIssuer;
using namespace std::chrono_literals;

constexpr const char* kOidc = R"([oidc]
issuer = "https://id.example.com"
audiences = ["stsfs"]
groups_claim = "groups"
)";

class Oidc : public VendServer {
 protected:
  void SetUp() override { start({}, kOidc); }

  Result<http::Response> answer(const fakes::ScriptedEngine::Asked& asked) override {
    if (!asked.url.starts_with("https://id.example.com/")) return VendServer::answer(asked);
    MutexLock lock(mutex_);
    ++asked_provider_;
    if (provider_away_) return fail(Errc::kUnavailable, "connection refused");
    if (asked.url.ends_with("/.well-known/openid-configuration"))
      return http::Response{
          200,
          {},
          R"({"issuer":"https://id.example.com","jwks_uri":"https://id.example.com/keys"})"};
    return http::Response{200, {}, R"({"keys":[)" + present_.jwk() + "]}"};
  }
  std::string token(const std::string& subject, const std::string& more = {},
                    const TokenIssuer* issuer = nullptr) {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    return (issuer != nullptr ? *issuer : present_)
        .sign(R"({"iss":"https://id.example.com","aud":"stsfs","sub":")" + subject + R"(","exp":)" +
              std::to_string(now + 600) + more + "}");
  }
  int asked_provider() {
    MutexLock lock(mutex_);
    return asked_provider_;
  }

  TokenIssuer present_{TokenIssuer::Kind::kP256, "k1"};
  int asked_provider_ STSFS_GUARDED_BY(mutex_) = 0;
  bool provider_away_ STSFS_GUARDED_BY(mutex_) = false;
};

TEST_F(Oidc, OpensTheFolderOfTheSubject) {
  const std::string bearer = token("carol", R"(,"groups":["staff","no group name!"])");
  const auto answer = Replica::json_of(replica_->get("/v1/credentials", bearer));
  EXPECT_EQ(answer["Prefix"], "users/carol/");
  const auto who = Replica::json_of(replica_->get("/v1/whoami", bearer));
  EXPECT_EQ(who["user"], "carol");
  EXPECT_EQ(who["groups"], nlohmann::json::parse(R"(["staff"])"));
  EXPECT_EQ(asked_provider(), 2) << "discovery and keys, once";
}

TEST_F(Oidc, IsExchangedForALoginThatOutlivesIt) {
  const std::string own = Replica::token_of(replica_->post("/v1/token", token("carol")));
  ASSERT_TRUE(own.starts_with("stsfs-"));
  EXPECT_EQ(replica_->get("/v1/credentials", own).status, 200);
  ASSERT_TRUE(users().set_enabled("carol", false));
  EXPECT_EQ(replica_->get("/v1/credentials", own).status, 401);
  EXPECT_EQ(replica_->get("/v1/credentials", token("carol")).status, 401)
      << "disabled here, whatever the provider says";
}

TEST_F(Oidc, NeverStandsForAPasswordUserOfTheSameName) {
  EXPECT_EQ(replica_->get("/v1/credentials", token("alice")).status, 401);
  start({}, std::string(kOidc) + "local_users = true\n");
  EXPECT_EQ(replica_->get("/v1/credentials", token("alice")).status, 200)
      << "unless that is what is wanted";
}

TEST_F(Oidc, LetsNobodyInWhoIsNotKnownWhenThatIsWanted) {
  start({}, std::string(kOidc) + "provision = false\n");
  EXPECT_EQ(replica_->get("/v1/credentials", token("carol")).status, 401);
  ASSERT_TRUE(users().add("carol", "", "https://id.example.com"));
  EXPECT_EQ(replica_->get("/v1/credentials", token("carol")).status, 200);
}

TEST_F(Oidc, FetchesTheKeysAgainWhenTheyWereRotatedButNotForEveryStranger) {
  EXPECT_EQ(replica_->get("/v1/whoami", token("carol")).status, 200);
  const TokenIssuer stranger(TokenIssuer::Kind::kP256, "unknown");
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(replica_->get("/v1/whoami", token("carol", {}, &stranger)).status, 401);
  EXPECT_EQ(asked_provider(), 2) << "fetched a moment ago: not again for half a minute";
}

TEST_F(Oidc, GoesOnWithTheKeysItHasWhileTheProviderIsAway) {
  EXPECT_EQ(replica_->get("/v1/whoami", token("carol")).status, 200);
  {
    MutexLock lock(mutex_);
    provider_away_ = true;
  }
  EXPECT_EQ(replica_->get("/v1/whoami", token("carol")).status, 200);
  start({}, kOidc);  // a new process has none
  const auto response = replica_->get("/v1/whoami", token("carol"));
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(http::find_header(response.headers, "Retry-After"), nullptr);
}

TEST(SessionName, IsValidAndOneSubjectsOnly) {
  EXPECT_EQ(session_name_of("i", "carol@example.com"), "carol@example.com");
  std::set<std::string> names;
  for (const std::string& subject :
       {std::string("auth0|5f7c"), std::string("x"), std::string(300, 'a'), std::string("a/b"),
        std::string("ü"), std::string(".."), session_name_of("i", "auth0|5f7c"),
        std::string("${user}"), std::string("a\0b", 3)}) {
    const std::string name = session_name_of("i", subject);
    EXPECT_TRUE(sts::check_user_name(name)) << name;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_NE(session_name_of("i", "a/b"), session_name_of("j", "a/b"));
}

}  // namespace
}  // namespace stsfs::vend
