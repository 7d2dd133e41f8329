#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "fakes/scripted_engine.h"
#include "stores/sql.h"
#include "stsfs/base/await.h"
#include "stsfs/base/fd.h"
#include "stsfs/base/mutex.h"
#include "stsfs/base/time_format.h"
#include "support/temporary_directory.h"
#include "web/server.h"
#include "web/service.h"

namespace stsfs::vend {

inline constexpr PasswordCost kCheap{1, 8'192};
inline constexpr const char* kAdminToken = "canary-admin-token-0123456789abcdef0123";

/// A vending server on loopback, in this process, with an STS that a test can take away.
class Replica {
 public:
  using StsScript = fakes::ScriptedEngine::Script;

  /// `top`: more lines of the configuration before its sections; `more`: behind them.
  Replica(SqlDatabase& database, AuditLog& audit, StsScript sts, const std::string& top = {},
          const std::string& more = {}) {
    auto config = parse_config(
        top + R"(
listen = "127.0.0.1:0"
database = "x"
[sts]
endpoint = "https://sts.test"
role_arn = "acs:ram::123456789012:role/r"
duration_seconds = 3600
timeout_seconds = 20
[folder]
endpoint = "https://oss-cn-hangzhou.aliyuncs.com"
region = "cn-hangzhou"
bucket = "examplebucket"
)" + more +
            (more.find("[limits]") == std::string::npos ? "[limits]\nrequest_timeout_seconds = 1\n"
                                                        : ""),
        "test");
    EXPECT_TRUE(config) << config.error().message;
    if (!config) return;
    auto settings = std::make_shared<Settings>();
    settings->config = std::move(*config);
    settings->admin_token = Secret(std::string_view(kAdminToken));
    settings->engine = std::make_unique<fakes::ScriptedEngine>(sts);
    settings->sts.emplace("https://sts.test",
                          std::move(*sts::Client::create(*settings->engine, system_clock(),
                                                         settings->config.sts.client)));
    settings->oss_engine = std::make_unique<fakes::ScriptedEngine>(sts);
    if (!settings->config.oidc.issuer.empty()) {
      settings->oidc_engine = std::make_unique<fakes::ScriptedEngine>(sts);
      settings->oidc = std::make_unique<OidcVerifier>(settings->config.oidc, *settings->oidc_engine,
                                                      system_clock());
    }
    AccessKeys keys;
    keys.push_back({"ak", Secret(std::string_view("canary-key"))});
    service_ = std::move(
        *make_service(settings, std::move(keys), database, audit, kCheap, system_clock()));
    auto listener = open_listener("127.0.0.1:0", false);
    auto server = Server::start(
        {.trusted_proxies = settings->config.trusted_proxies, .limits = settings->config.limits},
        std::move(*listener), *service_);
    EXPECT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    engine_ = std::move(*http::Engine::create({}, system_clock()));
  }

  http::Response ask(http::Method method, const std::string& path, const std::string& token = {},
                     std::string body = {}, http::Headers headers = {}) {
    http::Request request{.method = method,
                          .url = server_->url() + path,
                          .headers = std::move(headers),
                          .body = method == http::Method::kPost || method == http::Method::kPut
                                      ? http::memory_body(std::move(body))
                                      : nullptr,
                          .deadline = Deadline::in(system_clock(), std::chrono::seconds(20))};
    if (!token.empty()) request.headers.push_back({"Authorization", "Bearer " + token});
    auto response = await<http::Response>(nullptr, [&](Callback<http::Response> done) {
      return engine_->start(std::move(request), std::move(done));
    });
    EXPECT_TRUE(response) << response.error().message;
    return response ? *response : http::Response{};
  }
  http::Response get(const std::string& path, const std::string& token = {},
                     http::Headers headers = {}) {
    return ask(http::Method::kGet, path, token, {}, std::move(headers));
  }
  http::Response post(const std::string& path, const std::string& token = {}, std::string body = {},
                      http::Headers headers = {}) {
    return ask(http::Method::kPost, path, token, std::move(body), std::move(headers));
  }
  http::Response try_login(const std::string& user, const std::string& password) {
    return post("/v1/login", {}, nlohmann::json{{"username", user}, {"password", password}}.dump());
  }
  static nlohmann::json json_of(const http::Response& response) {
    return nlohmann::json::parse(response.body, nullptr, false);
  }
  static std::string token_of(const http::Response& response) {
    const auto json = json_of(response);
    return json.is_object() ? json.value("token", "") : "";
  }

  Server& server() { return *server_; }
  Service& service() { return *service_; }

 private:
  std::unique_ptr<Service> service_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<http::Engine> engine_;
};

/// One replica over SQLite, and a user `alice`.
class VendServer : public ::testing::Test {
 protected:
  void SetUp() override { start(); }
  void start(const std::string& top = {}, const std::string& more = {}) {
    replica_.reset();
    if (!database_) {
      database_ = std::move(*open_database(directory_ / "users.db"));
      audit_ = std::move(*AuditLog::open(directory_ / "audit.log", system_clock()));
      EXPECT_TRUE(
          users().add("alice", *hash_password(Secret(std::string_view(kPassword)), kCheap)));
    }
    replica_ = std::make_unique<Replica>(
        *database_, *audit_, [this](const auto& asked) { return answer(asked); }, top, more);
  }
  UserStore users() { return {*database_, system_clock()}; }

  /// What STS answers, and whatever else the server asks.
  virtual Result<http::Response> answer(const fakes::ScriptedEngine::Asked& asked) {
    MutexLock lock(mutex_);
    asked_sts_.push_back(asked.url);
    if (sts_failures_ > 0) {
      --sts_failures_;
      return http::Response{503, {}, R"({"Code":"ServiceUnavailable"})"};
    }
    const std::string number = std::to_string(asked_sts_.size());
    return http::Response{
        200,
        {},
        R"({"RequestId":"REQ","AssumedRoleUser":{"Arn":"acs:ram::123456789012:role/r/alice"},)"
        R"("Credentials":{"AccessKeyId":"STS.)" +
            number +
            R"(","AccessKeySecret":"canary-secret","SecurityToken":"canary-token","Expiration":")" +
            format_iso8601(system_clock().wall() + std::chrono::hours(1)) + R"("}})"};
  }
  std::vector<std::string> asked_sts() {
    MutexLock lock(mutex_);
    return asked_sts_;
  }
  void fail_sts(int times) {
    MutexLock lock(mutex_);
    sts_failures_ = times;
  }
  std::string login() { return Replica::token_of(replica_->try_login("alice", kPassword)); }
  std::string audit() { return *read_file(directory_ / "audit.log"); }

  static constexpr const char* kPassword = "canary-password";
  testing::TemporaryDirectory directory_;
  Mutex mutex_;
  std::vector<std::string> asked_sts_ STSFS_GUARDED_BY(mutex_);
  int sts_failures_ STSFS_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<SqlDatabase> database_;
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<Replica> replica_;
};

}  // namespace stsfs::vend
