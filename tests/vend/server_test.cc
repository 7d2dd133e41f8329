#include "web/server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>

#include "config/listen_address.h"
#include "stsfs/base/text.h"
#include "vend_fixture.h"

namespace stsfs::vend {
namespace {

using namespace std::chrono_literals;

TEST_F(VendServer, HandOutExactlyWhatTheDesignSays) {
  const auto response = replica_->get("/v1/credentials", login());
  ASSERT_EQ(response.status, 200) << response.body;
  auto json = nlohmann::json::parse(response.body);
  EXPECT_TRUE(parse_iso8601(json["Expiration"].get<std::string>()));
  json.erase("Expiration");
  EXPECT_EQ(json, nlohmann::json::parse(R"({"StatusCode":200,"AccessKeyId":"STS.1",
    "AccessKeySecret":"canary-secret","SecurityToken":"canary-token",
    "Endpoint":"https://oss-cn-hangzhou.aliyuncs.com","Region":"cn-hangzhou",
    "Bucket":"examplebucket","Prefix":"users/alice/","Permissions":"rw","Acls":false,"Versioning":false,
    "HierarchicalNamespace":false,"QuotaBytes":0,"UsedBytes":0})"));
  EXPECT_EQ(*http::find_header(response.headers, "Cache-Control"), "no-store");
}

TEST_F(VendServer, AskStsForThisUsersPrefixAndNothingElse) {
  replica_->get("/v1/credentials", login());
  ASSERT_EQ(asked_sts().size(), 1u);
  const std::string url = *percent_decode(asked_sts()[0]);
  EXPECT_NE(url.find("RoleSessionName=alice"), std::string::npos);
  EXPECT_NE(url.find("acs:oss:*:*:examplebucket/users/alice/*"), std::string::npos);
  EXPECT_NE(url.find(R"("oss:Prefix":["users/alice/*"])"), std::string::npos);
  EXPECT_NE(url.find("acs:SecureTransport"), std::string::npos) << "the endpoint has TLS";
}

TEST_F(VendServer, AskStsOnceForManyRequests) {
  const std::string token = login();
  for (int i = 0; i < 20; ++i) replica_->ask(http::Method::kGet, "/v1/credentials", token);
  EXPECT_EQ(asked_sts().size(), 1u);
  replica_->ask(http::Method::kGet, "/v1/credentials", token, {}, {{"X-Stsfs-Rejected", "STS.1"}});
  EXPECT_EQ(asked_sts().size(), 2u);
}

TEST_F(VendServer, TellAWrongPasswordAndAnUnknownUserApartForNobody) {
  const auto wrong = replica_->try_login("alice", "wrong");
  const auto unknown = replica_->try_login("nobody", "wrong");
  const auto odd = replica_->try_login("../alice", "wrong");
  ASSERT_TRUE(users().add("gone", *hash_password(Secret(std::string_view("password")), kCheap)));
  ASSERT_TRUE(users().set_enabled("gone", false));
  const auto disabled = replica_->try_login("gone", "password");
  for (const auto& response : {wrong, unknown, odd, disabled}) {
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(response.body, wrong.body);
    EXPECT_EQ(response.headers.size(), wrong.headers.size());
  }
}

TEST_F(VendServer, SlowDownWhoKeepsFailing) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(replica_->try_login("alice", "wrong").status, 401);
  const auto response = replica_->try_login("alice", kPassword);
  EXPECT_EQ(response.status, 429);
  ASSERT_NE(http::find_header(response.headers, "Retry-After"), nullptr);
  EXPECT_EQ(replica_->try_login("nobody", "wrong").status, 401) << "others are not held up";
}

TEST_F(VendServer, ExchangeATokenAndKeepTheOldUntilTheNewIsUsed) {
  const std::string old = login();
  const std::string next = Replica::token_of(replica_->ask(http::Method::kPost, "/v1/token", old));
  ASSERT_FALSE(next.empty());
  EXPECT_EQ(replica_->ask(http::Method::kGet, "/v1/credentials", old).status, 200);
  EXPECT_EQ(replica_->ask(http::Method::kGet, "/v1/credentials", next).status, 200);
  EXPECT_EQ(replica_->ask(http::Method::kGet, "/v1/credentials", old).status, 401);
}

TEST_F(VendServer, StopServingADisabledUserAtOnce) {
  const std::string token = login();
  EXPECT_EQ(replica_->ask(http::Method::kGet, "/v1/credentials", token).status, 200);
  ASSERT_TRUE(users().set_enabled("alice", false));
  EXPECT_EQ(replica_->ask(http::Method::kGet, "/v1/credentials", token).status, 401);
}

TEST_F(VendServer, SayWhenToTryAgainWhileStsIsAway) {
  fail_sts(100);
  const auto response = replica_->get("/v1/credentials", login());
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(http::find_header(response.headers, "Retry-After"), nullptr);
  EXPECT_EQ(nlohmann::json::parse(response.body)["ErrorCode"], "ServiceUnavailable");
}

TEST_F(VendServer, RefuseWhatIsNoRequestOfTheirs) {
  const std::string token = login();
  EXPECT_EQ(replica_->ask(http::Method::kGet, "/").status, 404);
  EXPECT_EQ(replica_->ask(http::Method::kGet, "/v1/login").status, 405);
  EXPECT_EQ(replica_->ask(http::Method::kDelete, "/v1/credentials", token).status, 405);
  EXPECT_EQ(replica_->ask(http::Method::kGet, "/v1/credentials").status, 401);
  EXPECT_EQ(replica_->ask(http::Method::kGet, "/v1/credentials", std::string(5'000, 'x')).status,
            401);
  EXPECT_EQ(
      replica_
          ->ask(http::Method::kGet, "/v1/credentials", {}, {}, {{"Authorization", "Basic eA=="}})
          .status,
      401);
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("[]"), std::string(R"({"username":"alice"})"),
        std::string(R"({"username":7,"password":"x"})"), std::string(7'000, '[')})
    EXPECT_EQ(replica_->ask(http::Method::kPost, "/v1/login", {}, body).status, 400)
        << body.substr(0, 40);
  EXPECT_EQ(replica_->ask(http::Method::kPost, "/v1/login", {}, std::string(9'000, 'x')).status,
            413);
  const auto huge =
      replica_->ask(http::Method::kGet, "/", {}, {}, {{"X-Huge", std::string(20'000, 'x')}});
  EXPECT_GE(huge.status, 400);
  EXPECT_EQ(replica_->ask(http::Method::kGet, "/v1/credentials", token).status, 200)
      << "still alive";
}

TEST_F(VendServer, RecordEachDecisionAndNoSecret) {
  const std::string token = login();
  replica_->try_login("alice", "canary-wrong");
  replica_->try_login("canary-typed-as-name", "x");
  replica_->ask(http::Method::kGet, "/v1/credentials", token);
  const std::string log = audit();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 4);
  EXPECT_NE(log.find(R"("action":"credentials","decision":"allow","user":"alice")"),
            std::string::npos)
      << log;
  EXPECT_NE(log.find(R"("access_key_id":"STS.1")"), std::string::npos);
  EXPECT_EQ(log.find("canary"), std::string::npos);
  EXPECT_EQ(log.find(token), std::string::npos);
}

/// A database in which somebody is quicker than who logs in with `user`: between the check of the
/// password and the login.
class QuickerDatabase final : public SqlDatabase {
 public:
  QuickerDatabase(SqlDatabase& under, const std::string& user, std::function<void()> meanwhile)
      : under_(under), lock_("user:" + user), meanwhile_(std::move(meanwhile)) {}

  Result<SqlAnswer> run(const char* sql, const SqlValues& values) override {
    return under_.run(sql, values);
  }
  Result<void> transact(const std::string& lock, const Work& work) override {
    if (lock == lock_) meanwhile_();
    return under_.transact(lock, work);
  }

 private:
  SqlDatabase& under_;
  const std::string lock_;
  const std::function<void()> meanwhile_;
};

TEST_F(VendServer, RecordWhatWasAnsweredWhoeverChangesTheUserWhileThePasswordIsChecked) {
  struct Row {
    const char* what;
    std::function<void()> meanwhile;
    int status;
  };
  const Row rows[] = {
      {"another password",
       [this] {
         EXPECT_TRUE(users().set_password(
             "alice", *hash_password(Secret(std::string_view("another one")), kCheap)));
       },
       503},
      {"disabled", [this] { EXPECT_TRUE(users().set_enabled("alice", false)); }, 401}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    EXPECT_TRUE(
        users().set_password("alice", *hash_password(Secret(std::string_view(kPassword)), kCheap)));
    const std::string before = audit();
    QuickerDatabase database(*database_, "alice", row.meanwhile);
    Replica replica(database, *audit_, [this](const auto& asked) { return answer(asked); });
    EXPECT_EQ(replica.try_login("alice", kPassword).status, row.status);
    const std::string lines = audit().substr(before.size());
    EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 1) << lines;
    EXPECT_NE(lines.find(R"("action":"login","decision":"deny","user":"alice")"), std::string::npos)
        << lines;
    EXPECT_EQ(replica.service().office().metrics.value(Count::kLoginsAllowed), 0u);
    EXPECT_EQ(replica.service().office().metrics.value(Count::kLoginsRefused), 1u);
  }
}

/// A plain connection; none when it is refused.
UniqueFd connect_to(const Server& server) {
  const auto address = parse_listen_address(server.url().substr(7));
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!address ||
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&address->storage), address->size) != 0)
    return {};
  return fd;
}

void say(const UniqueFd& fd, const std::string& text) {
  EXPECT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

/// What comes until `end`, or until the connection ends.
std::string hear(const UniqueFd& fd, const std::string& end) {
  std::string heard;
  char c = 0;
  while (heard.find(end) == std::string::npos && recv(fd.get(), &c, 1, 0) == 1) heard += c;
  return heard;
}

TEST_F(VendServer, EndARequestThatTricklesIn) {
  const UniqueFd fd = connect_to(replica_->server());
  ASSERT_TRUE(fd);
  const auto start = std::chrono::steady_clock::now();
  const timeval step{0, 100'000};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &step, sizeof step);
  char byte = 'G';
  // One byte in each tenth of a second, until the server has had enough.
  for (;;) {
    if (send(fd.get(), &byte, 1, MSG_NOSIGNAL) != 1) break;
    byte = 'x';
    char answer = 0;
    const ssize_t got = recv(fd.get(), &answer, 1, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN)) break;
    ASSERT_LT(std::chrono::steady_clock::now() - start, 15s);
  }
  EXPECT_GE(std::chrono::steady_clock::now() - start, 900ms);
}

TEST(Listening, WithoutTlsIsOnLoopbackOnly) {
  const auto open = open_listener("0.0.0.0:0", false);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, Errc::kInvalid);
  EXPECT_NE(open.error().message.find("tls_certificate"), std::string::npos);
  EXPECT_TRUE(open_listener("0.0.0.0:0", true));
  EXPECT_FALSE(open_listener("localhost:0", true));
  EXPECT_FALSE(open_listener("127.0.0.1", false));
}

TEST_F(VendServer, TryAgainWhenStsIsBusyForAMoment) {
  fail_sts(2);
  EXPECT_EQ(replica_->get("/v1/credentials", login()).status, 200);
  EXPECT_EQ(asked_sts().size(), 3u);
  EXPECT_EQ(replica_->service().office().metrics.value(Count::kStsRetries), 2u);
}

TEST_F(VendServer, TellWhoSomebodyIs) {
  ASSERT_TRUE(users().set_groups("alice", {"staff"}));
  auto json = Replica::json_of(replica_->get("/v1/whoami", login()));
  ASSERT_TRUE(json.is_object());
  EXPECT_TRUE(parse_iso8601(json["token_expires_at"].get<std::string>()));
  json.erase("token_expires_at");
  EXPECT_EQ(json, nlohmann::json::parse(R"({"StatusCode":200,"user":"alice","groups":["staff"],
    "bucket":"examplebucket","prefix":"users/alice/","permissions":"rw"})"));
  EXPECT_EQ(replica_->get("/v1/whoami").status, 401);
}

TEST_F(VendServer, EndALoginWithLogout) {
  const std::string token = login();
  const auto response = replica_->post("/v1/logout", token);
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(replica_->get("/v1/credentials", token).status, 401);
}

TEST_F(VendServer, GiveEachGroupAndUserTheFolderOfTheirRule) {
  start({}, R"([[group]]
name = "guests"
permissions = "ro"
duration_seconds = 900
[[group]]
name = "team"
permissions = "shared"
prefix = "shared/team/"
bucket = "teambucket"
role_arn = "acs:ram::123456789012:role/team"
storage_class = "IA"
quota = "10G"
usage_interval_seconds = 0
source_addresses = ["192.0.2.0/24"]
[[user]]
name = "alice"
prefix = "vip/${user}/"
)");
  for (const char* name : {"gus", "tom"})
    ASSERT_TRUE(users().add(name, *hash_password(Secret(std::string_view(kPassword)), kCheap)));
  ASSERT_TRUE(users().set_groups("gus", {"guests", "team"}));
  ASSERT_TRUE(users().set_groups("tom", {"team"}));
  ASSERT_TRUE(users().set_groups("alice", {"team"}));
  const auto folder_of = [&](const char* name) {
    return Replica::json_of(
        replica_->get("/v1/credentials", Replica::token_of(replica_->try_login(name, kPassword))));
  };
  EXPECT_EQ(folder_of("alice")["Prefix"], "vip/alice/") << "the user's own rule goes first";
  const auto guest = folder_of("gus");
  EXPECT_EQ(guest["Permissions"], "ro") << "the first group that is named";
  EXPECT_EQ(guest["Prefix"], "users/gus/");
  EXPECT_NE(asked_sts().back().find("DurationSeconds=900"), std::string::npos);
  const auto team = folder_of("tom");
  EXPECT_EQ(team["Prefix"], "shared/team/");
  EXPECT_EQ(team["Bucket"], "teambucket");
  EXPECT_EQ(team["StorageClass"], "IA");
  EXPECT_EQ(team["QuotaBytes"], 10ull << 30);
  const std::string asked = *percent_decode(asked_sts().back());
  EXPECT_NE(asked.find("role/team"), std::string::npos);
  EXPECT_NE(asked.find(R"("NotIpAddress":{"acs:SourceIp":["192.0.2.0/24"]})"), std::string::npos)
      << asked;
  EXPECT_NE(asked.find("RoleSessionName=tom"), std::string::npos) << "OSS's logs name the person";
}

TEST_F(VendServer, GiveAPersonNothingOfAGroupThatWasLeft) {
  start({}, R"([[group]]
name = "curators"
allow_versions = true
[[group]]
name = "office"
source_addresses = ["192.0.2.0/24"]
)");
  const std::string token = login();
  const auto asked_in = [&](const std::vector<std::string>& groups) {
    EXPECT_TRUE(users().set_groups("alice", groups));
    EXPECT_EQ(replica_->get("/v1/credentials", token).status, 200);
    return *percent_decode(asked_sts().back());
  };
  EXPECT_NE(asked_in({"curators"}).find("ListObjectVersions"), std::string::npos);
  EXPECT_EQ(asked_in({}).find("ListObjectVersions"), std::string::npos) << "at once";
  EXPECT_NE(asked_in({"office"}).find("SourceIp"), std::string::npos) << "at once";
  EXPECT_EQ(asked_sts().size(), 3u);
}

TEST_F(VendServer, LockANameAfterSoManyFailuresAndUnlockIt) {
  start({}, "[limits]\nlockout_failures = 3\n");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(replica_->try_login("alice", "wrong").status, 401);
  const auto locked = replica_->try_login("alice", kPassword);
  EXPECT_EQ(locked.status, 429);
  EXPECT_NE(locked.body.find("administrator"), std::string::npos);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(replica_->try_login("nobody", "wrong").status, 401);
  EXPECT_EQ(replica_->try_login("nobody", "wrong").body, locked.body) << "unknown names lock alike";
  EXPECT_EQ(replica_->post("/v1/admin/users/alice/unlock", kAdminToken).status, 204);
  EXPECT_EQ(replica_->try_login("alice", kPassword).status, 200);
}

TEST_F(VendServer, HashAPasswordAnewWhenTheCostHasRisen) {
  ASSERT_TRUE(users().add("old", *hash_password(Secret(std::string_view(kPassword)), {1, 8'192})));
  replica_.reset();
  const auto checker = PasswordChecker::create({3, 8'192});
  const std::string before = (*users().find("old"))->password_hash;
  const Secret password{std::string_view(kPassword)};
  EXPECT_TRUE((*checker)->verify(before, password));
  EXPECT_FALSE((*checker)->verify(before, Secret(std::string_view("wrong"))));
  EXPECT_FALSE((*checker)->verify("", password)) << "no such user";
  const std::string after = (*checker)->rehash(before, password);
  EXPECT_EQ(cost_of(after)->operations, 3u);
  EXPECT_TRUE((*checker)->verify(after, password));
  EXPECT_EQ((*checker)->rehash(after, password), "") << "it is as dear as it should be";
}

TEST_F(VendServer, KeepAnAdministratorsSurfaceBehindATokenOfItsOwn) {
  const std::string user_token = login();
  for (const std::string& token : {std::string(), user_token, std::string("wrong")}) {
    EXPECT_EQ(replica_->get("/v1/admin/users", token).status, 401);
    EXPECT_EQ(replica_->get("/metrics", token).status, 401);
  }
  EXPECT_EQ(replica_
                ->ask(http::Method::kPut, "/v1/admin/users/bob", kAdminToken,
                      R"({"password":"bob's password","groups":["staff"]})")
                .status,
            204);
  EXPECT_EQ(replica_->ask(http::Method::kPut, "/v1/admin/users/bob", kAdminToken, "{}").status,
            409);
  const auto lookalike =
      replica_->ask(http::Method::kPut, "/v1/admin/users/Bob", kAdminToken, "{}");
  EXPECT_EQ(lookalike.status, 409);
  EXPECT_NE(lookalike.body.find("in case only"), std::string::npos) << lookalike.body;
  EXPECT_EQ(replica_->ask(http::Method::kPut, "/v1/admin/users/b*b", kAdminToken, "{}").status,
            404);
  const std::string token = Replica::token_of(replica_->try_login("bob", "bob's password"));
  EXPECT_EQ(Replica::json_of(replica_->get("/v1/admin/users/bob", kAdminToken))["groups"],
            nlohmann::json::parse(R"(["staff"])"));
  const auto logins = Replica::json_of(replica_->get("/v1/admin/users/bob/logins", kAdminToken));
  ASSERT_EQ(logins["logins"].size(), 1u);
  EXPECT_EQ(
      replica_
          ->ask(http::Method::kDelete,
                "/v1/admin/logins/" + logins["logins"][0]["id"].get<std::string>(), kAdminToken)
          .status,
      204);
  EXPECT_EQ(replica_->get("/v1/whoami", token).status, 401);
  EXPECT_EQ(replica_->ask(http::Method::kDelete, "/v1/admin/users/bob", kAdminToken).status, 204);
  EXPECT_EQ(replica_->try_login("bob", "bob's password").status, 401);
  EXPECT_NE(replica_->get("/metrics", kAdminToken)
                .body.find("stsfs_vend_logins_total{result=\"allowed\"} 2"),
            std::string::npos);
}

TEST_F(VendServer, DoAllThatAnAdministratorAsksForOrNothing) {
  const auto put = [&](const char* body) {
    return replica_->ask(http::Method::kPut, "/v1/admin/users/bob", kAdminToken, body).status;
  };
  for (const char* body :
       {R"({"password":"bob's password","groups":["no name!"]})", R"({"password":12345678})",
        R"({"password":"short"})", R"({"pasword":"bob's password"})", R"({"groups":"staff"})",
        R"({"groups":[1]})", R"({"enabled":false})", "[]", "no JSON"})
    EXPECT_EQ(put(body), 400) << body;
  EXPECT_EQ(replica_->get("/v1/admin/users/bob", kAdminToken).status, 404)
      << "without the groups that were meant for it";
  EXPECT_EQ(put(""), 204) << "both may be left out";
  EXPECT_EQ((*users().find("bob"))->password_hash, "");

  const auto patch = [&](const char* body) {
    return replica_->service()
        .handle({.method = "PATCH",
                 .path = "/v1/admin/users/alice",
                 .authorization = Secret("Bearer " + std::string(kAdminToken)),
                 .body = Secret(std::string_view(body)),
                 .address = "127.0.0.1"})
        .status;
  };
  const std::string token = login();
  for (const char* body :
       {R"({"password":"another password","groups":["no name!"]})", R"({"enable":false})",
        R"({"enabled":"false"})", R"({"enabled":false,"groups":[""]})"})
    EXPECT_EQ(patch(body), 400) << body;
  EXPECT_EQ(replica_->get("/v1/whoami", token).status, 200) << "no half of it was done";
  EXPECT_EQ(patch(R"({"enabled":false,"groups":["staff"]})"), 204);
  EXPECT_EQ(replica_->get("/v1/whoami", token).status, 401);
  EXPECT_EQ((*users().find("alice"))->groups, std::vector<std::string>{"staff"});
}

TEST_F(VendServer, SayThatTheyAreWell) {
  EXPECT_EQ(replica_->get("/healthz").status, 200);
  EXPECT_EQ(replica_->get("/readyz").body, "ready\n");
  const UniqueFd fd = connect_to(replica_->server());
  say(fd, "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string head = hear(fd, "never");
  EXPECT_NE(head.find("200 OK"), std::string::npos) << head;
  EXPECT_EQ(head.find("ok\n"), std::string::npos) << "a head has no body";
}

std::ptrdiff_t lines_with(const std::string& log, const std::string& text) {
  const auto lines = split(log, '\n');
  return std::count_if(lines.begin(), lines.end(), [&](const auto& line) {
    return std::string_view(line).find(text) != std::string_view::npos;
  });
}

TEST_F(VendServer, RefuseTooManyRequestsFromOneAddress) {
  start("trusted_proxies = [\"127.0.0.1\"]\n", "[limits]\nrequests_per_second = 1\n");
  int refused = 0;
  for (int i = 0; i < 15; ++i) refused += replica_->get("/healthz").status == 429 ? 1 : 0;
  EXPECT_GE(refused, 3);
  EXPECT_EQ(lines_with(audit(), R"("action":"requests","decision":"deny","address":"127.0.0.1")"),
            1)
      << "a flood does not fill the disk: " << audit();
  EXPECT_EQ(replica_->get("/healthz", {}, {{"X-Forwarded-For", "203.0.113.9"}}).status, 200)
      << "of another client";
}

TEST_F(VendServer, RefuseTooManyRequestsOfOneUserFromManyAddresses) {
  start("trusted_proxies = [\"127.0.0.1\"]\n", "[limits]\nrequests_per_second = 5\n");
  ASSERT_TRUE(users().add("bob", *hash_password(Secret(std::string_view(kPassword)), kCheap)));
  const std::string alice = login();
  const std::string bob = Replica::token_of(replica_->try_login("bob", kPassword));
  const auto ask = [&](const std::string& token, int from) {
    const std::string address = "203.0.113." + std::to_string(from % 250);
    return replica_->get("/v1/whoami", token, {{"X-Forwarded-For", address}});
  };
  http::Response last;
  for (int i = 0; i < 5'000 && last.status != 429; ++i) last = ask(alice, i);
  EXPECT_EQ(last.status, 429) << "somebody hammers with a login that was copied";
  for (int i = 0; i < 20; ++i) ask(alice, i);
  EXPECT_EQ(lines_with(audit(), R"("action":"requests","decision":"deny","user":"alice")"), 1)
      << audit();
  EXPECT_NE(http::find_header(last.headers, "Retry-After"), nullptr);
  EXPECT_EQ(ask(bob, 250).status, 200);
}

TEST_F(VendServer, ReloadWithoutDroppingAConnection) {
  const std::string token = login();
  for (int i = 0; i < 3; ++i) {
    auto reloaded = replica_->server().reload({.limits = {.requests_per_second = 0}});
    ASSERT_TRUE(reloaded) << reloaded.error().message;
    EXPECT_EQ(replica_->get("/v1/credentials", token).status, 200);
  }
  EXPECT_LE(replica_->service().office().metrics.value(Count::kConnections), 4u)
      << "kept alive across the reload";
}

TEST_F(VendServer, StopWithConnectionsOpen) {
  EXPECT_EQ(replica_->ask(http::Method::kGet, "/").status, 404);  // kept alive by the engine
  replica_->server().stop(1s);
  replica_->server().stop(1s);
}

TEST_F(VendServer, AnswerWhatWasBegunBeforeTheyStopAndSayThatItIsTheLast) {
  start({}, "[limits]\nrequest_timeout_seconds = 60\n");
  const std::string ask = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  const UniqueFd kept = connect_to(replica_->server());
  say(kept, ask);
  EXPECT_EQ(hear(kept, "ok\n").find("Connection: close"), std::string::npos);
  const UniqueFd half = connect_to(replica_->server());
  say(half, "POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{");
  while (replica_->service().office().metrics.value(Count::kConnections) < 2)
    std::this_thread::yield();

  std::atomic<bool> stopped = false;
  std::jthread stop([&] {
    replica_->server().stop(60s);
    stopped = true;
  });
  // It is known to have begun once nobody else is let in.
  while (connect_to(replica_->server())) std::this_thread::yield();
  say(kept, ask);
  const std::string last = hear(kept, "ok\n");
  EXPECT_NE(last.find("200 OK"), std::string::npos) << last;
  EXPECT_NE(last.find("Connection: close"), std::string::npos) << last;
  EXPECT_EQ(hear(kept, "\n"), "") << "and so it was";
  EXPECT_FALSE(stopped) << "one request is not answered yet";
  say(half, "}");
  EXPECT_NE(hear(half, "\r\n").find("400"), std::string::npos);
}

}  // namespace
}  // namespace stsfs::vend
