#include "stsfs/credentials/sources.h"

#include <sys/stat.h>

#include <cstdlib>
#include <map>

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/scripted_engine.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "support/temporary_directory.h"

namespace stsfs::credentials {
namespace {

using namespace std::chrono_literals;
using fakes::ScriptedEngine;

Environment table(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) -> const char* {
    const auto found = values.find(name);
    return found == values.end() ? nullptr : found->second.c_str();
  };
}

class Sources : public ::testing::Test {
 protected:
  Result<Grant> fetch(Source& source, const std::string& rejected = {}) {
    return source.fetch(rejected, Deadline::in(clock_, 10s), interrupt_);
  }
  fakes::FakeClock clock_;
  Interrupt interrupt_;
  testing::TemporaryDirectory directory_;
};

TEST_F(Sources, TakeAKeyFromTheEnvironment) {
  auto source = environment_source(table({{"OSS_ACCESS_KEY_ID", "id"},
                                          {"OSS_ACCESS_KEY_SECRET", "secret"},
                                          {"OSSSESSIONTOKEN", "token"}}));
  ASSERT_TRUE(source);
  auto grant = fetch(**source);
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->credential.access_key_id, "id");
  EXPECT_EQ(grant->credential.access_key_secret.reveal(), "secret");
  EXPECT_EQ(grant->credential.security_token.reveal(), "token");
  EXPECT_EQ(fetch(**source, "id").error().code, Errc::kCredential) << "it has no other";
}

TEST_F(Sources, TakeTheOtherNamesWhenTheFirstAreNotSet) {
  auto source = environment_source(table(
      {{"ALIBABA_CLOUD_ACCESS_KEY_ID", "id"}, {"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret"}}));
  ASSERT_TRUE(source);
  EXPECT_TRUE(fetch(**source)->credential.security_token.empty());
}

TEST_F(Sources, NameTheHalfThatIsMissing) {
  auto source = environment_source(table({{"OSS_ACCESS_KEY_ID", "id"}}));
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().message.find("OSS_ACCESS_KEY_SECRET"), 0u);
  EXPECT_EQ(environment_source(table({})).error().code, Errc::kCredential);
  EXPECT_FALSE(environment_source(
      table({{"OSS_ACCESS_KEY_ID", "id"}, {"OSS_ACCESS_KEY_SECRET", "a\r\nb"}})));
}

TEST_F(Sources, ReadAFileAnewEachTime) {
  const std::string path = directory_ / "key.json";
  auto source = file_source(path);
  EXPECT_EQ(fetch(*source).error().code, Errc::kNotFound);
  ASSERT_TRUE(write_file_atomically(path, R"({"AccessKeyId":"a","AccessKeySecret":"s"})"));
  EXPECT_EQ(fetch(*source)->credential.access_key_id, "a");
  EXPECT_EQ(fetch(*source, "a").error().code, Errc::kCredential);
  ASSERT_TRUE(write_file_atomically(path, R"({"AccessKeyId":"b","AccessKeySecret":"s"})"));
  EXPECT_EQ(fetch(*source, "a")->credential.access_key_id, "b");
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_EQ(fetch(*source).error().code, Errc::kDenied);
}

// --- the vending server ---

std::string credentials_json(const std::string& id) {
  return R"({"StatusCode":200,"AccessKeyId":")" + id +
         R"(","AccessKeySecret":"s","SecurityToken":"t","Expiration":"2026-01-02T04:04:05Z"})";
}

class VendingSources : public Sources {
 protected:
  void log_in(std::chrono::seconds age, const std::string& token = "old") {
    ASSERT_TRUE(store_.save(kUrl, {.token = Secret(token),
                                   .obtained_at = clock_.wall() - age,
                                   .expires_at = clock_.wall() - age + 10h,
                                   .username = "alice"}));
  }
  std::unique_ptr<Source> source(ScriptedEngine& engine) {
    auto client = VendingClient::create(engine, clock_, {.url = kUrl});
    EXPECT_TRUE(client);
    return vending_source(std::move(*client), store_, clock_);
  }
  static constexpr const char* kUrl = "https://vend.example.com";
  TokenStore store_{directory_ / "state"};
};

TEST_F(VendingSources, SendTheTokenAndTheRejectedKey) {
  log_in(0s);
  ScriptedEngine engine([&](const ScriptedEngine::Asked&) -> Result<http::Response> {
    return http::Response{200, {{"Date", "Fri, 02 Jan 2026 03:04:05 GMT"}}, credentials_json("k")};
  });
  auto grant = fetch(*source(engine), "STS.bad");
  ASSERT_TRUE(grant) << grant.error().message;
  EXPECT_EQ(grant->server_time, clock_.wall());
  ASSERT_EQ(engine.asked().size(), 1u);
  EXPECT_EQ(engine.asked()[0].url, "https://vend.example.com/v1/credentials");
  EXPECT_EQ(engine.asked()[0].header("Authorization"), "Bearer old");
  EXPECT_EQ(engine.asked()[0].header("X-Stsfs-Rejected"), "STS.bad");
}

TEST_F(VendingSources, SayHowToLogIn) {
  ScriptedEngine engine([](auto&) -> Result<http::Response> {
    return http::Response{500, {}, ""};
  });
  auto grant = fetch(*source(engine));
  ASSERT_FALSE(grant);
  EXPECT_EQ(grant.error().code, Errc::kCredential);
  EXPECT_NE(grant.error().message.find("stsfs login https://vend.example.com"), std::string::npos);
  EXPECT_TRUE(engine.asked().empty());
}

TEST_F(VendingSources, ExchangeAnOldTokenAndKeepTheNewOne) {
  log_in(6h);
  ScriptedEngine engine([&](const ScriptedEngine::Asked& asked) -> Result<http::Response> {
    if (asked.method == http::Method::kPost)
      return http::Response{200, {}, R"({"token":"new","expires_at":"2026-02-02T03:04:05Z"})"};
    return http::Response{200, {}, credentials_json("k")};
  });
  auto vending = source(engine);
  ASSERT_TRUE(fetch(*vending));
  ASSERT_EQ(engine.asked().size(), 2u);
  EXPECT_EQ(engine.asked()[0].url, "https://vend.example.com/v1/token");
  EXPECT_EQ(engine.asked()[0].header("Authorization"), "Bearer old");
  EXPECT_EQ(engine.asked()[1].header("Authorization"), "Bearer new");
  EXPECT_EQ(store_.load(kUrl)->token.reveal(), "new");
  ASSERT_TRUE(fetch(*vending));
  EXPECT_EQ(engine.asked().size(), 3u) << "a young token is not exchanged";
}

TEST_F(VendingSources, GoOnWithTheOldTokenWhenTheExchangeFails) {
  log_in(6h);
  ScriptedEngine engine([&](const ScriptedEngine::Asked& asked) -> Result<http::Response> {
    if (asked.method == http::Method::kPost) return fail(Errc::kUnavailable, "reset");
    return http::Response{200, {}, credentials_json("k")};
  });
  EXPECT_TRUE(fetch(*source(engine)));
  EXPECT_EQ(store_.load(kUrl)->token.reveal(), "old");
}

TEST_F(VendingSources, TakeTheTokenThatAnotherProcessPutThereMeanwhile) {
  log_in(0s);
  ScriptedEngine engine([&](const ScriptedEngine::Asked& asked) -> Result<http::Response> {
    if (asked.header("Authorization") == "Bearer newer")
      return http::Response{200, {}, credentials_json("k")};
    log_in(0s, "newer");
    return http::Response{401, {}, R"({"StatusCode":401,"ErrorCode":"InvalidToken"})"};
  });
  EXPECT_TRUE(fetch(*source(engine)));
}

// --- nobody is there to log in ---

class UnattendedSources : public VendingSources {
 protected:
  /// A server that knows alice's password and the tokens that it gave for it.
  ScriptedEngine engine_{[this](const ScriptedEngine::Asked& asked) -> Result<http::Response> {
    if (asked.url.ends_with("/v1/login")) {
      ++logins_;
      if (asked.body.find("right") == std::string::npos) return http::Response{401, {}, ""};
      return http::Response{200, {}, R"({"token":"fresh","expires_at":"2026-02-02T03:04:05Z"})"};
    }
    if (asked.header("Authorization") != "Bearer fresh") return http::Response{401, {}, ""};
    return http::Response{200, {}, credentials_json("k")};
  }};
  std::unique_ptr<Source> unattended() {
    auto client = VendingClient::create(engine_, clock_, {.url = kUrl});
    return vending_source(std::move(*client), store_, clock_,
                          {.username = "alice", .password = [this](Deadline, Interrupt&) {
                             return Result<Secret>(Secret(std::string_view(password_)));
                           }});
  }
  std::string password_ = "right";
  int logins_ = 0;
};

TEST_F(UnattendedSources, LogInWhereThereIsNoToken) {
  auto source = unattended();
  auto grant = fetch(*source);
  ASSERT_TRUE(grant) << grant.error().message;
  EXPECT_EQ(grant->identity, "alice");
  EXPECT_EQ(store_.load(kUrl)->token.reveal(), "fresh");
  ASSERT_TRUE(fetch(*source));
  EXPECT_EQ(logins_, 1);
}

TEST_F(UnattendedSources, LogInAgainWhenTheTokenWasRevoked) {
  log_in(0s, "revoked");
  EXPECT_TRUE(fetch(*unattended()));
  EXPECT_EQ(logins_, 1);
}

TEST_F(UnattendedSources, TryAWrongPasswordOnce) {
  password_ = "wrong";
  auto source = unattended();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(fetch(*source).error().code, Errc::kCredential);
  EXPECT_EQ(logins_, 1) << "a server locks out who tries over and over";
  password_ = "right";
  EXPECT_TRUE(fetch(*source));
}

class VendingClients : public Sources {
 protected:
  Error refused(http::Response response) {
    ScriptedEngine engine([&](auto&) -> Result<http::Response> { return response; });
    auto client = VendingClient::create(engine, clock_, {.url = "https://vend.example.com/base/"});
    auto grant = (*client)->credentials(Secret(std::string_view("canary-token")), {},
                                        Deadline::in(clock_, 1s), interrupt_);
    EXPECT_FALSE(grant);
    return grant ? Error{} : grant.error();
  }
};

TEST_F(VendingClients, LogIn) {
  ScriptedEngine engine([](auto&) -> Result<http::Response> {
    return http::Response{200, {}, R"({"token":"tok","expires_at":"2026-02-02T03:04:05Z"})"};
  });
  auto client = VendingClient::create(engine, clock_, {.url = "https://vend.example.com/base/"});
  auto token = (*client)->login("alice", Secret(std::string_view("p\"w")), Deadline::in(clock_, 1s),
                                interrupt_);
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ(token->token.reveal(), "tok");
  EXPECT_EQ(token->expires_at, parse_iso8601("2026-02-02T03:04:05Z"));
  EXPECT_EQ(engine.asked()[0].url, "https://vend.example.com/base/v1/login");
  EXPECT_EQ(engine.asked()[0].body, R"({"password":"p\"w","username":"alice"})");
}

TEST_F(VendingClients, TurnEachRefusalIntoWhatToDo) {
  const Error away = refused({503, {{"Retry-After", "7"}}, "x"});
  EXPECT_EQ(away.code, Errc::kUnavailable);
  EXPECT_EQ(away.retry_after, 7s);
  EXPECT_EQ(refused({503, {{"Retry-After", "Fri, 02 Jan 2026 03:05:05 GMT"}}, ""}).retry_after,
            60s);
  EXPECT_EQ(refused({429, {}, ""}).code, Errc::kThrottled);
  EXPECT_EQ(refused({403, {}, ""}).code, Errc::kDenied);
  const Error unknown =
      refused({401, {}, R"({"StatusCode":401,"ErrorCode":"InvalidToken","ErrorMessage":"no"})"});
  EXPECT_EQ(unknown.code, Errc::kCredential);
  EXPECT_NE(unknown.message.find("InvalidToken: no"), std::string::npos);
  EXPECT_NE(unknown.message.find("stsfs login"), std::string::npos);
  const Error elsewhere = refused({302, {{"Location", "https://evil"}}, ""});
  EXPECT_EQ(elsewhere.code, Errc::kProtocol);
  EXPECT_NE(elsewhere.message.find("redirect"), std::string::npos);
  EXPECT_EQ(refused({200, {}, "<html>"}).code, Errc::kProtocol);
  for (int status : {302, 401, 403, 429, 503, 200})
    EXPECT_EQ(refused({status, {}, "canary-token"}).message.find("canary"), std::string::npos);
}

TEST(VendingUrls, AreHttpsOrThisMachine) {
  const auto url = [](const std::string& text, bool insecure = false) {
    auto normal = normalize_vending_url({.url = text, .insecure_http = insecure});
    return normal ? *normal : "refused";
  };
  EXPECT_EQ(url("HTTPS://Vend.Example.com:443/"), "https://vend.example.com");
  EXPECT_EQ(url("https://vend.example.com:8443/a/b/"), "https://vend.example.com:8443/a/b");
  EXPECT_EQ(url("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
  EXPECT_EQ(url("http://[::1]:8080"), "http://[::1]:8080");
  EXPECT_EQ(url("http://localhost"), "http://localhost");
  EXPECT_EQ(url("http://vend.lan", true), "http://vend.lan");
  for (const char* bad :
       {"http://vend.lan", "http://127.0.0.1.evil.example", "http://127.evil.0.1", "ftp://a",
        "vend.example.com", "https://", "https://u:p@host", "https://host?x=1", "https://host#f",
        "https://host:0", "https://host:99999", "https://ho st", "https://host/\r\nX: y",
        "http://127.0.0.1@evil.example", "http://localhost.evil.example", "https://[::1"})
    EXPECT_EQ(url(bad), "refused") << bad;
}

// --- token files ---

using TokenStores = VendingSources;

TEST_F(TokenStores, KeepATokenForItsOwnerOnly) {
  log_in(0s);
  struct stat status {};
  ASSERT_EQ(stat(store_.path_of(kUrl).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  const auto token = store_.load("https://VEND.example.com:443/");
  ASSERT_TRUE(token) << "two spellings of one URL are one server";
  EXPECT_EQ(token->token.reveal(), "old");
  EXPECT_EQ(token->username, "alice");
  EXPECT_EQ(store_.load("https://other.example.com").error().code, Errc::kCredential);
}

TEST_F(TokenStores, RefuseATokenThatOthersMayRead) {
  log_in(0s);
  ASSERT_EQ(chmod(store_.path_of(kUrl).c_str(), 0640), 0);
  EXPECT_EQ(store_.load(kUrl).error().code, Errc::kDenied);
}

TEST_F(TokenStores, SayHowToHealADamagedFile) {
  log_in(0s);
  ASSERT_TRUE(write_file_atomically(store_.path_of(kUrl), "{\"token\":", 0600));
  const auto token = store_.load(kUrl);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, Errc::kCredential);
  EXPECT_NE(token.error().message.find("stsfs login"), std::string::npos);
}

TEST_F(TokenStores, EraseIsDoneAlsoWhenThereIsNothing) {
  log_in(0s);
  EXPECT_EQ(store_.erase(kUrl), true);
  EXPECT_EQ(store_.erase(kUrl), false) << "and says so";
  EXPECT_FALSE(store_.load(kUrl));
}

TEST_F(TokenStores, NameTheServersThatTheyHaveTokensFor) {
  EXPECT_TRUE(store_.servers().empty());
  log_in(0s);
  EXPECT_EQ(store_.servers(), (std::vector<std::string>{kUrl}));
}

TEST_F(TokenStores, KeepATokenInTheKernelsKeyring) {
  const std::string url = "https://" + random_hex(8) + ".example.com";
  const TokenStore keyring(directory_ / "state", TokenPlace::kKeyring);
  const auto saved = keyring.save(url, {.token = Secret(std::string_view("in-memory")),
                                        .obtained_at = clock_.wall(),
                                        .expires_at = clock_.wall() + 1h,
                                        .username = "alice"});
  if (!saved && saved.error().code == Errc::kNotSupported) GTEST_SKIP() << saved.error().message;
  ASSERT_TRUE(saved) << saved.error().message;
  const auto kept = keyring.load(url);
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(kept->token.reveal(), "in-memory");
  EXPECT_FALSE(store_.load(url)) << "no file has it";
  EXPECT_EQ(keyring.erase(url), true);
  EXPECT_EQ(keyring.erase(url), false);
  EXPECT_EQ(keyring.load(url).error().code, Errc::kCredential);
}

TEST_F(TokenStores, LockOutASecondUntilItsDeadline) {
  auto first = store_.lock(kUrl, system_clock(), Deadline::in(system_clock(), 1s), interrupt_);
  ASSERT_TRUE(first);
  auto second = store_.lock(kUrl, system_clock(), Deadline::in(system_clock(), 0s), interrupt_);
  EXPECT_EQ(second.error().code, Errc::kTimedOut);
  Interrupt raised;
  raised.raise();
  auto third = store_.lock(kUrl, system_clock(), Deadline::in(system_clock(), 60s), raised);
  EXPECT_EQ(third.error().code, Errc::kInterrupted);
  first = fail(Errc::kIo, "let go");
  EXPECT_TRUE(store_.lock(kUrl, system_clock(), Deadline::in(system_clock(), 1s), interrupt_));
}

}  // namespace
}  // namespace stsfs::credentials
