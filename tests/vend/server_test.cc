#include "server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <algorithm>

#include <gtest/gtest.h>

#include "fakes/scripted_engine.h"
#include "listen_address.h"
#include "stsfs/base/random.h"
#include "stsfs/base/text.h"
#include "stsfs/base/time_format.h"
#include "support/temporary_directory.h"

namespace stsfs::vend {
namespace {

using namespace std::chrono_literals;

constexpr PasswordCost kCheap{1, 8'192};

Config test_config() {
  auto config = parse_config(R"(listen = "127.0.0.1:0"
database = "x"
[sts]
endpoint = "http://sts.test"
role_arn = "acs:ram::123456789012:role/r"
duration_seconds = 3600
[folder]
endpoint = "https://oss-cn-hangzhou.aliyuncs.com"
region = "cn-hangzhou"
bucket = "examplebucket"
[limits]
request_timeout_seconds = 1
)",
                             "test");
  EXPECT_TRUE(config) << config.error().message;
  return *config;
}

/// A whole server on loopback, with an STS that a test can take away.
class Servers : public ::testing::Test {
 protected:
  void SetUp() override {
    store_ = std::move(*UserStore::open(directory_ / "users.db", system_clock()));
    audit_ = std::move(*AuditLog::open(directory_ / "audit.log", system_clock()));
    ASSERT_TRUE(store_->add("alice", *hash_password(Secret(std::string_view(kPassword)), kCheap)));
    auto settings = std::make_shared<Settings>();
    settings->config = test_config();
    settings->key = {"ak", Secret(std::string_view("canary-key"))};
    settings->engine = std::make_unique<fakes::ScriptedEngine>(
        [this](const auto& asked) { return answer_sts(asked); });
    settings->sts = std::move(
        *sts::Client::create(*settings->engine, system_clock(), settings->config.sts.client));
    auto service = Service::create(settings, *store_, *audit_, kCheap, system_clock());
    ASSERT_TRUE(service);
    service_ = std::move(*service);
    auto server =
        Server::start({.listen = "127.0.0.1:0", .limits = settings->config.limits}, *service_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    engine_ = std::move(*http::Engine::create({}, system_clock()));
  }

  Result<http::Response> answer_sts(const fakes::ScriptedEngine::Asked& asked) {
    MutexLock lock(mutex_);
    asked_sts_.push_back(asked.url);
    if (sts_away_) return http::Response{503, {}, R"({"Code":"ServiceUnavailable"})"};
    const std::string number = std::to_string(asked_sts_.size());
    return http::Response{
        200,
        {},
        R"({"RequestId":"REQ","Credentials":{"AccessKeyId":"STS.)" + number +
            R"(","AccessKeySecret":"canary-secret","SecurityToken":"canary-token","Expiration":")" +
            format_iso8601(system_clock().wall() + 1h) + R"("}})"};
  }
  std::vector<std::string> asked_sts() {
    MutexLock lock(mutex_);
    return asked_sts_;
  }
  void take_sts_away() {
    MutexLock lock(mutex_);
    sts_away_ = true;
  }

  http::Response ask(http::Method method, const std::string& path, const std::string& token = {},
                     std::string body = {}, http::Headers headers = {}) {
    http::Request request{
        .method = method,
        .url = server_->url() + path,
        .headers = std::move(headers),
        .body = method == http::Method::kPost ? http::memory_body(std::move(body)) : nullptr,
        .deadline = Deadline::in(system_clock(), 20s)};
    if (!token.empty()) request.headers.push_back({"Authorization", "Bearer " + token});
    auto response = await<http::Response>(nullptr, [&](Callback<http::Response> done) {
      return engine_->start(std::move(request), std::move(done));
    });
    EXPECT_TRUE(response) << response.error().message;
    return response ? *response : http::Response{};
  }
  http::Response try_login(const std::string& user, const std::string& password) {
    return ask(http::Method::kPost, "/v1/login", {},
               nlohmann::json{{"username", user}, {"password", password}}.dump());
  }
  std::string token_of(const http::Response& response) {
    const auto json = nlohmann::json::parse(response.body, nullptr, false);
    return json.is_object() ? json.value("token", "") : "";
  }
  std::string login() { return token_of(try_login("alice", kPassword)); }
  std::string audit() { return *read_file(directory_ / "audit.log"); }

  static constexpr const char* kPassword = "canary-password";
  testing::TemporaryDirectory directory_;
  Mutex mutex_;
  std::vector<std::string> asked_sts_ STSFS_GUARDED_BY(mutex_);
  bool sts_away_ STSFS_GUARDED_BY(mutex_) = false;
  std::unique_ptr<UserStore> store_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<http::Engine> engine_;
};

TEST_F(Servers, HandOutExactlyWhatTheDesignSays) {
  const auto response = ask(http::Method::kGet, "/v1/credentials", login());
  ASSERT_EQ(response.status, 200) << response.body;
  auto json = nlohmann::json::parse(response.body);
  EXPECT_TRUE(parse_iso8601(json["Expiration"].get<std::string>()));
  json.erase("Expiration");
  EXPECT_EQ(json, nlohmann::json::parse(R"({"StatusCode":200,"AccessKeyId":"STS.1",
    "AccessKeySecret":"canary-secret","SecurityToken":"canary-token",
    "Endpoint":"https://oss-cn-hangzhou.aliyuncs.com","Region":"cn-hangzhou",
    "Bucket":"examplebucket","Prefix":"users/alice/","Permissions":"rw","Versioning":false,
    "HierarchicalNamespace":false,"QuotaBytes":0,"UsedBytes":0})"));
  EXPECT_EQ(*http::find_header(response.headers, "Cache-Control"), "no-store");
}

TEST_F(Servers, AskStsForThisUsersPrefixAndNothingElse) {
  ask(http::Method::kGet, "/v1/credentials", login());
  ASSERT_EQ(asked_sts().size(), 1u);
  const std::string url = *percent_decode(asked_sts()[0]);
  EXPECT_NE(url.find("RoleSessionName=alice"), std::string::npos);
  EXPECT_NE(url.find("acs:oss:*:*:examplebucket/users/alice/*"), std::string::npos);
  EXPECT_NE(url.find(R"("oss:Prefix":["users/alice/*"])"), std::string::npos);
  EXPECT_NE(url.find("acs:SecureTransport"), std::string::npos) << "the endpoint has TLS";
}

TEST_F(Servers, AskStsOnceForManyRequests) {
  const std::string token = login();
  for (int i = 0; i < 20; ++i) ask(http::Method::kGet, "/v1/credentials", token);
  EXPECT_EQ(asked_sts().size(), 1u);
  ask(http::Method::kGet, "/v1/credentials", token, {}, {{"X-Stsfs-Rejected", "STS.1"}});
  EXPECT_EQ(asked_sts().size(), 2u);
}

TEST_F(Servers, TellAWrongPasswordAndAnUnknownUserApartForNobody) {
  const auto wrong = try_login("alice", "wrong");
  const auto unknown = try_login("nobody", "wrong");
  const auto odd = try_login("../alice", "wrong");
  ASSERT_TRUE(store_->add("gone", *hash_password(Secret(std::string_view("password")), kCheap)));
  ASSERT_TRUE(store_->set_enabled("gone", false));
  const auto disabled = try_login("gone", "password");
  for (const auto& response : {wrong, unknown, odd, disabled}) {
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(response.body, wrong.body);
    EXPECT_EQ(response.headers.size(), wrong.headers.size());
  }
}

TEST_F(Servers, SlowDownWhoKeepsFailing) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(try_login("alice", "wrong").status, 401);
  const auto response = try_login("alice", kPassword);
  EXPECT_EQ(response.status, 429);
  ASSERT_NE(http::find_header(response.headers, "Retry-After"), nullptr);
  EXPECT_EQ(try_login("nobody", "wrong").status, 401) << "others are not held up";
}

TEST_F(Servers, ExchangeATokenAndKeepTheOldUntilTheNewIsUsed) {
  const std::string old = login();
  const std::string next = token_of(ask(http::Method::kPost, "/v1/token", old));
  ASSERT_FALSE(next.empty());
  EXPECT_EQ(ask(http::Method::kGet, "/v1/credentials", old).status, 200);
  EXPECT_EQ(ask(http::Method::kGet, "/v1/credentials", next).status, 200);
  EXPECT_EQ(ask(http::Method::kGet, "/v1/credentials", old).status, 401);
}

TEST_F(Servers, StopServingADisabledUserAtOnce) {
  const std::string token = login();
  EXPECT_EQ(ask(http::Method::kGet, "/v1/credentials", token).status, 200);
  ASSERT_TRUE(store_->set_enabled("alice", false));
  EXPECT_EQ(ask(http::Method::kGet, "/v1/credentials", token).status, 401);
}

TEST_F(Servers, SayWhenToTryAgainWhileStsIsAway) {
  take_sts_away();
  const auto response = ask(http::Method::kGet, "/v1/credentials", login());
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(http::find_header(response.headers, "Retry-After"), nullptr);
  EXPECT_EQ(nlohmann::json::parse(response.body)["ErrorCode"], "ServiceUnavailable");
}

TEST_F(Servers, RefuseWhatIsNoRequestOfTheirs) {
  const std::string token = login();
  EXPECT_EQ(ask(http::Method::kGet, "/").status, 404);
  EXPECT_EQ(ask(http::Method::kGet, "/v1/login").status, 405);
  EXPECT_EQ(ask(http::Method::kDelete, "/v1/credentials", token).status, 405);
  EXPECT_EQ(ask(http::Method::kGet, "/v1/credentials").status, 401);
  EXPECT_EQ(ask(http::Method::kGet, "/v1/credentials", std::string(5'000, 'x')).status, 401);
  EXPECT_EQ(
      ask(http::Method::kGet, "/v1/credentials", {}, {}, {{"Authorization", "Basic eA=="}}).status,
      401);
  for (const std::string& body :
       {std::string(), std::string("{"), std::string("[]"), std::string(R"({"username":"alice"})"),
        std::string(R"({"username":7,"password":"x"})"), std::string(7'000, '[')})
    EXPECT_EQ(ask(http::Method::kPost, "/v1/login", {}, body).status, 400) << body.substr(0, 40);
  EXPECT_EQ(ask(http::Method::kPost, "/v1/login", {}, std::string(9'000, 'x')).status, 413);
  const auto huge = ask(http::Method::kGet, "/", {}, {}, {{"X-Huge", std::string(20'000, 'x')}});
  EXPECT_GE(huge.status, 400);
  EXPECT_EQ(ask(http::Method::kGet, "/v1/credentials", token).status, 200) << "still alive";
}

TEST_F(Servers, RecordEachDecisionAndNoSecret) {
  const std::string token = login();
  try_login("alice", "canary-wrong");
  try_login("canary-typed-as-name", "x");
  ask(http::Method::kGet, "/v1/credentials", token);
  const std::string log = audit();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 4);
  EXPECT_NE(log.find(R"("action":"credentials","decision":"allow","user":"alice")"),
            std::string::npos)
      << log;
  EXPECT_NE(log.find(R"("access_key_id":"STS.1")"), std::string::npos);
  EXPECT_EQ(log.find("canary"), std::string::npos);
  EXPECT_EQ(log.find(token), std::string::npos);
}

TEST_F(Servers, EndARequestThatTricklesIn) {
  const auto address = parse_listen_address(server_->url().substr(7));
  ASSERT_TRUE(address);
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address->storage), address->size),
            0);
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

TEST_F(Servers, ServePlainHttpOnLoopbackOnly) {
  const auto open = Server::start({.listen = "0.0.0.0:0"}, *service_);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, Errc::kInvalid);
  EXPECT_NE(open.error().message.find("tls_certificate"), std::string::npos);
  EXPECT_FALSE(Server::start({.listen = "localhost:0"}, *service_));
  EXPECT_FALSE(Server::start({.listen = "127.0.0.1"}, *service_));
}

TEST_F(Servers, StopWithConnectionsOpen) {
  EXPECT_EQ(ask(http::Method::kGet, "/").status, 404);  // kept alive by the engine
  server_->stop(1s);
  server_->stop(1s);
}

}  // namespace
}  // namespace stsfs::vend
